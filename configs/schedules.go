package configs

import "time"

// Schedule says when a job runs: a cron expression of five fields in a time
// zone, and what to do with runs missed while the hub was down (of those, only
// the ones within CatchUpWithin, where it is given) and with due times that
// come while the job still runs. Jitter spreads the starts over a time shorter
// than the one between two due times; a run that has not begun within Grace is
// an alarm. What is left out is nothing: no bound, no jitter, no alarm.
type Schedule struct {
	Cron          string        `yaml:"cron"`
	Zone          string        `yaml:"zone"`
	CatchUp       CatchUp       `yaml:"catch_up"`
	CatchUpWithin time.Duration `yaml:"catch_up_within"`
	Overlap       Overlap       `yaml:"overlap"`
	Jitter        time.Duration `yaml:"jitter"`
	Grace         time.Duration `yaml:"grace"`
	Timeout       time.Duration `yaml:"timeout"`
}

// CatchUp is what happens with runs that were missed.
type CatchUp string

// Allowed lists the values a file may hold.
func (CatchUp) Allowed() []string { return []string{"none", "last", "all"} }

// Overlap is what happens with due times that come while the job runs.
type Overlap string

// Allowed lists the values a file may hold.
func (Overlap) Allowed() []string { return []string{"queue", "skip", "cancel"} }

func (c *Config) checkSchedules(at func(path, code, message string, allowed ...string)) {
	for _, name := range sorted(c.Schedules) {
		s, path := c.Schedules[name], "schedules."+name
		if s.Cron == "" {
			at(path+".cron", "missing", "a value is needed")
		}
		if s.Zone == "" {
			at(path+".zone", "missing", "a value is needed")
		}
		for _, d := range []struct {
			key string
			v   time.Duration
		}{{"timeout", s.Timeout}, {"catch_up_within", s.CatchUpWithin}, {"jitter", s.Jitter}, {"grace", s.Grace}} {
			if d.v < 0 {
				at(path+"."+d.key, "not-positive", "a time above zero is needed")
			}
		}
		if s.CatchUp == "none" && s.CatchUpWithin > 0 {
			at(path+".catch_up_within", "contradiction", "catch_up is none, so nothing is made up for; leave one of them out")
		}
	}
}
