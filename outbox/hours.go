package outbox

import (
	"fmt"
	"time"
)

// Hours are the times of the week at which a destination may be sent to, by the wall clock of a zone. While they are over,
// messages wait and no attempt is counted.
type Hours struct {
	// Zone is whose wall clock counts.
	Zone *time.Location
	// Days are the times of each day, by [time.Weekday]; a day without any is closed.
	Days [7][]Span
}

// Span is a time of the day by the wall clock: From is its beginning and To its end, not included, both since midnight and
// at most 24 hours.
type Span struct{ From, To time.Duration }

func (h *Hours) validate() error {
	if h == nil {
		return nil
	}
	if h.Zone == nil {
		return fmt.Errorf("%w policy: opening hours without a zone", ErrInvalid)
	}
	any := false
	for _, day := range h.Days {
		for _, s := range day {
			if s.From < 0 || s.To <= s.From || s.To > 24*time.Hour {
				return fmt.Errorf("%w policy: opening hours from %s to %s", ErrInvalid, s.From, s.To)
			}
			any = true
		}
	}
	if !any {
		return fmt.Errorf("%w policy: opening hours that never come", ErrInvalid)
	}
	return nil
}

// until is how long the destination is closed from t on; 0 while it is open. Where summer time doubles an hour, both
// count; a beginning that it skips comes as much later.
func (h *Hours) until(t time.Time) time.Duration {
	if h == nil {
		return 0
	}
	local := t.In(h.Zone)
	wall := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	for _, s := range h.Days[local.Weekday()] {
		if s.From <= wall && wall < s.To {
			return 0
		}
	}
	for ahead := range 8 {
		var first time.Time
		y, m, d := local.Date()
		for _, s := range h.Days[(int(local.Weekday())+ahead)%7] {
			begins := time.Date(y, m, d+ahead, 0, 0, int(s.From/time.Second), int(s.From%time.Second), h.Zone)
			if again := begins.Add(time.Hour); !begins.After(t) && again.Hour() == begins.Hour() {
				begins = again // the hour comes twice, and t lies between
			}
			if begins.After(t) && (first.IsZero() || begins.Before(first)) {
				first = begins
			}
		}
		if !first.IsZero() {
			return first.Sub(t)
		}
	}
	return 24 * time.Hour // not reached with valid hours: the same weekday comes again
}
