package schedules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Status is how a schedule stands.
type Status struct {
	Name    string
	Cron    string
	Zone    string
	CatchUp CatchUp
	// PausedAt is zero and PausedBy empty while the schedule is not paused.
	PausedAt time.Time
	PausedBy string
	// Running is the run that goes on now, with what it has reported so far.
	Running *RunInfo
	// Last is the run that ended last.
	Last *RunInfo
	// Waiting is how many runs wait for their turn.
	Waiting int
	// Next is the next due time, zero while the schedule is paused. One in the
	// past is about to run.
	Next time.Time
}

// RunInfo is a run as a row tells it.
type RunInfo struct {
	Job         string
	Due         time.Time
	Trigger     Trigger
	RequestedBy string // for a manual run
	State       State
	Owner       string // of a running one
	Attempt     int
	Started     time.Time // of the last attempt; zero before the first
	Finished    time.Time // zero before the end
	Summary     map[string]int
	Error       string // of a failed one
}

const runColumns = `schedule, due, trigger, coalesce(requested_by, ''), state, coalesce(owner, ''), attempt,
	coalesce(started_at, '0001-01-01 00:00:00+00'), coalesce(finished_at, '0001-01-01 00:00:00+00'), summary, coalesce(error, '')`

func scanRun(row pgx.CollectableRow) (RunInfo, error) {
	var i RunInfo
	err := row.Scan(&i.Job, &i.Due, &i.Trigger, &i.RequestedBy, &i.State, &i.Owner, &i.Attempt, &i.Started, &i.Finished, &i.Summary, &i.Error)
	i.Due, i.Started, i.Finished = i.Due.UTC(), i.Started.UTC(), i.Finished.UTC()
	return i, err
}

// List tells how all schedules of the database stand, by name.
func List(ctx context.Context, db DB) ([]Status, error) {
	rows, _ := db.Query(ctx, `
		select s.name, s.cron, s.zone, s.catch_up, coalesce(s.paused_at, '0001-01-01 00:00:00+00'), coalesce(s.paused_by, ''),
		       (select count(*) from schedules.run w where w.schedule = s.name and w.state = 'waiting'),
		       greatest(s.since, (select max(c.due) from schedules.run c where c.schedule = s.name and c.trigger = 'cron'))
		from schedules.schedule s order by s.name`)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Status, error) {
		var s Status
		var last time.Time
		err := row.Scan(&s.Name, &s.Cron, &s.Zone, &s.CatchUp, &s.PausedAt, &s.PausedBy, &s.Waiting, &last)
		s.PausedAt = s.PausedAt.UTC()
		// A row that this program cannot read has no next time to show.
		if schedule, bad := ParseCron(s.Cron, s.Zone); bad == nil && s.PausedAt.IsZero() {
			s.Next = schedule.Next(last)
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	rows, _ = db.Query(ctx, `
		select `+runColumns+` from schedules.run where state = 'running'
		union all
		(select distinct on (schedule) `+runColumns+` from schedules.run
		where state in ('succeeded', 'failed') order by schedule, finished_at desc)`)
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	at := make(map[string]*Status, len(list))
	for i := range list {
		at[list[i].Name] = &list[i]
	}
	for _, run := range runs {
		s := at[run.Job]
		switch {
		case s == nil: // registered between the two queries
		case run.State == StateRunning:
			s.Running = &run
		default:
			s.Last = &run
		}
	}
	return list, nil
}

// History returns the newest runs of a job, newest first.
func History(ctx context.Context, db DB, name string, limit int) ([]RunInfo, error) {
	rows, _ := db.Query(ctx, `select `+runColumns+` from schedules.run where schedule = $1 order by due desc limit $2`, name, limit)
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("list runs of %s: %w", name, err)
	}
	return runs, nil
}

// Get returns one run, or [ErrNotFound].
func Get(ctx context.Context, db DB, t Ticket) (RunInfo, error) {
	rows, _ := db.Query(ctx, `select `+runColumns+` from schedules.run where schedule = $1 and due = $2`, t.Job, t.Due)
	run, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return RunInfo{}, fmt.Errorf("%w: %s", ErrNotFound, t.Job)
	}
	if err != nil {
		return RunInfo{}, fmt.Errorf("read run of %s: %w", t.Job, err)
	}
	return run, nil
}

// Wait returns the run when it has ended, or the error of ctx.
func Wait(ctx context.Context, db DB, t Ticket) (RunInfo, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		run, err := Get(ctx, db, t)
		if err != nil || run.State == StateSucceeded || run.State == StateFailed {
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, fmt.Errorf("wait for run of %s: %w", t.Job, ctx.Err())
		case <-tick.C:
		}
	}
}
