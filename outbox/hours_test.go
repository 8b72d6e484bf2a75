package outbox

import (
	"testing"
	"time"
)

// Opening hours are those of the wall clock, weekends and summer time included.
func TestOpeningHoursFollowTheWallClock(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		t.Fatal(err)
	}
	office := &Hours{Zone: zone}
	for day := time.Monday; day <= time.Friday; day++ {
		office.Days[day] = []Span{{8 * time.Hour, 12 * time.Hour}, {13 * time.Hour, 17 * time.Hour}}
	}
	night := &Hours{Zone: zone}
	night.Days[time.Sunday] = []Span{{3*time.Hour + 30*time.Minute, 3*time.Hour + 45*time.Minute}}
	for name, c := range map[string]struct {
		hours *Hours
		at    string // Tallinn's clock
		want  time.Duration
	}{
		"always":                        {nil, "2026-06-03T02:00:00+03:00", 0},
		"open":                          {office, "2026-06-03T08:00:00+03:00", 0},
		"before the beginning":          {office, "2026-06-03T07:59:59+03:00", time.Second},
		"at noon":                       {office, "2026-06-03T12:00:00+03:00", time.Hour},
		"in the evening":                {office, "2026-06-03T17:00:00+03:00", 15 * time.Hour},
		"on Friday evening":             {office, "2026-06-05T17:30:00+03:00", 62*time.Hour + 30*time.Minute},
		"over the end of summer time":   {office, "2026-10-23T17:00:00+03:00", 64 * time.Hour},
		"another zone's clock":          {office, "2026-06-03T06:00:00Z", 0},
		"before an hour that is missed": {night, "2026-03-29T02:59:00+02:00", 31 * time.Minute}, // 03:30 does not exist: 04:30 does
		"in the first of two hours":     {night, "2026-10-25T03:35:00+03:00", 0},
		"between two hours":             {night, "2026-10-25T03:50:00+03:00", 40 * time.Minute},
		"in the second":                 {night, "2026-10-25T03:35:00+02:00", 0},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.hours.until(at); got != c.want {
			t.Errorf("%s: closed for %s, want %s", name, got, c.want)
		}
	}
}
