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
	// CatchUpWithin, Overlap, Jitter and Grace are those of [Job].
	CatchUpWithin time.Duration
	Overlap       Overlap
	Jitter        time.Duration
	Grace         time.Duration
	// PausedAt is zero and PausedBy empty while the schedule is not paused.
	PausedAt     time.Time
	PausedBy     string
	PausedReason string
	// Running is the run that goes on now, with what it has reported so far.
	Running *RunInfo
	// Last is the run that ended last.
	Last *RunInfo
	// Waiting is how many runs wait for their turn.
	Waiting int
	// Next is the next due time that will run, by the database's clock; zero
	// while the schedule is paused. One in the past is about to run.
	Next time.Time
	// Missed is the due time of the last alarm, zero when there was none or a
	// later due time has run.
	Missed time.Time

	plan plan
	last time.Time // due times after it count
	ok   bool      // the plan could be read
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
	// Done of Total is the run's own measure of its progress; Total is 0 where
	// it has none.
	Done, Total int64
	Error       string // of a failed one
	// CancelledBy is who wanted it to stop, CancelReason why.
	CancelledBy  string
	CancelReason string
}

const runColumns = `schedule, due, trigger, coalesce(requested_by, ''), state, coalesce(owner, ''), attempt,
	coalesce(started_at, '0001-01-01 00:00:00+00'), coalesce(finished_at, '0001-01-01 00:00:00+00'), summary,
	coalesce(done, 0), coalesce(total, 0), coalesce(error, ''), coalesce(cancel_by, ''), cancel_reason`

func scanRun(row pgx.CollectableRow) (RunInfo, error) {
	var i RunInfo
	err := row.Scan(&i.Job, &i.Due, &i.Trigger, &i.RequestedBy, &i.State, &i.Owner, &i.Attempt, &i.Started, &i.Finished, &i.Summary,
		&i.Done, &i.Total, &i.Error, &i.CancelledBy, &i.CancelReason)
	i.Due, i.Started, i.Finished = i.Due.UTC(), i.Started.UTC(), i.Finished.UTC()
	return i, err
}

// List tells how all schedules of the database stand, by name.
func List(ctx context.Context, db DB) ([]Status, error) {
	return list(ctx, db, func(database time.Time) time.Time { return database })
}

func list(ctx context.Context, db DB, clock func(database time.Time) time.Time) ([]Status, error) {
	rows, _ := db.Query(ctx, `
		select s.name, s.cron, s.zone, s.catch_up, s.catch_up_within, s.overlap, s.jitter, s.grace,
		       coalesce(s.paused_at, '0001-01-01 00:00:00+00'), coalesce(s.paused_by, ''), s.paused_reason,
		       (select count(*) from schedules.run w where w.schedule = s.name and w.state = 'waiting'),
		       l.last, coalesce((select max(m.due) from schedules.missed m where m.schedule = s.name and m.due > l.last), '0001-01-01 00:00:00+00'),
		       clock_timestamp()
		from schedules.schedule s,
		     lateral (select greatest(s.since, (select max(c.due) from schedules.run c where c.schedule = s.name and c.trigger = 'cron')) as last) l
		order by s.name`)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Status, error) {
		var s Status
		var now time.Time
		err := row.Scan(&s.Name, &s.Cron, &s.Zone, &s.CatchUp, &s.CatchUpWithin, &s.Overlap, &s.Jitter, &s.Grace,
			&s.PausedAt, &s.PausedBy, &s.PausedReason, &s.Waiting, &s.last, &s.Missed, &now)
		s.PausedAt, s.Missed = s.PausedAt.UTC(), s.Missed.UTC()
		schedule, bad := ParseCron(s.Cron, s.Zone)
		s.plan, s.ok = plan{s.Name, schedule, s.CatchUp, s.CatchUpWithin, s.Jitter}, bad == nil
		// A row that this program cannot read has no next time to show.
		if s.ok && s.PausedAt.IsZero() {
			s.Next = s.plan.next(s.last, clock(now))
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
		where state not in ('waiting', 'running', 'skipped') order by schedule, finished_at desc)`)
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	at := make(map[string]*Status, len(all))
	for i := range all {
		at[all[i].Name] = &all[i]
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
	return all, nil
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
		if err != nil || run.State.Ended() {
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, fmt.Errorf("wait for run of %s: %w", t.Job, ctx.Err())
		case <-tick.C:
		}
	}
}
