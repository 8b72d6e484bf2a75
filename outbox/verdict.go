package outbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// Reasons that the relay gives itself.
const (
	reasonApply    = "apply"          // Outcome.Apply failed
	reasonOnDead   = "on_dead"        // Destination.OnDead failed
	reasonPanic    = "panic"          // the Sender panicked
	reasonResult   = "invalid_result" // the Sender gave no known result
	reasonExpired  = "expired"        // of no use any more, by the publisher's word
	reasonUnknown  = "unknown_kind"   // the Sender does not know what the message is
	reasonAttempts = "attempts_spent" // no attempt is left, for whatever reason the last one failed
	unknownFor     = time.Minute      // until a message of an unknown kind is looked at again
	maxReason      = 200              // bytes kept of a reason or an exchange id
	sendShare      = 4                // a send may take 4/5 of the lease
)

// States of messages and breakers.
const (
	stateReady     = "ready"
	stateDelivered = "delivered"
	stateDead      = "dead"
	stateDiscarded = "discarded"

	breakerClosed   = "closed"
	breakerOpen     = "open"
	breakerHalfOpen = "half_open"
)

// record is what is to be written about one claimed message.
type record struct {
	*claimed
	state    string // ready, delivered or dead
	counted  bool   // whether the attempt counts
	sent     bool   // whether there was a send, which leaves a row of its own
	result   Result // of the send
	why      string // reason of the attempt or of the death
	exchange string
	took     time.Duration // of the send
	wait     time.Duration // until the message is due again, when ready
	postpone string        // dead for this reason as soon as the hook succeeds; state is ready
	change   *change       // of the breaker
	outcome  Outcome
	behind   []*claimed // of the log, in the same lane: they stay with it
}

// attempt sends a claimed message, unless there is a reason not to, and says what is to be recorded.
func (r *Relay) attempt(d *destination, c *claimed) *record {
	policy := d.policyOf(c)
	switch {
	case c.verdict != "":
		return r.unsent(d, c, stateDead, c.verdict)
	case d.Knows != nil && !d.Knows(c.Kind):
		rec := r.unsent(d, c, stateReady, reasonUnknown)
		rec.wait = unknownFor
		return rec
	case c.abandoned && !policy.Idempotent:
		return r.unsent(d, c, stateDead, reasonLease)
	case c.tries > policy.MaxAttempts:
		why := nonEmpty(c.reason, reasonAttempts)
		if c.abandoned {
			why = reasonLease
		}
		return r.unsent(d, c, stateDead, why)
	case c.once && c.tries > 1:
		return r.unsent(d, c, stateDead, reasonRetriesOff)
	case c.expired:
		return r.unsent(d, c, stateDead, reasonExpired)
	case r.stopping():
		return r.unsent(d, c, stateReady, c.reason)
	}
	if c.tries > 1 && !c.gate.probe && !d.retries.repeat() { // it waits for its share, and nothing is counted
		rec := r.unsent(d, c, stateReady, c.reason)
		rec.wait = policy.Base + policy.backoff(c.tries, r.o.Rand())
		return rec
	}
	if c.gate.tripped() || d.gateway.shut() { // since the claim: the message waits behind the breaker, nothing is counted
		return r.unsent(d, c, stateReady, c.reason)
	}
	if c.tries == 1 {
		d.retries.first()
	}
	ctx, cancel := context.WithDeadline(r.sends, c.until.Add(-r.o.Lease/(sendShare+1)))
	defer cancel()
	started := time.Now()
	o := r.send(ctx, d, c)
	took := time.Since(started)
	verdict := d.Policy.Breaker.health(o, ctx.Err())
	if o.AgainstGateway && errors.Is(verdict, errAgainst) {
		verdict = errNeutral
	}
	d.gateway.told(d, verdict, o)
	c.gate.end(verdict, clip(o.Reason))
	rec := &record{claimed: c, sent: true, exchange: clip(o.Exchange), took: took, outcome: o}
	if rec.change = d.changeAfter(c.gate, verdict, r.o.Rand); rec.change != nil && rec.change.failed && !c.gate.probe && d.gateway.suspect() {
		rec.change = nil
	}
	d.retries.end(o.Result == ResultRetry || o.Result == ResultUnknown)
	r.settle(d, rec, o.Result, o.After, clip(o.Reason))
	return rec
}

// policyOf is the policy for a message's kind.
func (d *destination) policyOf(c *claimed) *Policy {
	if p, ok := d.kinds[c.Kind]; ok {
		return p
	}
	return &d.Policy
}

// unsent is the record of a message that was claimed and not sent.
func (r *Relay) unsent(d *destination, c *claimed, state, why string) *record {
	rec := &record{claimed: c, state: state, why: why}
	if c.gate.probe {
		rec.change = &change{generation: c.gate.generation, state: breakerOpen, reason: reasonUnused}
	}
	return rec
}

// send calls the Sender and survives its panic, which is an unknown result: the receiver may have the message.
func (r *Relay) send(ctx context.Context, d *destination, c *claimed) (o Outcome) {
	defer func() {
		if p := recover(); p != nil { // the value may hold data of the message: only the stack is logged
			r.o.Log.Error("sender panicked", "destination", d.Name, "message", c.ID, "stack", string(debug.Stack()))
			o = Outcome{Result: ResultUnknown, Reason: reasonPanic}
		}
	}()
	o = d.Sender.Send(ctx, c.Delivery)
	switch o.Result {
	case ResultDelivered, ResultRetry, ResultWait, ResultRefused, ResultUnknown, ResultDead:
		return o
	}
	o.Result = ResultUnknown
	if o.Reason == "" {
		o.Reason = reasonResult
	}
	return o
}

// settle works out what becomes of a message after a send with the given result.
func (r *Relay) settle(d *destination, rec *record, result Result, after time.Duration, why string) {
	policy := d.policyOf(rec.claimed)
	rec.result, rec.why, rec.counted = result, why, true
	again := false
	switch result {
	case ResultDelivered:
		rec.state = stateDelivered
	case ResultWait:
		rec.state, rec.counted, rec.wait = stateReady, false, after
		if after <= 0 {
			rec.wait = policy.Base
		}
	case ResultRetry:
		again = true
	case ResultUnknown:
		again = policy.Idempotent
		rec.state = stateDead
	default:
		rec.state = stateDead
	}
	if !again {
		return
	}
	if rec.tries >= policy.MaxAttempts {
		rec.state = stateDead
		return
	}
	rec.state, rec.wait = stateReady, after
	if rec.once { // it dies at the next claim; the attempt keeps its own reason
		rec.wait = 0
		return
	}
	if after <= 0 {
		rec.wait = policy.backoff(rec.tries, r.o.Rand())
	}
	if policy.MaxAge > 0 && rec.age+rec.took+rec.wait > policy.MaxAge {
		rec.state = stateDead
	}
}

// withoutApply is what is to be recorded after Apply has failed: nothing of what the send brought.
func (r *Relay) withoutApply(d *destination, rec *record) {
	result := ResultRetry
	if rec.result == ResultDelivered || rec.result == ResultUnknown {
		result = ResultUnknown
	}
	rec.outcome.Apply = nil
	r.settle(d, rec, result, 0, reasonApply)
}

// withoutHook is what is to be recorded after the destination's hook has failed: the message stays, and is recorded
// as dead, without another send, when the hook succeeds. What the send brought is stored now.
func (r *Relay) withoutHook(d *destination, rec *record) {
	policy := d.policyOf(rec.claimed)
	rec.state, rec.postpone = stateReady, nonEmpty(rec.why, reasonAttempts)
	rec.wait = doubled(policy.Base, rec.tries-1, policy.Cap)
}

// pendingReason is why a message that stays is still here.
func (rec *record) pendingReason() string {
	if rec.postpone != "" {
		return reasonOnDead
	}
	return rec.why
}

// counts are the attempt and the tries to keep.
func (rec *record) counts() (attempt, tries int) {
	if rec.counted {
		return rec.Attempt, rec.tries
	}
	return rec.Attempt - 1, rec.tries - 1
}

// delivery is the Delivery as the destination's hook sees it.
func (rec *record) delivery() Delivery {
	d := rec.Delivery
	d.Attempt, _ = rec.counts()
	return d
}

// clip keeps of s what can be stored and shown.
func clip(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return s
}

func nonEmpty(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// survive turns a panic in somebody else's function into an error.
func survive(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic at %s", debug.Stack())
		}
	}()
	return f()
}
