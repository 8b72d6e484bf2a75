package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// own makes this relay the one that sends to the destination, unless another one is, and finds out what the last owner was
// sending. It says whether it has become the owner.
func (r *Relay) own(ctx context.Context, d *destination) (bool, error) {
	var fence int64
	positions := map[bool]*reading{}
	err := pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into outbox.feed (destination) values ($1) on conflict (destination) do nothing`, d.Name); err != nil {
			return err
		}
		var last string // whose fencing number may still be in use
		var lastFence int64
		err := tx.QueryRow(ctx, `
select coalesce(sent_by, ''), fence from outbox.feed where destination = $1 and (owner is null or owner = $2 and not $3) for update skip locked`,
			d.Name, r.o.Owner, d.ousted).Scan(&last, &lastFence)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNothing
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
insert into outbox.feed_position (destination, bulk) values ($1, false), ($1, true) on conflict (destination, bulk) do nothing`, d.Name); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
update outbox.feed set owner = $2, sent_by = $2, fence = nextval('outbox.fence') where destination = $1 returning fence`, d.Name, r.o.Owner).Scan(&fence)
		if err != nil {
			return err
		}
		if err := r.takeOver(ctx, tx, d.Name, last, lastFence); err != nil {
			return err
		}
		return readPositions(ctx, tx, d.Name, positions)
	})
	if errors.Is(err, errNothing) || deadlocked(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("becoming the owner of %s: %w", d.Name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fence, d.lanes, d.queued, d.recorded, d.ousted = fence, map[string]*lane{}, 0, nil, false
	d.positions = positions
	d.turn.Broadcast()
	return true, nil
}

// disown forgets a destination. What is being sent changes nothing any more. ousted says that another relay owns it now.
func (d *destination) disown(ousted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fence, d.lanes, d.queued, d.recorded, d.ousted = 0, map[string]*lane{}, 0, nil, ousted
	d.turn.Broadcast()
}

func readPositions(ctx context.Context, tx pgx.Tx, destination string, into map[bool]*reading) error {
	rows, err := tx.Query(ctx, `
select bulk, seen::text, base, next, open, bounds, coalesce(upto::text, ''), upto_base, upto_next, at from outbox.feed_position where destination = $1`, destination)
	if err != nil {
		return err
	}
	var bulk bool
	var p reading
	var open []string
	var bounds []int64
	_, err = pgx.ForEachRow(rows, []any{&bulk, &p.seen, &p.base, &p.next, &open, &bounds, &p.upto, &p.uptoBase, &p.uptoNext, &p.at}, func() error {
		own := p
		own.open = map[uint64]int64{}
		for i, text := range open {
			x, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return err
			}
			own.open[x] = bounds[i]
		}
		into[bulk] = &own
		return nil
	})
	return err
}

// heldMessages are what the view taken has of a destination. The ids come first, so that no plan reads all messages of the
// destination to find those few.
const heldMessages = `
select m.id, m.lane from outbox.held h cross join lateral (
    select m.id, m.destination, m.lane from outbox.message m where m.id = any(h.ids) and m.state = 'ready' offset 0) m
where h.destination = $1
  and not exists (select from outbox.attempt a where a.message = m.id)
  and not exists (select from outbox.pending p where p.destination = m.destination and p.lane = m.lane and p.id = m.id)
order by m.id`

// takeOver puts aside what the last owner of a destination has taken from the log and not recorded. Of each lane the first
// one may have been sent: its attempt is counted, with an unknown result, so that a message that kills the process runs out
// of attempts too.
func (r *Relay) takeOver(ctx context.Context, tx pgx.Tx, destination, owner string, fence int64) error {
	rows, err := tx.Query(ctx, heldMessages, destination)
	if err != nil {
		return err
	}
	var cut, behind []*claimed
	seen := map[string]bool{}
	var id int64
	var key string
	_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error {
		c := &claimed{fence: fence, Delivery: Delivery{ID: id, Message: Message{Destination: destination, Lane: key}}}
		if seen[key] {
			behind = append(behind, c)
		} else {
			cut = append(cut, c)
		}
		seen[key] = true
		return nil
	})
	if err != nil {
		return err
	}
	if err := cutOffInLog(ctx, tx, cut, behind, owner); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `delete from outbox.held where destination = $1`, destination)
	return err
}

// cutOffInLog puts messages aside whose sending was cut off, and those behind them.
func cutOffInLog(ctx context.Context, tx pgx.Tx, cut, behind []*claimed, owner string) error {
	if len(cut) == 0 {
		return nil
	}
	var rows placing
	var ids []int64
	for _, c := range cut {
		rows.abandoned(c)
		ids = append(ids, c.ID)
	}
	for _, c := range behind {
		rows.waiting(c)
	}
	if err := rows.store(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
insert into outbox.attempt (message, attempt, started_at, finished_at, result, reason, exchange, owner, fence)
select id, 1, clock_timestamp(), clock_timestamp(), 'unknown', $2, '', $3, $4 from unnest($1::bigint[]) as w(id)`,
		ids, reasonLease, owner, cut[0].fence)
	return err
}

// endOverdue gives messages up whose Sender has not returned although their lease is over: they go on as after a crash.
func (r *Relay) endOverdue(ctx context.Context, d *destination) error {
	now := time.Now()
	var cut, behind []*claimed
	d.mu.Lock()
	for key, l := range d.lanes {
		if l.recording || l.pins > 0 || l.shut || !now.After(l.head.until) {
			continue
		}
		l.lost = true
		cut, behind = append(cut, l.head), append(behind, l.queue...)
		d.queued -= len(l.queue)
		l.queue = nil
		delete(d.lanes, key)
		d.rowed[key] = true
	}
	fence := d.fence
	d.mu.Unlock()
	if len(cut) == 0 {
		return nil
	}
	err := pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
		held, err := holdsFeed(ctx, tx, d.Name, fence)
		if err != nil || !held {
			return err
		}
		return cutOffInLog(ctx, tx, cut, behind, r.o.Owner)
	})
	if err != nil { // the messages are in no lane any more: only a new owner finds them
		d.disown(false)
		return fmt.Errorf("ending what is overdue to %s: %w", d.Name, err)
	}
	d.recordedAll(append(cut, behind...))
	return nil
}
