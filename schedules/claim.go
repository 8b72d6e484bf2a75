package schedules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maxCatchUp bounds CatchUpAll.
	maxCatchUp = 100
	// onTime is how late a run of CatchUpNone may begin: longer than any
	// sensible poll, shorter than any sensible interval.
	onTime = time.Minute
	// maxAttempts ends a run that keeps taking its process down with it.
	maxAttempts = 5
	// abandoned is the error text of such a run.
	abandoned = "abandoned: its process ended or stalled too many times"
)

// claim makes the next run of the job this process's own, or returns nil when
// there is none to be had. The lock on the schedule's row makes claims of one
// job follow each other; a row that is locked has a claim or a commit going on.
func (r *Runner) claim(ctx context.Context, j *job) (*Run, error) {
	var run *Run
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var (
			c           = Run{Name: j.Name, pool: r.pool}
			cursor      []byte
			paused      bool
			since, base time.Time
		)
		err := tx.QueryRow(ctx, `
			select cursor, fence + 1, paused_at is not null, since, clock_timestamp()
			from schedules.schedule where name = $1 for no key update skip locked`, j.Name).
			Scan(&cursor, &c.fence, &paused, &since, &base)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		c.cursor, c.Now = json.RawMessage(cursor), r.now(base)
		taken, err := r.takeUnfinished(ctx, tx, &c)
		if err != nil {
			return err
		}
		if taken == unavailable {
			return nil
		}
		if taken == nothing {
			if paused {
				return nil
			}
			ok, err := r.takeDue(ctx, tx, j, &c, since)
			if err != nil {
				return err
			}
			if !ok {
				if ok, err = r.takeBackfill(ctx, tx, &c); err != nil || !ok {
					return err
				}
			}
		}
		_, err = tx.Exec(ctx, `update schedules.schedule set fence = $2 where name = $1`, j.Name, c.fence)
		run = &c
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim job %s: %w", j.Name, err)
	}
	return run, nil
}

// taking is what takeUnfinished came to.
type taking int

const (
	nothing     taking = iota // no unfinished run
	claimed                   // one is ours now
	unavailable               // one is running elsewhere
)

// takeUnfinished claims a run whose lease has expired, else the oldest that
// waits. What is to be filled in for times past comes after everything else.
func (r *Runner) takeUnfinished(ctx context.Context, tx pgx.Tx, c *Run) (taking, error) {
	var state State
	var expired, cancelled bool
	err := tx.QueryRow(ctx, `
		select due, trigger, coalesce(requested_by, ''), attempt + 1, state, coalesce(lease_until < clock_timestamp(), false), cancel_by is not null
		from schedules.run where schedule = $1 and (state = 'running' or state = 'waiting' and (trigger <> 'backfill' or attempt > 0))
		order by state = 'running' desc, due limit 1`, c.Name).
		Scan(&c.Due, &c.Trigger, &c.RequestedBy, &c.Attempt, &state, &expired, &cancelled)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nothing, nil
	case err != nil:
		return nothing, err
	case state == StateRunning && !expired:
		return unavailable, nil
	case cancelled: // its process ended before it could heed that
		_, err := tx.Exec(ctx, `
			update schedules.run set state = 'cancelled', owner = null, lease_until = null, finished_at = clock_timestamp()
			where schedule = $1 and due = $2 and state = $3`, c.Name, c.Due, state)
		return unavailable, err // the next look finds what comes after it
	case state == StateRunning && c.Attempt > maxAttempts:
		_, err := tx.Exec(ctx, `
			update schedules.run set state = 'failed', owner = null, lease_until = null, finished_at = clock_timestamp(), error = $3
			where schedule = $1 and due = $2 and state = 'running'`, c.Name, c.Due, abandoned)
		r.log.Error("job abandoned", "job", c.Name, "due", c.Due, "attempts", maxAttempts)
		return unavailable, err // the next look finds what comes after it
	}
	ok, err := r.take(ctx, tx, c, state)
	if err != nil {
		return nothing, err
	}
	if !ok { // ended between the two statements
		return unavailable, nil
	}
	if state == StateRunning {
		r.log.Warn("job taken over", "job", c.Name, "due", c.Due, "attempt", c.Attempt)
	}
	return claimed, nil
}

// takeBackfill claims the oldest due time that somebody asked to fill in.
func (r *Runner) takeBackfill(ctx context.Context, tx pgx.Tx, c *Run) (bool, error) {
	err := tx.QueryRow(ctx, `
		select due, trigger, coalesce(requested_by, ''), attempt + 1 from schedules.run
		where schedule = $1 and state = 'waiting' order by due limit 1`, c.Name).Scan(&c.Due, &c.Trigger, &c.RequestedBy, &c.Attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return r.take(ctx, tx, c, StateWaiting)
}

// take makes a run in that state this process's own; false when it is no
// longer in it.
func (r *Runner) take(ctx context.Context, tx pgx.Tx, c *Run, from State) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update schedules.run
		set state = 'running', owner = $4, lease_until = clock_timestamp() + $5::interval, fence = $6, attempt = $7,
		    started_at = clock_timestamp(), begun_at = $8
		where schedule = $1 and due = $2 and state = $3`,
		c.Name, c.Due, from, r.o.Owner, r.o.Lease, c.fence, c.Attempt, c.Now)
	return err == nil && tag.RowsAffected() == 1, err
}

// takeDue writes the row of the due time that the job's way of catching up
// picks.
func (r *Runner) takeDue(ctx context.Context, tx pgx.Tx, j *job, c *Run, since time.Time) (bool, error) {
	var last time.Time
	err := tx.QueryRow(ctx, `select greatest($2::timestamptz, max(due)) from schedules.run where schedule = $1 and trigger = 'cron'`,
		j.Name, since).Scan(&last)
	if err != nil {
		return false, err
	}
	owed := j.owed(last, c.Now)
	if len(owed) == 0 {
		return false, nil
	}
	// A due time that was filled in by hand has been dealt with.
	err = tx.QueryRow(ctx, `
		select w.due from unnest($2::timestamptz[]) as w(due)
		where not exists (select from schedules.run r where r.schedule = $1 and r.due = w.due)
		order by w.due limit 1`, j.Name, owed).Scan(&c.Due)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.Due, c.Trigger, c.Attempt = c.Due.UTC(), TriggerCron, 1
	tag, err := tx.Exec(ctx, `
		insert into schedules.run (schedule, due, trigger, state, owner, lease_until, fence, attempt, started_at, begun_at)
		values ($1, $2, 'cron', 'running', $3, clock_timestamp() + $4::interval, $5, 1, clock_timestamp(), $6)
		on conflict do nothing`, j.Name, c.Due, r.o.Owner, r.o.Lease, c.fence, c.Now)
	return err == nil && tag.RowsAffected() == 1, err
}
