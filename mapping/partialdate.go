package mapping

import "time"

// CheckPartialDate says what is wrong with a date of which the day, or the month and
// the day, may be unknown and are then 00: 1980-00-00, as travel documents of persons
// who do not know their birthday lead to. It is "" for a good one, else
// partial_date.form or partial_date.date. Nothing before the first unknown part is
// unknown: a day without its month is none.
func CheckPartialDate(s string) string {
	if len(s) != len(time.DateOnly) || s[4] != '-' || s[7] != '-' || !digitsOnly(s[:4]+s[5:7]+s[8:]) || s[:4] == "0000" {
		return "partial_date.form"
	}
	whole := s
	switch {
	case s[5:] == "00-00":
		whole = s[:5] + "01-01"
	case s[8:] == "00":
		whole = s[:8] + "01"
	}
	if _, err := time.Parse(time.DateOnly, whole); err != nil {
		return "partial_date.date"
	}
	return ""
}

// MRZDate writes a partial date as it stands in a machine-readable zone: two digits
// each of year, month and day, "<<" for what is unknown (ICAO Doc 9303, part 3,
// 4.8). ok is false for what is no partial date. The century is lost.
func MRZDate(s string) (field string, ok bool) {
	if CheckPartialDate(s) != "" {
		return "", false
	}
	field = s[2:4]
	for _, part := range []string{s[5:7], s[8:]} {
		if part == "00" {
			part = "<<"
		}
		field += part
	}
	return field, true
}
