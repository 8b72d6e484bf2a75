package schedules

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Run is one run of a job, as the job sees it. Its methods may be called from
// any goroutine.
type Run struct {
	// Name is the job's.
	Name string
	// Due is the time that the run is for.
	Due time.Time
	// Now is when it was claimed, by the schedules' clock.
	Now time.Time
	// Trigger tells whether the schedule or a person made it, RequestedBy whom.
	Trigger     Trigger
	RequestedBy string
	// Attempt is 1 at first and grows when a run is taken over.
	Attempt int

	pool  *pgxpool.Pool
	fence int64

	mu      sync.Mutex
	cursor  json.RawMessage
	summary map[string]int
	done    *int64
	total   *int64
}

// Cursor is how far the job has come: what the last [Run.Commit] of any run
// stored, or nil.
func (r *Run) Cursor() json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor
}

// Commit runs fn in a transaction that also stores the cursor, so that rows
// and cursor move together or not at all. A nil cursor stays as it is; a nil
// fn writes the cursor alone. When another process has taken over the run,
// nothing is written and the error is [ErrLost].
func (r *Run) Commit(ctx context.Context, cursor any, fn func(tx pgx.Tx) error) error {
	var encoded json.RawMessage
	if cursor != nil {
		var err error
		if encoded, err = json.Marshal(cursor); err != nil {
			return fmt.Errorf("write cursor of %s: %w", r.Name, err)
		}
	}
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		// First, because the row lock keeps others from claiming the job until
		// this transaction has ended.
		tag, err := tx.Exec(ctx, `
			update schedules.schedule set cursor = coalesce($3::jsonb, cursor)
			where name = $1 and fence = $2
			  and exists (select 1 from schedules.run where schedule = $1 and due = $4 and fence = $2 and state = 'running')`,
			r.Name, r.fence, encoded, r.Due)
		if err != nil {
			return fmt.Errorf("store cursor of %s: %w", r.Name, err)
		}
		if tag.RowsAffected() == 0 {
			return ErrLost
		}
		if fn == nil {
			return nil
		}
		return fn(tx)
	})
	if err != nil {
		return err
	}
	if encoded != nil {
		r.mu.Lock()
		r.cursor = encoded
		r.mu.Unlock()
	}
	return nil
}

// Report says what the run has done so far, as counts by name. It replaces
// what was reported before and is shown while the run lasts and afterwards.
func (r *Run) Report(summary map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary = maps.Clone(summary)
}

// Progress says how much of the run's work is done, and of how much, in
// whatever the job counts; a total of 0 means that it is not known. It is
// shown, with [Run.Report], while the run lasts: within a third of the lease.
func (r *Run) Progress(done, total int) {
	d, t := int64(max(done, 0)), int64(max(total, 0))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done, r.total = &d, &t
}

// report is what a run has told of itself; nil where it has told nothing.
type report struct {
	summary     json.RawMessage
	done, total *int64
}

func (r *Run) reported() (report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := report{done: r.done, total: r.total}
	if r.summary == nil {
		return told, nil
	}
	var err error
	told.summary, err = json.Marshal(r.summary)
	return told, err
}
