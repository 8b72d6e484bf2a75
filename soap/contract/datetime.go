package contract

import (
	"strconv"
	"strings"
)

// The lexical forms of XML Schema part 2, 3.2.6 to 3.2.14. The standard
// library's time layouts cannot be used: they refuse a date with a zone and the
// hour 24, which are valid, and partners do send them.
const (
	zonePattern = `(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?`
	yearPattern = `(-?(?:[1-9][0-9]{4,8}|[0-9]{4}))`
	hourPattern = `(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?|24:00:00(?:\.0+)?)`
)

var (
	reDate      = lazily(`^` + yearPattern + `-(0[1-9]|1[0-2])-([0-3][0-9])` + zonePattern + `$`)
	reDateTime  = lazily(`^` + yearPattern + `-(0[1-9]|1[0-2])-([0-3][0-9])T` + hourPattern + zonePattern + `$`)
	reTime      = lazily(`^` + hourPattern + zonePattern + `$`)
	reYear      = lazily(`^` + yearPattern + zonePattern + `$`)
	reYearMonth = lazily(`^` + yearPattern + `-(?:0[1-9]|1[0-2])` + zonePattern + `$`)
	reMonth     = lazily(`^--(?:0[1-9]|1[0-2])` + zonePattern + `$`)
	reMonthDay  = lazily(`^--(0[1-9]|1[0-2])-([0-3][0-9])` + zonePattern + `$`)
	reDay       = lazily(`^---(?:0[1-9]|[12][0-9]|3[01])` + zonePattern + `$`)
	reDuration  = lazily(`^-?P(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?$`)
)

// plainDate says whether s is a day as nearly everybody writes it, without a
// time zone; a false one may still be valid.
func plainDate(s string) bool {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return false
	}
	for i := range len(s) {
		if i != 4 && i != 7 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	month := s[5:7]
	return month >= "01" && month <= "12" && isRealDay(s[:4], month, s[8:])
}

// plainTime says the same of a time of day in whole seconds with a time zone:
// 09:30:00Z, 09:30:00+02:00.
func plainTime(s string) bool {
	const form = "00:00:00+00:00"
	switch {
	case len(s) == len("00:00:00Z") && s[8] == 'Z':
	case len(s) == len(form) && (s[8] == '+' || s[8] == '-') && s[9:] < "14":
	default:
		return false
	}
	for i := range len(s) {
		switch {
		case i == 8:
		case form[i] == ':':
			if s[i] != ':' {
				return false
			}
		case s[i] < '0' || s[i] > '9':
			return false
		}
	}
	return s[:2] < "24" && s[3] < '6' && s[6] < '6' && (len(s) < len(form) || s[12] < '6')
}

func isDate(s string) bool {
	if plainDate(s) {
		return true
	}
	m := reDate.FindStringSubmatch(s)
	return m != nil && isRealDay(m[1], m[2], m[3])
}

func isDateTime(s string) bool {
	if len(s) > 11 && s[10] == 'T' && plainDate(s[:10]) && plainTime(s[11:]) {
		return true
	}
	m := reDateTime.FindStringSubmatch(s)
	return m != nil && isRealDay(m[1], m[2], m[3])
}

func isTime(s string) bool { return reTime.MatchString(s) }

func isYear(s string) bool {
	m := reYear.FindStringSubmatch(s)
	return m != nil && isRealYear(m[1])
}

func isYearMonth(s string) bool {
	m := reYearMonth.FindStringSubmatch(s)
	return m != nil && isRealYear(m[1])
}

func isMonth(s string) bool { return reMonth.MatchString(s) }

func isMonthDay(s string) bool {
	m := reMonthDay.FindStringSubmatch(s)
	// A leap year, since the 29th of February is a day of some years.
	return m != nil && isRealDay("2000", m[1], m[2])
}

func isDay(s string) bool { return reDay.MatchString(s) }

func isDuration(s string) bool {
	return reDuration.MatchString(s) && !strings.HasSuffix(s, "P") && !strings.HasSuffix(s, "T")
}

// isRealYear refuses the year 0000, which XML Schema 1.0 does not have.
func isRealYear(year string) bool {
	n, err := strconv.Atoi(year)
	return err == nil && n != 0
}

// isRealDay says whether the day exists in the Gregorian calendar.
func isRealDay(year, month, day string) bool {
	y, err := strconv.Atoi(year)
	if err != nil || y == 0 {
		return false
	}
	m, err := strconv.Atoi(month)
	if err != nil {
		return false
	}
	d, err := strconv.Atoi(day)
	if err != nil || d < 1 {
		return false
	}
	if y < 0 {
		y++ // there is no year 0: -0001 is the leap year 0 of the astronomers
	}
	last := 31
	switch m {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			last = 29
		}
	}
	return d <= last
}
