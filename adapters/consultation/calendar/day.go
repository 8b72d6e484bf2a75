// Package calendar counts terms as Estonian authorities count them: in working
// days, in calendar days or in hours, in the time of Tallinn, with the public
// holidays of any year, with pauses in which the clock stands still and with
// extensions. A term explains itself: every day that was counted or passed over,
// and why.
//
// The package is pure: it reads no clock and keeps nothing. Its values are safe
// for concurrent use as long as nobody changes them.
package calendar

import (
	"fmt"
	"time"
	_ "time/tzdata" // deadlines must not depend on what the machine has
)

// Tallinn is the zone in which days begin and end.
var Tallinn = mustLoad("Europe/Tallinn")

func mustLoad(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zones are part of the program
	}
	return zone
}

// Day is a day of the calendar, counted from 1 January 1970. As text it is
// YYYY-MM-DD.
type Day int

// DayOf is the day that a moment belongs to in Tallinn.
func DayOf(t time.Time) Day {
	year, month, day := t.In(Tallinn).Date()
	return DayOn(year, month, day)
}

// DayOn is the day of a date; like time.Date it takes numbers out of range.
func DayOn(year int, month time.Month, day int) Day {
	const secondsADay = 24 * 60 * 60
	s := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	if s < 0 {
		s -= secondsADay - 1 // division rounds towards zero
	}
	return Day(s / secondsADay)
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("reading a date: %w", err)
	}
	return DayOn(t.Date()), nil
}

func (d Day) date() time.Time { return time.Date(1970, 1, 1+int(d), 0, 0, 0, 0, time.UTC) }

// String is the date as YYYY-MM-DD.
func (d Day) String() string { return d.date().Format(time.DateOnly) }

// MarshalText writes YYYY-MM-DD.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD.
func (d *Day) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDay(string(text))
	return err
}

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return d.date().Weekday() }

// At is a moment of the day in Tallinn.
func (d Day) At(hour, minute, second int) time.Time {
	year, month, day := d.date().Date()
	return time.Date(year, month, day, hour, minute, second, 0, Tallinn)
}

// End is the last moment at which something can be done in time on this day:
// 23:59:59 in Tallinn.
func (d Day) End() time.Time { return d.At(23, 59, 59) }
