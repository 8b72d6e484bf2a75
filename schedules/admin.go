package schedules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Ticket names a run that somebody has asked for.
type Ticket struct {
	Job string
	Due time.Time
}

// RunNow asks for a run of a job beside its schedule, on behalf of by. It
// starts as soon as the job is not running, in any process that runs the job;
// while one that was asked for has not started, asking again gives the same
// ticket. [ErrUnknownJob] when the runner has no such job.
func (r *Runner) RunNow(ctx context.Context, name, by string) (Ticket, error) {
	j := r.jobs[name]
	if j == nil {
		return Ticket{}, fmt.Errorf("%w: %q", ErrUnknownJob, name)
	}
	_, err := r.pool.Exec(ctx, `
		insert into schedules.schedule (name, cron, zone, since, catch_up, catch_up_within, overlap, jitter, grace)
		values ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp()), $5, $6, $7, $8, $9) on conflict (name) do nothing`,
		j.Name, j.Cron, j.Zone, r.since(), j.CatchUp, j.CatchUpWithin, j.Overlap, j.Jitter, j.Grace)
	if err != nil {
		return Ticket{}, fmt.Errorf("ask for a run of %s: %w", name, err)
	}
	defer r.Wake()
	return ask(ctx, r.pool, name, by, r.now)
}

// RunNow is [Runner.RunNow] from a process that runs no jobs: the run starts
// when a process that does looks next. [ErrUnknownJob] when no process has ever
// run the job.
func RunNow(ctx context.Context, db Beginner, name, by string) (Ticket, error) {
	return ask(ctx, db, name, by, func(database time.Time) time.Time { return database })
}

// Beginner is a pool or a connection.
type Beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

func ask(ctx context.Context, db Beginner, name, by string, now func(time.Time) time.Time) (Ticket, error) {
	ticket := Ticket{Job: name}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var database time.Time
		err := tx.QueryRow(ctx, `select clock_timestamp() from schedules.schedule where name = $1`, name).Scan(&database)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %q", ErrUnknownJob, name)
		}
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			select due from schedules.run
			where schedule = $1 and state = 'waiting' and trigger = 'manual' and attempt = 0 order by due limit 1`, name).Scan(&ticket.Due)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		due := now(database).Truncate(time.Microsecond) // what the column keeps
		for {
			if due.Equal(due.Truncate(time.Second)) {
				due = due.Add(time.Microsecond) // whole seconds belong to cron
			}
			tag, err := tx.Exec(ctx, `
				insert into schedules.run (schedule, due, trigger, requested_by, state)
				values ($1, $2, 'manual', $3, 'waiting') on conflict (schedule, due) do nothing`, name, due, by)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 1 {
				ticket.Due = due
				return nil
			}
			due = due.Add(time.Microsecond)
		}
	})
	if err != nil {
		return Ticket{}, fmt.Errorf("ask for a run of %s: %w", name, err)
	}
	ticket.Due = ticket.Due.UTC()
	return ticket, nil
}

// Pause stops a schedule from coming due, on behalf of by and for the reason
// given; a run that has started goes on, [Runner.RunNow] still works, and what
// was to be filled in waits. Pausing twice changes nothing. [ErrUnknownJob]
// when no process has ever run the job.
func Pause(ctx context.Context, db DB, name, by, reason string) error {
	return change(ctx, db, name, `
		update schedules.schedule
		set paused_reason = case when paused_at is null then $3 else paused_reason end,
		    paused_at = coalesce(paused_at, clock_timestamp()), paused_by = coalesce(paused_by, $2) where name = $1`,
		name, clean(by), clean(reason))
}

// Resume lets a paused schedule come due again, counting from now: what passed
// during the pause was meant not to run. Errors are those of [Pause].
func (r *Runner) Resume(ctx context.Context, name string) error {
	defer r.Wake()
	return resume(ctx, r.pool, name, r.since())
}

// Resume is [Runner.Resume] from a process that runs no jobs.
func Resume(ctx context.Context, db DB, name string) error { return resume(ctx, db, name, nil) }

func resume(ctx context.Context, db DB, name string, since *time.Time) error {
	return change(ctx, db, name, `
		update schedules.schedule
		set since = case when paused_at is null then since else coalesce($2::timestamptz, clock_timestamp()) end,
		    paused_at = null, paused_by = null, paused_reason = '' where name = $1`, name, since)
}

// Cancelled tells how many runs a call of [Cancel] has stopped.
type Cancelled struct{ Running, Waiting int }

// Cancel tells the job's run to stop, on behalf of by and for the reason given:
// its context ends within a poll of its process, and it ends as cancelled
// unless it was done by then. With waiting, runs that were asked for and have
// not begun are given up too. [ErrUnknownJob] as for [Pause];
// [ErrNothingToCancel] when there was nothing to stop.
func Cancel(ctx context.Context, db DB, name, by, reason string, waiting bool) (Cancelled, error) {
	var known bool
	var c Cancelled
	err := db.QueryRow(ctx, `
		with stopped as (
			update schedules.run set cancel_by = $2, cancel_reason = $3
			where schedule = $1 and state = 'running' and cancel_by is null returning 1
		), dropped as (
			update schedules.run set state = 'cancelled', finished_at = clock_timestamp(), cancel_by = $2, cancel_reason = $3
			where $4 and schedule = $1 and state = 'waiting' returning 1
		)
		select exists (select from schedules.schedule where name = $1), (select count(*) from stopped), (select count(*) from dropped)`,
		name, clean(by), clean(reason), waiting).Scan(&known, &c.Running, &c.Waiting)
	switch {
	case err != nil:
		return c, fmt.Errorf("cancel %s: %w", name, err)
	case !known:
		return c, fmt.Errorf("%w: %q", ErrUnknownJob, name)
	case c == Cancelled{}:
		return c, fmt.Errorf("%w: %s", ErrNothingToCancel, name)
	}
	return c, nil
}

func change(ctx context.Context, db DB, name, sql string, args ...any) error {
	tag, err := db.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("change schedule %s: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("%w: %q", ErrUnknownJob, name)
	}
	return nil
}

// clean makes text fit for a column: valid UTF-8 without NUL.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
