package main

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"ristmik/adapters/authority"
	"ristmik/adapters/console"
	"ristmik/adapters/consultation"
	"ristmik/adapters/registers"
	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
)

// meters count what the engines tell while they work; what stands in the
// database, the console reads when it is asked. Labels come from the
// configuration and from closed sets only.
type meters struct {
	requests *console.Requests
	attempts *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	runs     *prometheus.CounterVec
	missed   *prometheus.CounterVec
	held     prometheus.Gauge
	heldFor  prometheus.Gauge
	notified prometheus.Gauge
	answers  *prometheus.CounterVec
	alarms   *prometheus.CounterVec
	secrets  *prometheus.CounterVec
	asked    *questionMeters
	calls    *prometheus.HistogramVec
	sent     *prometheus.HistogramVec

	// The measures of single series, found without their labels.
	callsBy console.Observers[callSeries]
	sentBy  console.Observers[sentSeries]
}

type (
	callSeries struct{ register, operation, result string }
	sentSeries struct {
		service soap.ServiceID
		result  string
	}
)

func newMeters(reg prometheus.Registerer) (*meters, error) {
	requests, err := console.NewRequests(reg)
	if err != nil {
		return nil, err
	}
	asked, err := newQuestionMeters(reg)
	if err != nil {
		return nil, err
	}
	m := &meters{
		asked:    asked,
		requests: requests,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ristmik_delivery_attempts_total", Help: "Attempts to deliver a message, by how they ended.",
		}, []string{"destination", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ristmik_delivery_attempt_seconds", Help: "How long a partner took.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"destination"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ristmik_job_runs_total", Help: "Ended runs of scheduled jobs, by how they ended.",
		}, []string{"job", "state"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ristmik_job_missed_total", Help: "Times that a scheduled job stood still: nothing had begun when the grace of a due time was over.",
		}, []string{"job"}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ristmik_events_held", Help: "Events that have committed and cannot be read yet: an older writing transaction of the database cluster is still open.",
		}),
		heldFor: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ristmik_events_held_seconds", Help: "How long the oldest of them has been held back; the log names the transaction.",
		}),
		notified: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ristmik_notification_queue_ratio", Help: "Share of the database's queue of notifications that is used; when it is full nothing can be published.",
		}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ristmik_authority_messages_total", Help: "Messages from authorities, by door and by what became of them.",
		}, []string{"door", "result"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ristmik_register_call_seconds", Help: "Calls of register operations by the core, by how they ended.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"register", "operation", "result"}),
		sent: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ristmik_xroad_call_seconds", Help: "Calls of services over X-Road, by how they ended: answered, or the kind of the failure.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"service", "result"}),
		alarms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ristmik_xroad_alarms_total", Help: "Answers that were not to our request, servers that were not the pinned ones, certificate files that cannot be used.",
		}, []string{"code"}),
	}
	m.secrets = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ristmik_classified_messages_total", Help: "Messages that said that they are more secret than AK: refused, and nothing of them kept. Any is a case for the security officer.",
	}, []string{"door"})
	for _, door := range []string{"core", "soap", "rest"} {
		m.secrets.WithLabelValues(door)
	}
	for _, code := range xroad.AlarmCodes() {
		m.alarms.WithLabelValues(code) // visible before the first one, so that a rate can be watched
	}
	return m, errors.Join(reg.Register(m.attempts), reg.Register(m.latency), reg.Register(m.runs), reg.Register(m.missed), reg.Register(m.held), reg.Register(m.heldFor), reg.Register(m.notified), reg.Register(m.answers), reg.Register(m.alarms), reg.Register(m.calls), reg.Register(m.sent), reg.Register(m.secrets))
}

func (m *meters) delivery(o outbox.Observation) {
	if o.Event != outbox.ObservedAttempt || isHidden(o.Destination) {
		return
	}
	m.attempts.WithLabelValues(o.Destination, string(o.Result)).Inc()
	m.latency.WithLabelValues(o.Destination).Observe(o.Took.Seconds())
}

// call counts one call; services come from the configuration.
func (m *meters) call(x xroad.Exchange) {
	result := "answered"
	if x.Failure != nil {
		result = string(x.Failure.Kind)
	}
	m.sentBy.Of(sentSeries{x.Service, result}, func(s sentSeries) prometheus.Observer {
		return m.sent.WithLabelValues(s.service.String(), s.result)
	}).Observe(x.Finished.Sub(x.Started).Seconds())
}

func (m *meters) alarm(a xroad.Alarm) { m.alarms.WithLabelValues(a.Code).Inc() }

func (m *meters) classified(a consultation.Alarm) { m.secrets.WithLabelValues(a.Door).Inc() }

func (m *meters) answer(o authority.Observation) {
	m.answers.WithLabelValues(o.Door, o.Result).Inc()
}

func (m *meters) register(o registers.Observation) {
	m.callsBy.Of(callSeries{o.Register, o.Operation, o.Result}, func(s callSeries) prometheus.Observer {
		return m.calls.WithLabelValues(s.register, s.operation, s.result)
	}).Observe(o.Took.Seconds())
}

func (m *meters) run(o schedules.Observation) {
	m.runs.WithLabelValues(o.Job, string(o.State)).Inc()
}

func (m *meters) feed(h outbox.Held) {
	m.held.Set(float64(h.Events))
	m.heldFor.Set(h.For.Seconds())
}
