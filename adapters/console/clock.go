package console

import "time"

// moment is a time as the page shows it: how far away, and exactly.
type moment struct {
	ISO    string // for machines
	Exact  string // date, time and zone
	Clock  string // the time, with the date when it is another day
	Spoken string // how far away
}

func (c *Console) moment(l lang, t, now time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	local := t.In(c.zone)
	m := &moment{
		ISO:   t.UTC().Format(time.RFC3339),
		Exact: local.Format("02.01.2006 15:04:05 MST"),
		Clock: local.Format("15:04"),
	}
	if local.Format(time.DateOnly) != now.In(c.zone).Format(time.DateOnly) {
		m.Clock = local.Format("02.01. 15:04")
	}
	switch d := now.Sub(t); {
	case d < time.Second && d > -time.Second:
		m.Spoken = say(l, "age.now")
	case d > 0:
		m.Spoken = say(l, "age.ago", spoken(l, d))
	default:
		m.Spoken = say(l, "age.in", spoken(l, -d))
	}
	return m
}

// spoken is a duration in at most two units, rounded down: precise enough to
// act on, short enough for a table.
func spoken(l lang, d time.Duration) string {
	switch {
	case d < time.Second:
		return say(l, "age.0")
	case d < time.Minute:
		return say(l, "age.s", int(d/time.Second))
	case d < time.Hour:
		return say(l, "age.min", int(d/time.Minute))
	case d < 24*time.Hour && d%time.Hour < time.Minute:
		return say(l, "age.h", int(d/time.Hour))
	case d < 24*time.Hour:
		return say(l, "age.hmin", int(d/time.Hour), int(d%time.Hour/time.Minute))
	}
	return say(l, "age.d", int(d/(24*time.Hour)))
}
