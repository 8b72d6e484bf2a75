package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// lane is a lane of which a message from the log is being sent. While it is in memory, messages of the lane that follow in
// the log wait here for their turn.
type lane struct {
	fence     int64 // of the ownership under which it was entered
	head      *claimed
	recording bool // what became of the head is being written
	queue     []*claimed
	pins      int  // messages that are being taken and will be queued here
	shut      bool // the lane has a row now, and what follows goes there
	lost      bool // it is somebody else's now
}

// batch is what one transaction has taken from the log.
type batch struct {
	id   int64
	left int // not recorded yet
}

// enter lets messages that have been taken into their lanes, and returns those that are to be sent now.
func (d *destination) enter(c chosen, g *gate, until time.Time, id int64) []*claimed {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := &batch{id: id, left: len(c.start) + len(c.queue)}
	if b.left == 0 { // all put aside
		d.recorded = append(d.recorded, b.id)
	}
	for _, m := range c.start {
		l := &lane{fence: d.fence, head: m}
		m.gate, m.until, m.batch, m.lane, m.once = g, until, b, l, d.last.once
		d.lanes[m.Lane] = l
	}
	for _, m := range c.queue {
		l := d.lanes[m.Lane]
		m.gate, m.batch, m.lane, m.once = g, b, l, d.last.once
		l.queue = append(l.queue, m)
	}
	for _, m := range c.aside { // what was read at the same time and goes after it follows it there
		d.rowed[m.Lane] = true
	}
	d.queued += len(c.queue)
	d.unpin(c)
	return c.start
}

// unpin lets the lanes go on that waited for what is being taken. The caller holds the lock.
func (d *destination) unpin(c chosen) {
	for _, l := range c.pinned {
		l.pins--
	}
	if len(c.pinned) > 0 {
		d.turn.Broadcast()
	}
}

// deliver sends a message from the log, and after it those that wait in its lane.
func (r *Relay) deliver(d *destination, c *claimed) {
	for c != nil {
		r.record(d, r.attempt(d, c))
		if c = r.following(d, c.lane); c != nil && d.Policy.Rate > 0 {
			r.awaitTurn(d, c)
		}
	}
}

// awaitTurn waits until one more message may leave at the destination's pace, or the relay stops.
func (r *Relay) awaitTurn(d *destination, c *claimed) {
	d.mu.Lock()
	c.until = time.Now().Add(never) // its time begins when it is its turn
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		c.until = time.Now().Add(r.o.Lease)
	}()
	for !r.stopping() {
		ctx, cancel := context.WithTimeout(r.hard, statementFor)
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return r.keepPace(ctx, tx, d, 1) })
		cancel()
		if err == nil || !pauseFor(r.running, max(soonest, time.Duration(float64(time.Second)/d.Policy.Rate/4))) {
			return
		}
	}
}

// following is the next message of a lane whose head has been recorded; nil if there is none, or the lane has a row now.
func (r *Relay) following(d *destination, l *lane) *claimed {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		for len(l.queue) == 0 && l.pins > 0 {
			d.turn.Wait()
		}
		queue := l.queue
		switch {
		case l.lost || l.fence != d.fence || len(queue) == 0:
			if d.lanes[l.head.Lane] == l {
				delete(d.lanes, l.head.Lane)
			}
			if l.shut {
				d.rowed[l.head.Lane] = true
			}
			return nil
		case !l.shut && !d.gated:
			next := queue[0]
			l.head, l.queue, l.recording = next, queue[1:], false
			d.queued--
			next.until = time.Now().Add(r.o.Lease)
			if g := d.current; g != nil && !next.gate.probe {
				next.gate = g
			}
			return next
		}
		l.queue, l.shut = nil, true
		d.queued -= len(queue)
		d.mu.Unlock()
		ok := r.follow(d, queue)
		d.mu.Lock()
		l.lost = l.lost || !ok
	}
}

// follow puts messages behind those of their lane that have rows. It does not give up before the relay ends or has lost
// the destination.
func (r *Relay) follow(d *destination, queue []*claimed) (ok bool) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		ctx, cancel := context.WithTimeout(r.hard, r.o.Lease)
		var held bool
		err := pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
			var err error
			if held, err = holdsFeed(ctx, tx, d.Name, queue[0].fence); err != nil || !held {
				return err
			}
			return putAside(ctx, tx, queue)
		})
		cancel()
		switch {
		case err == nil:
			if held {
				d.recordedAll(queue)
			}
			return held
		case !pauseFor(r.hard, pause):
			return false
		}
	}
}

// holdsFeed locks the owner's row against a takeover, and says whether the fencing number is still its own.
func holdsFeed(ctx context.Context, tx pgx.Tx, destination string, fence int64) (bool, error) {
	tag, err := tx.Exec(ctx, `select from outbox.feed where destination = $1 and fence = $2 for key share`, destination, fence)
	if err != nil {
		return false, fmt.Errorf("looking for the owner of %s: %w", destination, err)
	}
	return tag.RowsAffected() > 0, nil
}

// recording says that what became of a lane's head is to be written now, and false if the lane has been given away. If the
// head stays, or blocks the lane, what waits behind it is to be written too.
func (d *destination) recording(rec *record) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := rec.lane
	if l.lost || l.fence != d.fence {
		return false
	}
	l.recording = true
	if rec.state == stateReady || rec.state == stateDead && d.policyOf(rec.claimed).OnDead != Skip {
		l.shut = true
		rec.behind = append(rec.behind, l.queue...)
		d.queued -= len(l.queue)
		l.queue = nil
	}
	return true
}

// recordedAll counts messages from the log that have been recorded.
func (d *destination) recordedAll(list []*claimed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range list {
		if c.batch.left--; c.batch.left == 0 {
			d.recorded = append(d.recorded, c.batch.id)
		}
	}
}

// recordedBatches are batches of which nothing is left to record.
func (d *destination) recordedBatches() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int64{}, d.recorded...)
}

// forgetBatches forgets the first n of them.
func (d *destination) forgetBatches(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recorded = slices.Delete(d.recorded, 0, n)
}

// sendingFromLog says whether a message of the lane is being sent from the log.
func (d *destination) sendingFromLog(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lanes[key] != nil
}

// lose says that a message's lane is somebody else's now.
func (d *destination) lose(rec *record) {
	if rec.fed {
		d.mu.Lock()
		defer d.mu.Unlock()
		rec.lane.lost = true
	}
}
