package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	mostClaimed  = 1000                  // lanes in one claim
	statementFor = 30 * time.Second      // for one step of a dispatcher
	again        = 25 * time.Millisecond // when what is due is locked by somebody else
	soonest      = time.Millisecond

	// few is how many messages read at once do not end a dispatcher's sleep: to notify for each of them costs less than to
	// rise and to lie down again, and nobody waits meanwhile for a publisher that has not committed.
	few = 4
)

// serve is the dispatcher of one destination: it claims what is due as far as there are free slots, hands each message
// to a goroutine, and sleeps until the next message is due, somebody wakes it, or it is time to poll.
func (r *Relay) serve(ctx context.Context, d *destination) {
	failing := false
	uneasy := soonest // how long to doze while somebody who has not committed may have published
	for ctx.Err() == nil {
		pause, err := r.step(d)
		switch {
		case err != nil && !failing:
			r.o.Log.Error("relay waits for the database", "destination", d.Name, "error", err)
		case err == nil && failing:
			r.o.Log.Info("relay goes on", "destination", d.Name)
		}
		if failing = err != nil; failing {
			pauseFor(ctx, r.o.Poll)
			continue
		}
		if pause <= 0 {
			uneasy = soonest
			continue
		}
		if d.fence != 0 && !d.last.sleeps() && !d.asleep && !d.starved {
			if d.session, d.asleep = r.asleep.lie(r.hard, d.Name); d.asleep {
				continue // a last look: from now on publishers notify
			}
			pause = min(pause, uneasy)
			uneasy = min(2*uneasy, r.o.Poll)
		}
		timer := time.NewTimer(min(max(pause, soonest), r.o.Poll))
		select {
		case <-ctx.Done():
		case <-d.wake:
			d.woken = true
		case <-timer.C:
			d.woken = false
			d.asleep = d.asleep && r.asleep.lasts(r.hard, d.session, r.o.Poll)
		}
		timer.Stop()
	}
}

// step claims once and says how long there is nothing to do; 0 means that there may be more at once. Its statements
// are not cut off when Run's context ends, since a claim whose commit is in doubt is an attempt with an unknown result.
func (r *Relay) step(d *destination) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(r.hard, statementFor)
	defer cancel()
	slots := r.budget.take(d.index, mostClaimed)
	d.starved = slots == 0
	if d.starved {
		return r.o.Poll, nil // a slot that becomes free wakes
	}
	n, used := slots, 0
	defer func() { r.budget.give(d.index, slots-used, false) }()
	if d.fence == 0 {
		if owns, err := r.own(ctx, d); err != nil || !owns {
			return r.o.Poll, err
		}
	}
	read := slots
	if d.Policy.Rate > 0 {
		read = min(read, 1+int(d.Policy.Rate*window(d.Policy.Rate).Seconds()))
	}
	away := d.gateway.shut()
	if d.last.sleeps() || away {
		read = 0
	}
	l, pages, err := r.look(ctx, d, read)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, r.introduce(ctx, d)
	}
	if err == nil && d.Policy.Hours != nil {
		err = r.openingHours(ctx, d, &l)
	}
	if err != nil {
		return 0, err
	}
	woken := d.last.sleeps() && !l.sleeps()
	d.see(l)
	if l.fence != d.fence {
		r.o.Log.Warn("another relay sends to the destination now", "destination", d.Name)
		d.disown(true)
		r.rise(ctx, d)
		return 0, nil
	}
	if err := r.keepUp(ctx, d, l); err != nil {
		return 0, err
	}
	if away || d.gateway.shut() {
		return r.o.Poll, nil // its serving wakes
	}
	if l.state == breakerClosed {
		if g := d.gate(l.generation, l.opened); g.tripped() {
			if d.gateway.suspect() {
				return again, nil
			}
			return 0, r.openTripped(ctx, d, g)
		} else if keep, wait := r.room(d, g, l, slots); keep < slots {
			if n = keep; n == 0 {
				return wait, nil
			}
		}
	}
	if l.sleeps() { // nobody need wake anybody
		r.rise(ctx, d)
	}
	switch {
	case l.closedFor > 0 || l.heldFor > 0 || l.shutFor > 0:
		return max(l.closedFor, l.heldFor, l.shutFor), nil
	case l.paceFor > 0 && l.state == breakerClosed:
		return l.paceFor, nil
	case l.state != breakerClosed: // one message may be tried
		n = 1
		if !l.dueNow() {
			if l, pages, err = r.look(ctx, d, 1); err != nil {
				return 0, err
			}
		}
		if there, err := r.mayTry(ctx, d, &l, pages); err != nil || !there {
			return 0, err
		}
	case woken:
		return 0, nil // nothing has been read
	case d.Policy.Rate > 0:
		n = min(n, l.tokens)
	}
	started, progress, err := r.start(ctx, d, l, pages, n)
	used = started
	if err == nil && l.probing && started == 0 {
		err = r.endProbe(ctx, d, l)
	}
	if n, more := found(pages); err == nil && progress && d.asleep && started == n && !more && l.state == breakerClosed && !l.dueNow() {
		return l.next(r.o.Poll), nil // that was all, and whoever has published since has notified
	}
	if err != nil || progress {
		return 0, err
	}
	if n, _ := found(pages); n > 0 || l.dueNow() {
		return again, nil
	}
	return l.next(r.o.Poll), nil
}

// found says how many messages have been read, and whether there may be more.
func found(pages map[bool]*page) (n int, more bool) {
	for _, pg := range pages {
		n, more = n+len(pg.rows), more || pg.more
	}
	return n, more
}

// mayTry asks the destination, where there is something to be tried and a way to ask, whether it is there.
func (r *Relay) mayTry(ctx context.Context, d *destination, l *look, pages map[bool]*page) (bool, error) {
	if n, _ := found(pages); d.Probe == nil || n == 0 && !l.dueNow() {
		return true, nil
	}
	r.rise(ctx, d)
	return r.probe(d, l)
}

// start claims and takes as much as there are slots for, and sends it. It says how many slots are in use now, and whether
// it has done anything.
func (r *Relay) start(ctx context.Context, d *destination, l look, pages map[bool]*page, slots int) (started int, progress bool, err error) {
	locked := map[string]bool{}
	d.steps++
	for _, bulk := range d.order(l, pages) {
		for _, fresh := range []bool{d.steps%2 == 0, d.steps%2 != 0} { // neither starves the other
			if started == slots {
				return started, progress, nil
			}
			var n, done int
			var err error
			if fresh {
				n, done, err = r.startFresh(ctx, d, l, pages[bulk], slots-started, locked)
			} else {
				n, done, err = r.startRowed(ctx, d, l, bulk, slots-started, locked)
			}
			started, progress = started+n, progress || done > 0
			if err != nil {
				return started, progress, err
			}
		}
	}
	return started, progress, nil
}

// startRowed claims up to n lanes that have rows and sends their heads. It says how many.
func (r *Relay) startRowed(ctx context.Context, d *destination, l look, bulk bool, n int, locked map[string]bool) (started, done int, err error) {
	if in, due := l.dueIn[bulk]; !due || in > 0 {
		return 0, 0, nil
	}
	r.rise(ctx, d)
	held, err := r.claim(ctx, d, l, bulk, n)
	for _, c := range held {
		locked[c.Lane] = true
		r.workers.Go(func() {
			defer r.budget.give(d.index, 1, true)
			r.record(d, r.attemptRowed(d, c))
		})
	}
	return len(held), len(held), err
}

// startFresh takes messages from the log and sends up to n of them. It says how many it sends, and how many it took.
func (r *Relay) startFresh(ctx context.Context, d *destination, l look, pg *page, n int, locked map[string]bool) (started, done int, err error) {
	if pg == nil {
		return 0, 0, nil
	}
	if len(pg.rows) > few || len(pg.rows) > 0 && !d.woken {
		r.rise(ctx, d)
	}
	list, taken, err := r.take(ctx, d, l, pg, n, locked)
	if errors.Is(err, errNothing) {
		return 0, 0, nil
	}
	for _, c := range list {
		r.workers.Go(func() {
			defer r.budget.give(d.index, 1, true)
			r.deliver(d, c)
		})
	}
	return len(list), taken, err
}

// attemptRowed sends a message whose lane has a row, unless one that goes first is still in the log or is being sent from
// it: a person let the former go on meanwhile, or the version before has published it.
func (r *Relay) attemptRowed(d *destination, c *claimed) *record {
	if !c.early && !d.sendingFromLog(c.Lane) {
		return r.attempt(d, c)
	}
	rec := r.unsent(d, c, stateReady, c.reason)
	rec.wait = again
	return rec
}

// rise says that the dispatcher is awake.
func (r *Relay) rise(ctx context.Context, d *destination) {
	if d.asleep {
		r.asleep.rise(ctx, d.Name)
		d.asleep = false
	}
}

// see notes what the dispatcher has seen.
func (d *destination) see(l look) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last, d.gated = l, l.sleeps() || d.gateway.shut()
}

// keepUp does what the owner of a destination has to do now and then.
func (r *Relay) keepUp(ctx context.Context, d *destination, l look) error {
	if l.owner == "" { // this relay was buried and nobody has taken the destination over yet
		_, err := r.pool.Exec(ctx, `update outbox.feed set owner = $2 where destination = $1 and fence = $3 and owner is null`, d.Name, r.o.Owner, d.fence)
		if err != nil {
			return fmt.Errorf("owning %s again: %w", d.Name, err)
		}
	}
	if now := time.Now(); now.Sub(d.overdue) >= r.o.Poll {
		d.overdue = now
		return r.endOverdue(ctx, d)
	}
	return nil
}

// openingHours sees whether the destination is closed now, by the database's clock, and tells those who read its row.
func (r *Relay) openingHours(ctx context.Context, d *destination, l *look) error {
	if l.state == "" {
		return nil
	}
	l.shutFor = d.Policy.Hours.until(l.now.Add(time.Since(l.seen)))
	if l.shutFor == 0 || l.shut {
		return nil
	}
	_, err := r.pool.Exec(ctx, `
update outbox.breaker set shut_until = clock_timestamp() + make_interval(secs => $2) where destination = $1`, d.Name, l.shutFor.Seconds())
	if err != nil {
		return fmt.Errorf("telling that %s is closed: %w", d.Name, err)
	}
	l.shut = true
	return nil
}

// through is the name of the destination's gateway, nil where there is none.
func (d *destination) through() *string {
	if d.gateway == nil {
		return nil
	}
	return &d.gateway.Name
}

// introduce makes the breaker row of a destination that is served for the first time.
func (r *Relay) introduce(ctx context.Context, d *destination) error {
	_, err := r.pool.Exec(ctx, `
with row as (insert into outbox.breaker (destination, gateway) values ($1, $2) on conflict (destination) do nothing)
insert into outbox.pace (destination) values ($1) on conflict (destination) do nothing`, d.Name, d.through())
	if err != nil {
		return fmt.Errorf("introducing %s: %w", d.Name, err)
	}
	return nil
}
