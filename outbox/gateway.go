package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Gateway is what several destinations are reached through, for example our own Security Server. When it is in trouble
// nothing is sent through it, no attempt is counted and no breaker of a destination opens: its own does, with a row of its
// own that every process obeys, and one alarm.
//
// It opens when failures come that are its own ([Outcome.AgainstGateway]), by the same rules as those of destinations; and
// when all that were tried in the last minute, by whatever process, fail, at least three, since partners do not fall over together. Where it
// answers all the same, that counts no more until it has been well for MaxOpen, and the breakers of destinations open.
type Gateway struct {
	// Name is that of its row; no destination has it.
	Name string
	// Probe asks whether it is there; see [Destination.Probe]. It is needed: no message is tried.
	Probe func(ctx context.Context) Outcome
	// Breaker says when it is left alone.
	Breaker BreakerPolicy
}

const (
	allFail      = "all_fail" // the reason of a gateway whose destinations all fail
	fewestToFail = 3
	latelyTried  = time.Minute
	reasonShared = "gateway" // of a destination's breaker that closes because it was the gateway
)

// gateway is a Gateway as this relay serves it.
type gateway struct {
	destination             // without a Sender
	away        atomic.Bool // as its row said last; true until it has been read

	linked bool           // of its server: the rows of its destinations name it
	behind []*destination // that this process serves

	mu        sync.Mutex
	opened    int // openings in a row, as its row said last
	suspected bool
	tried     map[string]try // what this process's attempts have said of destinations
	others    map[string]try // what the rows said last, which have those of other processes
}

func newGateway(g *Gateway) (*gateway, error) {
	d := Destination{Name: g.Name, Probe: g.Probe, Policy: Policy{Breaker: g.Breaker}.withDefaults()}
	if g.Name == "" || len(g.Name) > maxDestination || !storable(g.Name) || g.Probe == nil {
		return nil, fmt.Errorf("%w gateway %q: a name and a probe are needed", ErrInvalid, g.Name)
	}
	if err := d.Policy.validate(); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", g.Name, err)
	}
	served := &gateway{destination: destination{Destination: d, wake: make(chan struct{}, 1)}, tried: map[string]try{}}
	served.away.Store(true)
	return served, nil
}

// shut says whether nothing may be sent through it, as far as this process knows.
func (g *gateway) shut() bool {
	if g == nil {
		return false
	}
	if g.away.Load() {
		return true
	}
	g.destination.mu.Lock()
	defer g.destination.mu.Unlock()
	return g.current != nil && g.current.tripped()
}

// told takes note of an attempt through it.
func (g *gateway) told(d *destination, verdict error, o Outcome) {
	if g == nil {
		return
	}
	g.destination.mu.Lock()
	current := g.current
	g.destination.mu.Unlock()
	if current != nil {
		switch {
		case o.AgainstGateway && g.Policy.Breaker.counts(o.Reason):
			current.end(errAgainst, clip(o.Reason))
		case verdict == nil:
			current.end(nil, "")
		}
		if current.tripped() {
			g.awaken()
		}
	}
	if (verdict == nil || errors.Is(verdict, errAgainst)) && g.note(d, verdict != nil) {
		g.awaken() // others are told
	}
}

// suspect says whether the failures of a destination that is about to be left alone are the gateway's, and then makes all
// destinations count anew.
func (g *gateway) suspect() bool {
	if g == nil {
		return false
	}
	shut := g.shut()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !shut && !g.allFail() {
		return false
	}
	for _, d := range g.behind {
		d.mu.Lock()
		d.current = nil
		d.mu.Unlock()
	}
	if !shut {
		g.suspected = true
		g.awaken()
	}
	return true
}

// serveGateway keeps a gateway's row: it opens it when this process has seen enough, and finds out whether it is there
// again.
func (r *Relay) serveGateway(ctx context.Context, g *gateway) {
	failing := false
	for ctx.Err() == nil {
		pause, err := r.stepGateway(g)
		if err != nil && !failing {
			r.o.Log.Error("relay waits for the database", "gateway", g.Name, "error", err)
		}
		failing = err != nil
		timer := time.NewTimer(min(max(pause, soonest), r.o.Poll))
		select {
		case <-ctx.Done():
		case <-g.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// stepGateway does what there is to do for a gateway, and says how long there is nothing more.
func (r *Relay) stepGateway(g *gateway) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(r.hard, statementFor)
	defer cancel()
	l, _, err := r.look(ctx, &g.destination, 0)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, r.introduce(ctx, &g.destination)
	}
	if err != nil {
		return r.o.Poll, err
	}
	if !g.linked {
		if err := r.link(ctx, g); err != nil {
			return r.o.Poll, err
		}
	}
	if err := r.exchangeTries(ctx, g); err != nil {
		return r.o.Poll, err
	}
	g.mu.Lock()
	g.opened = l.opened
	suspected := g.suspected && g.allFail() // also by what others have seen meanwhile
	g.suspected = false
	g.mu.Unlock()
	current := g.gate(l.generation, l.opened)
	shut := l.state != breakerClosed || l.heldFor > 0
	if was := g.away.Swap(shut); was && !shut {
		g.awakenThrough()
	}
	switch {
	case l.state == breakerClosed && current.tripped():
		return 0, r.openGateway(ctx, g, g.changeAfter(current, errAgainst, r.o.Rand))
	case l.state == breakerClosed && suspected:
		g.away.Store(true)
		return 0, r.openGateway(ctx, g, &change{generation: l.generation, state: breakerOpen, reason: allFail, failed: true,
			wait: g.Policy.Breaker.openFor(l.opened+1, r.o.Rand())})
	case l.state == breakerClosed || l.closedFor > 0 || l.heldFor > 0:
		return r.o.Poll, nil
	}
	there, err := r.probe(&g.destination, &l)
	if err != nil || !there {
		return r.o.Poll, err
	}
	return 0, r.changeAlone(ctx, &g.destination, &change{generation: l.generation, state: breakerClosed, reason: reasonProbed})
}

// openGateway opens the gateway's row; breakers of destinations that have opened for its trouble are closed.
func (r *Relay) openGateway(ctx context.Context, g *gateway, c *change) error {
	if c == nil {
		return nil
	}
	r.o.Log.Error("nothing is sent through a gateway that is in trouble", "gateway", g.Name, "reason", c.reason)
	if err := r.changeAlone(ctx, &g.destination, c); err != nil || c.reason != allFail {
		return err
	}
	_, err := r.pool.Exec(ctx, `
with closed as (
    update outbox.breaker
    set state = 'closed', generation = generation + 1, since = clock_timestamp(), open_until = null, opened_reason = '', probe_reason = '',
        open_count = greatest(open_count - 1, 0), probe_by = null, probe_lease_until = null
    where gateway = $1 and state = 'open' and since > clock_timestamp() - make_interval(secs => $2)
      and exists (select from outbox.breaker g where g.destination = $1 and g.state = 'open')
    returning destination
)
insert into outbox.breaker_change (destination, state, reason, by)
select destination, 'closed', $3, $4 from closed`, g.Name, latelyTried.Seconds(), reasonShared, r.o.Owner)
	if err != nil {
		return fmt.Errorf("closing the breakers behind %s: %w", g.Name, err)
	}
	return nil
}

// link names the gateway in the rows of its destinations that are there already.
func (r *Relay) link(ctx context.Context, g *gateway) error {
	var names []string
	for _, d := range g.behind {
		names = append(names, d.Name)
	}
	_, err := r.pool.Exec(ctx, `update outbox.breaker set gateway = $2 where destination = any($1) and gateway is distinct from $2`, names, g.Name)
	if err != nil {
		return fmt.Errorf("naming the gateway %s: %w", g.Name, err)
	}
	g.linked = true
	return nil
}

// awakenThrough makes the dispatchers of the gateway's destinations look again.
func (g *gateway) awakenThrough() {
	for _, d := range g.behind {
		d.awaken()
	}
}
