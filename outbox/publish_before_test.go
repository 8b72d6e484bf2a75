package outbox

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// lockLanesBefore is what publishers of the version before lock lanes with.
const lockLanesBefore = `
insert into outbox.lane (destination, key, ready_at, bulk)
select w.destination, w.key, now() + make_interval(secs => w.delay), w.bulk
from unnest($1::text[], $2::text[], $3::float8[], $4::bool[]) as w(destination, key, delay, bulk)
order by w.destination collate "C", w.key collate "C"
on conflict (destination, key) do update set ready_at = lane.ready_at where false
returning destination`

// LockKey is lockKey.
var LockKey = lockKey

// PublishBefore stores messages in the caller's transaction as the version before did: each with a row in pending, and
// its lane with one of its own. Relays still serve such rows, and those that they make themselves.
func PublishBefore(ctx context.Context, tx pgx.Tx, msgs ...Message) error {
	var rows struct {
		destinations, lanes, kinds, keys, traces []string
		payloads                                 [][]byte
		delays                                   []float64
		expiries                                 []*float64
		bulks                                    []bool
	}
	var laneDests, laneKeys []string
	var laneDelays []float64
	var laneBulks []bool
	seen := map[string]bool{}
	for _, m := range msgs {
		rows.destinations, rows.lanes, rows.kinds = append(rows.destinations, m.Destination), append(rows.lanes, m.Lane), append(rows.kinds, m.Kind)
		rows.keys, rows.payloads, rows.traces = append(rows.keys, m.Key), append(rows.payloads, m.payload()), append(rows.traces, m.TraceParent)
		rows.delays, rows.expiries, rows.bulks = append(rows.delays, m.Delay.Seconds()), append(rows.expiries, m.expires()), append(rows.bulks, m.Bulk)
		if !seen[m.Lane] {
			seen[m.Lane] = true
			laneDests, laneKeys = append(laneDests, m.Destination), append(laneKeys, m.Lane)
			laneDelays, laneBulks = append(laneDelays, m.Delay.Seconds()), append(laneBulks, m.Bulk)
		}
	}
	var stored int
	batch := &pgx.Batch{}
	batch.Queue(lockLanesBefore, laneDests, laneKeys, laneDelays, laneBulks)
	batch.Queue(`
with stored as (
    insert into outbox.message (destination, lane, kind, key, payload, traceparent, not_before, expires_at, bulk)
    select w.destination, w.lane, w.kind, w.key, w.payload, w.traceparent, now() + make_interval(secs => w.delay),
           now() + make_interval(secs => w.expires), w.bulk
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::float8[], $8::float8[], $9::bool[])
         with ordinality as w(destination, lane, kind, key, payload, traceparent, delay, expires, bulk, ord)
    order by w.ord
    on conflict (destination, key) do nothing
    returning id, destination, lane, not_before, expires_at, bulk
), waiting as (
    insert into outbox.pending (destination, lane, id, due, expires_at, bulk)
    select s.destination, s.lane, s.id, s.not_before, s.expires_at, s.bulk from stored s
    returning id
)
select count(*) from waiting`, rows.destinations, rows.lanes, rows.kinds, rows.keys, rows.payloads, rows.traces, rows.delays,
		rows.expiries, rows.bulks).QueryRow(func(row pgx.Row) error { return row.Scan(&stored) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil || stored == len(msgs) {
		return err
	}
	batch = &pgx.Batch{}
	batch.Queue(dueAsHeads, laneDests, laneKeys)
	batch.Queue(dropEmptyLanes, laneDests, laneKeys)
	return tx.SendBatch(ctx, batch).Close()
}
