package schedules

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones must not depend on what the machine has installed

	"github.com/robfig/cron/v3"
)

// minInterval is the shortest interval between due times.
const minInterval = time.Minute

// Schedule is a parsed cron expression in a time zone. The zero value has no
// due times; make one with [ParseCron]. It may be used from any goroutine.
//
// When clocks change, a job of certain hours runs exactly once for each local
// time of its expression: a time that summer time skips is due at the moment
// after the gap, and a time that comes twice is due the first time. A job of
// every hour follows elapsed time: it runs in both of the doubled hours.
type Schedule struct {
	spec  *cron.SpecSchedule // nil for every
	every time.Duration
	zone  *time.Location
}

// ParseCron reads a cron expression of five fields (minute, hour, day of
// month, month, day of week), or @hourly, @daily, @weekly, @monthly, @yearly,
// or "@every 90m", of a minute at least, which counts from the Unix epoch so
// that all processes agree. The zone is a name of the IANA database; empty
// means UTC. An expression that never comes due is refused.
func ParseCron(expr, zone string) (s Schedule, err error) {
	if zone == "" {
		zone = "UTC"
	}
	if zone == "Local" {
		return Schedule{}, errors.New("zone Local depends on the machine: name a zone such as Europe/Tallinn")
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("zone %q is not known: name one such as Europe/Tallinn", zone)
	}
	if strings.Contains(expr, "TZ=") {
		return Schedule{}, fmt.Errorf("cron expression %q names a zone: the zone has a setting of its own", expr)
	}
	parsed, err := safeParse(expr)
	if err != nil {
		return Schedule{}, fmt.Errorf("cron expression %q: %w", expr, err)
	}
	switch p := parsed.(type) {
	case *cron.SpecSchedule:
		p.Location = time.UTC // fields are matched against local wall-clock time, see Next
		s = Schedule{spec: p, zone: loc}
	case cron.ConstantDelaySchedule:
		// The parser rounds what is under a second, or negative, up to one.
		if p.Delay < minInterval {
			return Schedule{}, fmt.Errorf("cron expression %q: comes more often than once a minute", expr)
		}
		s = Schedule{every: p.Delay, zone: loc}
	default:
		return Schedule{}, fmt.Errorf("cron expression %q: not supported", expr)
	}
	if s.Next(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("cron expression %q never comes due", expr)
	}
	return s, nil
}

// safeParse guards the parser, which panics on some input.
func safeParse(expr string) (s cron.Schedule, err error) {
	defer func() {
		if recover() != nil {
			s, err = nil, errors.New("not a cron expression")
		}
	}()
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	return parser.Parse(strings.TrimSpace(expr))
}

// Next is the first due time after a moment, in UTC, or the zero time when
// there is none within five years.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		seconds := int64(s.every / time.Second)
		past := after.Unix()
		return time.Unix(past-mod(past, seconds)+seconds, 0).UTC()
	case s.spec == nil:
		return time.Time{}
	case s.everyHour():
		spec := *s.spec
		spec.Location = s.zone
		return zeroOrUTC(spec.Next(after.In(s.zone)))
	}
	// The wall clock, written as if it were UTC, neither skips nor repeats
	// hours: the next local time is found there and then put on the time line.
	wall := asUTC(after.In(s.zone))
	for {
		wall = s.spec.Next(wall)
		if wall.IsZero() {
			return time.Time{}
		}
		if due := s.instant(wall); due.After(after) {
			return due.UTC()
		}
	}
}

// Upcoming is the next n due times after a moment; fewer when there are no
// more.
func (s Schedule) Upcoming(after time.Time, n int) []time.Time {
	var due []time.Time
	for range n {
		after = s.Next(after)
		if after.IsZero() {
			break
		}
		due = append(due, after)
	}
	return due
}

// missed returns the last limit due times after one moment and up to another,
// oldest first. It looks back in growing windows, so that a long stop of a
// frequent job costs little.
func (s Schedule) missed(after, until time.Time, limit int) []time.Time {
	for window := time.Hour; ; window *= 4 {
		from := until.Add(-window)
		whole := !from.After(after)
		if whole {
			from = after
		}
		var due []time.Time
		for t := s.Next(from); !t.IsZero() && !t.After(until); t = s.Next(t) {
			due = append(due, t)
		}
		if len(due) >= limit {
			return due[len(due)-limit:]
		}
		if whole {
			return due
		}
	}
}

// everyHour tells whether the hour field leaves no hour out.
func (s Schedule) everyHour() bool {
	const hours = 1<<24 - 1
	return s.spec.Hour&hours == hours
}

// asUTC is the wall-clock reading of t as a moment in UTC.
func asUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// instant is when the zone's clocks show the wall time first, or, when they
// skip it, the moment after the gap.
func (s Schedule) instant(wall time.Time) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, s.zone)
	start, end := t.ZoneBounds()
	if shown := asUTC(t); !shown.Equal(wall) { // skipped: Go picks one side of the gap
		if shown.Before(wall) {
			return end
		}
		return start
	}
	if !start.IsZero() { // the same reading may exist under the offset before
		_, before := start.Add(-time.Second).In(s.zone).Zone()
		earlier := wall.Add(-time.Duration(before) * time.Second).In(s.zone)
		if earlier.Before(start) && asUTC(earlier).Equal(wall) {
			return earlier
		}
	}
	return t
}

func mod(a, b int64) int64 { return (a%b + b) % b }

func zeroOrUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
