package schedules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/schedules"
)

func TestParseCronRefusesWhatCannotBeScheduled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expr, zone, says string }{
		{"", "UTC", "cron expression"},
		{"* * * *", "UTC", "cron expression"},
		{"* * * * * *", "UTC", "cron expression"},
		{"61 * * * *", "UTC", "cron expression"},
		{"0 0 31 2 *", "UTC", "never comes due"},
		{"@every 59s", "UTC", "more often than once a minute"},
		{"@every 0s", "UTC", "more often than once a minute"},
		{"@every -5s", "UTC", "more often than once a minute"},
		{"@reboot", "UTC", "cron expression"},
		{"TZ=0", "UTC", "names a zone"},
		{"CRON_TZ=Europe/Tallinn", "UTC", "names a zone"},
		{"CRON_TZ=Europe/Tallinn 0 3 * * *", "UTC", "names a zone"},
		{"0 3 * * *", "Europe/Nowhere", "is not known"},
		{"0 3 * * *", "Local", "depends on the machine"},
		{"0 3 * * *", "../etc/passwd", "is not known"},
	} {
		_, err := schedules.ParseCron(c.expr, c.zone)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q in %q: error %v, want one that says %q", c.expr, c.zone, err, c.says)
		}
	}
}

// Whatever the text, the parser gives an error or a schedule that comes due.
func TestParseCronNeverPanics(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		expr := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`(@every |TZ=|CRON_TZ=)?[-0-9*/,?LW#a-z ]{0,20}`),
			rapid.StringMatching(`([*0-9]{1,2}[-/,]?[0-9]{0,2} ){4}[*0-9]{1,2}`),
		).Draw(t, "expr")
		s, err := schedules.ParseCron(expr, "Europe/Tallinn")
		if err != nil {
			return
		}
		after := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if next := s.Next(after); !next.After(after) {
			t.Fatalf("%q is due at %s after %s", expr, next, after)
		}
	})
}

func TestDueTimesWhenClocksChange(t *testing.T) {
	t.Parallel()
	const spring, autumn = "2026-03-29T00:00:00+02:00", "2026-10-25T00:00:00+03:00"
	for _, c := range []struct {
		rule, expr, after string
		want              []string
	}{
		{"a skipped local time is due right after the gap, once", "30 3 * * *", "2026-03-28T00:00:00+02:00",
			[]string{"2026-03-28T03:30:00+02:00", "2026-03-29T04:00:00+03:00", "2026-03-30T03:30:00+03:00"}},
		{"a doubled local time is due the first time only", "30 3 * * *", "2026-10-24T00:00:00+03:00",
			[]string{"2026-10-24T03:30:00+03:00", "2026-10-25T03:30:00+03:00", "2026-10-26T03:30:00+02:00"}},
		{"many skipped times are due once, together with the first after the gap", "*/20 2-4 * * *", spring,
			[]string{"2026-03-29T02:00:00+02:00", "2026-03-29T02:20:00+02:00", "2026-03-29T02:40:00+02:00",
				"2026-03-29T04:00:00+03:00", "2026-03-29T04:20:00+03:00", "2026-03-29T04:40:00+03:00"}},
		{"every hour goes on through the gap", "30 * * * *", "2026-03-29T01:00:00+02:00",
			[]string{"2026-03-29T01:30:00+02:00", "2026-03-29T02:30:00+02:00", "2026-03-29T04:30:00+03:00"}},
		{"every hour runs in both doubled hours", "30 * * * *", "2026-10-25T02:00:00+03:00",
			[]string{"2026-10-25T02:30:00+03:00", "2026-10-25T03:30:00+03:00", "2026-10-25T03:30:00+02:00", "2026-10-25T04:30:00+02:00"}},
		{"a time beside the change is not touched", "0 2 * * *", autumn,
			[]string{"2026-10-25T02:00:00+03:00", "2026-10-26T02:00:00+02:00"}},
		{"the moment of the change itself", "0 4 * * *", spring, []string{"2026-03-29T04:00:00+03:00", "2026-03-30T04:00:00+03:00"}},
		{"in the second of the doubled hours nothing of it is due any more", "30 3 * * *", "2026-10-25T03:10:00+02:00",
			[]string{"2026-10-26T03:30:00+02:00"}},
	} {
		s, err := schedules.ParseCron(c.expr, "Europe/Tallinn")
		if err != nil {
			t.Fatal(err)
		}
		var want []time.Time
		for _, w := range c.want {
			want = append(want, at(t, w))
		}
		if diff := cmp.Diff(want, s.Upcoming(at(t, c.after), len(want))); diff != "" {
			t.Errorf("%s: %q after %s (-want +got):\n%s", c.rule, c.expr, c.after, diff)
		}
	}
}

// A daily job runs exactly once for each local day, whatever its hour and the
// year's changes of clock, and due times only move forward.
func TestDailyJobRunsOncePerLocalDay(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Tallinn", "Atlantic/Azores", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, expr := range []string{"0 0 * * *", "30 0 * * *", "0 1 * * *", "15 2 * * *", "30 3 * * *", "59 3 * * *", "59 23 * * *"} {
			s, err := schedules.ParseCron(expr, zone)
			if err != nil {
				t.Fatal(err)
			}
			days := make(map[string]int)
			due := time.Date(2017, 12, 31, 12, 0, 0, 0, loc)
			for range 730 {
				next := s.Next(due)
				if !next.After(due) {
					t.Fatalf("%s in %s: %s is not after %s", expr, zone, next, due)
				}
				due = next
				days[due.In(loc).Format(time.DateOnly)]++
			}
			if len(days) != 730 {
				t.Errorf("%s in %s: 730 runs on %d days", expr, zone, len(days))
			}
		}
	}
}

func TestEveryCountsFromTheEpoch(t *testing.T) {
	t.Parallel()
	s, err := schedules.ParseCron("@every 90m", "")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Upcoming(at(t, "1970-01-01T01:00:01Z"), 2)
	want := []time.Time{at(t, "1970-01-01T01:30:00Z"), at(t, "1970-01-01T03:00:00Z")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return m.UTC()
}
