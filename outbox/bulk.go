package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A bulk job is what a person decides about many dead messages at once. Its selection is made when the job is; relays carry
// it out, any of them, in short transactions that hold what is done and that it is done: a job goes on where it was when
// the process dies that works on it, and no message is acted upon twice.

// ErrNoBulk says that there is no bulk job with the given id.
var ErrNoBulk = errors.New("bulk job not found")

// ErrBulkState says that a bulk job is not in a state in which it could be paused, resumed or stopped.
var ErrBulkState = errors.New("bulk job is not in that state")

// ErrOtherCount says that a selection has another number of messages than the caller was told.
var ErrOtherCount = errors.New("another number of messages is selected")

const (
	// MostNamed is how many messages of a selection may be named one by one.
	MostNamed = 10_000
	// MostRate bounds the rate of a bulk job, in messages a second.
	MostRate = 10_000
)

// Actions of bulk jobs.
const (
	BulkRetry   = "retry"
	BulkDiscard = "discard"
)

// States of bulk jobs.
const (
	BulkRunning = "running"
	BulkPaused  = "paused"
	BulkStopped = "stopped" // by a person; what is left has not been touched
	BulkDone    = "done"
)

// Selection says which dead messages are meant: those named by IDs, or else all that fit; empty fields fit all.
type Selection struct {
	IDs []int64
	// Destination and Kind are the message's.
	Destination, Kind string
	// Because is the reason of the death, or its first word.
	Because string
}

// Decision is what a person wants done to a selection.
type Decision struct {
	Selection
	Action string // BulkRetry or BulkDiscard
	// By says who wants it and Reason why; both are needed and kept, with the job and with each message.
	By, Reason string
	// Rate bounds how many messages are acted upon in a second, by all relays together; 0 is no bound.
	Rate float64
	// Expected is the number of messages that the person was told; nil: whatever there are now.
	Expected *int64
}

// Bulk is how a bulk job stands.
type Bulk struct {
	ID          int64
	Action      string
	By, Reason  string
	Destination string // of the selection
	Kind        string
	Because     string
	Named       bool    // the messages were named one by one
	Rate        float64 // messages a second; 0: no bound
	State       string
	// Total is how many messages were selected, Done of how many that was done which was asked, Failed of how many it
	// could not be; the rest is left.
	Total, Done, Failed int64
	Created             time.Time
	// Changed is when ChangedBy paused, resumed or stopped it, for ChangedReason; zero if nobody has.
	Changed                  time.Time
	ChangedBy, ChangedReason string
	Ended                    time.Time // zero while it goes on
}

// Left is how many messages nothing has been done about yet.
func (b Bulk) Left() int64 { return b.Total - b.Done - b.Failed }

// Over says whether nothing more will be done.
func (b Bulk) Over() bool { return b.State == BulkDone || b.State == BulkStopped }

// BulkItem is what became of one message of a bulk job.
type BulkItem struct {
	Message int64
	Result  string    // "done", "failed"; empty: nothing has been done about it
	Error   string    // why it failed
	At      time.Time // zero while nothing has been done
}

// selected finds the dead messages of a selection without names.
const selected = `from outbox.dead d join outbox.message m on m.id = d.id
where ($1 = '' or d.destination = $1) and ($2 = '' or m.kind = $2) and ($3 = '' or d.reason = $3 or starts_with(d.reason, $3 || ' '))`

// CountDead says how many dead messages a selection has now.
func CountDead(ctx context.Context, db DB, s Selection) (n int64, err error) {
	if len(s.IDs) > 0 {
		err = db.QueryRow(ctx, `select count(*) from outbox.dead where id = any($1::bigint[])`, s.IDs).Scan(&n)
	} else {
		err = db.QueryRow(ctx, `select count(*) `+selected, s.Destination, s.Kind, s.Because).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("counting dead messages: %w", err)
	}
	return n, nil
}

// DeadGroup is how many messages to one destination died for one reason.
type DeadGroup struct {
	Destination, Reason string
	Count               int64
	Oldest              time.Time // when the first of them died
}

// DeadGroups sorts the dead messages by destination and reason, at most limit groups, the largest ones.
func DeadGroups(ctx context.Context, db DB, limit int) ([]DeadGroup, error) {
	rows, err := db.Query(ctx, `
select destination, reason, n, oldest from (
    select destination, reason, count(*) as n, min(since) as oldest from outbox.dead group by destination, reason order by n desc limit $1) g
order by destination, reason`, limit)
	if err != nil {
		return nil, fmt.Errorf("sorting dead messages: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadGroup])
	if err != nil {
		return nil, fmt.Errorf("sorting dead messages: %w", err)
	}
	return list, nil
}

func (d Decision) validate() error {
	var wrong []string
	if d.Action != BulkRetry && d.Action != BulkDiscard {
		wrong = append(wrong, fmt.Sprintf("action %q is neither %s nor %s", d.Action, BulkRetry, BulkDiscard))
	}
	if strings.TrimSpace(d.By) == "" || strings.TrimSpace(d.Reason) == "" || !storable(d.By) || !storable(d.Reason) {
		wrong = append(wrong, "who and why are needed")
	}
	if math.IsNaN(d.Rate) || d.Rate < 0 || d.Rate > MostRate {
		wrong = append(wrong, fmt.Sprintf("a rate is from 0 to %d messages a second", MostRate))
	}
	if !storable(d.Destination) || !storable(d.Kind) || !storable(d.Because) {
		wrong = append(wrong, "the selection is not text")
	}
	if len(d.IDs) > MostNamed || len(d.IDs) > 0 && d.Destination+d.Kind+d.Because != "" {
		wrong = append(wrong, fmt.Sprintf("a selection names up to %d messages, or says what fits", MostNamed))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w bulk job: %s", ErrInvalid, strings.Join(wrong, "; "))
	}
	return nil
}

// Decide makes a bulk job. What fits the selection at this moment is written down; what dies later is left alone, and so is
// what somebody else decides about before the job comes to it. Relays carry the job out; see also [CarryOn]. Errors:
// ErrOtherCount (nothing is stored), or one that wraps ErrInvalid and names every fault.
func Decide(ctx context.Context, db DB, d Decision) (Bulk, error) {
	if err := d.validate(); err != nil {
		return Bulk{}, err
	}
	var id int64
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
insert into outbox.bulk (action, by, reason, destination, kind, because, named, rate) values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
			d.Action, d.By, d.Reason, d.Destination, d.Kind, d.Because, len(d.IDs) > 0, d.Rate).Scan(&id)
		if err != nil {
			return err
		}
		sql, args := `insert into outbox.bulk_item (bulk, message, since) select $4, d.id, d.since `+selected, []any{d.Destination, d.Kind, d.Because, id}
		if len(d.IDs) > 0 {
			ids := slices.Clone(d.IDs)
			slices.Sort(ids)
			sql, args = `
insert into outbox.bulk_item (bulk, message, since)
select $2, i.id, d.since from unnest($1::bigint[]) i(id) left join outbox.dead d on d.id = i.id`, []any{slices.Compact(ids), id}
		}
		tag, err := tx.Exec(ctx, sql, args...)
		if err != nil {
			return err
		}
		n := tag.RowsAffected()
		if d.Expected != nil && n != *d.Expected {
			return fmt.Errorf("%w: %d instead of %d", ErrOtherCount, n, *d.Expected)
		}
		_, err = tx.Exec(ctx, `
update outbox.bulk set total = $2::bigint, state = case when $2::bigint = 0 then 'done' else state end, ended_at = case when $2::bigint = 0 then now() end where id = $1`, id, n)
		return err
	})
	if err != nil {
		return Bulk{}, fmt.Errorf("making a bulk job: %w", err)
	}
	return BulkOf(ctx, db, id)
}

const bulkColumns = `id, action, by, reason, destination, kind, because, named, rate, state, total, done, failed, created_at,
       coalesce(changed_by, ''), coalesce(changed_reason, ''), changed_at, ended_at from outbox.bulk`

func scanBulk(row pgx.CollectableRow) (Bulk, error) {
	var b Bulk
	var changed, ended *time.Time
	err := row.Scan(&b.ID, &b.Action, &b.By, &b.Reason, &b.Destination, &b.Kind, &b.Because, &b.Named, &b.Rate, &b.State, &b.Total, &b.Done,
		&b.Failed, &b.Created, &b.ChangedBy, &b.ChangedReason, &changed, &ended)
	if changed != nil {
		b.Changed = *changed
	}
	if ended != nil {
		b.Ended = *ended
	}
	return b, err
}

// BulkOf tells how a bulk job stands. Its error is ErrNoBulk where there is no such job.
func BulkOf(ctx context.Context, db DB, id int64) (Bulk, error) {
	rows, err := db.Query(ctx, `select `+bulkColumns+` where id = $1`, id)
	if err != nil {
		return Bulk{}, fmt.Errorf("looking at bulk job %d: %w", id, err)
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBulk)
	if errors.Is(err, pgx.ErrNoRows) {
		return Bulk{}, ErrNoBulk
	}
	if err != nil {
		return Bulk{}, fmt.Errorf("looking at bulk job %d: %w", id, err)
	}
	return b, nil
}

// Bulks lists bulk jobs, the newest first, at most limit.
func Bulks(ctx context.Context, db DB, limit int) ([]Bulk, error) {
	rows, err := db.Query(ctx, `select `+bulkColumns+` order by id desc limit $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("listing bulk jobs: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanBulk)
	if err != nil {
		return nil, fmt.Errorf("listing bulk jobs: %w", err)
	}
	return list, nil
}

// BulkItems lists what became of the messages of a bulk job whose ids are larger than after, by id, at most limit.
func BulkItems(ctx context.Context, db DB, id, after int64, limit int) ([]BulkItem, error) {
	rows, err := db.Query(ctx, `
select message, coalesce(result, ''), error, at from outbox.bulk_item where bulk = $1 and message > $2 order by message limit $3`, id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing what became of bulk job %d: %w", id, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (BulkItem, error) {
		var i BulkItem
		var at *time.Time
		err := row.Scan(&i.Message, &i.Result, &i.Error, &at)
		if at != nil {
			i.At = *at
		}
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing what became of bulk job %d: %w", id, err)
	}
	return list, nil
}

// PauseBulk keeps a running job from going on until ResumeBulk; what is being done at the moment, a second's worth at
// most, is waited for. by says who wants it and reason why; both are needed and kept. Errors: ErrNoBulk, ErrBulkState, or
// one that wraps ErrInvalid.
func PauseBulk(ctx context.Context, db DB, id int64, by, reason string) error {
	return changeBulk(ctx, db, id, BulkPaused, []string{BulkRunning}, by, reason)
}

// ResumeBulk lets a paused job go on; see [PauseBulk].
func ResumeBulk(ctx context.Context, db DB, id int64, by, reason string) error {
	return changeBulk(ctx, db, id, BulkRunning, []string{BulkPaused}, by, reason)
}

// StopBulk ends a job for good: what is left is not touched; see [PauseBulk].
func StopBulk(ctx context.Context, db DB, id int64, by, reason string) error {
	return changeBulk(ctx, db, id, BulkStopped, []string{BulkRunning, BulkPaused}, by, reason)
}

func changeBulk(ctx context.Context, db DB, id int64, to string, from []string, by, reason string) error {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" || !storable(by) || !storable(reason) {
		return fmt.Errorf("%w change of bulk job %d: who and why are needed", ErrInvalid, id)
	}
	tag, err := db.Exec(ctx, `
update outbox.bulk set state = $2::text, changed_by = $3, changed_reason = $4, changed_at = clock_timestamp(),
    ended_at = case when $2::text = 'stopped' then clock_timestamp() end
where id = $1 and state = any($5)`, id, to, by, reason, from)
	if err != nil {
		return fmt.Errorf("changing bulk job %d: %w", id, err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	if _, err := BulkOf(ctx, db, id); err != nil {
		return err
	}
	return ErrBulkState
}

// PruneBulks deletes bulk jobs that ended before the given time, with what became of their messages, at most limit, and says
// how many. What was done to a message stays with the message.
func PruneBulks(ctx context.Context, db DB, before time.Time, limit int) (int, error) {
	tag, err := db.Exec(ctx, `
delete from outbox.bulk where id = any(array(select id from outbox.bulk where ended_at < $1 order by ended_at limit $2))`, before, limit)
	if err != nil {
		return 0, fmt.Errorf("pruning bulk jobs: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
