package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Change is what a person changes of a dead message.
type Change struct {
	// Payload is the new one; nil leaves it as it is.
	Payload []byte
	// Delay keeps the message for so long before it is sent; not negative.
	Delay time.Duration
	// Expires is how long the message is of use from now on; 0 means for ever.
	Expires time.Duration
}

// Edit lets a dead message go again with another payload, another time, or both, as its next generation: it keeps its id,
// its key and its place in its lane, and what it was stays in the record. check, when set, is the sender's own (see
// [Destination.Check]); what it refuses is not stored. by says who wants it and reason why; both are needed and kept. It
// returns the number of the generation. Errors: ErrNotFound, ErrNotDead, or one that wraps ErrInvalid.
func Edit(ctx context.Context, db DB, id int64, c Change, check func(was, will Message) error, by, reason string) (generation int, err error) {
	if c.Delay < 0 || c.Expires < 0 || c.Expires > 0 && c.Expires <= c.Delay {
		return 0, fmt.Errorf("%w edit of message %d: it would be sent after %s and expire after %s", ErrInvalid, id, c.Delay, c.Expires)
	}
	err = intervene(ctx, db, id, "edit", by, reason, func(tx pgx.Tx) error {
		var m Message
		err := tx.QueryRow(ctx, `
select destination, lane, kind, key, payload, traceparent, bulk, generation + 1 from outbox.message where id = $1 for update`, id).
			Scan(&m.Destination, &m.Lane, &m.Kind, &m.Key, &m.Payload, &m.TraceParent, &m.Bulk, &generation)
		if err != nil {
			return err
		}
		will := m
		if c.Payload != nil {
			will.Payload = c.Payload
		}
		if check != nil {
			if err := check(m, will); err != nil {
				return fmt.Errorf("%w payload: %w", ErrInvalid, err)
			}
		}
		batch := &pgx.Batch{}
		batch.Queue(`insert into outbox.generation (message, generation, payload) select id, generation, payload from outbox.message where id = $1`, id)
		batch.Queue(`update outbox.message set payload = $2, generation = generation + 1 where id = $1`, id, will.Payload)
		batch.Queue(`
update outbox.pending
set due = now() + make_interval(secs => $4), expires_at = case when $5 > 0 then now() + make_interval(secs => $5) end
where destination = $1 and lane = $2 and id = $3`, m.Destination, m.Lane, id, c.Delay.Seconds(), c.Expires.Seconds()).Exec(exactly(1))
		return tx.SendBatch(ctx, batch).Close()
	})
	return generation, err
}

// Body gives the payload of a message to a person who wants to edit it, and keeps who and why. Errors: ErrNotFound, or one
// that wraps ErrInvalid.
func Body(ctx context.Context, db DB, id int64, by, reason string) (payload []byte, err error) {
	if err := signed("reading", id, by, reason); err != nil {
		return nil, err
	}
	err = db.QueryRow(ctx, `
with kept as (
    insert into outbox.intervention (message, action, by, reason) select id, 'read', $2, $3 from outbox.message where id = $1 returning message
)
select m.payload from outbox.message m join kept k on k.message = m.id`, id, by, reason).Scan(&payload)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("reading message %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading message %d: %w", id, err)
	}
	return payload, nil
}
