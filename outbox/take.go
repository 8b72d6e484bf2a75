package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readFeed reads the messages that come next, without a lock: only the owner reads. Rows are found through the index that
// leads with the destination; each comes with the snapshot of the statement, in which they are. What goes first in a
// message's lane and is not in memory has a row in lane, or is a bulk message that has not been taken.
const readFeed = `
with s as materialized (
    select pg_current_snapshot() as now,
           case when $4::text is not null then $5::bigint
                else least($6::bigint, (select min(o.bound) from unnest($7::text[], $8::bigint[]) as o(xid, bound)
                                        where pg_visible_in_snapshot(o.xid::xid8, pg_current_snapshot()))) end as low
)
select s.now::text, m.id, m.lane, m.kind, m.key, m.payload, m.traceparent, m.published_at,
       coalesce(m.expires_at <= now(), false), m.not_before > now(),
       extract(epoch from now() - m.published_at)::float8,
       exists (select from outbox.lane l where l.destination = $1 and l.key = m.lane)
       or not $2 and exists (
           select from (select b.born, b.id from outbox.message b
                        where b.destination = $1 and b.lane = m.lane and b.bulk and b.born is not null and b.id < m.id
                        order by b.id desc limit 1) b
           where not pg_visible_in_snapshot(b.born, $10::text::pg_snapshot)
             and ($11::text is null or not pg_visible_in_snapshot(b.born, $11::text::pg_snapshot) or b.id > $12)),
       case when $2 then m.born::text end
from s left join lateral (
    select f.* from outbox.message f
    where f.destination = $1 and f.bulk = $2 and f.born is not null and f.id > s.low
      and not pg_visible_in_snapshot(f.born, $3::text::pg_snapshot)
      and pg_visible_in_snapshot(f.born, coalesce($4::text::pg_snapshot, s.now))
    order by f.id limit $9) m on true`

// page is what one reading of the feed has found.
type page struct {
	bulk bool
	rows []*fed
	now  string // the snapshot that the rows are in
	mark mark   // made before that
	more bool   // there may be more rows
}

// fed is a message as read from the log.
type fed struct {
	*claimed
	later  bool   // it is not due yet
	behind bool   // its lane has a row, and so something that goes first
	born   uint64 // of a bulk message: the transaction that wrote it
}

// readMark reads the last id that was drawn, and then the next transaction id, as the distance from the first one of all.
const readMark = `select case when is_called then last_value else last_value - 1 end, age('3'::xid) from outbox.message_id_seq`

// queueFeed adds to a batch what reads up to n messages, and fills the page when the batch is read.
func (d *destination) queueFeed(batch *pgx.Batch, bulk bool, n int, into *page) {
	p := d.positions[bulk]
	xids, bounds := p.columns()
	seen, upto, at := p.sought()
	bulkSeen, bulkUpto, bulkAt := d.positions[true].sought()
	into.bulk = bulk
	batch.Queue(readFeed, d.Name, bulk, seen, upto, at, p.base, xids, bounds, n, bulkSeen, bulkUpto, bulkAt).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			values := rows.RawValues()
			if into.now == "" {
				into.now = string(values[0])
			}
			if values[1] == nil {
				continue
			}
			f := &fed{claimed: &claimed{tries: 1, fence: d.fence, fed: true}}
			f.Destination, f.Bulk, f.Attempt = d.Name, bulk, 1
			var age float64
			var born *string
			if err := rows.Scan(nil, &f.ID, &f.Lane, &f.Kind, &f.Key, &f.Payload, &f.TraceParent, &f.Published, &f.expired, &f.later, &age, &f.behind, &born); err != nil {
				return err
			}
			if born != nil {
				var err error
				if f.born, err = strconv.ParseUint(*born, 10, 64); err != nil {
					return fmt.Errorf("%q is no transaction: %w", *born, err)
				}
			}
			f.age = seconds(age)
			into.rows = append(into.rows, f)
		}
		into.more = len(into.rows) == n
		return rows.Err()
	})
}

// chosen is what becomes of the messages of a page.
type chosen struct {
	start  []*claimed // to be sent at once
	queue  []*claimed // to be sent after those of their lanes that are being sent
	aside  []*claimed // to be put into their lanes' rows
	pinned []*lane
	taken  int
}

// mostQueued is how many messages wait in memory for others of their lanes.
const mostQueued = 1000

// choose decides what becomes of messages that have been read, in their order, as far as there are n slots. locked are lanes
// whose rows this relay has claimed since the reading.
func (d *destination) choose(rows []*fed, n int, locked map[string]bool) (chosen, error) {
	var c chosen
	covers, err := d.positions[false].covers()
	if err != nil {
		return c, err
	}
	asideLanes, started := map[string]bool{}, map[string]bool{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range rows {
		if f.Bulk && !covers(f.ID, f.born) {
			return c, nil // what goes first in its lane may not have been taken
		}
		busy := d.lanes[f.Lane]
		switch {
		case f.behind || f.later || locked[f.Lane] || d.rowed[f.Lane] || asideLanes[f.Lane]: // also while its lane is busy
			asideLanes[f.Lane] = true
			c.aside = append(c.aside, f.claimed)
		case busy != nil || started[f.Lane]:
			if d.queued+len(c.queue) >= mostQueued {
				return c, nil
			}
			c.queue = append(c.queue, f.claimed)
			if busy != nil {
				busy.pins++
				c.pinned = append(c.pinned, busy)
			}
		case len(c.start) == n:
			return c, nil
		default:
			started[f.Lane] = true
			c.start = append(c.start, f.claimed)
		}
		c.taken++
	}
	return c, nil
}

// movePosition stores how far the owner has read and what it holds, if it is still the owner and the breaker's row is the
// one that it knows.
const movePosition = `
with mine as materialized (
    select from outbox.feed f where f.destination = $1 and f.fence = $2
      and exists (select from outbox.breaker b where b.destination = $1 and b.generation = $3)
    for key share of f
), recorded as (
    delete from outbox.held h where h.destination = $1 and h.batch = any($4::bigint[])
), moved as (
    update outbox.feed_position p
    set seen = $6::text::pg_snapshot, base = $7, next = $8, open = $9, bounds = $10, upto = $11::text::pg_snapshot, upto_base = $12, upto_next = $13, at = $14
    from mine where p.destination = $1 and p.bulk = $5
    returning 1
)
insert into outbox.held (destination, batch, ids) select $1, $15, $16::bigint[] from moved`

// take takes up to n messages that have been read, and others that are not to be sent now. It returns the former, and how
// many it took in all.
func (r *Relay) take(ctx context.Context, d *destination, l look, pg *page, n int, locked map[string]bool) (started []*claimed, taken int, err error) {
	c, err := d.choose(pg.rows, n, locked)
	if err != nil {
		return nil, 0, err
	}
	next := *d.positions[pg.bulk]
	if c.taken > 0 {
		if err := next.sweep(pg.now, pg.mark, pg.rows[c.taken-1].ID); err != nil {
			return nil, 0, err
		}
	}
	if c.taken == len(pg.rows) && !pg.more {
		if err := next.swept(pg.now, pg.mark); err != nil {
			return nil, 0, err
		}
	}
	if c.taken == 0 { // nothing to keep: whoever takes over reads from an older position and finds the same
		*d.positions[pg.bulk] = next
		return nil, 0, nil
	}
	began := time.Now()
	g, err := r.keep(ctx, d, l, pg, &next, c)
	if err != nil {
		d.mu.Lock()
		d.unpin(c)
		d.mu.Unlock()
		return nil, 0, err
	}
	*d.positions[pg.bulk] = next
	return d.enter(c, g, began.Add(r.o.Lease), pg.rows[0].ID), c.taken, nil
}

// keep stores what take has chosen.
func (r *Relay) keep(ctx context.Context, d *destination, l look, pg *page, next *reading, c chosen) (*gate, error) {
	ids := make([]int64, 0, len(c.start)+len(c.queue))
	for _, list := range [][]*claimed{c.start, c.queue} {
		for _, m := range list {
			ids = append(ids, m.ID)
		}
	}
	recorded := d.recordedBatches()
	xids, bounds := next.columns()
	_, upto, _ := next.sought()
	move := func(db interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	}, generation int64) error {
		tag, err := db.Exec(ctx, movePosition, d.Name, d.fence, generation, recorded, pg.bulk, next.seen, next.base, int64(next.next), xids, bounds,
			upto, next.uptoBase, int64(next.uptoNext), next.at, pg.rows[0].ID, ids)
		if err == nil && tag.RowsAffected() == 0 {
			return errNothing
		}
		return err
	}
	g, probe := d.gate(l.generation, l.opened), l.state != breakerClosed && len(c.start) > 0
	var err error
	paced := d.Policy.Rate > 0 && !probe && len(c.start) > 0
	if !probe && !paced && len(c.aside) == 0 {
		err = move(r.pool, l.generation)
	} else {
		err = pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
			generation := l.generation
			if probe {
				var err error
				if generation, err = r.winProbe(ctx, tx, d, l); err != nil {
					return err
				}
				g = newGate(d.Name, d.Policy.Breaker, generation, l.opened, true, time.Now)
			}
			if paced {
				if err := r.keepPace(ctx, tx, d, len(c.start)); err != nil {
					return err
				}
			}
			if err := move(tx, generation); err != nil {
				return err
			}
			return putAside(ctx, tx, c.aside)
		})
	}
	if inDoubt(err) {
		err = r.whetherKept(d, pg.rows[0].ID, err)
	}
	switch {
	case err == nil:
		d.forgetBatches(len(recorded))
		if probe && l.state == breakerOpen {
			r.observe(Observation{Event: ObservedBreaker, Destination: d.Name, State: breakerHalfOpen, Reason: reasonProbe})
		}
		return g, nil
	case errors.Is(err, errNothing) || deadlocked(err): // somebody else probes or owns it now, or the breaker's row has changed
		return nil, errNothing
	}
	return nil, fmt.Errorf("taking messages to %s: %w", d.Name, err)
}

// keepPace takes n messages' worth of the destination's pace; errNothing if not so many may leave.
func (r *Relay) keepPace(ctx context.Context, tx pgx.Tx, d *destination, n int) error {
	t, err := r.takeTurn(ctx, tx, d, n)
	if err != nil {
		return err
	}
	if t.n < n {
		return errNothing
	}
	return t.use(ctx, tx, d, n)
}

// inDoubt says whether the database may have committed in spite of the error.
func inDoubt(err error) bool {
	if err == nil || errors.Is(err, errNothing) {
		return false
	}
	pe, answered := errors.AsType[*pgconn.PgError](err)
	return !answered || pe.SeverityUnlocalized == "FATAL" || pe.SeverityUnlocalized == "PANIC"
}

// whetherKept asks the database, until it answers or the relay has to end, whether a transaction has committed that was to
// store a batch. It waits for one that is still under way, which has locked the owner's row.
func (r *Relay) whetherKept(d *destination, batch int64, doubt error) error {
	for pauseFor(r.hard, 50*time.Millisecond) {
		var kept bool
		ctx, cancel := context.WithTimeout(r.hard, statementFor)
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `select from outbox.feed where destination = $1 for update`, d.Name); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `select exists (select from outbox.held where destination = $1 and batch = $2)
and exists (select from outbox.feed where destination = $1 and fence = $3)`, d.Name, batch, d.fence).Scan(&kept)
		})
		cancel()
		switch {
		case err == nil && kept:
			return nil
		case err == nil:
			return errNothing
		}
	}
	return doubt
}

// putAside gives messages from the log rows in pending and, where they have none, in lane. Each is due when it was
// published to be.
func putAside(ctx context.Context, tx pgx.Tx, aside []*claimed) error {
	if len(aside) == 0 {
		return nil
	}
	var rows placing
	for _, c := range aside {
		rows.waiting(c)
	}
	return rows.store(ctx, tx)
}

// queuePages adds to a batch what reads up to n messages of each kind from the log.
func (d *destination) queuePages(batch *pgx.Batch, n int) map[bool]*page {
	d.mu.Lock()
	d.rowed = map[string]bool{}
	d.mu.Unlock()
	pages := map[bool]*page{false: {}, true: {}}
	batch.Queue(readMark).QueryRow(func(row pgx.Row) error {
		var m mark
		var age int32
		err := row.Scan(&m.id, &age)
		m.next = uint32(age) + 3
		pages[false].mark, pages[true].mark = m, m
		return err
	})
	for bulk, pg := range pages {
		d.queueFeed(batch, bulk, n, pg)
	}
	return pages
}
