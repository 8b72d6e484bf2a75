package contract

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// moment is a point on the time line: seconds from the beginning of 1970, the
// digits of the fraction without zeros at the end, and whether it is known which.
type moment struct {
	seconds  int64
	fraction string
	zoned    bool
}

func (m moment) shifted(hours int64) moment {
	m.seconds += hours * 3600
	return m
}

func (m moment) compare(other moment) int {
	if c := cmp.Compare(m.seconds, other.seconds); c != 0 {
		return c
	}
	return strings.Compare(m.fraction, other.fraction)
}

// widestZone is how far a time zone may be from UTC, in hours.
const widestZone = 14

// compareMoments orders two literals of one temporal type. One without a time
// zone may be anywhere within 14 hours (XML Schema part 2, 3.2.7.4).
func compareMoments(base, a, b string) (int, bool) {
	x, okX := momentOf(base, a)
	y, okY := momentOf(base, b)
	switch {
	case !okX || !okY:
		return 0, false
	case x.zoned == y.zoned:
		return x.compare(y), true
	case x.zoned:
		c, ok := compareMixed(x, y)
		return c, ok
	}
	c, ok := compareMixed(y, x)
	return -c, ok
}

// compareMixed compares a moment that is known with one whose zone is not.
func compareMixed(known, unknown moment) (int, bool) {
	switch {
	case known.compare(unknown.shifted(-widestZone)) < 0:
		return -1, true
	case known.compare(unknown.shifted(widestZone)) > 0:
		return 1, true
	}
	return 0, false
}

var (
	reZoned   = lazily(`^(.*?)(Z|[+-][0-9]{2}:[0-9]{2})?$`)
	reYearDay = lazily(`^(-?[0-9]+)(?:-([0-9]{2}))?(?:-([0-9]{2}))?$`)
	reClock   = lazily(`^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?$`)
)

// momentOf reads a literal of a temporal type other than duration as the moment
// at which it begins. What it leaves out is taken from a leap year.
func momentOf(base, text string) (moment, bool) {
	m := reZoned.FindStringSubmatch(text)
	rest, zone := m[1], m[2]
	year, month, day, clock := "1972", "12", "31", ""
	switch base {
	case "time":
		clock = rest
	case "gMonth":
		month, day = strings.TrimPrefix(rest, "--"), "01"
	case "gDay":
		month, day = "01", strings.TrimPrefix(rest, "---")
	case "gMonthDay":
		month, day, _ = strings.Cut(strings.TrimPrefix(rest, "--"), "-")
	default:
		date := rest
		if base == "dateTime" {
			date, clock, _ = strings.Cut(rest, "T")
		}
		parts := reYearDay.FindStringSubmatch(date)
		if parts == nil {
			return moment{}, false
		}
		year, month, day = parts[1], cmp.Or(parts[2], "01"), cmp.Or(parts[3], "01")
	}
	y, errY := strconv.ParseInt(year, 10, 64)
	mo, errM := strconv.ParseInt(month, 10, 64)
	d, errD := strconv.ParseInt(day, 10, 64)
	if errY != nil || errM != nil || errD != nil {
		return moment{}, false
	}
	if y < 0 {
		y++ // there is no year 0
	}
	out := moment{seconds: daysOf(y, mo, d) * 86400, zoned: zone != ""}
	if clock != "" {
		parts := reClock.FindStringSubmatch(clock)
		if parts == nil {
			return moment{}, false
		}
		seconds := 3600*twoDigits(parts[1]) + 60*twoDigits(parts[2]) + twoDigits(parts[3])
		if base == "time" {
			seconds %= 86400 // 24:00:00 is the beginning of the day
		}
		out.seconds += seconds
		out.fraction = strings.TrimRight(parts[4], "0")
	}
	if zone != "" && zone != "Z" {
		offset := 3600*twoDigits(zone[1:3]) + 60*twoDigits(zone[4:6])
		if zone[0] == '-' {
			offset = -offset
		}
		out.seconds -= offset
	}
	return out, true
}

func twoDigits(s string) int64 { return int64(s[0]-'0')*10 + int64(s[1]-'0') }

// daysOf counts the days from the first of 1970 in the Gregorian calendar, whose
// year 0 is the one before 1.
func daysOf(year, month, day int64) int64 {
	if month <= 2 { // years that begin in March have their leap day at the end
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	ofEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

var reDurationParts = lazily(`^(-?)P(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9}(?:\.[0-9]{1,20})?)S)?)?$`)

// durationOf reads a duration as months and seconds; false for one with more
// digits than anybody counts with.
func durationOf(text string) (months int64, seconds *big.Rat, ok bool) {
	m := reDurationParts.FindStringSubmatch(text)
	if m == nil {
		return 0, nil, false
	}
	number := func(s string) int64 {
		n, _ := strconv.ParseInt(cmp.Or(s, "0"), 10, 64) // at most nine digits
		return n
	}
	months = 12*number(m[2]) + number(m[3])
	seconds = new(big.Rat).SetInt64(86400*number(m[4]) + 3600*number(m[5]) + 60*number(m[6]))
	last, _ := new(big.Rat).SetString(cmp.Or(m[7], "0"))
	seconds.Add(seconds, last)
	if m[1] == "-" {
		return -months, seconds.Neg(seconds), true
	}
	return months, seconds, true
}

// compareDurations orders two durations, which is clear only when it is the same
// from each of four beginnings (XML Schema part 2, 3.2.6.2).
func compareDurations(a, b string) (int, bool) {
	monthsA, secondsA, okA := durationOf(a)
	monthsB, secondsB, okB := durationOf(b)
	if !okA || !okB {
		return 0, false
	}
	after := func(from, months int64, seconds *big.Rat) *big.Rat {
		from += months // from is counted in months
		year, month := from/12, from%12
		if month < 0 {
			year, month = year-1, month+12
		}
		days := new(big.Rat).SetInt64(daysOf(year, month+1, 1) * 86400)
		return days.Add(days, seconds)
	}
	order := 0
	for i, from := range []int64{1696*12 + 8, 1697*12 + 1, 1903*12 + 2, 1903*12 + 6} {
		c := after(from, monthsA, secondsA).Cmp(after(from, monthsB, secondsB))
		if i > 0 && c != order {
			return 0, false
		}
		order = c
	}
	return order, true
}
