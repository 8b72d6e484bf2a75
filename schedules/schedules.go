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
// becomes of those that were missed. A job never overlaps itself.
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

// Job is something to be done at certain times. Its Run may be called again
// for the same due time, by this or another process, when a lease was lost or
// a process stopped; it continues from the cursor.
type Job struct {
	// Name is unique and lasting: it names the rows of the job. Lower-case
	// letters, digits and hyphens.
	Name string
	// Cron and Zone are what [ParseCron] takes.
	Cron, Zone string
	// CatchUp is CatchUpLast when empty.
	CatchUp CatchUp
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
}

// Observation is what metrics want to know about an ended run.
type Observation struct {
	Job     string
	Trigger Trigger
	// State is StateSucceeded, StateFailed, or StateWaiting for a run that was
	// interrupted by the end of the process and will go on elsewhere.
	State State
	// Late is how long after its due time the run began.
	Late time.Duration
	// Took is how long it lasted.
	Took time.Duration
}

// State is where a run stands.
type State string

// The states of a run. Waiting runs become running; running ones succeeded,
// failed, or, when their process stops in good order, waiting again.
const (
	StateWaiting   State = "waiting"
	StateRunning   State = "running"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
)

// Trigger is what made a run.
type Trigger string

// A run is made by its schedule or by a person.
const (
	TriggerCron   Trigger = "cron"
	TriggerManual Trigger = "manual"
)

// DB is what a pool, a connection and a transaction of pgx share.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}
