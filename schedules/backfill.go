package schedules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxBackfill bounds the due times that one call may fill in.
const maxBackfill = 10_000

// Backfilled tells what a call of [Backfill] has come to.
type Backfilled struct {
	// Asked is how many due times will run, Done how many of the range have
	// succeeded before or are running or waiting already.
	Asked, Done int
}

// Backfill asks for a run for each due time from one moment up to, but not
// with, another, on behalf of by: those that have no run, and those whose run
// failed, was cancelled or was left out. They run one after another, oldest
// first, when the job has nothing else to do, and not while it is paused. The
// range ends in the past. [ErrUnknownJob] as for [Pause]; [ErrRange] says what
// is wrong with the range.
func Backfill(ctx context.Context, db Beginner, name, by string, from, to time.Time) (Backfilled, error) {
	var b Backfilled
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var expr, zone string
		var now time.Time
		err := tx.QueryRow(ctx, `select cron, zone, clock_timestamp() from schedules.schedule where name = $1`, name).Scan(&expr, &zone, &now)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %q", ErrUnknownJob, name)
		}
		if err != nil {
			return err
		}
		schedule, err := ParseCron(expr, zone)
		if err != nil {
			return err
		}
		switch {
		case !from.Before(to):
			return fmt.Errorf("%w: it does not begin before it ends", ErrRange)
		case to.After(now):
			return fmt.Errorf("%w: it ends in the future", ErrRange)
		}
		var due []time.Time
		for t := schedule.Next(from.Add(-time.Nanosecond)); !t.IsZero() && t.Before(to); t = schedule.Next(t) {
			if len(due) == maxBackfill {
				return fmt.Errorf("%w: it has more than %d due times", ErrRange, maxBackfill)
			}
			due = append(due, t)
		}
		tag, err := tx.Exec(ctx, `
			insert into schedules.run as r (schedule, due, trigger, requested_by, state)
			select $1, w.due, 'backfill', $2, 'waiting' from unnest($3::timestamptz[]) as w(due)
			on conflict (schedule, due) do update
			set trigger = case when r.trigger = 'cron' then r.trigger else 'backfill' end,
			    requested_by = excluded.requested_by, state = 'waiting', attempt = 0, error = null,
			    finished_at = null, started_at = null, begun_at = null, cancel_by = null, cancel_reason = '', summary = null, done = null, total = null
			where r.state in ('failed', 'cancelled', 'skipped')`, name, clean(by), due)
		b = Backfilled{Asked: int(tag.RowsAffected()), Done: len(due) - int(tag.RowsAffected())}
		return err
	})
	if err != nil {
		return Backfilled{}, fmt.Errorf("fill in runs of %s: %w", name, err)
	}
	return b, nil
}

// Filling counts the runs of a range of due times.
type Filling struct{ All, Ended, Failed int }

// Within counts the runs of a job that are due from one moment up to, but not
// with, another. Failed are those that ended in another way than well.
func Within(ctx context.Context, db DB, name string, from, to time.Time) (Filling, error) {
	var f Filling
	err := db.QueryRow(ctx, `
		select count(*), count(*) filter (where state not in ('waiting', 'running')),
		       count(*) filter (where state in ('failed', 'cancelled', 'skipped'))
		from schedules.run where schedule = $1 and due >= $2 and due < $3 and trigger <> 'manual'`, name, from, to).
		Scan(&f.All, &f.Ended, &f.Failed)
	if err != nil {
		return f, fmt.Errorf("count runs of %s: %w", name, err)
	}
	return f, nil
}
