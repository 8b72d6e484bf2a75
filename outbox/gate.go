package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
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
	policy     BreakerPolicy
	counter    *gobreaker.TwoStepCircuitBreaker[any]
	generation int64
	probe      bool
	now        func() time.Time

	mu     sync.Mutex
	opened int       // openings in a row so far
	row    uint32    // failures since the last success
	since  time.Time // of the first of them
	last   time.Time // a claim while the row was long enough and had not lasted
	reason string    // of the last failure that counted
}

// windowBuckets is in how many steps the window of a gate moves.
const windowBuckets = 10

func newGate(name string, policy BreakerPolicy, generation int64, opened int, probe bool, now func() time.Time) *gate {
	if probe {
		policy.Failures, policy.Lasting = 1, 0
	}
	g := &gate{policy: policy, generation: generation, opened: opened, probe: probe, now: now}
	g.counter = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name:         name,
		Interval:     policy.Window,
		BucketPeriod: max(policy.Window/windowBuckets, 1),
		Timeout:      never, // the row decides when a probe is due
		ReadyToTrip:  g.ready,
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errNeutral) || errors.Is(err, context.Canceled) },
	})
	return g
}

// ready says whether the failures suffice: so many in a row for so long, or too large a share of the window. The row is
// counted here because gobreaker's own forgets what the window has left, and a quiet destination would never trip.
// Requests under way are not part of the share.
func (g *gate) ready(c gobreaker.Counts) bool {
	if g.row >= g.policy.Failures && g.now().Sub(g.since) >= g.policy.Lasting {
		return true
	}
	ended := c.TotalSuccesses + c.TotalFailures
	return ended >= g.policy.Least && float64(c.TotalFailures) >= g.policy.Share*float64(ended)
}

// tripped says whether the gate has seen enough failures.
func (g *gate) tripped() bool { return g.counter.State() == gobreaker.StateOpen }

// end counts how an attempt ended, at the moment when it ended: gobreaker ignores what began before its window.
func (g *gate) end(verdict error, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case verdict == nil:
		g.row = 0
	case errors.Is(verdict, errAgainst):
		if g.row == 0 {
			g.since = g.now()
		}
		g.row++
	}
	done, err := g.counter.Allow()
	if err != nil { // tripped already
		return
	}
	if errors.Is(verdict, errAgainst) {
		g.reason = reason
	}
	done(verdict)
}

// suspects says whether the failures in a row would suffice if they had lasted, and if so for how long nothing may be
// claimed: until it is known, single messages find out.
func (g *gate) suspects() (bool, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.row < g.policy.Failures || g.policy.Lasting == 0 {
		return false, 0
	}
	wait := g.last.Add(g.policy.Lasting / 5).Sub(g.now())
	if wait <= 0 {
		g.last = g.now()
	}
	return true, max(0, wait)
}

func (g *gate) lastReason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// openings is how often in a row the row has opened so far.
func (g *gate) openings() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

// health is what an outcome tells the breaker: nil, errAgainst, errNeutral or context.Canceled. The answers delivered,
// refused and dead came from a receiver that is there; retry, wait and unknown without blame say nothing.
func (p BreakerPolicy) health(o Outcome, sendErr error) error {
	switch {
	case errors.Is(sendErr, context.Canceled):
		return context.Canceled
	case o.CountsAgainst && p.counts(o.Reason):
		return errAgainst
	case o.Result == ResultDelivered, o.Result == ResultRefused, o.Result == ResultDead:
		return nil
	}
	return errNeutral
}

// counts says whether failures with this reason may count.
func (p BreakerPolicy) counts(reason string) bool {
	kind, _, _ := strings.Cut(reason, " ")
	return len(p.Reasons) == 0 || slices.Contains(p.Reasons, kind)
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
		return &change{generation: g.generation, state: breakerClosed, reason: reasonProbed}
	case g.probe && !g.tripped():
		return &change{generation: g.generation, state: breakerOpen, wait: p.openFor(max(1, g.openings()), random()), reason: "probe told nothing"}
	case g.tripped():
		return &change{generation: g.generation, state: breakerOpen, wait: p.openFor(g.openings()+1, random()), reason: g.lastReason(), failed: true}
	}
	return nil
}
