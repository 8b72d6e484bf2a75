package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// What gates are told about an attempt that is not a success.
var (
	errAgainst = errors.New("counts against the destination")
	errNeutral = errors.New("says nothing about the destination")
)

// never is longer than any process lives.
const never = 100 * 365 * 24 * time.Hour

// gate counts, in this process, the failures of a destination during one generation of its breaker row. When it trips,
// the row is opened; from then on the row decides, for every process and across restarts, and a gate never closes
// again by itself: a new generation of the row gets a new gate. A probe, the one message tried while the row is half
// open, has a gate of its own that trips at the first failure.
type gate struct {
	counter    *gobreaker.TwoStepCircuitBreaker[any]
	generation int64
	opened     int // openings in a row so far
	probe      bool

	mu     sync.Mutex
	reason string // of the last failure that counted
}

func newGate(name string, failures uint32, generation int64, opened int, probe bool) *gate {
	if probe {
		failures = 1
	}
	return &gate{
		counter: gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			Name:         name,
			Timeout:      never, // the row decides when a probe is due
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failures },
			IsSuccessful: func(err error) bool { return err == nil },
			IsExcluded:   func(err error) bool { return errors.Is(err, errNeutral) || errors.Is(err, context.Canceled) },
		}),
		generation: generation, opened: opened, probe: probe,
	}
}

// tripped says whether the gate has seen enough failures.
func (g *gate) tripped() bool { return g.counter.State() == gobreaker.StateOpen }

// fail reports a failure that counts, and its reason, through done.
func (g *gate) fail(done func(error), reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reason = reason
	done(errAgainst)
}

func (g *gate) lastReason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// health is what an outcome tells the breaker: nil, errAgainst, errNeutral or context.Canceled. The answers delivered,
// refused and dead came from a receiver that is there; retry, wait and unknown without blame say nothing.
func health(o Outcome, sendErr error) error {
	switch {
	case errors.Is(sendErr, context.Canceled):
		return context.Canceled
	case o.CountsAgainst:
		return errAgainst
	case o.Result == ResultDelivered, o.Result == ResultRefused, o.Result == ResultDead:
		return nil
	}
	return errNeutral
}

// change is a transition of a breaker row that an attempt brings about.
type change struct {
	generation int64  // of the row as the attempt knew it
	state      string // to
	wait       time.Duration
	reason     string
	failed     bool // one more opening in a row
}

// changeAfter is the transition that an attempt through g brings about, nil for none. verdict is what health said.
func (d *destination) changeAfter(g *gate, verdict error, random func() float64) *change {
	p := d.Policy.Breaker
	switch {
	case g.probe && verdict == nil:
		return &change{generation: g.generation, state: breakerClosed, reason: "probe succeeded"}
	case g.probe && !g.tripped():
		return &change{generation: g.generation, state: breakerOpen, wait: p.openFor(max(1, g.opened), random()), reason: "probe told nothing"}
	case g.tripped():
		return &change{generation: g.generation, state: breakerOpen, wait: p.openFor(g.opened+1, random()), reason: g.lastReason(), failed: true}
	}
	return nil
}
