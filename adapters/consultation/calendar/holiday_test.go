package calendar_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/consultation/calendar"
)

func day(t testing.TB, s string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEasterOfManyYears(t *testing.T) {
	t.Parallel()
	for _, s := range strings.Fields(`1900-04-15 1943-04-25 1961-04-02 1981-04-19 2000-04-23 2008-03-23 2011-04-24 2016-03-27
		2019-04-21 2020-04-12 2021-04-04 2022-04-17 2023-04-09 2024-03-31 2025-04-20 2026-04-05 2027-03-28 2028-04-16 2029-04-01
		2030-04-21 2038-04-25 2049-04-18 2076-04-19 2100-03-28 2285-03-22`) {
		want := day(t, s)
		var year int
		if _, err := fmt.Sscanf(s, "%d", &year); err != nil {
			t.Fatal(err)
		}
		if got := calendar.Easter(year); got != want {
			t.Errorf("Easter of %d: %s, want %s", year, got, want)
		}
	}
}

// The lists are copied from the calendars of these years, not computed.
func TestPublicHolidaysOfYears(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{
		2024: "01-01 02-24 03-29 03-31 05-01 05-19 06-23 06-24 08-20 12-24 12-25 12-26",
		2025: "01-01 02-24 04-18 04-20 05-01 06-08 06-23 06-24 08-20 12-24 12-25 12-26",
		2026: "01-01 02-24 04-03 04-05 05-01 05-24 06-23 06-24 08-20 12-24 12-25 12-26",
		2027: "01-01 02-24 03-26 03-28 05-01 05-16 06-23 06-24 08-20 12-24 12-25 12-26",
		2008: "01-01 02-24 03-21 03-23 05-01 05-11 06-23 06-24 08-20 12-24 12-25 12-26", // two of them in one month of March
	} {
		var got []string
		for d := calendar.DayOn(year, 1, 1); d < calendar.DayOn(year+1, 1, 1); d++ {
			if name, ok := calendar.Holiday(d); ok {
				got = append(got, d.String()[5:])
				if name.ET == "" || name.EN == "" {
					t.Errorf("%s has no name", d)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: %s\nwant  %s", year, strings.Join(got, " "), want)
		}
	}
}

func TestShortenedDaysAreWorkingEves(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{
		2026: "02-23 06-22 12-23 12-31",
		2025: "12-23 12-31",       // 23 February and 22 June are Sundays
		2024: "02-23 12-23 12-31", // 22 June is a Saturday
	} {
		var got []string
		for d := calendar.DayOn(year, 1, 1); d < calendar.DayOn(year+1, 1, 1); d++ {
			if calendar.Shortened(d) {
				got = append(got, d.String()[5:])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d: %s, want %s", year, strings.Join(got, " "), want)
		}
	}
}

func TestDaysBeginAndEndInTallinn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ moment, day, end string }{
		{"2026-03-28T21:59:59Z", "2026-03-28", "2026-03-28T21:59:59Z"},
		{"2026-03-28T22:00:00Z", "2026-03-29", "2026-03-29T20:59:59Z"}, // 23 hours
		{"2026-10-24T21:00:00Z", "2026-10-25", "2026-10-25T21:59:59Z"}, // 25 hours
		{"2028-02-29T12:00:00Z", "2028-02-29", "2028-02-29T21:59:59Z"},
		{"1969-12-31T12:00:00Z", "1969-12-31", "1969-12-31T20:59:59Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.moment)
		if err != nil {
			t.Fatal(err)
		}
		d := calendar.DayOf(at)
		if d.String() != c.day || d.End().UTC().Format(time.RFC3339) != c.end {
			t.Errorf("%s: %s ends %s, want %s ends %s", c.moment, d, d.End().UTC().Format(time.RFC3339), c.day, c.end)
		}
	}
}

func TestOfficeHours(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-02-16T08:59:59": "2026-02-16T09:00:00",
		"2026-02-16T09:00:00": "2026-02-16T09:00:00",
		"2026-02-16T16:59:59": "2026-02-16T16:59:59",
		"2026-02-16T17:00:00": "2026-02-17T09:00:00",
		"2026-02-23T13:59:59": "2026-02-23T13:59:59", // the eve of Independence Day ends at 14
		"2026-02-23T14:00:00": "2026-02-25T09:00:00", // and the day itself has none
		"2026-04-02T17:00:00": "2026-04-06T09:00:00", // Good Friday, weekend
		"2026-12-23T15:00:00": "2026-12-28T09:00:00",
	} {
		at, err := time.ParseInLocation("2006-01-02T15:04:05", in, calendar.Tallinn)
		if err != nil {
			t.Fatal(err)
		}
		if got := calendar.InOffice(at).In(calendar.Tallinn).Format("2006-01-02T15:04:05"); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
