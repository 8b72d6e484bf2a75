package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// reasonRetriesOff is why a message is dead that would have been tried again.
const reasonRetriesOff = "retries_off"

// Retries tells whether failed messages of a destination are tried again.
type Retries struct {
	// OffBy is who has switched that off, and OffReason why; empty while it is on.
	OffBy, OffReason string
	// Waiting is how many messages wait to be tried again: switching off cancels them.
	Waiting int64
	// Cancelled is how many are dead because it was switched off: switching on says what becomes of them.
	Cancelled int64
}

// RetriesOf tells how it stands with a destination.
func RetriesOf(ctx context.Context, db DB, destination string) (r Retries, err error) {
	err = db.QueryRow(ctx, `
select coalesce((select b.retries_off_by from outbox.breaker b where b.destination = $1), ''),
       coalesce((select b.retries_off_reason from outbox.breaker b where b.destination = $1), ''),
       (select count(*) from outbox.pending p where p.destination = $1 and p.tries > 0 and p.due < 'infinity'),
       (select count(*) from outbox.dead d where d.destination = $1 and d.reason = $2)`, destination, reasonRetriesOff).
		Scan(&r.OffBy, &r.OffReason, &r.Waiting, &r.Cancelled)
	if err != nil {
		return r, fmt.Errorf("looking at the retries of %s: %w", destination, err)
	}
	return r, nil
}

// StopRetries switches off that failed messages of a destination are tried again, and says how many that were waiting for
// it are cancelled: they die, with the reason "retries_off", as soon as a relay comes to them, and no one of them is sent
// again. New messages are sent once. A process that is sending may still fail once more for each message under way.
func StopRetries(ctx context.Context, db DB, destination, by, reason string) (cancelled int64, err error) {
	err = control(ctx, db, destination, "retries_off", by, reason, 0, func(tx pgx.Tx) error {
		// Lanes first, in the order of their keys, as everywhere; one that is claimed is left to its holder.
		if _, err := tx.Exec(ctx, `
select from outbox.lane l
where l.destination = $1 and l.fence is null
  and exists (select from outbox.pending p where p.destination = l.destination and p.lane = l.key and p.tries > 0 and p.due < 'infinity')
order by l.key for update`, destination); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
update outbox.pending p set due = now()
from outbox.lane l
where p.destination = $1 and p.tries > 0 and p.due < 'infinity' and l.destination = p.destination and l.key = p.lane and l.fence is null`, destination)
		if err != nil {
			return err
		}
		if cancelled = tag.RowsAffected(); cancelled == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, `
update outbox.lane l set ready_at = h.due
from outbox.lane o cross join lateral (
    select p.due from outbox.pending p where p.destination = o.destination and p.lane = o.key order by p.id limit 1) h
where o.destination = $1 and o.fence is null and l.destination = o.destination and l.key = o.key and l.fence is null and l.ready_at <> h.due`, destination)
		return err
	})
	return cancelled, err
}

// Old says what becomes of messages that switching retries off has cancelled.
type Old string

const (
	// OldRetry lets them go again, as Retry does.
	OldRetry Old = "retry"
	// OldKeep leaves them dead, for a person to decide one by one.
	OldKeep Old = "keep"
	// OldDiscard gives them up, as Discard does.
	OldDiscard Old = "discard"
)

// ErrOld says that messages were cancelled, and that whoever switches retries on again must say what becomes of them.
var ErrOld = errors.New("cancelled messages wait for a decision")

// Item is what became of one message of a selection.
type Item struct {
	ID  int64
	Err error // nil: what was asked has been done
}

// StartRetries switches on again that failed messages are tried again. What was cancelled when it was switched off is
// selected once, and old says what becomes of it; where there is any and old is empty nothing is done and the error wraps
// ErrOld. Items tell what became of each.
func StartRetries(ctx context.Context, db DB, destination, by, reason string, old Old) (items []Item, err error) {
	switch old {
	case "", OldRetry, OldKeep, OldDiscard:
	default:
		return nil, fmt.Errorf("%w: the old ones are to %q; there are %s, %s, %s", ErrInvalid, old, OldRetry, OldKeep, OldDiscard)
	}
	rows, err := db.Query(ctx, `select id from outbox.dead where destination = $1 and reason = $2 order by id`, destination, reasonRetriesOff)
	if err != nil {
		return nil, fmt.Errorf("looking for what was cancelled: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("looking for what was cancelled: %w", err)
	}
	if len(ids) > 0 && old == "" {
		return nil, fmt.Errorf("%w: %d to %s", ErrOld, len(ids), destination)
	}
	if err := control(ctx, db, destination, "retries_on", by, reason, 0, nil); err != nil {
		return nil, err
	}
	do := map[Old]func(context.Context, DB, int64, string, string) error{OldRetry: Retry, OldDiscard: Discard}[old]
	if do == nil {
		return nil, nil
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return items, fmt.Errorf("%s of what was cancelled: %d of %d left: %w", old, len(ids)-len(items), len(ids), context.Cause(ctx))
		}
		items = append(items, Item{id, do(ctx, db, id, by, reason)})
	}
	return items, nil
}
