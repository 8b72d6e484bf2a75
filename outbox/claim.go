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
	tries     int           // counted attempts since the message last had a new start, this one included
	fence     int64         // the claim's number; the outcome is recorded only while the lane still has it
	abandoned bool          // the attempt before this one was cut off
	verdict   string        // dead for this reason already; only the destination's hook has not succeeded yet
	reason    string        // why the message is still here
	expired   bool          // of no use any more
	early     bool          // something of its lane that goes first may still be in the log
	age       time.Duration // since it was published, or a person let it go again
	once      bool          // retries of the destination are switched off
	gate      *gate
	until     time.Time // when the lease ends, not later than by the database's clock

	// Of messages taken from the log, whose lanes have no row: fence is that of the owner.
	fed   bool
	lane  *lane
	batch *batch
}

// look is what there is to do for a destination.
type look struct {
	state      string
	generation int64
	opened     int
	closedFor  time.Duration          // until a probe may be tried; 0 while the breaker is closed
	dueIn      map[bool]time.Duration // until lanes that have rows are due, bulk or not, where there are any
	owner      string                 // of the log
	fence      int64                  // of the owner
	heldFor    time.Duration          // by a person, or while an announced outage lasts; 0 while it is not
	once       bool                   // retries are switched off
	shut       bool                   // other relays have been told that the opening hours are over
	shutFor    time.Duration          // outside the opening hours; 0 within them
	probing    bool                   // this relay has won the probe, and asked the destination whether it is there
	rampFor    time.Duration          // until the destination gets all of its pace again
	paceFor    time.Duration          // until the next message may leave
	tokens     int                    // as many as may leave now; where there is a pace
	now        time.Time              // by the database's clock, when this process looked
	seen       time.Time              // the same moment by this process's
}

// sleeps says that nobody need wake the dispatcher, because nothing may be sent whatever is published.
func (l look) sleeps() bool { return l.state != breakerClosed || l.heldFor > 0 || l.shutFor > 0 }

// dueNow says whether some lane that has a row is due.
func (l look) dueNow() bool {
	for _, in := range l.dueIn {
		if in <= 0 {
			return true
		}
	}
	return false
}

// next is how long it is until some lane is due, at most most.
func (l look) next(most time.Duration) time.Duration {
	for _, in := range l.dueIn {
		most = min(most, in)
	}
	return most
}

// look asks the database, in one round trip and without a lock, what there is to do; with n > 0 it reads up to n messages
// of each kind from the log too.
func (r *Relay) look(ctx context.Context, d *destination, n int) (l look, pages map[bool]*page, err error) {
	var closedFor, heldFor, rampFor float64
	var elapsed *float64
	var dueIn, bulkIn *float64
	batch := &pgx.Batch{}
	batch.Queue(pin)
	batch.Queue(lookAround, d.Name, d.Policy.Breaker.MaxOpen.Seconds()).QueryRow(func(row pgx.Row) error {
		return row.Scan(&l.state, &l.generation, &l.opened, &closedFor, &heldFor, &l.once, &l.shut, &rampFor, &elapsed, &l.now, &l.owner, &l.fence, &dueIn, &bulkIn)
	})
	if n > 0 {
		pages = d.queuePages(batch, n)
	}
	if err := r.pool.SendBatch(ctx, batch).Close(); err != nil {
		return l, nil, fmt.Errorf("looking for messages to %s: %w", d.Name, err)
	}
	l.seen = time.Now()
	if l.state != breakerClosed {
		l.closedFor = seconds(closedFor)
	}
	l.heldFor, l.rampFor = seconds(heldFor), seconds(rampFor)
	if d.Policy.Rate > 0 {
		if elapsed == nil {
			return l, nil, pgx.ErrNoRows // the pace is to be introduced
		}
		rate, behind := d.Policy.Rate*d.Policy.Breaker.ramp(l.rampFor), time.Duration(*elapsed*float64(time.Second))
		l.paceFor, l.tokens = max(0, untilToken(behind, rate)), tokens(behind, rate)
	}
	l.dueIn = map[bool]time.Duration{}
	if dueIn != nil {
		l.dueIn[false] = seconds(*dueIn)
	}
	if bulkIn != nil {
		l.dueIn[true] = seconds(*bulkIn)
	}
	return l, pages, nil
}

const lookAround = `
select b.state, b.generation, case when b.state = 'closed' and b.since < clock_timestamp() - make_interval(secs => $2) then 0 else b.open_count end,
       coalesce(extract(epoch from greatest(b.open_until, b.probe_lease_until) - clock_timestamp()), 0)::float8,
       coalesce(extract(epoch from greatest(b.held_until,
           case when b.down_last > clock_timestamp() then (select w.until from outbox.down w where w.destination = $1) end) - clock_timestamp()), 0)::float8,
       b.retries_off_at is not null, coalesce(b.shut_until > clock_timestamp(), false), coalesce(extract(epoch from b.ramp_until - clock_timestamp()), 0)::float8,
       (select least(extract(epoch from clock_timestamp() - p.next_at), 3600)::float8 from outbox.pace p where p.destination = $1),
       clock_timestamp(), coalesce(f.owner, ''), coalesce(f.fence, 0),
       (select extract(epoch from l.ready_at - clock_timestamp())::float8
        from outbox.lane l
        where l.destination = $1 and l.ready_at < 'infinity' and not l.bulk and (l.fence is null or l.claimed_until <= clock_timestamp())
        order by l.ready_at limit 1),
       (select extract(epoch from l.ready_at - clock_timestamp())::float8
        from outbox.lane l
        where l.destination = $1 and l.ready_at < 'infinity' and l.bulk and (l.fence is null or l.claimed_until <= clock_timestamp())
        order by l.ready_at limit 1)
from outbox.breaker b left join outbox.feed f on f.destination = b.destination
where b.destination = $1`

// pinned are options of a transaction whose statements look rows up by their keys, whatever the statistics say: they name a
// thousand rows, and the tables grow from nothing to millions faster than statistics follow. Without statistics a planner
// would rather read all lanes that are due and sort them than walk their index to the limit. Nothing here is worth compiling.
func pinned() pgx.TxOptions { return pgx.TxOptions{BeginQuery: "begin; " + pin} }

const pin = `select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_memoize', 'off', true),
set_config('jit', 'off', true)`

// errNothing rolls a claim back that has found nothing.
var errNothing = errors.New("nothing to claim")

// claim takes up to n lanes, bulk ones or others, that have rows and whose heads are due, for the length of the lease. While
// the breaker is not closed it takes at most one, as the probe, and only if no other process has one under way.
func (r *Relay) claim(ctx context.Context, d *destination, l look, bulk bool, n int) ([]*claimed, error) {
	var out []*claimed
	started := time.Now()
	err := pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
		g := d.gate(l.generation, l.opened)
		if l.state != breakerClosed {
			generation, err := r.winProbe(ctx, tx, d, l)
			if err != nil {
				return err
			}
			n, g = 1, newGate(d.Name, d.Policy.Breaker, generation, l.opened, true, time.Now)
		}
		var paced turn
		if d.Policy.Rate > 0 && !g.probe {
			var err error
			if paced, err = r.takeTurn(ctx, tx, d, n); err != nil {
				return err
			}
			n = paced.n
		}
		lanes := heldLanes{heads: map[string]int64{}}
		if err := r.lockDue(ctx, tx, d, g, bulk, n, &lanes); err != nil {
			return err
		}
		if len(lanes.keys) == 0 {
			return errNothing
		}
		var err error
		if out, err = r.takeHeads(ctx, tx, d, lanes); err != nil {
			return err
		}
		if len(out) == 0 && g.probe {
			return errNothing
		}
		if paced.n > 0 {
			if err := paced.use(ctx, tx, d, len(out)); err != nil {
				return err
			}
		}
		for _, c := range out {
			c.gate, c.until, c.once = g, started.Add(r.o.Lease), l.once
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

// bulkShare is how many claims there are to one that begins with bulk messages.
const bulkShare = 10

// order says which messages go first: those that are not bulk, but for one time in ten.
func (d *destination) order(l look, pages map[bool]*page) []bool {
	if _, due := l.dueIn[true]; !due && (pages == nil || len(pages[true].rows) == 0) {
		return []bool{false, true}
	}
	d.claims++
	return []bool{d.claims%bulkShare == 0, d.claims%bulkShare != 0}
}

// heldLanes are lanes that this transaction has claimed, as columns: where they are, their fencing numbers, and the
// claims found on them.
type heldLanes struct {
	destinations, keys []string
	next               []int64
	heads              map[string]int64 // what each lane was claimed for
	cut                cutOff
}

// cutOff are claims whose leases have run out, as columns: what their holders were sending has an unknown result.
type cutOff struct {
	keys, owners []string
	fences, ids  []int64
	since, until []time.Time
}

// lockDue claims up to n lanes that are due, or whose lease has run out. It takes none when the breaker row is not of the
// gate's generation. A lane keeps the id of its head, so that whoever finds the claim cut off knows what was being sent.
// The head may be another one by the time the lane is locked; takeHeads, which has a later snapshot, puts that right.
func (r *Relay) lockDue(ctx context.Context, tx pgx.Tx, d *destination, g *gate, bulk bool, n int, lanes *heldLanes) error {
	which := "not l.bulk" // each has an index of its own
	if bulk {
		which = "l.bulk"
	}
	rows, err := tx.Query(ctx, `
update outbox.lane l
set fence = d.next, claimed_by = $4, claimed_at = now(), claimed_until = now() + make_interval(secs => $5), due = 'infinity',
    claimed = (select p.id from outbox.pending p where p.destination = $1 and p.lane = l.key order by p.id limit 1)
from (select l.key, nextval('outbox.fence') as next, l.fence, l.claimed_by, l.claimed_at, l.claimed_until, l.claimed
      from outbox.lane l
      where l.destination = $1 and l.ready_at <= now() and l.ready_at < 'infinity' and `+which+` and (l.fence is null or l.claimed_until <= now())
        and exists (select from outbox.breaker b where b.destination = $1 and b.generation = $2)
        and exists (select from outbox.feed f where f.destination = $1 and f.fence = $6)
      order by l.ready_at
      limit $3
      for update of l skip locked) d
where l.destination = $1 and l.key = d.key
returning l.key, d.next, coalesce(l.claimed, 0), d.fence, d.claimed_by, d.claimed_at, d.claimed_until, coalesce(d.claimed, 0)`,
		d.Name, g.generation, n, r.o.Owner, r.o.Lease.Seconds(), d.fence)
	if err != nil {
		return err
	}
	var key string
	var next, head, id int64
	var fence *int64
	var owner *string
	var since, until *time.Time
	_, err = pgx.ForEachRow(rows, []any{&key, &next, &head, &fence, &owner, &since, &until, &id}, func() error {
		lanes.destinations, lanes.keys, lanes.next = append(lanes.destinations, d.Name), append(lanes.keys, key), append(lanes.next, next)
		lanes.heads[key] = head
		if fence != nil && owner != nil && since != nil && until != nil {
			lanes.cut.add(key, *fence, *owner, *since, *until, id)
		}
		return nil
	})
	return err
}

func (c *cutOff) add(key string, fence int64, owner string, since, until time.Time, id int64) {
	c.keys, c.fences, c.owners, c.ids = append(c.keys, key), append(c.fences, fence), append(c.owners, owner), append(c.ids, id)
	c.since, c.until = append(c.since, since), append(c.until, until)
}

const (
	// countCutOff counts the attempts that were cut off, so that a message which kills the process runs out of attempts
	// too, and marks their messages. A relay of the version before has counted already and left its fence.
	countCutOff = `
with cut as (
    select p.destination, p.lane, p.id, w.fence, w.owner, w.since, w.until, (p.fence is distinct from w.fence)::int as more
    from unnest($2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[]) as w(lane, fence, owner, since, until, id)
    join outbox.pending p on p.destination = $1 and p.lane = w.lane and (p.id = w.id or p.fence = w.fence)
), counted as (
    update outbox.pending p
    set attempt = p.attempt + c.more, tries = p.tries + c.more, fence = c.fence
    from cut c
    where p.destination = c.destination and p.lane = c.lane and p.id = c.id
    returning p.id, p.attempt, c.fence, c.owner, c.since, c.until
)
insert into outbox.attempt (message, attempt, started_at, finished_at, result, reason, exchange, owner, fence)
select id, attempt, since, until, 'unknown', $8, '', owner, fence from counted`

	// readHeads reads the heads of lanes that the transaction has claimed, in a statement of its own: only a snapshot
	// taken after the locks sees what the last holders of the lanes have done.
	readHeads = `
select h.id, m.destination, m.lane, m.kind, m.key, m.payload, m.traceparent, m.published_at,
       h.attempt + 1, h.tries + 1, w.next, h.fence is not null, coalesce(h.verdict, ''), h.reason, coalesce(h.expires_at <= now(), false),
       extract(epoch from now() - coalesce(h.renewed_at, m.published_at))::float8,
       m.born is null and m.id > $4 or not m.bulk and exists (
           select from (select b.born, b.id from outbox.message b
                        where b.destination = m.destination and b.lane = m.lane and b.bulk and b.born is not null and b.id < m.id
                        order by b.id desc limit 1) b where not pg_visible_in_snapshot(b.born, $5::text::pg_snapshot)
               and ($6::text is null or not pg_visible_in_snapshot(b.born, $6::text::pg_snapshot) or b.id > $7))
from unnest($1::text[], $2::text[], $3::bigint[]) as w(destination, key, next)
cross join lateral (
    select q.id, q.due, q.attempt, q.tries, q.fence, q.verdict, q.reason, q.expires_at, q.renewed_at
    from outbox.pending q
    where q.destination = w.destination and q.lane = w.key order by q.id limit 1) h
join outbox.message m on m.id = h.id
where h.due <= now()`
)

// takeHeads reads the heads of the claimed lanes, and gives back lanes whose head is not due. Rows are named by arrays
// and never by the destination alone, so that no plan walks all lanes of a destination.
func (r *Relay) takeHeads(ctx context.Context, tx pgx.Tx, d *destination, lanes heldLanes) ([]*claimed, error) {
	var out []*claimed
	var moved columns
	batch := &pgx.Batch{}
	if cut := lanes.cut; len(cut.keys) > 0 {
		batch.Queue(countCutOff, lanes.destinations[0], cut.keys, cut.fences, cut.owners, cut.since, cut.until, cut.ids, reasonLease)
	}
	passed := min(d.positions[false].passed(), d.positions[true].passed())
	seen, upto, at := d.positions[true].sought()
	batch.Queue(readHeads, lanes.destinations, lanes.keys, lanes.next, passed, seen, upto, at).Query(func(rows pgx.Rows) error {
		var err error
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*claimed, error) {
			var c claimed
			var age float64
			err := row.Scan(&c.ID, &c.Destination, &c.Lane, &c.Kind, &c.Key, &c.Payload, &c.TraceParent, &c.Published,
				&c.Attempt, &c.tries, &c.fence, &c.abandoned, &c.verdict, &c.reason, &c.expired, &age, &c.early)
			c.age = seconds(age)
			if lanes.heads[c.Lane] != c.ID {
				moved.lanes, moved.ids = append(moved.lanes, c.Lane), append(moved.ids, c.ID)
			}
			return &c, err
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	batch = &pgx.Batch{}
	if len(moved.ids) > 0 {
		batch.Queue(`
update outbox.lane l set claimed = w.id from unnest($2::text[], $3::bigint[]) as w(key, id)
where l.destination = $1 and l.key = w.key`, lanes.destinations[0], moved.lanes, moved.ids)
	}
	if len(out) < len(lanes.keys) { // their time was only an estimate: it is put right
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
		batch.Queue(dropEmptyLanes, lanes.destinations[:len(idle)], idle)
		batch.Queue(releaseLanes, lanes.destinations[:len(idle)], idle)
	}
	if batch.Len() == 0 {
		return out, nil
	}
	return out, tx.SendBatch(ctx, batch).Close()
}

// releaseLanes gives lanes, locked by the caller, back: they are due when their heads are.
const releaseLanes = `
update outbox.lane l
set fence = null, claimed = null, claimed_by = null, claimed_at = null, claimed_until = null, due = 'infinity', ready_at = h.due, bulk = h.bulk
from unnest($1::text[], $2::text[]) as w(destination, key)
cross join lateral (
    select p.due, p.bulk from outbox.pending p
    where p.destination = w.destination and p.lane = w.key order by p.id limit 1) h
where l.destination = w.destination and l.key = w.key`

// seconds is a number of seconds as a duration, not negative.
func seconds(s float64) time.Duration {
	return time.Duration(max(0, s) * float64(time.Second))
}
