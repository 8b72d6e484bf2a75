package schedules_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/schedules"
)

// expire ends the lease of the job's run by hand, as if its process had been
// silent for long.
func expire(t *testing.T, db schedules.DB, name string) {
	t.Helper()
	tag, err := db.Exec(t.Context(), `update schedules.run set lease_until = now() - interval '1 second' where schedule = $1 and state = 'running'`, name)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("expire lease: %v, %v", tag, err)
	}
}

// The first process stalls and loses its lease; the second one continues from
// the cursor. What the first tries to write afterwards does not count.
func TestExpiredLeaseIsTakenOverAndTheLoserIsFenced(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	if _, err := pool.Exec(t.Context(), `create table public.done (step int primary key)`); err != nil {
		t.Fatal(err)
	}
	step := func(ctx context.Context, run *schedules.Run, n int) error {
		return run.Commit(ctx, map[string]int{"step": n}, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into public.done (step) values ($1)`, n)
			return err
		})
	}
	stalled, awake, fenced := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	// The first process's lease is long, so that it does not notice by itself.
	_, stopFirst := launch(t, pool, schedules.Options{Owner: "first", Now: c.Now, Lease: time.Hour}, schedules.Job{
		Name: "job", Cron: "* * * * *", Run: func(ctx context.Context, run *schedules.Run) error {
			if err := step(ctx, run, 1); err != nil {
				return err
			}
			close(stalled)
			<-awake
			err := step(ctx, run, 2)
			fenced <- err
			return err
		}})
	registered(t, pool, "job")
	c.Advance(time.Minute)
	receive(t, "first process has started", stalled)

	cursors := make(chan string, 1)
	launch(t, pool, schedules.Options{Owner: "second", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "* * * * *", Run: func(ctx context.Context, run *schedules.Run) error {
			if run.Attempt != 2 {
				t.Errorf("attempt %d", run.Attempt)
			}
			cursors <- string(run.Cursor())
			return step(ctx, run, 3)
		}})
	expire(t, pool, "job")
	if got := receive(t, "second process has taken over", cursors); got != `{"step": 1}` {
		t.Errorf("second process continues from %s", got)
	}
	runs := ended(t, pool, "job", 1)
	close(awake)
	if err := receive(t, "first process tried to write", fenced); !errors.Is(err, schedules.ErrLost) {
		t.Errorf("the loser's commit: %v", err)
	}
	stopFirst()
	if len(runs) != 1 || runs[0].State != schedules.StateSucceeded || runs[0].Attempt != 2 {
		t.Errorf("history %+v", runs)
	}
	again, err := schedules.History(t.Context(), pool, "job", 10)
	if err != nil || len(again) != 1 || again[0].State != schedules.StateSucceeded {
		t.Errorf("the loser changed the history: %+v, %v", again, err)
	}
	rows, _ := pool.Query(t.Context(), `select step from public.done order by step`)
	steps, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil || len(steps) != 2 || steps[0] != 1 || steps[1] != 3 {
		t.Errorf("steps %v, %v", steps, err)
	}
}

// A loser that does not notice and ends well does not end the winner's run.
func TestLoserDoesNotEndTheWinnersRun(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	stalled, awake := make(chan struct{}), make(chan struct{})
	_, stopFirst := launch(t, pool, schedules.Options{Owner: "first", Now: c.Now, Lease: time.Hour}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(context.Context, *schedules.Run) error {
			close(stalled)
			<-awake
			return nil
		}})
	registered(t, pool, "job")
	c.Advance(time.Hour)
	receive(t, "first process has started", stalled)
	taken, release := make(chan struct{}), make(chan struct{})
	launch(t, pool, schedules.Options{Owner: "second", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(context.Context, *schedules.Run) error {
			close(taken)
			<-release
			return errors.New("the winner's own end")
		}})
	expire(t, pool, "job")
	receive(t, "second process has taken over", taken)
	close(awake)
	stopFirst()
	list, err := schedules.List(t.Context(), pool)
	if err != nil || list[0].Running == nil || list[0].Running.Owner != "second" {
		t.Errorf("status %+v, %v", list, err)
	}
	close(release)
	if run := ended(t, pool, "job", 1)[0]; run.Error != "the winner's own end" {
		t.Errorf("run %+v", run)
	}
}

// A process that renews its lease keeps the job for much longer than one
// lease, and shows its progress meanwhile.
func TestRenewedLeaseKeepsTheJobAndShowsProgress(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	release := make(chan struct{})
	j := schedules.Job{Name: "job", Cron: "0 * * * *", Run: func(ctx context.Context, run *schedules.Run) error {
		run.Report(map[string]int{"rows": 7})
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	const lease = 600 * time.Millisecond
	launch(t, pool, schedules.Options{Owner: "one", Now: c.Now, Lease: lease}, j)
	registered(t, pool, "job")
	c.Advance(time.Hour)
	launch(t, pool, schedules.Options{Owner: "two", Now: c.Now, Lease: lease}, j)
	began := time.Now()
	eventually(t, "the run has outlived its first lease three times", func() bool {
		list, err := schedules.List(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		return time.Since(began) > 3*lease && list[0].Running != nil && list[0].Running.Summary["rows"] == 7
	})
	close(release)
	if run := ended(t, pool, "job", 1)[0]; run.Attempt != 1 || run.State != schedules.StateSucceeded {
		t.Errorf("run %+v", run)
	}
}

// A job whose lease is taken away is told so, and does not end the run.
func TestJobIsStoppedWhenItsLeaseIsGone(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	started, cause := make(chan struct{}), make(chan error, 1)
	_, stop := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now, Lease: 150 * time.Millisecond}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(ctx context.Context, _ *schedules.Run) error {
			close(started)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil
		}})
	registered(t, pool, "job")
	c.Advance(time.Hour)
	receive(t, "run has started", started)
	// Somebody else has it now.
	if _, err := pool.Exec(t.Context(), `update schedules.run set fence = fence + 1, owner = 'two', lease_until = now() + interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "run was stopped", cause); !errors.Is(err, schedules.ErrLost) {
		t.Errorf("stopped because of %v", err)
	}
	stop()
	if runs, err := schedules.History(t.Context(), pool, "job", 10); err != nil || len(runs) != 1 || runs[0].State != schedules.StateRunning || runs[0].Owner != "two" {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

// Rows and cursor of a commit are one: when the rows fail, the cursor stays.
func TestCommitMovesRowsAndCursorTogether(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	if _, err := pool.Exec(t.Context(), `create table public.done (step int primary key)`); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken half way")
	r, _ := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "0 0 1 1 *", Run: func(ctx context.Context, run *schedules.Run) error {
			var at int
			if raw := run.Cursor(); raw != nil {
				if err := json.Unmarshal(raw, &at); err != nil {
					return err
				}
			}
			if err := run.Commit(ctx, at+1, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `insert into public.done (step) values ($1)`, at+1)
				return err
			}); err != nil {
				return err
			}
			err := run.Commit(ctx, at+2, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `insert into public.done (step) values ($1)`, at+2); err != nil {
					return err
				}
				return broken
			})
			if !errors.Is(err, broken) || string(run.Cursor()) != string(rune('1'+at)) {
				t.Errorf("commit: %v, cursor %s", err, run.Cursor())
			}
			return nil
		}})
	registered(t, pool, "job")
	for want := 1; want <= 2; want++ {
		ticket, err := r.RunNow(t.Context(), "job", "test")
		if err != nil {
			t.Fatal(err)
		}
		if run, err := schedules.Wait(t.Context(), pool, ticket); err != nil || run.State != schedules.StateSucceeded {
			t.Fatalf("run %+v, %v", run, err)
		}
		var rows, cursor int
		if err := pool.QueryRow(t.Context(), `select (select count(*) from public.done), cursor::int from schedules.schedule`).Scan(&rows, &cursor); err != nil {
			t.Fatal(err)
		}
		if rows != want || cursor != want {
			t.Errorf("%d rows and cursor %d, want both %d", rows, cursor, want)
		}
	}
}

// After the end of its run nothing can be committed, though nobody else has
// claimed the job since.
func TestCommitAfterTheEndIsRefused(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	leaked := make(chan *schedules.Run, 1)
	r, _ := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "0 0 1 1 *", Run: func(_ context.Context, run *schedules.Run) error { leaked <- run; return nil }})
	registered(t, pool, "job")
	ticket, err := r.RunNow(t.Context(), "job", "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schedules.Wait(t.Context(), pool, ticket); err != nil {
		t.Fatal(err)
	}
	if err := (<-leaked).Commit(t.Context(), 1, nil); !errors.Is(err, schedules.ErrLost) {
		t.Errorf("late commit: %v", err)
	}
}

// A process that stops in good order hands its run on at once, long before
// the lease ends, and the interruption is no attempt.
func TestStoppedProcessHandsItsRunOn(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	started := make(chan struct{}, 2)
	_, stop := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now, Lease: time.Hour}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(ctx context.Context, run *schedules.Run) error {
			if err := run.Commit(ctx, "half", nil); err != nil {
				return err
			}
			started <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
	registered(t, pool, "job")
	due := c.Advance(time.Hour)
	receive(t, "run has started", started)
	stop()
	launch(t, pool, schedules.Options{Owner: "two", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(_ context.Context, run *schedules.Run) error {
			if string(run.Cursor()) != `"half"` {
				return errors.New("no cursor")
			}
			return nil
		}})
	run := ended(t, pool, "job", 1)[0]
	if run.State != schedules.StateSucceeded || run.Attempt != 1 || !run.Due.Equal(due) {
		t.Errorf("run %+v", run)
	}
}

// A run that takes its process down every time is given up in the end.
func TestRunIsAbandonedAfterFiveAttempts(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	calls := make(chan int, 10)
	launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, schedules.Job{
		Name: "job", Cron: "0 * * * *", Run: func(_ context.Context, run *schedules.Run) error { calls <- run.Attempt; return nil }})
	registered(t, pool, "job")
	_, err := pool.Exec(t.Context(), `
		insert into schedules.run (schedule, due, trigger, state, owner, lease_until, attempt, started_at)
		values ('job', '2026-11-23 09:00Z', 'cron', 'running', 'gone', now() - interval '1 minute', 5, now())`)
	if err != nil {
		t.Fatal(err)
	}
	run := ended(t, pool, "job", 1)[0]
	if run.State != schedules.StateFailed || run.Error == "" || len(calls) != 0 {
		t.Errorf("run %+v, %d calls", run, len(calls))
	}
}
