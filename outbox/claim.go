package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// reasonLease is the reason of an attempt whose outcome was never recorded.
const reasonLease = "lease_expired"

// claimed is the head of a lane that this relay holds.
type claimed struct {
	Delivery
	tries     int    // counted attempts since the message last had a new start, this one included
	fence     int64  // the claim's number; the outcome is recorded only while the lane still has it
	abandoned bool   // the attempt before this one was cut off
	verdict   string // dead for this reason already; only the destination's hook has not succeeded yet
	reason    string // why the message is still here
	gate      *gate
	until     time.Time // when the lease ends, not later than by the database's clock
}

// look is what there is to do for a destination.
type look struct {
	state      string
	generation int64
	opened     int
	closedFor  time.Duration // until a probe may be tried; 0 while the breaker is closed
	due        bool          // something is pending and not blocked
	dueIn      time.Duration
}

// look asks the database what there is to do, without a lock.
func (r *Relay) look(ctx context.Context, d *destination) (look, error) {
	var l look
	var closedFor float64
	var dueIn *float64
	err := r.pool.QueryRow(ctx, `
select b.state, b.generation, b.open_count,
       coalesce(extract(epoch from greatest(b.open_until, b.probe_lease_until) - clock_timestamp()), 0)::float8,
       (select extract(epoch from l.due - clock_timestamp())::float8
        from outbox.lane l where l.destination = $1 and l.due < 'infinity' order by l.due limit 1)
from outbox.breaker b where b.destination = $1`, d.Name).Scan(&l.state, &l.generation, &l.opened, &closedFor, &dueIn)
	if err != nil {
		return l, fmt.Errorf("looking for messages to %s: %w", d.Name, err)
	}
	if l.state != breakerClosed {
		l.closedFor = seconds(closedFor)
	}
	if dueIn != nil {
		l.due, l.dueIn = true, seconds(*dueIn)
	}
	return l, nil
}

// pinned are options of a transaction whose statements look rows up by their keys, whatever the statistics say: they name a
// hundred rows, and the tables grow from nothing to millions faster than statistics follow.
func pinned() pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: "begin; set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off"}
}

// errNothing rolls a claim back that has found nothing.
var errNothing = errors.New("nothing to claim")

// claim takes up to n lanes of a destination whose heads are due, for the length of the lease. While the breaker is
// not closed it takes at most one, as the probe, and only if no other process has one under way.
func (r *Relay) claim(ctx context.Context, d *destination, l look, n int) ([]*claimed, error) {
	var out []*claimed
	started := time.Now()
	err := pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
		g := d.gate(l.generation, l.opened)
		if l.state != breakerClosed {
			generation, err := r.winProbe(ctx, tx, d, l)
			if err != nil {
				return err
			}
			n, g = 1, newGate(d.Name, 1, generation, l.opened, true)
		}
		lanes, err := lockDue(ctx, tx, d.Name, g, n)
		if err != nil {
			return err
		}
		if len(lanes.keys) == 0 {
			return errNothing
		}
		out, err = r.takeHeads(ctx, tx, lanes)
		if err != nil {
			return err
		}
		if len(out) == 0 && g.probe {
			return errNothing
		}
		for _, c := range out {
			c.gate, c.until = g, started.Add(r.o.Lease)
		}
		return nil
	})
	if errors.Is(err, errNothing) || deadlocked(err) { // the victim of a deadlock comes back
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claiming messages to %s: %w", d.Name, err)
	}
	if l.state == breakerOpen {
		r.observe(Observation{Event: ObservedBreaker, Destination: d.Name, State: breakerHalfOpen, Reason: reasonProbe})
	}
	return out, nil
}

// reasonProbe is the reason of a breaker that is half open.
const reasonProbe = "probe"

// winProbe makes this relay the one that probes; errNothing if another one does.
func (r *Relay) winProbe(ctx context.Context, tx pgx.Tx, d *destination, l look) (generation int64, err error) {
	err = tx.QueryRow(ctx, `
with won as (
    update outbox.breaker
    set state = 'half_open', generation = generation + 1, since = case when state = 'open' then now() else since end,
        probe_by = $3, probe_lease_until = now() + make_interval(secs => $4)
    where destination = $1 and generation = $2 and state in ('open', 'half_open')
      and greatest(open_until, probe_lease_until) <= now()
    returning destination, generation, open_until
), kept as (
    insert into outbox.breaker_change (destination, state, open_until, reason, by)
    select destination, 'half_open', open_until, $5, $3 from won
)
select generation from won`, d.Name, l.generation, r.o.Owner, r.o.Lease.Seconds(), reasonProbe).Scan(&generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, errNothing
	}
	return generation, err
}

// heldLanes are lanes locked in this transaction, as columns: where they are, the fencing numbers they are going to
// have, and the claims found on them.
type heldLanes struct {
	destinations, keys []string
	next               []int64
	// Of a claim whose lease has run out, or nil:
	fences []*int64
	owners []*string
	since  []*time.Time
	until  []*time.Time
}

// lockDue locks up to n lanes that are due. It takes none when the breaker row is not of the gate's generation.
func lockDue(ctx context.Context, tx pgx.Tx, destination string, g *gate, n int) (heldLanes, error) {
	var lanes heldLanes
	rows, err := tx.Query(ctx, `
select due.key, nextval('outbox.fence'), due.fence, due.claimed_by, due.claimed_at, due.claimed_until
from (select l.key, l.fence, l.claimed_by, l.claimed_at, l.claimed_until
      from outbox.lane l
      where l.destination = $1 and l.due <= now() and l.due < 'infinity'
        and exists (select from outbox.breaker b where b.destination = $1 and b.generation = $2)
      order by l.due
      limit $3
      for update of l skip locked) due`, destination, g.generation, n)
	if err != nil {
		return lanes, err
	}
	var key string
	var next int64
	var fence *int64
	var owner *string
	var since, until *time.Time
	_, err = pgx.ForEachRow(rows, []any{&key, &next, &fence, &owner, &since, &until}, func() error {
		lanes.destinations, lanes.keys, lanes.next = append(lanes.destinations, destination), append(lanes.keys, key), append(lanes.next, next)
		lanes.fences, lanes.owners = append(lanes.fences, fence), append(lanes.owners, owner)
		lanes.since, lanes.until = append(lanes.since, since), append(lanes.until, until)
		return nil
	})
	return lanes, err
}

// takeHeads claims the locked lanes and counts an attempt of each head. The attempt is counted before it is made, so
// that a message which kills the process runs out of attempts too. The heads are read in a statement of their own:
// only a snapshot taken after the locks sees what the last holders of the lanes have done. Rows are named by arrays
// and never by the destination alone, so that no plan walks all lanes of a destination.
func (r *Relay) takeHeads(ctx context.Context, tx pgx.Tx, lanes heldLanes) ([]*claimed, error) {
	var out []*claimed
	batch := &pgx.Batch{}
	batch.Queue(`
update outbox.lane l
set fence = w.fence, claimed_by = $4, claimed_at = now(), claimed_until = now() + make_interval(secs => $5),
    due = now() + make_interval(secs => $5)
from unnest($1::text[], $2::text[], $3::bigint[]) as w(destination, key, fence)
where l.destination = w.destination and l.key = w.key`, lanes.destinations, lanes.keys, lanes.next, r.o.Owner, r.o.Lease.Seconds())
	batch.Queue(`
with head as (
    select w.destination, w.key, w.next, h.id, coalesce(h.fence = w.fence, false) as abandoned,
           w.fence as last_fence, w.owner as last_owner, w.since, w.until
    from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[])
         as w(destination, key, next, fence, owner, since, until)
    cross join lateral (
        select q.id, q.due, q.fence from outbox.pending q
        where q.destination = w.destination and q.lane = w.key order by q.id limit 1) h
    where h.due <= now()
), taken as (
    update outbox.pending p
    set attempt = p.attempt + 1, tries = p.tries + 1, fence = h.next
    from head h
    where p.destination = h.destination and p.lane = h.key and p.id = h.id
    returning p.id, p.attempt, p.tries, p.fence, p.reason, p.verdict,
              h.abandoned, h.last_fence, h.last_owner, h.since, h.until
), cut_off as (
    insert into outbox.attempt (message, attempt, started_at, finished_at, result, reason, exchange, owner, fence)
    select t.id, t.attempt - 1, t.since, t.until, 'unknown', $8, '', t.last_owner, t.last_fence
    from taken t where t.abandoned
)
select t.id, m.destination, m.lane, m.kind, m.key, m.payload, m.traceparent, m.published_at,
       t.attempt, t.tries, t.fence, t.abandoned, coalesce(t.verdict, ''), t.reason
from taken t join outbox.message m on m.id = t.id
order by t.id`, lanes.destinations, lanes.keys, lanes.next, lanes.fences, lanes.owners, lanes.since, lanes.until, reasonLease).Query(func(rows pgx.Rows) error {
		var err error
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*claimed, error) {
			var c claimed
			err := row.Scan(&c.ID, &c.Destination, &c.Lane, &c.Kind, &c.Key, &c.Payload, &c.TraceParent, &c.Published,
				&c.Attempt, &c.tries, &c.fence, &c.abandoned, &c.verdict, &c.reason)
			return &c, err
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	if len(out) == len(lanes.keys) {
		return out, nil
	}
	// Lanes without a head that is due: their due time was only an estimate. It is put right.
	taken := make(map[string]bool, len(out))
	for _, c := range out {
		taken[c.Lane] = true
	}
	var idle []string
	for _, key := range lanes.keys {
		if !taken[key] {
			idle = append(idle, key)
		}
	}
	batch = &pgx.Batch{}
	batch.Queue(releaseLanes, lanes.destinations[:len(idle)], idle)
	batch.Queue(dropEmptyLanes, lanes.destinations[:len(idle)], idle)
	return out, tx.SendBatch(ctx, batch).Close()
}

// releaseLanes gives lanes, locked by the caller, back: they are due when their heads are.
const releaseLanes = `
update outbox.lane l
set fence = null, claimed_by = null, claimed_at = null, claimed_until = null, due = h.due
from unnest($1::text[], $2::text[]) as w(destination, key)
cross join lateral (
    select p.due from outbox.pending p
    where p.destination = w.destination and p.lane = w.key order by p.id limit 1) h
where l.destination = w.destination and l.key = w.key`

// seconds is a number of seconds as a duration, not negative.
func seconds(s float64) time.Duration {
	return time.Duration(max(0, s) * float64(time.Second))
}
