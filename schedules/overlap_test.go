package schedules_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/schedules"
)

// holding is a job whose runs tell when they begin, and end when they are let
// go or told to stop.
type holding struct {
	began chan time.Time
	let   chan struct{}
}

func newHolding() *holding {
	return &holding{began: make(chan time.Time, 100), let: make(chan struct{})}
}

func (h *holding) run(ctx context.Context, run *schedules.Run) error {
	h.began <- run.Due
	select {
	case <-h.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// states are the states of a job's runs, oldest due time first.
func states(t *testing.T, history []schedules.RunInfo) []string {
	t.Helper()
	var list []string
	for _, r := range history {
		list = append(list, r.Due.Format("15:04")+" "+string(r.State))
	}
	return list
}

// Due times that come while the job runs are left out, each with a row that
// says so; the one after the run goes on as always.
func TestOverlapSkipLeavesOutWhatComesDuringARun(t *testing.T) {
	t.Parallel()
	pool, c, h := newPool(t), newClock(), newHolding()
	j := schedules.Job{Name: "slow", Cron: "* * * * *", Overlap: schedules.OverlapSkip, CatchUp: schedules.CatchUpAll, Run: h.run}
	for _, owner := range []string{"one", "two"} {
		launch(t, pool, schedules.Options{Owner: owner, Now: c.Now}, j)
	}
	registered(t, pool, "slow")
	c.Advance(time.Minute)
	receive(t, "first run", h.began)
	for i := range 3 {
		c.Advance(time.Minute)
		ended(t, pool, "slow", i+1)
	}
	h.let <- struct{}{}
	ended(t, pool, "slow", 4)
	c.Advance(time.Minute)
	if due := receive(t, "next run", h.began); due.Format("15:04") != "10:05" {
		t.Errorf("the next run is for %s", due)
	}
	h.let <- struct{}{}
	want := []string{"10:01 succeeded", "10:02 skipped", "10:03 skipped", "10:04 skipped", "10:05 succeeded"}
	if diff := cmp.Diff(want, states(t, ended(t, pool, "slow", 5))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A due time that comes while the job runs ends the run and begins anew, also
// when the run is in another process.
func TestOverlapCancelBeginsAnew(t *testing.T) {
	t.Parallel()
	for _, catchUp := range []schedules.CatchUp{schedules.CatchUpLast, schedules.CatchUpNone} {
		t.Run(string(catchUp), func(t *testing.T) {
			t.Parallel()
			pool, c, h := newPool(t), newClock(), newHolding()
			j := schedules.Job{Name: "slow", Cron: "* * * * *", Overlap: schedules.OverlapCancel, CatchUp: catchUp, Run: h.run}
			for _, owner := range []string{"one", "two", "three"} {
				launch(t, pool, schedules.Options{Owner: owner, Now: c.Now}, j)
			}
			registered(t, pool, "slow")
			for range 3 {
				c.Advance(time.Minute)
				receive(t, "a run", h.began)
			}
			h.let <- struct{}{}
			runs := ended(t, pool, "slow", 3)
			want := []string{"10:01 cancelled", "10:02 cancelled", "10:03 succeeded"}
			if diff := cmp.Diff(want, states(t, runs)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if runs[0].CancelledBy != "schedule" || runs[0].Error != "" {
				t.Errorf("cancelled run %+v", runs[0])
			}
		})
	}
}

// Under catch-up none, a due time that came during a run is not a missed one:
// it waits for the end of the run, however long that takes.
func TestOverlapQueueKeepsOneDueTimeUnderCatchUpNone(t *testing.T) {
	t.Parallel()
	pool, c, h := newPool(t), newClock(), newHolding()
	launch(t, pool, schedules.Options{Owner: "one", Now: c.Now},
		schedules.Job{Name: "slow", Cron: "0 * * * *", CatchUp: schedules.CatchUpNone, Run: h.run})
	registered(t, pool, "slow")
	c.Advance(time.Hour)
	receive(t, "first run", h.began)
	c.Advance(time.Hour)
	eventually(t, "the next due time waits", func() bool {
		list, err := schedules.ListAt(t.Context(), pool, c.Now)
		return err == nil && list[0].Waiting == 1
	})
	c.Advance(30 * time.Minute)
	h.let <- struct{}{}
	if due := receive(t, "second run", h.began); due.Format("15:04") != "12:00" {
		t.Errorf("ran for %s", due)
	}
	h.let <- struct{}{}
	ended(t, pool, "slow", 2)
}

// Missed times that are made up for do not count as coming during a run, so
// that a policy against overlap loses none of them.
func TestCatchingUpIsNotOverlap(t *testing.T) {
	t.Parallel()
	for _, overlap := range []schedules.Overlap{schedules.OverlapSkip, schedules.OverlapCancel} {
		t.Run(string(overlap), func(t *testing.T) {
			t.Parallel()
			pool, c, h := newPool(t), newClock(), newHolding()
			j := schedules.Job{Name: "slow", Cron: "0 * * * *", Overlap: overlap, CatchUp: schedules.CatchUpAll, Run: h.run}
			o := schedules.Options{Owner: "one", Now: c.Now}
			_, stop := launch(t, pool, o, j)
			registered(t, pool, "slow")
			stop()
			c.Advance(3*time.Hour + time.Minute)
			launch(t, pool, o, j)
			for range 3 {
				receive(t, "a run", h.began)
				h.let <- struct{}{}
			}
			want := []string{"11:00 succeeded", "12:00 succeeded", "13:00 succeeded"}
			if diff := cmp.Diff(want, states(t, ended(t, pool, "slow", 3))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A person stops a run with a reason; the next due time goes on. What waits is
// given up only when asked for.
func TestCancel(t *testing.T) {
	t.Parallel()
	pool, c, h := newPool(t), newClock(), newHolding()
	causes := make(chan error, 1)
	r, _ := launch(t, pool, schedules.Options{Owner: "one", Now: c.Now}, schedules.Job{
		Name: "slow", Cron: "0 * * * *", Run: func(ctx context.Context, run *schedules.Run) error {
			run.Progress(3, 10)
			err := h.run(ctx, run)
			causes <- context.Cause(ctx)
			return err
		}})
	registered(t, pool, "slow")
	ctx := t.Context()
	if _, err := schedules.Cancel(ctx, pool, "slow", "mari", "", true); !errors.Is(err, schedules.ErrNothingToCancel) {
		t.Errorf("nothing to cancel: %v", err)
	}
	if _, err := schedules.Cancel(ctx, pool, "other", "mari", "", true); !errors.Is(err, schedules.ErrUnknownJob) {
		t.Errorf("unknown job: %v", err)
	}
	c.Advance(time.Hour)
	receive(t, "first run", h.began)
	ticket, err := r.RunNow(ctx, "slow", "jaan")
	if err != nil {
		t.Fatal(err)
	}
	got, err := schedules.Cancel(ctx, pool, "slow", "mari", "wrong data", false)
	if err != nil || got != (schedules.Cancelled{Running: 1}) {
		t.Errorf("cancelled %+v, %v", got, err)
	}
	if cause := receive(t, "end of the run", causes); !errors.Is(cause, schedules.ErrCancelled) {
		t.Errorf("the run ended because of %v", cause)
	}
	run := ended(t, pool, "slow", 1)[0]
	if run.State != schedules.StateCancelled || run.CancelledBy != "mari" || run.CancelReason != "wrong data" || run.Done != 3 || run.Total != 10 {
		t.Errorf("run %+v", run)
	}
	if due := receive(t, "the run that was asked for", h.began); !due.Equal(ticket.Due) {
		t.Errorf("ran for %s", due)
	}
	if _, err := r.RunNow(ctx, "slow", "jaan"); err != nil {
		t.Fatal(err)
	}
	got, err = schedules.Cancel(ctx, pool, "slow", "mari", "", true)
	if err != nil || got != (schedules.Cancelled{Running: 1, Waiting: 1}) {
		t.Errorf("cancelled %+v, %v", got, err)
	}
	receive(t, "end of the run", causes)
	ended(t, pool, "slow", 3)
}

// A run that was cancelled while its process was dead is not taken over.
func TestCancelledRunOfADeadProcessIsNotTakenOver(t *testing.T) {
	t.Parallel()
	pool, c, h := newPool(t), newClock(), newHolding()
	j := schedules.Job{Name: "slow", Cron: "* * * * *", Run: h.run}
	// Its poll is so long that it does not hear of the cancelling.
	first, stopFirst := launch(t, pool, schedules.Options{Owner: "first", Now: c.Now, Lease: time.Hour, Poll: time.Hour}, j)
	registered(t, pool, "slow")
	c.Advance(time.Minute)
	first.Wake()
	receive(t, "first run", h.began)
	// Both at once: the waking may still make the first process look, and then it hears.
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := schedules.Cancel(t.Context(), tx, "slow", "mari", "", false)
		if err == nil {
			expire(t, tx, "slow")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	launch(t, pool, schedules.Options{Owner: "second", Now: c.Now}, j)
	if run := ended(t, pool, "slow", 1)[0]; run.State != schedules.StateCancelled || run.Attempt != 1 {
		t.Errorf("run %+v", run)
	}
	stopFirst()
	if n := len(h.began); n != 0 {
		t.Errorf("%d more runs", n)
	}
}
