package schedules

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// recordLimit bounds the writing down of a result, which goes on after the
	// process has been told to stop.
	recordLimit = 10 * time.Second
	// maxErrorText is how much of an error is kept, in bytes.
	maxErrorText = 500
	// keepRuns is how long ended runs stay in the history.
	keepRuns = 90 * 24 * time.Hour
)

var errTimeout = errors.New("the run has used up its time")

// panicked is the error of a job that panicked.
type panicked struct{ reason string }

func (p panicked) Error() string { return "panic: " + p.reason }

// execute runs a claimed job to its end and writes down how it ended. The
// job's own context is running, which stop ends before its time; ctx ends with
// the process.
func (r *Runner) execute(ctx, running context.Context, stop context.CancelCauseFunc, j *job, run *Run) {
	log := r.log.With("job", run.Name, "due", run.Due, "trigger", string(run.Trigger), "attempt", run.Attempt)
	log.InfoContext(ctx, "job started")
	began := time.Now()

	working, endTime := context.WithTimeoutCause(running, j.Timeout, errTimeout)
	defer endTime()
	renewed := make(chan struct{})
	go func() { defer close(renewed); r.renew(working, run, stop) }()

	err := r.call(working, j, run)
	lost := errors.Is(context.Cause(working), ErrLost) || errors.Is(err, ErrLost)
	timedOut := err != nil && errors.Is(context.Cause(working), errTimeout)
	cancelled := err != nil && errors.Is(context.Cause(working), ErrCancelled)
	endTime()
	<-renewed

	state, text := StateSucceeded, ""
	switch {
	case lost:
		log.WarnContext(ctx, "job lost to another process", "duration", time.Since(began))
		return
	case cancelled:
		state = StateCancelled
	case timedOut:
		state, text = StateFailed, fmt.Sprintf("timeout: not done after %s", j.Timeout)
	case err != nil && ctx.Err() != nil:
		state = StateWaiting
	case err != nil:
		state, text = StateFailed, describe(err)
	}
	took := time.Since(began)
	if err := r.record(ctx, run, state, text); err != nil {
		log.ErrorContext(ctx, "job result not recorded", "state", string(state), "error", err)
		return
	}
	switch state {
	case StateFailed:
		log.ErrorContext(ctx, "job failed", "duration", took, "error", text)
	case StateCancelled:
		log.WarnContext(ctx, "job cancelled", "duration", took)
	case StateWaiting:
		log.InfoContext(ctx, "job interrupted, to be continued", "duration", took)
	default:
		log.InfoContext(ctx, "job done", "duration", took)
	}
	if r.o.Observe != nil {
		r.o.Observe(Observation{Job: run.Name, Trigger: run.Trigger, State: state, Late: max(0, run.Now.Sub(run.Due)), Took: took})
	}
}

// call runs the job's function; a panic becomes an error. The panic's value
// is kept only where the Go runtime made it: any other may hold data.
func (r *Runner) call(ctx context.Context, j *job, run *Run) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		reason := fmt.Sprintf("%T", v)
		if e, ok := v.(runtime.Error); ok {
			reason = e.Error()
		}
		r.log.ErrorContext(ctx, "panic in job", "job", j.Name, "reason", reason, "stack", string(debug.Stack()))
		err = panicked{reason}
	}()
	return j.Run(ctx, run)
}

// renew keeps the lease alive, and the run's progress in its row, until ctx
// ends. When the lease is gone, or cannot have survived a silence of the
// database, it stops the job. A job that does not heed its end loses the lease.
func (r *Runner) renew(ctx context.Context, run *Run, stop context.CancelCauseFunc) {
	tick := time.NewTicker(r.o.Lease / 3)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		held, err := r.extend(ctx, run)
		switch {
		case err == nil && held:
			last = asked
		case err == nil, time.Since(last) > r.o.Lease:
			stop(ErrLost)
			return
		}
	}
}

func (r *Runner) extend(ctx context.Context, run *Run) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Lease/3)
	defer cancel()
	told, err := run.reported()
	if err != nil {
		return false, err
	}
	tag, err := r.pool.Exec(ctx, `
		update schedules.run
		set lease_until = clock_timestamp() + $4::interval, summary = coalesce($5::jsonb, summary), done = coalesce($6, done), total = coalesce($7, total)
		where schedule = $1 and due = $2 and fence = $3 and state = 'running'`,
		run.Name, run.Due, run.fence, r.o.Lease, told.summary, told.done, told.total)
	return err == nil && tag.RowsAffected() == 1, err
}

// record writes the end of a run, also when the process is about to end.
func (r *Runner) record(ctx context.Context, run *Run, state State, text string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	told, err := run.reported()
	if err != nil {
		return err
	}
	tag, err := r.pool.Exec(ctx, `
		update schedules.run
		set state = $4::text, owner = null, lease_until = null, summary = coalesce($6::jsonb, summary), error = nullif($5::text, ''),
		    done = coalesce($7, done), total = coalesce($8, total),
		    finished_at = case when $4::text = 'waiting' then null else clock_timestamp() end,
		    attempt = attempt - case when $4::text = 'waiting' then 1 else 0 end
		where schedule = $1 and due = $2 and fence = $3 and state = 'running'`,
		run.Name, run.Due, run.fence, state, text, told.summary, told.done, told.total)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return ErrLost
	}
	_, err = r.pool.Exec(ctx, `
		delete from schedules.run
		where schedule = $1 and state not in ('waiting', 'running') and finished_at < clock_timestamp() - $2::interval
		  and due < (select max(due) from schedules.run where schedule = $1 and trigger = 'cron')`, run.Name, keepRuns)
	return err
}

// describe is an error as it may be kept: what the database says about values
// is left out.
func describe(err error) string {
	text := err.Error()
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		text = "database: SQLSTATE " + pg.Code
		if pg.ConstraintName != "" {
			text += " (" + pg.ConstraintName + ")"
		}
	}
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	if text = clean(text); text == "" {
		return "failed without a reason"
	}
	return text
}
