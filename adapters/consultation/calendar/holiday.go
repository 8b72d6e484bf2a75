package calendar

import "time"

// Name is a name for people, in Estonian and English.
type Name struct {
	ET string `json:"et"`
	EN string `json:"en"`
}

// fixed are the national holiday and the public holidays with a date of their
// own (Public Holidays and Days of National Importance Act, sections 1 and 2, as
// in force since 2005).
var fixed = map[time.Month]map[int]Name{
	time.January:  {1: {"uusaasta", "New Year's Day"}},
	time.February: {24: {"iseseisvuspäev", "Independence Day"}},
	time.May:      {1: {"kevadpüha", "Spring Day"}},
	time.June:     {23: {"võidupüha", "Victory Day"}, 24: {"jaanipäev", "Midsummer Day"}},
	time.August:   {20: {"taasiseseisvumispäev", "Day of Restoration of Independence"}},
	time.December: {24: {"jõululaupäev", "Christmas Eve"}, 25: {"esimene jõulupüha", "Christmas Day"}, 26: {"teine jõulupüha", "Boxing Day"}},
}

// moving are the public holidays that follow Easter Sunday, by their distance
// from it in days.
var moving = map[int]Name{
	-2: {"suur reede", "Good Friday"},
	0:  {"ülestõusmispühade 1. püha", "Easter Sunday"},
	49: {"nelipühade 1. püha", "Whit Sunday"},
}

// Holiday tells whether the day is a public holiday of Estonia by today's law,
// which is applied to every year, and what it is called.
func Holiday(d Day) (Name, bool) {
	year, month, day := d.date().Date()
	if name, ok := fixed[month][day]; ok {
		return name, true
	}
	name, ok := moving[int(d-Easter(year))]
	return name, ok
}

// Easter is Easter Sunday of a year of the Gregorian calendar (the method of
// Meeus, Jones and Butcher).
func Easter(year int) Day {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (b - (b+8)/25 + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return DayOn(year, time.Month(n/31), n%31+1)
}

// Weekend tells whether the day is a Saturday or a Sunday.
func Weekend(d Day) bool { return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday }

// Working tells whether the day is a working day: neither of the weekend nor a
// public holiday.
func Working(d Day) bool {
	_, holiday := Holiday(d)
	return !holiday && !Weekend(d)
}

// Shortened tells whether the working day is three hours shorter by law, as the
// eves of New Year, Independence Day, Victory Day and Christmas Eve are
// (Employment Contracts Act, section 53). It counts as a whole day in a term.
func Shortened(d Day) bool {
	if !Working(d) {
		return false
	}
	_, month, day := (d + 1).date().Date()
	switch {
	case month == time.January && day == 1, month == time.February && day == 24,
		month == time.June && day == 23, month == time.December && day == 24:
		return true
	}
	return false
}

// Office hours in Tallinn; on a shortened day they end three hours earlier.
const (
	opens        = 9
	closes       = 17
	closesEarly  = closes - 3
	longestBreak = 14 // days in a row without office hours, with much to spare
)

// InOffice is the first moment within office hours (9 to 17, on shortened days 9
// to 14, on working days) that is not before t.
func InOffice(t time.Time) time.Time {
	for d := DayOf(t); d <= DayOf(t)+longestBreak; d++ {
		if !Working(d) {
			continue
		}
		end := d.At(closes, 0, 0)
		if Shortened(d) {
			end = d.At(closesEarly, 0, 0)
		}
		if start := d.At(opens, 0, 0); t.Before(start) {
			return start
		}
		if t.Before(end) {
			return t
		}
	}
	return t // no year has such a break
}
