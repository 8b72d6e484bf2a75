package schedules_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ristmik/schedules"
)

// A request runs the job beside its schedule, with the asker's name, and
// leaves the next due time alone.
func TestRunNow(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	got := make(chan schedules.Run, 1)
	r, _ := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now, Poll: time.Hour}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(_ context.Context, run *schedules.Run) error {
			got <- schedules.Run{Due: run.Due, Trigger: run.Trigger, RequestedBy: run.RequestedBy}
			run.Report(map[string]int{"rows": 3})
			return nil
		}})
	registered(t, pool, "job")
	ticket, err := r.RunNow(t.Context(), "job", "mari")
	if err != nil {
		t.Fatal(err)
	}
	run := receive(t, "requested run", got)
	if !run.Due.Equal(ticket.Due) || run.Trigger != schedules.TriggerManual || run.RequestedBy != "mari" {
		t.Errorf("ran %s by %s (%s), want %s", run.Due, run.RequestedBy, run.Trigger, ticket.Due)
	}
	info, err := schedules.Wait(t.Context(), pool, ticket)
	if err != nil || info.State != schedules.StateSucceeded || info.Summary["rows"] != 3 {
		t.Errorf("run %+v, %v", info, err)
	}
	list, err := schedules.ListAt(t.Context(), pool, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	s := list[0]
	if s.Last == nil || s.Last.RequestedBy != "mari" || s.Running != nil || s.Waiting != 0 || !s.Next.Equal(c.Now().Add(time.Hour)) {
		t.Errorf("status %+v", s)
	}
	if _, err := r.RunNow(t.Context(), "other", "mari"); !errors.Is(err, schedules.ErrUnknownJob) {
		t.Errorf("unknown job: %v", err)
	}
}

// Asking twice before the first has begun is one run; a request is kept for
// the process that will run it.
func TestRunNowWaitsForAProcessAndIsNotDoubled(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	j := schedules.Job{Name: "job", Cron: "0 0 1 1 *", Run: func(context.Context, *schedules.Run) error { return nil }}
	o := schedules.Options{Owner: "one", Now: c.Now}
	asker, err := schedules.NewRunner(pool, []schedules.Job{j}, o)
	if err != nil {
		t.Fatal(err)
	}
	first, err := asker.RunNow(t.Context(), "job", "mari")
	if err != nil {
		t.Fatal(err)
	}
	second, err := asker.RunNow(t.Context(), "job", "jaan")
	if err != nil || second != first {
		t.Errorf("second ticket %v, first %v, error %v", second, first, err)
	}
	launch(t, pool, o, j)
	if runs := ended(t, pool, "job", 1); len(runs) != 1 || runs[0].RequestedBy != "mari" {
		t.Errorf("runs %+v", runs)
	}
	third, err := asker.RunNow(t.Context(), "job", "jaan") // at the same moment of the clock
	if err != nil || third == first {
		t.Errorf("third ticket %v, first %v, error %v", third, first, err)
	}
	if runs := ended(t, pool, "job", 2); runs[1].RequestedBy != "jaan" {
		t.Errorf("runs %+v", runs)
	}
}

// While a schedule is paused nothing comes due but requests still run; after
// it is resumed the pause owes nothing.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	r, _ := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "0 * * * *", CatchUp: schedules.CatchUpAll, Run: func(context.Context, *schedules.Run) error { return nil }})
	registered(t, pool, "job")
	if err := schedules.Pause(t.Context(), pool, "job", "mari", "register is moved"); err != nil {
		t.Fatal(err)
	}
	c.Advance(3*time.Hour + time.Minute)
	ticket, err := r.RunNow(t.Context(), "job", "mari")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schedules.Wait(t.Context(), pool, ticket); err != nil {
		t.Fatal(err)
	}
	list, err := schedules.ListAt(t.Context(), pool, c.Now)
	if err != nil || list[0].PausedBy != "mari" || list[0].PausedAt.IsZero() || !list[0].Next.IsZero() {
		t.Errorf("status %+v, %v", list, err)
	}
	if err := r.Resume(t.Context(), "job"); err != nil {
		t.Fatal(err)
	}
	due := c.Advance(59 * time.Minute)
	runs := ended(t, pool, "job", 2)
	if len(runs) != 2 || runs[0].Trigger != schedules.TriggerManual || !runs[1].Due.Equal(due) {
		t.Errorf("runs %+v", runs)
	}
	if err := schedules.Pause(t.Context(), pool, "other", "mari", ""); !errors.Is(err, schedules.ErrUnknownJob) {
		t.Errorf("pause of an unknown job: %v", err)
	}
}

// Without a clock of its own the runner goes by the database's.
func TestDatabaseClockIsTheDefault(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	nows := make(chan time.Time, 1)
	launch(t, pool, schedules.Options{Owner: "one"}, schedules.Job{
		Name: "job", Cron: "0 0 * * *", Run: func(_ context.Context, run *schedules.Run) error { nows <- run.Now; return nil }})
	registered(t, pool, "job")
	// Two days ago by the database's clock: a midnight has passed since.
	if _, err := pool.Exec(t.Context(), `update schedules.schedule set since = now() - interval '2 days'`); err != nil {
		t.Fatal(err)
	}
	now := receive(t, "missed run", nows)
	var database time.Time
	if err := pool.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&database); err != nil {
		t.Fatal(err)
	}
	if d := database.Sub(now); d < 0 || d > time.Minute {
		t.Errorf("run.Now is %s, the database says %s", now, database)
	}
}

func TestUnknownRunIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := schedules.Wait(t.Context(), newPool(t), schedules.Ticket{Job: "job", Due: newClock().Now()})
	if !errors.Is(err, schedules.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
