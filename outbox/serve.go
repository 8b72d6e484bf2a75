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
		if !d.last.sleeps() && !d.asleep && !d.starved {
			if d.asleep = r.asleep.lie(r.hard, d.Name); d.asleep {
				continue // a last look: from now on publishers notify
			}
			pause = min(pause, uneasy)
			uneasy = min(2*uneasy, r.o.Poll)
		}
		timer := time.NewTimer(min(max(pause, soonest), r.o.Poll))
		select {
		case <-ctx.Done():
		case <-d.wake:
			if d.told.Swap(false) && !d.last.sleeps() && !d.starved && d.Policy.Rate == 0 { // there is something to claim
				d.busy = d.last
				d.busy.due, d.busy.dueIn = true, 0
			}
		case <-timer.C:
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
	l, err := d.busy, error(nil)
	hot := l.state != "" // the last claim found something: the next one is tried without looking first
	d.busy = look{}
	if !hot {
		l, err = r.look(ctx, d)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = r.introduce(ctx, d)
		l = look{due: true}
	}
	if err == nil && d.Policy.Hours != nil {
		err = r.openingHours(ctx, d, &l)
	}
	if err != nil {
		r.budget.give(d.index, slots, false)
		return 0, err
	}
	d.last = l
	if d.gateway.shut() {
		r.budget.give(d.index, slots, false)
		return r.o.Poll, nil // its serving wakes
	}
	if l.state == breakerClosed {
		if g := d.gate(l.generation, l.opened); g.tripped() {
			r.budget.give(d.index, slots, false)
			if d.gateway.suspect() {
				return again, nil
			}
			return 0, r.openTripped(ctx, d, g)
		} else if keep, wait := r.room(d, g, l, slots); keep < slots {
			r.budget.give(d.index, slots-keep, false)
			if slots = keep; slots == 0 {
				return wait, nil
			}
		}
	}
	if d.asleep && l.sleeps() { // nobody need wake anybody
		r.asleep.rise(ctx, d.Name)
		d.asleep = false
	}
	if l.state == "" || !l.due || l.dueIn > 0 || l.closedFor > 0 || l.heldFor > 0 || l.shutFor > 0 || l.paceFor > 0 {
		r.budget.give(d.index, slots, false)
		if !l.due {
			return r.o.Poll, nil
		}
		return max(l.dueIn, l.closedFor, l.heldFor, l.shutFor, l.paceFor), nil
	}
	if d.asleep {
		r.asleep.rise(ctx, d.Name)
		d.asleep = false
	}
	if l.state != breakerClosed && d.Probe != nil {
		if there, err := r.probe(d, &l); err != nil || !there {
			r.budget.give(d.index, slots, false)
			return 0, err
		}
	}
	held, err := r.claim(ctx, d, l, slots)
	r.budget.give(d.index, slots-len(held), false)
	if err == nil && l.probing && len(held) == 0 {
		err = r.endProbe(ctx, d, l)
	}
	if err != nil {
		return 0, err
	}
	for _, c := range held {
		r.workers.Go(func() {
			defer r.budget.give(d.index, 1, true)
			r.record(d, r.attempt(d, c))
		})
	}
	switch {
	case len(held) > 0 && l.state == breakerClosed && d.Policy.Rate == 0:
		d.busy = l
	case len(held) == 0 && !hot:
		return again, nil
	}
	return 0, nil
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
