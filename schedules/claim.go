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

// candidates returns the names of the runner's jobs that seem to have
// something to do. It locks nothing; claim decides.
func (r *Runner) candidates(ctx context.Context) ([]string, error) {
	rows, _ := r.pool.Query(ctx, `
		select s.name, s.paused_at is not null,
		       greatest(s.since, (select max(c.due) from schedules.run c where c.schedule = s.name and c.trigger = 'cron')),
		       exists (select 1 from schedules.run w where w.schedule = s.name and w.state = 'waiting'),
		       (select x.lease_until < clock_timestamp() from schedules.run x where x.schedule = s.name and x.state = 'running'),
		       clock_timestamp()
		from schedules.schedule s
		where s.name = any($1)
		order by s.name`, r.names)
	var (
		found          []string
		name           string
		paused, waits  bool
		expired        *bool // nil: not running
		last, database time.Time
	)
	_, err := pgx.ForEachRow(rows, []any{&name, &paused, &last, &waits, &expired, &database}, func() error {
		switch {
		case expired != nil:
			if *expired {
				found = append(found, name)
			}
		case waits:
			found = append(found, name)
		case !paused:
			next := r.jobs[name].schedule.Next(last)
			if !next.IsZero() && !next.After(r.now(database)) {
				found = append(found, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for due jobs: %w", err)
	}
	return found, nil
}

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
			if err != nil || !ok {
				return err
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
// waits.
func (r *Runner) takeUnfinished(ctx context.Context, tx pgx.Tx, c *Run) (taking, error) {
	var state State
	var expired bool
	err := tx.QueryRow(ctx, `
		select due, trigger, coalesce(requested_by, ''), attempt + 1, state, coalesce(lease_until < clock_timestamp(), false)
		from schedules.run where schedule = $1 and state in ('running', 'waiting')
		order by state = 'running' desc, due limit 1`, c.Name).
		Scan(&c.Due, &c.Trigger, &c.RequestedBy, &c.Attempt, &state, &expired)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nothing, nil
	case err != nil:
		return nothing, err
	case state == StateRunning && !expired:
		return unavailable, nil
	case state == StateRunning && c.Attempt > maxAttempts:
		_, err := tx.Exec(ctx, `
			update schedules.run set state = 'failed', owner = null, lease_until = null, finished_at = clock_timestamp(), error = $3
			where schedule = $1 and due = $2 and state = 'running'`, c.Name, c.Due, abandoned)
		r.log.Error("job abandoned", "job", c.Name, "due", c.Due, "attempts", maxAttempts)
		return unavailable, err // the next look finds what comes after it
	}
	tag, err := tx.Exec(ctx, `
		update schedules.run
		set state = 'running', owner = $4, lease_until = clock_timestamp() + $5::interval, fence = $6, attempt = $7,
		    started_at = clock_timestamp()
		where schedule = $1 and due = $2 and state = $3`,
		c.Name, c.Due, state, r.o.Owner, r.o.Lease, c.fence, c.Attempt)
	if err != nil {
		return nothing, err
	}
	if tag.RowsAffected() == 0 { // ended between the two statements
		return unavailable, nil
	}
	if state == StateRunning {
		r.log.Warn("job taken over", "job", c.Name, "due", c.Due, "attempt", c.Attempt)
	}
	return claimed, nil
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
	limit := 1
	switch j.CatchUp {
	case CatchUpAll:
		limit = maxCatchUp
	case CatchUpNone:
		if recent := c.Now.Add(-onTime); last.Before(recent) {
			last = recent
		}
	}
	due := j.schedule.missed(last, c.Now, limit)
	if len(due) == 0 {
		return false, nil
	}
	c.Due, c.Trigger, c.Attempt = due[0], TriggerCron, 1
	tag, err := tx.Exec(ctx, `
		insert into schedules.run (schedule, due, trigger, state, owner, lease_until, fence, attempt, started_at)
		values ($1, $2, 'cron', 'running', $3, clock_timestamp() + $4::interval, $5, 1, clock_timestamp())
		on conflict do nothing`, j.Name, c.Due, r.o.Owner, r.o.Lease, c.fence)
	return err == nil && tag.RowsAffected() == 1, err
}
