package schedules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// sight is what a look at the rows has found, by names of jobs.
type sight struct {
	due         []string // something seems to be there to claim
	overlapping []string // a due time has come during a run
	cancelled   []string // a run of this process is to stop
	late        []string // the grace of a due time is over
}

// look tells which of the runner's jobs seem to have something to do. It locks
// nothing; who acts on it decides.
func (r *Runner) look(ctx context.Context) (sight, error) {
	rows, _ := r.pool.Query(ctx, `
		select s.name, s.paused_at is not null,
		       greatest(s.since, (select max(c.due) from schedules.run c where c.schedule = s.name and c.trigger = 'cron')),
		       exists (select 1 from schedules.run w where w.schedule = s.name and w.state = 'waiting' and (w.trigger <> 'backfill' or w.attempt > 0)),
		       exists (select 1 from schedules.run w where w.schedule = s.name and w.state = 'waiting'),
		       x.lease_until < clock_timestamp(), coalesce(x.owner, ''), x.cancel_by is not null, coalesce(x.begun_at, x.started_at),
		       coalesce((select max(m.due) from schedules.missed m where m.schedule = s.name), '0001-01-01 00:00:00+00'),
		       clock_timestamp()
		from schedules.schedule s left join schedules.run x on x.schedule = s.name and x.state = 'running'
		where s.name = any($1)
		order by s.name`, r.names)
	var (
		found                               sight
		name, owner                         string
		paused, waits, anything, cancelling bool
		expired                             *bool // nil: not running
		begun                               *time.Time
		last, database                      time.Time
		alarmed                             time.Time
	)
	_, err := pgx.ForEachRow(rows, []any{&name, &paused, &last, &waits, &anything, &expired, &owner, &cancelling, &begun, &alarmed, &database}, func() error {
		j, now := r.jobs[name], r.now(database)
		var next time.Time
		if !paused {
			next = j.schedule.Next(j.floor(last, now))
		}
		comes := !next.IsZero() && j.ripe(next, now)
		switch {
		case expired != nil && *expired:
			found.due = append(found.due, name)
		case expired != nil:
			if cancelling && owner == r.o.Owner {
				found.cancelled = append(found.cancelled, name)
			}
			if comes && !cancelling && begun != nil && next.After(*begun) && (j.Overlap != OverlapQueue || j.CatchUp == CatchUpNone) {
				found.overlapping = append(found.overlapping, name)
			}
		case waits, comes, anything && !paused:
			found.due = append(found.due, name)
		}
		if missed := j.schedule.Next(last); j.Grace > 0 && !paused && !missed.IsZero() &&
			!missed.Add(j.delay(missed)+j.Grace).After(now) && missed.After(alarmed) {
			found.late = append(found.late, name)
		}
		return nil
	})
	if err != nil {
		return sight{}, fmt.Errorf("look for due jobs: %w", err)
	}
	return found, nil
}

// lastOf locks the schedule's row and returns the moment after which due times
// count, and now; ok is false when the row is locked, gone or paused.
func (r *Runner) lastOf(ctx context.Context, tx pgx.Tx, name string) (last, now time.Time, ok bool, err error) {
	var paused bool
	err = tx.QueryRow(ctx, `
		select s.paused_at is not null, clock_timestamp(),
		       greatest(s.since, (select max(c.due) from schedules.run c where c.schedule = s.name and c.trigger = 'cron'))
		from schedules.schedule s where s.name = $1 for no key update of s skip locked`, name).Scan(&paused, &now, &last)
	if errors.Is(err, pgx.ErrNoRows) {
		return last, now, false, nil
	}
	return last, r.now(now), err == nil && !paused, err
}

// overlap deals with due times that have come while the job runs, as the job's
// policy says.
func (r *Runner) overlap(ctx context.Context, j *job) error {
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		last, now, ok, err := r.lastOf(ctx, tx, j.Name)
		if err != nil || !ok {
			return err
		}
		var begun time.Time
		err = tx.QueryRow(ctx, `
			select coalesce(begun_at, started_at) from schedules.run
			where schedule = $1 and state = 'running' and cancel_by is null and lease_until >= clock_timestamp()`, j.Name).Scan(&begun)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it has ended
		}
		if err != nil {
			return err
		}
		due := j.schedule.missed(j.floor(last, now), now, maxCatchUp)
		for len(due) > 0 && !j.ripe(due[len(due)-1], now) {
			due = due[:len(due)-1]
		}
		if len(due) == 0 || !due[0].After(begun) {
			return nil // times missed before the run are being caught up
		}
		if j.Overlap == OverlapSkip {
			_, err := tx.Exec(ctx, `
				insert into schedules.run (schedule, due, trigger, state, finished_at)
				select $1, w.due, 'cron', 'skipped', clock_timestamp() from unnest($2::timestamptz[]) as w(due) on conflict do nothing`, j.Name, due)
			r.log.Warn("due time left out: the job still runs", "job", j.Name, "due", due[len(due)-1])
			return err
		}
		if j.CatchUp == CatchUpNone { // whose due times do not wait by themselves
			_, err := tx.Exec(ctx, `
				insert into schedules.run (schedule, due, trigger, state)
				select $1, $2, 'cron', 'waiting'
				where not exists (select from schedules.run where schedule = $1 and state = 'waiting' and trigger = 'cron')
				on conflict do nothing`, j.Name, due[len(due)-1])
			if err != nil {
				return err
			}
		}
		if j.Overlap == OverlapCancel {
			_, err := tx.Exec(ctx, `
				update schedules.run set cancel_by = 'schedule', cancel_reason = 'the next due time has come'
				where schedule = $1 and state = 'running' and cancel_by is null`, j.Name)
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("due time during a run of %s: %w", j.Name, err)
	}
	if j.Overlap == OverlapCancel {
		r.Wake() // the run may be this process's own
	}
	return nil
}

// noticeMissed writes the alarm of a due time whose grace is over, unless
// another process has; who writes it tells.
func (r *Runner) noticeMissed(ctx context.Context, j *job) error {
	var missed time.Time
	var now time.Time
	written := false
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		last, at, ok, err := r.lastOf(ctx, tx, j.Name)
		if err != nil || !ok {
			return err
		}
		missed, now = j.schedule.Next(last), at
		if missed.IsZero() || missed.Add(j.delay(missed)+j.Grace).After(now) {
			return nil
		}
		tag, err := tx.Exec(ctx, `insert into schedules.missed (schedule, due) values ($1, $2) on conflict do nothing`, j.Name, missed)
		written = err == nil && tag.RowsAffected() == 1
		return err
	})
	if err != nil {
		return fmt.Errorf("note a missed run of %s: %w", j.Name, err)
	}
	if written {
		r.log.Error("job has not begun in time", "job", j.Name, "due", missed, "grace", j.Grace)
		if r.o.Missed != nil {
			r.o.Missed(Missed{Job: j.Name, Due: missed, Noticed: now})
		}
	}
	return nil
}
