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
	ticket := Ticket{Job: name}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into schedules.schedule (name, cron, zone, catch_up, since)
			values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp())) on conflict (name) do nothing`,
			j.Name, j.Cron, j.Zone, j.CatchUp, r.since())
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			select due from schedules.run
			where schedule = $1 and state = 'waiting' and trigger = 'manual' and attempt = 0 order by due limit 1`, name).Scan(&ticket.Due)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var database time.Time
		if err := tx.QueryRow(ctx, `select clock_timestamp()`).Scan(&database); err != nil {
			return err
		}
		due := r.now(database).Truncate(time.Microsecond) // what the column keeps
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
	r.Wake()
	return ticket, nil
}

// Pause stops a schedule from coming due, on behalf of by; a run that has
// started goes on, and [Runner.RunNow] still works. Pausing twice changes
// nothing. [ErrUnknownJob] when no process has ever run the job.
func Pause(ctx context.Context, db DB, name, by string) error {
	return change(ctx, db, name, `
		update schedules.schedule
		set paused_at = coalesce(paused_at, clock_timestamp()), paused_by = coalesce(paused_by, $2) where name = $1`, name, by)
}

// Resume lets a paused schedule come due again, counting from now: what passed
// during the pause was meant not to run. Errors are those of [Pause].
func (r *Runner) Resume(ctx context.Context, name string) error {
	defer r.Wake()
	return change(ctx, r.pool, name, `
		update schedules.schedule
		set since = case when paused_at is null then since else coalesce($2::timestamptz, clock_timestamp()) end,
		    paused_at = null, paused_by = null where name = $1`, name, r.since())
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
