package schedules_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/schedules"
)

func nothing(context.Context, *schedules.Run) error { return nil }

func TestJobsWithImpossiblePoliciesAreRefused(t *testing.T) {
	t.Parallel()
	_, err := schedules.NewRunner(nil, []schedules.Job{
		{Name: "overlap", Cron: "* * * * *", Overlap: "both", Run: nothing},
		{Name: "jitter", Cron: "*/5 * * * *", Jitter: 5 * time.Minute, Run: nothing},
		{Name: "uneven", Cron: "0,50 * * * *", Jitter: 10 * time.Minute, Run: nothing},
		{Name: "fine", Cron: "0,50 * * * *", Jitter: 9 * time.Minute, Run: nothing},
		{Name: "negative", Cron: "* * * * *", Jitter: -1, Run: nothing},
		{Name: "grace", Cron: "* * * * *", Grace: -1, Run: nothing},
		{Name: "within", Cron: "* * * * *", CatchUpWithin: -1, Run: nothing},
	}, schedules.Options{Owner: "one"})
	for _, want := range []string{
		`overlap "both"`, "jitter: jitter 5m0s is not shorter than the 5m0s", "uneven: jitter 10m0s is not shorter than the 10m0s",
		"negative: jitter is negative", "grace: a negative", "within: a negative",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "fine") {
		t.Error(err)
	}
}

// Of what was missed, only due times within the window are made up for.
func TestCatchUpWithinAWindow(t *testing.T) {
	t.Parallel()
	for _, catchUp := range []schedules.CatchUp{schedules.CatchUpAll, schedules.CatchUpLast} {
		t.Run(string(catchUp), func(t *testing.T) {
			t.Parallel()
			pool, c := newPool(t), newClock()
			j := schedules.Job{Name: "hourly", Cron: "0 * * * *", CatchUp: catchUp, CatchUpWithin: 2*time.Hour + time.Minute, Run: nothing}
			o := schedules.Options{Owner: "one", Now: c.Now}
			_, stop := launch(t, pool, o, j)
			registered(t, pool, "hourly")
			stop()
			c.Advance(9*time.Hour + 30*time.Minute) // 19:30
			want := []string{"18:00 succeeded", "19:00 succeeded"}
			if catchUp == schedules.CatchUpLast {
				want = want[1:]
			}
			launch(t, pool, o, j)
			ended(t, pool, "hourly", len(want))
			c.Advance(time.Hour)
			want = append(want, "20:00 succeeded")
			if diff := cmp.Diff(want, states(t, ended(t, pool, "hourly", len(want)))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A due time that will not run any more is not the next one.
func TestNextIsTheDueTimeThatWillRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		job  schedules.Job
		want string
	}{
		{schedules.Job{CatchUp: schedules.CatchUpNone}, "14:00"},
		{schedules.Job{CatchUp: schedules.CatchUpLast}, "13:00"},
		{schedules.Job{CatchUp: schedules.CatchUpAll}, "11:00"},
		{schedules.Job{CatchUp: schedules.CatchUpAll, CatchUpWithin: 90 * time.Minute}, "12:00"},
		{schedules.Job{CatchUp: schedules.CatchUpAll, CatchUpWithin: time.Minute}, "14:00"},
	} {
		pool, k := newPool(t), newClock()
		c.job.Name, c.job.Cron, c.job.Run = "hourly", "0 * * * *", nothing
		_, stop := launch(t, pool, schedules.Options{Owner: "one", Now: k.Now}, c.job)
		registered(t, pool, "hourly")
		stop()
		k.Advance(3*time.Hour + 5*time.Minute)
		list, err := schedules.ListAt(t.Context(), pool, k.Now)
		if err != nil || list[0].Next.Format("15:04") != c.want {
			t.Errorf("%s within %s: next %s, want %s (%v)", c.job.CatchUp, c.job.CatchUpWithin, list[0].Next, c.want, err)
		}
	}
}

// Starts are spread over the jitter by the job's name and the due time: the
// same in every process, never before the due time, and none is lost.
func TestJitterSpreadsStarts(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	const jitter = 50 * time.Minute
	j := schedules.Job{Name: "hourly", Cron: "0 * * * *", Jitter: jitter, CatchUp: schedules.CatchUpAll, Run: nothing}
	var mu sync.Mutex
	late := map[string]time.Duration{}
	observe := func(o schedules.Observation) {
		mu.Lock()
		defer mu.Unlock()
		late[fmt.Sprint(len(late))] = o.Late
	}
	for _, owner := range []string{"one", "two"} {
		launch(t, pool, schedules.Options{Owner: owner, Now: c.Now, Observe: observe}, j)
	}
	registered(t, pool, "hourly")
	list, err := schedules.ListAt(t.Context(), pool, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	planned := schedules.Rehearse(list, c.Now(), c.Now().Add(5*time.Hour))
	if len(planned) != 5 {
		t.Fatalf("planned %v", planned)
	}
	different := map[time.Duration]bool{}
	for i, p := range planned {
		d := p.Start.Sub(p.Due)
		if d < 0 || d >= jitter {
			t.Errorf("%s begins %s late", p.Due, d)
		}
		different[d] = true
		c.Advance(p.Start.Sub(c.Now()) - time.Second) // not yet
		if got := ended(t, pool, "hourly", i); len(got) != i {
			t.Errorf("%d runs before the start of run %d", len(got), i+1)
		}
		c.Advance(time.Second)
		ended(t, pool, "hourly", i+1)
	}
	if len(different) < 4 {
		t.Errorf("the starts are not spread: %v", different)
	}
	want := []string{"11:00 succeeded", "12:00 succeeded", "13:00 succeeded", "14:00 succeeded", "15:00 succeeded"}
	if diff := cmp.Diff(want, states(t, ended(t, pool, "hourly", 5))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A job that has not begun within its grace is an alarm, once, in one of the
// processes; the next time that it stands still is another.
func TestMissedRunIsOneAlarm(t *testing.T) {
	t.Parallel()
	pool, c, h := newPool(t), newClock(), newHolding()
	alarms := make(chan schedules.Missed, 100)
	j := schedules.Job{Name: "slow", Cron: "0 * * * *", Grace: 10 * time.Minute, Run: h.run}
	for _, owner := range []string{"one", "two", "three"} {
		launch(t, pool, schedules.Options{Owner: owner, Now: c.Now, Missed: func(m schedules.Missed) { alarms <- m }}, j)
	}
	registered(t, pool, "slow")
	c.Advance(time.Hour)
	receive(t, "first run", h.began)
	c.Advance(time.Hour + 9*time.Minute) // 12:09, still in the first run
	c.Advance(time.Minute)
	first := receive(t, "alarm", alarms)
	if first.Job != "slow" || first.Due.Format("15:04") != "12:00" || first.Noticed.Before(first.Due.Add(10*time.Minute)) {
		t.Errorf("alarm %+v", first)
	}
	c.Advance(2 * time.Hour) // 14:10: still the same standstill
	h.let <- struct{}{}
	receive(t, "second run", h.began)
	h.let <- struct{}{}
	ended(t, pool, "slow", 2)
	c.Advance(50 * time.Minute) // 15:00, in time
	receive(t, "third run", h.began)
	c.Advance(70 * time.Minute)
	second := receive(t, "alarm", alarms)
	if second.Due.Format("15:04") != "16:00" {
		t.Errorf("alarm %+v", second)
	}
	list, err := schedules.ListAt(t.Context(), pool, c.Now)
	if err != nil || !list[0].Missed.Equal(second.Due) {
		t.Errorf("status %+v, %v", list[0], err)
	}
	h.let <- struct{}{}
	receive(t, "fourth run", h.began)
	h.let <- struct{}{}
	ended(t, pool, "slow", 4)
	if list, err = schedules.ListAt(t.Context(), pool, c.Now); err != nil || !list[0].Missed.IsZero() {
		t.Errorf("after the run: %+v, %v", list[0], err)
	}
	if len(alarms) != 0 {
		t.Errorf("one more alarm: %+v", <-alarms)
	}
}

// Past due times that have no good run are run, oldest first, behind the
// schedule's own; asking again asks for nothing more.
func TestBackfill(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var mu sync.Mutex
	var order []string
	fail := true
	j := schedules.Job{Name: "hourly", Cron: "0 * * * *", Run: func(_ context.Context, run *schedules.Run) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, run.Due.UTC().Format("02 15")+" "+string(run.Trigger))
		if fail && run.Due.Hour() == 1 {
			return errors.New("register is closed")
		}
		return nil
	}}
	c := newClock()
	launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, j)
	registered(t, pool, "hourly")
	from := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	got, err := schedules.Backfill(t.Context(), pool, "hourly", "mari", from, from.Add(3*time.Hour))
	if err != nil || got != (schedules.Backfilled{Asked: 3}) {
		t.Fatalf("%+v, %v", got, err)
	}
	runs := ended(t, pool, "hourly", 3)
	if runs[0].RequestedBy != "mari" || runs[1].State != schedules.StateFailed {
		t.Errorf("runs %+v", runs)
	}
	mu.Lock()
	fail = false
	mu.Unlock()
	got, err = schedules.Backfill(t.Context(), pool, "hourly", "jaan", from, from.Add(4*time.Hour))
	if err != nil || got != (schedules.Backfilled{Asked: 2, Done: 2}) {
		t.Errorf("%+v, %v", got, err)
	}
	ended(t, pool, "hourly", 4)
	eventually(t, "all are good", func() bool {
		history, err := schedules.History(t.Context(), pool, "hourly", 10)
		good := 0
		for _, r := range history {
			if r.State == schedules.StateSucceeded {
				good++
			}
		}
		return err == nil && good == 4
	})
	c.Advance(time.Hour) // the schedule itself goes on from where it was
	ended(t, pool, "hourly", 5)
	mu.Lock()
	defer mu.Unlock()
	want := []string{"21 00 backfill", "21 01 backfill", "21 02 backfill", "21 01 backfill", "21 03 backfill", "23 11 cron"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBackfillRefusesRangesThatCannotBeFilled(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, schedules.Job{Name: "minutely", Cron: "* * * * *", Run: nothing})
	registered(t, pool, "minutely")
	now := c.Now()
	for name, r := range map[string][2]time.Time{
		"empty": {now, now}, "backwards": {now, now.Add(-time.Hour)}, "future": {now, now.AddDate(100, 0, 0)}, "too long": {now.AddDate(0, -1, 0), now},
	} {
		if _, err := schedules.Backfill(t.Context(), pool, "minutely", "mari", r[0], r[1]); !errors.Is(err, schedules.ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := schedules.Backfill(t.Context(), pool, "other", "mari", now.Add(-time.Hour), now); !errors.Is(err, schedules.ErrUnknownJob) {
		t.Errorf("unknown job: %v", err)
	}
	if history, err := schedules.History(t.Context(), pool, "minutely", 10); err != nil || len(history) != 0 {
		t.Errorf("%v, %v", history, err)
	}
}

// What would run when: missed times that are made up for first, then the due
// times to come, with what summer time does to them; nothing of what is paused.
func TestRehearse(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	k := &clock{now: at(t, "2026-10-24T06:30:00+03:00")}
	_, stop := launch(t, pool, schedules.Options{Owner: "one", Now: k.Now},
		schedules.Job{Name: "nightly", Cron: "30 3 * * *", Zone: "Europe/Tallinn", Run: nothing},
		schedules.Job{Name: "hourly", Cron: "0 * * * *", CatchUp: schedules.CatchUpAll, CatchUpWithin: 2 * time.Hour, Run: nothing},
		schedules.Job{Name: "paused", Cron: "0 * * * *", Run: nothing})
	registered(t, pool, "paused")
	stop()
	if err := schedules.Pause(t.Context(), pool, "paused", "mari", "not needed"); err != nil {
		t.Fatal(err)
	}
	now := k.Advance(20 * time.Hour) // 2026-10-25 02:30 local, 24th 23:30 UTC
	list, err := schedules.ListAt(t.Context(), pool, k.Now)
	if err != nil {
		t.Fatal(err)
	}
	if s := list[2]; s.PausedReason != "not needed" || s.PausedBy != "mari" {
		t.Errorf("paused %+v", s)
	}
	var got []string
	for _, p := range schedules.Rehearse(list, now, now.Add(2*time.Hour)) {
		got = append(got, fmt.Sprintf("%s %s %t %t %s", p.Job, p.Local.Format("02 15:04 -07"), p.CatchUp, p.Start.Equal(now), p.Clocks))
	}
	want := []string{
		"hourly 24 22:00 +00 true true ", "hourly 24 23:00 +00 true true ", "hourly 25 00:00 +00 false false ",
		"nightly 25 03:30 +03 false false " + schedules.ClocksDoubled, "hourly 25 01:00 +00 false false ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	spring := at(t, "2026-03-28T23:00:00+02:00")
	k.now = spring.Add(-time.Minute)
	if _, err := pool.Exec(t.Context(), `update schedules.schedule set since = $1`, spring); err != nil {
		t.Fatal(err)
	}
	if list, err = schedules.ListAt(t.Context(), pool, k.Now); err != nil {
		t.Fatal(err)
	}
	for _, p := range schedules.Rehearse(list, spring, spring.Add(6*time.Hour)) {
		if p.Job == "nightly" && (p.Clocks != schedules.ClocksSkipped || p.Local.Format("15:04 -07") != "04:00 +03") {
			t.Errorf("%+v", p)
		}
	}
}
