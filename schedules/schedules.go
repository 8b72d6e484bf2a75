// Package schedules runs cron jobs whose due times, progress and history are
// rows in PostgreSQL (schema schedules), so that any number of processes may
// share them.
//
// No process is the leader. A due time is a row that can be written once, and
// whoever writes it runs it, under a lease that it renews; a run whose lease
// has expired is taken over by another process, which continues from the
// job's cursor. The loser of a lease cannot write any more, because every
// [Run.Commit] is fenced. Due times count from the last row and not from the
// start of a process, so a stop hides none of them: [CatchUp] says what
// becomes of those that were missed. A job never overlaps itself: [Overlap]
// says what becomes of due times that pass while it runs.
package schedules

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations is the history of schema schedules.
//
//go:embed migrations/*.sql
var Migrations embed.FS

var (
	// ErrLost says that another process has taken over the run. The job must
	// stop; nothing it has not committed counts.
	ErrLost = errors.New("the run has been taken over by another process")
	// ErrUnknownJob says that no job has that name.
	ErrUnknownJob = errors.New("no such job")
	// ErrCancelled is the cause of the end of a run's context when a person, or
	// the next due time, has cancelled it.
	ErrCancelled = errors.New("the run has been cancelled")
	// ErrNothingToCancel says that the job neither runs nor waits.
	ErrNothingToCancel = errors.New("the job neither runs nor waits")
	// ErrRange says that a range of time cannot be filled.
	ErrRange = errors.New("not a range that can be filled")
	// ErrNotFound says that there is no such run.
	ErrNotFound = errors.New("no such run")
)

// CatchUp says what becomes of due times that passed while nobody could run
// the job.
type CatchUp string

// The ways to catch up.
const (
	// CatchUpNone leaves them out: only what is due now runs.
	CatchUpNone CatchUp = "none"
	// CatchUpLast runs the job once for all of them. It is the default.
	CatchUpLast CatchUp = "last"
	// CatchUpAll runs the job once for each, oldest first, for the last 100.
	CatchUpAll CatchUp = "all"
)

// Overlap says what becomes of a due time that comes while the job still runs.
// A due time that had passed before the run began is not one of them: CatchUp
// decides about it.
type Overlap string

// The ways to treat due times that come during a run.
const (
	// OverlapQueue lets them wait for the end of the run; of several, CatchUp
	// says which run then, and under CatchUpNone one does. It is the default.
	OverlapQueue Overlap = "queue"
	// OverlapSkip leaves them out, with a row that says so. While missed times
	// are being caught up nothing is left out.
	OverlapSkip Overlap = "skip"
	// OverlapCancel ends the run, whatever made it, and begins anew.
	OverlapCancel Overlap = "cancel"
)

// Job is something to be done at certain times. Its Run may be called again
// for the same due time, by this or another process, when a lease was lost or
// a process stopped; it continues from the cursor.
type Job struct {
	// Name is unique and lasting: it names the rows of the job. Lower-case
	// letters, digits and hyphens.
	Name string
	// Cron and Zone are what [ParseCron] takes.
	Cron, Zone string
	// CatchUp is CatchUpLast when empty. Due times that were missed longer ago
	// than CatchUpWithin are left out; 0 means that none is too old.
	CatchUp       CatchUp
	CatchUpWithin time.Duration
	// Overlap is OverlapQueue when empty.
	Overlap Overlap
	// Jitter spreads the starts: each begins up to so long after its due time,
	// by a share that follows from the job's name and the due time, so that all
	// processes agree. Shorter than the time between two due times.
	Jitter time.Duration
	// Grace is how long after a due time (and its share of Jitter) a run must
	// have begun; later there is an alarm, see [Options].Missed. 0 means none.
	Grace time.Duration
	// Timeout ends a run; 0 means one hour.
	Timeout time.Duration
	// Run does the work. It must end soon after ctx does. Its error text is
	// kept and shown to operators, so it must hold no data.
	Run func(ctx context.Context, run *Run) error
}

// Options tell a [Runner] how to work.
type Options struct {
	// Owner names this process in the rows; unique among the processes.
	Owner string
	// Poll is how often to look for due jobs; 0 means 2 seconds.
	Poll time.Duration
	// Lease is how long a run stays this process's without a sign of life; 0
	// means 30 seconds. Signs are given three times as often.
	Lease time.Duration
	// Now is the clock by which jobs become due; nil means the database's.
	// Leases always go by the database's clock.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// Observe, when set, hears of every run that this process has ended. It is
	// called from several goroutines.
	Observe func(Observation)
	// Missed, when set, hears of a job that has not begun in time: once for
	// each time that it stands still, in the one process that noticed first.
	Missed func(Missed)
}

// Missed is a due time whose grace has passed without a run.
type Missed struct {
	Job     string
	Due     time.Time
	Noticed time.Time
}

// Observation is what metrics want to know about an ended run.
type Observation struct {
	Job     string
	Trigger Trigger
	// State is StateSucceeded, StateFailed, StateCancelled, or StateWaiting for
	// a run that was interrupted by the end of the process and will go on elsewhere.
	State State
	// Late is how long after its due time the run began.
	Late time.Duration
	// Took is how long it lasted.
	Took time.Duration
}

// State is where a run stands.
type State string

// The states of a run. Waiting runs become running; running ones succeeded,
// failed, cancelled, or, when their process stops in good order, waiting again.
// A skipped one never ran: the job was running when it came due.
const (
	StateWaiting   State = "waiting"
	StateRunning   State = "running"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateSkipped   State = "skipped"
	StateCancelled State = "cancelled"
)

// Ended tells whether the run is over.
func (s State) Ended() bool { return s != StateWaiting && s != StateRunning }

// Trigger is what made a run.
type Trigger string

// A run is made by its schedule or by a person, now or for times past.
const (
	TriggerCron     Trigger = "cron"
	TriggerManual   Trigger = "manual"
	TriggerBackfill Trigger = "backfill"
)

// DB is what a pool, a connection and a transaction of pgx share.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}
