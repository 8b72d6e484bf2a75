package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// columns are records as arrays, one per column, for statements on many rows.
type columns struct {
	destinations, lanes []string
	ids                 []int64
	attempts, tries     []int
	states, reasons     []string
	waits               []*float64 // seconds; nil: infinity
	postponed           []*string
}

func (c *columns) add(rec *record, reason string, wait *float64) {
	attempt, tries := rec.counts()
	c.destinations, c.lanes, c.ids = append(c.destinations, rec.Destination), append(c.lanes, rec.Lane), append(c.ids, rec.ID)
	c.attempts, c.tries = append(c.attempts, attempt), append(c.tries, tries)
	c.states, c.reasons, c.waits = append(c.states, rec.state), append(c.reasons, reason), append(c.waits, wait)
	var postponed *string
	if rec.postpone != "" {
		postponed = &rec.postpone
	}
	c.postponed = append(c.postponed, postponed)
}

// sends are the records that had a send, as arrays.
type sends struct {
	ids, fences                 []int64
	attempts                    []int
	took                        []float64
	results, reasons, exchanges []string
}

// write stores records whose lanes, or whose owner's row, the caller has locked, and gives the lanes back. Messages that
// come from the log and stay get rows.
func (r *Relay) write(ctx context.Context, tx pgx.Tx, d *destination, recs []*record) error {
	var all, settled, gone, staying, dead columns
	var sent sends
	var placed placing
	delivered := 0
	for _, rec := range recs {
		if !rec.fed {
			all.add(rec, "", nil)
		}
		if rec.sent {
			attempt := rec.Attempt
			sent.ids, sent.fences, sent.attempts = append(sent.ids, rec.ID), append(sent.fences, rec.fence), append(sent.attempts, attempt)
			sent.took, sent.results = append(sent.took, rec.took.Seconds()), append(sent.results, string(rec.result))
			sent.reasons, sent.exchanges = append(sent.reasons, rec.why), append(sent.exchanges, rec.exchange)
		}
		stays := rec.state == stateReady
		switch rec.state {
		case stateDelivered:
			delivered++
		case stateDead:
			settled.add(rec, rec.why, nil)
			dead.add(rec, rec.why, nil)
			stays = d.policyOf(rec.claimed).OnDead != Skip
		}
		switch {
		case rec.fed && stays:
			placed.recordedAs(rec)
			for _, c := range rec.behind {
				placed.waiting(c)
			}
		case rec.fed: // it has no row, and needs none
		case !stays:
			gone.add(rec, "", nil)
		case rec.state == stateDead:
			staying.add(rec, rec.why, nil)
		default:
			wait := rec.wait.Round(time.Microsecond).Seconds()
			staying.add(rec, rec.pendingReason(), &wait)
		}
	}
	if err := placed.store(ctx, tx); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	if len(sent.ids) > 0 {
		batch.Queue(`
insert into outbox.attempt (message, attempt, started_at, finished_at, result, reason, exchange, owner, fence)
select w.id, w.attempt, clock_timestamp() - make_interval(secs => w.took), clock_timestamp(), w.result, w.reason, w.exchange, $7, w.fence
from unnest($1::bigint[], $2::int[], $3::float8[], $4::text[], $5::text[], $6::text[], $8::bigint[])
     as w(id, attempt, took, result, reason, exchange, fence)`,
			sent.ids, sent.attempts, sent.took, sent.results, sent.reasons, sent.exchanges, r.o.Owner, sent.fences)
	}
	if len(settled.ids) > 0 {
		batch.Queue(`
update outbox.message m
set state = w.state, attempt = w.attempt, reason = w.reason, settled_at = clock_timestamp()
from unnest($1::bigint[], $2::text[], $3::int[], $4::text[]) as w(id, state, attempt, reason)
where m.id = w.id and m.state = 'ready'`,
			settled.ids, settled.states, settled.attempts, settled.reasons).Exec(exactly(len(settled.ids)))
	}
	if len(gone.ids) > 0 {
		batch.Queue(`
delete from outbox.pending p
using unnest($1::text[], $2::text[], $3::bigint[]) as w(destination, lane, id)
where p.destination = w.destination and p.lane = w.lane and p.id = w.id`,
			gone.destinations, gone.lanes, gone.ids).Exec(exactly(len(gone.ids)))
	}
	if len(staying.ids) > 0 {
		batch.Queue(`
update outbox.pending p
set due = coalesce(clock_timestamp() + make_interval(secs => w.wait), 'infinity'), attempt = w.attempt, tries = w.tries,
    reason = w.reason, verdict = w.postponed, fence = null
from unnest($1::text[], $2::text[], $3::bigint[], $4::float8[], $5::int[], $6::int[], $7::text[], $8::text[])
     as w(destination, lane, id, wait, attempt, tries, reason, postponed)
where p.destination = w.destination and p.lane = w.lane and p.id = w.id`,
			staying.destinations, staying.lanes, staying.ids, staying.waits, staying.attempts, staying.tries,
			staying.reasons, staying.postponed).Exec(exactly(len(staying.ids)))
	}
	if len(dead.ids) > 0 {
		batch.Queue(`
insert into outbox.dead (id, destination, since, reason)
select w.id, w.destination, clock_timestamp(), w.reason
from unnest($1::bigint[], $2::text[], $3::text[]) as w(id, destination, reason)`, dead.ids, dead.destinations, dead.reasons)
	}
	kept := len(all.lanes)
	if kept > 0 {
		batch.Queue(dropEmptyLanes, all.destinations, all.lanes).Exec(func(tag pgconn.CommandTag) error {
			kept -= int(tag.RowsAffected())
			return nil
		})
	}
	if delivered > 0 {
		batch.Queue(countDelivered, d.Name, slot(), delivered)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil || kept == 0 {
		return err
	}
	_, err := tx.Exec(ctx, releaseLanes, all.destinations, all.lanes)
	return err
}

const countDelivered = `
insert into outbox.tally (destination, slot, delivered) values ($1, $2, $3)
on conflict (destination, slot) do update set delivered = tally.delivered + excluded.delivered`

// exactly checks that a statement has changed as many rows as it had to.
func exactly(n int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return fmt.Errorf("%d rows changed instead of %d", tag.RowsAffected(), n)
		}
		return nil
	}
}
