package calendar_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/adapters/consultation/calendar"
)

// local reads a moment of Tallinn.
func local(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", s, calendar.Tallinn)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func dueOf(t testing.TB, term calendar.Term) string {
	t.Helper()
	due, ok := term.Due()
	if !ok {
		return "paused"
	}
	return due.In(calendar.Tallinn).Format("2006-01-02 15:04:05")
}

func TestTermsOfTheReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule       calendar.Rule
		start, due string
	}{
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 15}, "2026-02-16 10:00:00", "2026-03-10 23:59:59"}, // 24.02 is passed over
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 5}, "2026-06-19 10:00:00", "2026-06-30 23:59:59"},
		{calendar.Rule{Unit: calendar.CalendarDays, Length: 10}, "2026-03-02 10:00:00", "2026-03-12 23:59:59"},
		{calendar.Rule{Unit: calendar.CalendarDays, Length: 7}, "2026-03-27 10:00:00", "2026-04-03 23:59:59"},
		{calendar.Rule{Unit: calendar.CalendarDays, Length: 7, RollOver: true}, "2026-03-27 10:00:00", "2026-04-06 23:59:59"},
		{calendar.Rule{Unit: calendar.CalendarDays, Length: 7, RollOver: true}, "2026-03-02 10:00:00", "2026-03-09 23:59:59"},
		{calendar.Rule{Unit: calendar.Hours, Length: 60}, "2026-03-28 12:00:00", "2026-03-31 01:00:00"}, // a day of 23 hours
		{calendar.Rule{Unit: calendar.Hours, Length: 60}, "2026-10-24 12:00:00", "2026-10-26 23:00:00"}, // a day of 25 hours
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 1}, "2026-03-27 23:59:59", "2026-03-30 23:59:59"},
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 1}, "2026-03-28 00:00:00", "2026-03-30 23:59:59"},
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 1}, "2026-12-23 12:00:00", "2026-12-28 23:59:59"},
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 2}, "2028-02-28 12:00:00", "2028-03-01 23:59:59"}, // a leap day
	} {
		if err := c.rule.Check(); err != nil {
			t.Error(err)
		}
		if got := dueOf(t, calendar.Term{Rule: c.rule, Start: local(t, c.start)}); got != c.due {
			t.Errorf("%+v from %s: %s, want %s", c.rule, c.start, got, c.due)
		}
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, r := range []calendar.Rule{
		{}, {Unit: "weeks", Length: 1}, {Unit: calendar.Hours}, {Unit: calendar.Hours, Length: -1}, {Unit: calendar.Hours, Length: 10_001},
		{Unit: calendar.WorkingDays, Length: 1, RollOver: true},
	} {
		if r.Check() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

func TestAnExtensionIsAtMostTheOriginalTermFromTheEndOfTheRunningOne(t *testing.T) {
	t.Parallel()
	term := calendar.Term{Rule: calendar.Rule{Unit: calendar.WorkingDays, Length: 15}, Start: local(t, "2026-02-16 10:00:00")}
	at := local(t, "2026-03-01 10:00:00")
	_, err := term.Extend(at, local(t, "2026-04-01 12:00:00"), "")
	if late, ok := errors.AsType[*calendar.TooLateError](err); !ok || late.Error() != "the new end is too late: at the latest 2026-03-31 23:59:59" {
		t.Errorf("to 1 April: %v", err)
	}
	for until, want := range map[string]error{
		"2026-03-10 12:00:00": calendar.ErrNotLater, "2026-03-09 12:00:00": calendar.ErrNotLater, "2026-03-14 12:00:00": calendar.ErrNotWorking,
	} {
		if _, err := term.Extend(at, local(t, until), ""); !errors.Is(err, want) {
			t.Errorf("to %s: %v", until, err)
		}
	}
	longer, err := term.Extend(at, local(t, "2026-03-31 12:00:00"), "more to read")
	if err != nil {
		t.Fatal(err)
	}
	if got := dueOf(t, longer); got != "2026-03-31 23:59:59" {
		t.Errorf("extended to %s", got)
	}
	if got := dueOf(t, term); got != "2026-03-10 23:59:59" {
		t.Errorf("extending changed the term before to %s", got)
	}
	// The second one again counts from the end of the running term: 3 April and the weekends are passed over.
	if latest, ok := longer.Latest(); !ok || !latest.Equal(local(t, "2026-04-22 23:59:59")) {
		t.Errorf("the second one at the latest to %s", latest.In(calendar.Tallinn))
	}
	hours := calendar.Term{Rule: calendar.Rule{Unit: calendar.Hours, Length: 60}, Start: local(t, "2026-03-28 12:00:00")}
	if _, err := hours.Extend(at, local(t, "2026-03-31 01:00:00").Add(time.Millisecond), ""); !errors.Is(err, calendar.ErrNotLater) {
		t.Errorf("by a part of a second: %v", err)
	}
	hours, err = hours.Extend(at, local(t, "2026-04-02 13:00:00"), "")
	if err != nil || dueOf(t, hours) != "2026-04-02 13:00:00" {
		t.Errorf("hours: %s, %v", dueOf(t, hours), err)
	}
}

func TestAPauseKeepsWhatWasLeft(t *testing.T) {
	t.Parallel()
	// A question on day 4 of 10: 6 days are left when the answer comes.
	ten := calendar.Term{Rule: calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, Start: local(t, "2026-03-02 10:00:00")}
	asked := ten.Pause(local(t, "2026-03-06 15:00:00"), "question")
	if !asked.Paused() || dueOf(t, asked) != "paused" {
		t.Error("the clock runs")
	}
	if e := asked.Explain(); e.Due != nil || len(e.Lines) != 4 || e.Lines[3].Number != 4 {
		t.Errorf("while it lasts: %+v", e)
	}
	if _, err := asked.Extend(time.Time{}, local(t, "2026-05-01 12:00:00"), ""); !errors.Is(err, calendar.ErrPaused) {
		t.Errorf("extending: %v", err)
	}
	answered := asked.Resume(local(t, "2026-03-18 09:00:00"))
	if got := dueOf(t, answered); got != "2026-03-26 23:59:59" {
		t.Errorf("after the pause: %s", got)
	}
	left := 0
	for _, l := range answered.Explain().Lines {
		if l.Counted && l.Day > day(t, "2026-03-18") {
			left++
		}
	}
	if left != 6 {
		t.Errorf("%d days are left", left)
	}
	if got := dueOf(t, ten.Pause(local(t, "2026-03-06 09:00:00"), "").Resume(local(t, "2026-03-06 16:00:00"))); got != "2026-03-16 23:59:59" {
		t.Errorf("a pause within a day moves the end to %s", got)
	}
	hours := calendar.Term{Rule: calendar.Rule{Unit: calendar.Hours, Length: 10}, Start: local(t, "2026-03-02 10:00:00")}
	hours = hours.Pause(local(t, "2026-03-02 12:00:00"), "").Resume(local(t, "2026-03-02 12:30:01"))
	if got := dueOf(t, hours.Resume(local(t, "2026-03-03 12:00:00"))); got != "2026-03-02 20:30:01" {
		t.Errorf("hours: %s", got)
	}
}

func TestARolledOverEndPassesOverAPause(t *testing.T) {
	t.Parallel()
	// It would end on Saturday 7 March; the clock stands still from then to Tuesday.
	term := calendar.Term{Rule: calendar.Rule{Unit: calendar.CalendarDays, Length: 5, RollOver: true}, Start: local(t, "2026-03-02 10:00:00")}
	term = term.Pause(local(t, "2026-03-07 10:00:00"), "question")
	if !term.Paused() {
		t.Error("it ends while the clock stands still")
	}
	if got := dueOf(t, term.Resume(local(t, "2026-03-10 10:00:00"))); got != "2026-03-11 23:59:59" {
		t.Errorf("it ends %s", got)
	}
}

func TestMarksFallIntoOfficeHours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule    calendar.Rule
		percent int
		want    string
	}{
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, 50, "2026-03-09 09:00:00"},
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, 80, "2026-03-12 09:00:00"},
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, 100, "2026-03-16 09:00:00"},
		{calendar.Rule{Unit: calendar.WorkingDays, Length: 3}, 50, "2026-03-04 09:00:00"},
		{calendar.Rule{Unit: calendar.CalendarDays, Length: 10}, 50, "2026-03-09 09:00:00"}, // the fifth day is a Saturday
		{calendar.Rule{Unit: calendar.Hours, Length: 10}, 50, "2026-03-02 15:00:00"},
	} {
		got, ok := calendar.Term{Rule: c.rule, Start: local(t, "2026-03-02 10:00:00")}.Mark(c.percent)
		if !ok || got.In(calendar.Tallinn).Format("2006-01-02 15:04:05") != c.want {
			t.Errorf("%d %% of %+v: %s, want %s", c.percent, c.rule, got.In(calendar.Tallinn), c.want)
		}
	}
}

// anyTerm is a term with pauses and extensions as the procedure makes them: each
// happens after the one before, and extensions only while the clock runs.
func anyTerm(t *rapid.T) calendar.Term {
	rule := calendar.Rule{
		Unit:   rapid.SampledFrom([]calendar.Unit{calendar.WorkingDays, calendar.CalendarDays, calendar.Hours}).Draw(t, "unit"),
		Length: rapid.IntRange(1, 40).Draw(t, "length"),
	}
	rule.RollOver = rule.Unit == calendar.CalendarDays && rapid.Bool().Draw(t, "rolls over")
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 6*365*24*60).Draw(t, "minute")) * time.Minute)
	term := calendar.Term{Rule: rule, Start: now, StartEvent: "delivered"}
	for range rapid.IntRange(0, 5).Draw(t, "steps") {
		now = now.Add(time.Duration(rapid.IntRange(1, 10*24*60).Draw(t, "later")) * time.Minute)
		switch due, running := term.Due(); {
		case !running:
			term = term.Resume(now)
		case rapid.Bool().Draw(t, "extend"):
			if longer, err := term.Extend(now, due.Add(time.Duration(rapid.IntRange(1, 80).Draw(t, "by"))*24*time.Hour), "asked"); err == nil {
				term = longer
			}
		default:
			term = term.Pause(now, "question")
		}
	}
	return term
}

func TestTheExplanationRecomputesToTheSameEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		term := anyTerm(t)
		e := term.Explain()
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var told calendar.Explanation
		if err := json.Unmarshal(text, &told); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, told); diff != "" {
			t.Fatalf("through JSON:\n%s", diff)
		}
		due, running := told.Term.Due()
		if running != (told.Due != nil) || running && !due.Equal(*told.Due) {
			t.Fatalf("the term ends %s, the explanation says %v", due, told.Due)
		}
		if told.Due == nil {
			return
		}
		if again := recount(t, told); !again.Equal(*told.Due) {
			t.Fatalf("counted again it ends %s, not %s", again, *told.Due)
		}
	})
}

// recount finds the end from what the explanation says, by arithmetic of its
// own, and fails when a day has no reason.
func recount(t *rapid.T, e calendar.Explanation) time.Time {
	if e.Rule.Unit == calendar.Hours {
		seconds := e.Rule.Length * 3600
		for _, x := range e.Extensions {
			seconds += x.Extra
		}
		end := e.Start.Add(time.Duration(seconds) * time.Second)
		for _, p := range e.Pauses {
			if !p.From.After(end) {
				end = end.Add(p.To.Sub(p.From))
			}
		}
		return end
	}
	counted := map[int]int{}
	before := e.Start.In(calendar.Tallinn).Format(time.DateOnly)
	for _, l := range e.Lines {
		yesterday, err := time.Parse(time.DateOnly, before)
		if err != nil || yesterday.AddDate(0, 0, 1).Format(time.DateOnly) != l.Day.String() {
			t.Fatalf("%s follows %s", l.Day, before)
		}
		before = l.Day.String()
		if l.Counted {
			counted[l.Part]++
		}
		switch {
		case l.Counted && l.Number != counted[l.Part], l.Counted && l.Why != "", !l.Counted && l.Why == "":
			t.Fatalf("the line %+v", l)
		case l.Why == calendar.WhySaturday && l.Day.Weekday() != time.Saturday, l.Why == calendar.WhySunday && l.Day.Weekday() != time.Sunday:
			t.Fatalf("%s is a %s", l.Day, l.Day.Weekday())
		case (l.Why == calendar.WhyHoliday) != (l.Holiday != nil):
			t.Fatalf("a holiday without a name: %+v", l)
		}
	}
	for part, want := 0, e.Rule.Length; ; part++ {
		if counted[part] != want {
			t.Fatalf("part %d has %d days, not %d", part, counted[part], want)
		}
		if part == len(e.Extensions) {
			break
		}
		want = e.Extensions[part].Extra
	}
	end, err := time.ParseInLocation(time.DateTime, before+" 23:59:59", calendar.Tallinn)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// A longer term never ends earlier, a pause never makes an end earlier, and an
// extension is within its bound.
func TestEndsMoveForwardOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		term := anyTerm(t)
		due, running := term.Due()
		if !running {
			return
		}
		longer := term
		longer.Rule.Length++
		if later, ok := longer.Due(); ok && later.Before(due) {
			t.Fatalf("%d ends %s, %d ends %s", term.Rule.Length, due, longer.Rule.Length, later)
		}
		at := due.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "before")) * time.Hour)
		for _, p := range term.Pauses {
			if !at.After(p.From) || at.Before(p.To) {
				return
			}
		}
		if later, ok := term.Pause(at, "").Resume(at.Add(50 * time.Hour)).Due(); !ok || later.Before(due) {
			t.Fatalf("paused at %s it ends %s instead of %s", at, later, due)
		}
		latest, _ := term.Latest()
		until := due.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "hours")) * time.Hour)
		longer, err := term.Extend(at, until, "")
		if _, late := errors.AsType[*calendar.TooLateError](err); late == (err == nil) && !errors.Is(err, calendar.ErrNotWorking) && !errors.Is(err, calendar.ErrNotLater) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if end, _ := longer.Due(); !end.After(due) || end.After(latest) {
			t.Fatalf("extended from %s to %s, at the latest %s", due, end, latest)
		}
	})
}
