package schedules_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"ristmik/schedules"
)

func TestNewRunnerNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	run := func(context.Context, *schedules.Run) error { return nil }
	_, err := schedules.NewRunner(nil, []schedules.Job{
		{Name: "ok", Cron: "* * * * *", Run: run},
		{Name: "ok", Cron: "* * * * *", Run: run},
		{Name: "Not OK", Cron: "* * * * *", Run: run},
		{Name: "never", Cron: "0 0 31 2 *", Run: run},
		{Name: "idle", Cron: "* * * * *"},
		{Name: "eager", Cron: "* * * * *", CatchUp: "some", Run: run},
	}, schedules.Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"no owner", "ok is there twice", `"Not OK"`, "never: ", "idle has no Run", `catch-up "some"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// Three processes share a database and a clock that passes twenty due times:
// every one of them runs exactly once.
func TestEveryDueTimeRunsOnceHoweverManyRunners(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	var mu sync.Mutex
	seen := make(map[time.Time]int)
	j := schedules.Job{Name: "minutely", Cron: "* * * * *", Run: func(_ context.Context, run *schedules.Run) error {
		mu.Lock()
		defer mu.Unlock()
		seen[run.Due]++
		return nil
	}}
	for i := range 3 {
		launch(t, pool, schedules.Options{Owner: fmt.Sprint("process-", i), Now: c.Now}, j)
	}
	registered(t, pool, "minutely")
	for i := range 20 {
		c.Advance(time.Minute)
		ended(t, pool, "minutely", i+1)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 20 {
		t.Errorf("%d due times ran, want 20", len(seen))
	}
	for due, n := range seen {
		if n != 1 {
			t.Errorf("%s ran %d times", due, n)
		}
	}
}

// What becomes of due times that passed while no process ran. The clock moves
// on by three hours and a half minute.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		catchUp schedules.CatchUp
		stop    time.Duration
		want    []time.Time
	}{
		{schedules.CatchUpNone, 3*time.Hour + 5*time.Minute, nil},
		{schedules.CatchUpNone, 3*time.Hour + 30*time.Second, []time.Time{ten.Add(3 * time.Hour)}},
		{schedules.CatchUpLast, 3*time.Hour + 5*time.Minute, []time.Time{ten.Add(3 * time.Hour)}},
		{"", 3*time.Hour + 5*time.Minute, []time.Time{ten.Add(3 * time.Hour)}},
		{schedules.CatchUpAll, 3*time.Hour + 5*time.Minute, []time.Time{ten.Add(time.Hour), ten.Add(2 * time.Hour), ten.Add(3 * time.Hour)}},
	} {
		t.Run(fmt.Sprintf("%s after %s", c.catchUp, c.stop), func(t *testing.T) {
			t.Parallel()
			pool, k := newPool(t), newClock()
			ran := make(chan time.Time, 100)
			j := schedules.Job{Name: "hourly", Cron: "0 * * * *", CatchUp: c.catchUp, Run: func(_ context.Context, run *schedules.Run) error {
				ran <- run.Due
				return nil
			}}
			o := schedules.Options{Owner: "before", Now: k.Now}
			_, stop := launch(t, pool, o, j)
			registered(t, pool, "hourly")
			stop()
			k.Advance(c.stop)
			r, _ := launch(t, pool, o, j)
			// A request goes to the end of the line: when it has run, catching
			// up is over.
			ended(t, pool, "hourly", len(c.want))
			ticket, err := r.RunNow(t.Context(), "hourly", "test")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := schedules.Wait(t.Context(), pool, ticket); err != nil {
				t.Fatal(err)
			}
			var got []time.Time
			for range len(ran) {
				if due := <-ran; !due.Equal(ticket.Due) {
					got = append(got, due)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("due times that ran (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCatchUpAllIsBounded(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	j := schedules.Job{Name: "minutely", Cron: "* * * * *", CatchUp: schedules.CatchUpAll, Run: func(context.Context, *schedules.Run) error { return nil }}
	o := schedules.Options{Owner: "one", Now: c.Now}
	_, stop := launch(t, pool, o, j)
	registered(t, pool, "minutely")
	stop()
	now := c.Advance(365 * 24 * time.Hour)
	launch(t, pool, o, j)
	runs := ended(t, pool, "minutely", 100)
	if len(runs) != 100 || !runs[0].Due.Equal(now.Add(-99*time.Minute)) || !runs[99].Due.Equal(now) {
		t.Errorf("%d runs from %s to %s", len(runs), runs[0].Due, runs[len(runs)-1].Due)
	}
}

// A changed expression owes nothing for the time before it.
func TestNewExpressionCountsFromNow(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	run := func(context.Context, *schedules.Run) error { return nil }
	o := schedules.Options{Owner: "one", Now: c.Now}
	_, stop := launch(t, pool, o, schedules.Job{Name: "job", Cron: "0 0 1 1 *", Run: run})
	registered(t, pool, "job")
	stop()
	now := c.Advance(90 * time.Minute) // 11:30
	launch(t, pool, o, schedules.Job{Name: "job", Cron: "0 * * * *", CatchUp: schedules.CatchUpAll, Run: run})
	eventually(t, "expression changed", func() bool {
		list, err := schedules.ListAt(t.Context(), pool, c.Now)
		return err == nil && list[0].Cron == "0 * * * *" && list[0].Next.Equal(now.Add(30*time.Minute))
	})
	c.Advance(30 * time.Minute)
	if got := dues(ended(t, pool, "job", 1)); len(got) != 1 || !got[0].Equal(now.Add(30*time.Minute)) {
		t.Errorf("ran for %v", got)
	}
}

// A job never overlaps itself: while a run lasts, neither its next due time
// nor a request begins, in no process.
func TestJobNeverOverlapsItself(t *testing.T) {
	t.Parallel()
	pool, c := newPool(t), newClock()
	var running, most atomic.Int32
	started, release := make(chan time.Time, 10), make(chan struct{})
	j := schedules.Job{Name: "slow", Cron: "* * * * *", CatchUp: schedules.CatchUpAll, Run: func(ctx context.Context, run *schedules.Run) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		started <- run.Due
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	first, _ := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, j)
	launch(t, pool, schedules.Options{Owner: "two", Now: c.Now}, j)
	registered(t, pool, "slow")
	c.Advance(time.Minute)
	receive(t, "first run", started)
	c.Advance(2 * time.Minute)
	if _, err := first.RunNow(t.Context(), "slow", "test"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		release <- struct{}{}
		receive(t, "next run", started)
	}
	release <- struct{}{}
	ended(t, pool, "slow", 4)
	if most.Load() != 1 {
		t.Errorf("%d runs at once", most.Load())
	}
}

// Failures of every kind are recorded by kind, and the next due time goes on.
func TestFailuresAreRecordedAndTheNextDueTimeGoesOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		fail func(ctx context.Context) error
		want string
	}{
		{"error", func(context.Context) error { return errors.New("register answered server.down") }, "register answered server.down"},
		{"panic", func(context.Context) error { panic("48001010000") }, "panic: string"},
		{"runtime-panic", func(context.Context) error { var none []int; _ = none[len(none)]; return nil }, "panic: runtime error: index out of range [0] with length 0"},
		{"timeout", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "timeout: not done after 50ms"},
		{"database", func(context.Context) error {
			return fmt.Errorf("store: %w", &pgconn.PgError{Code: "22P02", Message: `invalid input syntax: "48001010000"`})
		}, "database: SQLSTATE 22P02"},
		{"long", func(context.Context) error { return errors.New(strings.Repeat("õ", 400)) }, strings.Repeat("õ", 250)},
		{"odd", func(context.Context) error { return errors.New("a\x00b\xff") }, "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool, k := newPool(t), newClock()
			var calls atomic.Int32
			observed := make(chan schedules.Observation, 10)
			launch(t, pool, schedules.Options{Owner: "one", Now: k.Now, Observe: func(o schedules.Observation) { observed <- o }},
				schedules.Job{Name: c.name, Cron: "* * * * *", Timeout: 50 * time.Millisecond, Run: func(ctx context.Context, run *schedules.Run) error {
					run.Report(map[string]int{"seen": 1})
					if calls.Add(1) == 1 {
						return c.fail(ctx)
					}
					return nil
				}})
			registered(t, pool, c.name)
			k.Advance(time.Minute)
			got := ended(t, pool, c.name, 1)[0]
			if got.State != schedules.StateFailed || got.Error != c.want || got.Summary["seen"] != 1 {
				t.Errorf("recorded %+v, want failed with %q", got, c.want)
			}
			k.Advance(time.Minute)
			if next := ended(t, pool, c.name, 2)[1]; next.State != schedules.StateSucceeded {
				t.Errorf("next run %+v", next)
			}
			if o := receive(t, "observation", observed); o.State != schedules.StateFailed || o.Job != c.name || o.Trigger != schedules.TriggerCron {
				t.Errorf("observed %+v", o)
			}
		})
	}
}
