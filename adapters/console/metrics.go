package console

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// collectTimeout bounds the queries of one scrape.
const collectTimeout = 5 * time.Second

// otherDestination is the label of what is in the database and not in the
// configuration: labels come from the configuration only.
const otherDestination = "other"

// register adds the console's metrics to reg: the state in the database, read
// when it is asked for, and what Go and the system tell about the process.
func (c *Console) register(reg prometheus.Registerer) error {
	for _, collector := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newStateCollector(c),
	} {
		if err := reg.Register(collector); err != nil {
			return err
		}
	}
	return nil
}

// stateCollector tells the state that all processes share.
type stateCollector struct {
	console                                                *Console
	up, deliveries, oldest, breaker, job, jobTime, version *prometheus.Desc
}

func newStateCollector(c *Console) *stateCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("ristmik_"+name, help, labels, nil)
	}
	return &stateCollector{
		console:    c,
		up:         desc("state_readable", "1 when the state could be read from the database, else 0; the other state metrics are then left out."),
		deliveries: desc("deliveries", "Messages by destination and state.", "destination", "state"),
		oldest:     desc("delivery_oldest_seconds", "Age of the oldest unsent message; 0 when all are sent.", "destination"),
		breaker:    desc("breaker_state", "1 for the state that the destination's breaker is in, else 0.", "destination", "state"),
		job:        desc("job_last_result", "1 for the state of the job's last run, else 0.", "job", "state"),
		jobTime:    desc("job_last_start_timestamp_seconds", "When the job's last run began, in Unix time.", "job"),
		version:    desc("build_info", "1, with the version of the program.", "version"),
	}
}

// Describe implements prometheus.Collector.
func (s *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.up, s.deliveries, s.oldest, s.breaker, s.job, s.jobTime, s.version} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A database that does not answer
// leaves the process's own metrics readable.
func (s *stateCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(s.version, 1, s.console.o.Version)
	state, err := s.console.read(ctx)
	if err != nil {
		s.console.o.Log.ErrorContext(ctx, "reading the state for metrics", "error", err)
		gauge(s.up, 0)
		return
	}
	gauge(s.up, 1)
	for _, d := range s.byConfiguration(state.deliveries) {
		for name, n := range map[string]int64{
			"ready": d.Ready, "sending": d.Sending, "waiting": d.Waiting, "blocked": d.Blocked, "parked": d.Parked,
			"delivered": d.Delivered, "dead": d.Dead, "discarded": d.Discarded,
		} {
			gauge(s.deliveries, float64(n), d.Destination, name)
		}
		gauge(s.oldest, d.OldestSec, d.Destination)
	}
	for _, b := range state.breakers {
		if _, known := s.console.o.Titles[b.Destination]; known {
			oneOf(gauge, s.breaker, b.Destination, b.State, "closed", "open", "half_open")
		}
	}
	for _, j := range state.jobs {
		if j.Last != nil {
			oneOf(gauge, s.job, j.Name, j.Last.State, "succeeded", "failed")
			if !j.Last.Started.IsZero() {
				gauge(s.jobTime, float64(j.Last.Started.Unix()), j.Name)
			}
		}
	}
}

// byConfiguration adds up what is not in the configuration.
func (s *stateCollector) byConfiguration(all []delivery) []delivery {
	var known []delivery
	other := delivery{Destination: otherDestination}
	strangers := false
	for _, d := range all {
		if _, ok := s.console.o.Titles[d.Destination]; ok {
			known = append(known, d)
			continue
		}
		if s.console.o.Uncounted != nil && s.console.o.Uncounted(d.Destination) {
			continue
		}
		strangers = true
		other.Ready, other.Sending, other.Waiting = other.Ready+d.Ready, other.Sending+d.Sending, other.Waiting+d.Waiting
		other.Blocked, other.Parked, other.Delivered = other.Blocked+d.Blocked, other.Parked+d.Parked, other.Delivered+d.Delivered
		other.Dead, other.Discarded = other.Dead+d.Dead, other.Discarded+d.Discarded
		other.OldestSec = max(other.OldestSec, d.OldestSec)
	}
	if strangers {
		known = append(known, other)
	}
	return known
}

// oneOf tells 1 for the state that is and 0 for the others, so that an alert
// can be written without a state that is absent.
func oneOf(gauge func(*prometheus.Desc, float64, ...string), d *prometheus.Desc, name, is string, states ...string) {
	for _, state := range states {
		v := 0.0
		if state == is {
			v = 1
		}
		gauge(d, v, name, state)
	}
}
