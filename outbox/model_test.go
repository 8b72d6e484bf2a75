package outbox

import (
	"slices"
	"time"
)

// The model is what the outbox promises, without a database: messages in their lanes, who holds a lane until when, and
// whether the destination is left alone. Time is a number that a history moves on.

const (
	modelAttempts = 3
	modelFailures = 3 // that count, in a row, open the breaker
	modelBase     = 10 * time.Second
	modelCap      = 40 * time.Second
	modelLease    = time.Hour
)

type modelMessage struct {
	Key, Lane      string
	State, Reason  string
	Pending        bool
	Dead           bool // pending, and blocks its lane
	Due            time.Time
	Attempt, Tries int
	Why            string // it is still here
	Cut            bool   // an attempt was cut off, and its outcome never became known
	Bulk           bool
	Expires        time.Time // zero: never
}

type modelLane struct {
	Ready   time.Time
	Blocked bool
	Bulk    bool
	Claim   *modelClaim // of whoever holds it, or has held it until the lease ran out
	Until   time.Time
}

// modelClaim is a message in somebody's hands. It is the lane's own until the lane is given to somebody else.
type modelClaim struct {
	message        *modelMessage
	relay          int
	attempt, tries int
	abandoned      bool
	expired        bool
	why            string
	generation     int
	gate           *modelGate
	probe          bool
}

// modelGate counts failures in one process during one generation of the breaker.
type modelGate struct {
	generation, failures int
	tripped              bool
}

type modelAttempt struct {
	Key     string
	Attempt int
	Result  string
	Reason  string
}

type modelBreaker struct {
	State      string
	Generation int
	OpenUntil  time.Time
	ProbeUntil time.Time
	HeldUntil  time.Time
}

type model struct {
	now        time.Time
	idempotent bool
	skip       bool
	messages   []*modelMessage
	lanes      map[string]*modelLane
	attempts   []modelAttempt
	breaker    modelBreaker
	known      bool         // a relay has introduced the destination
	gates      []*modelGate // by relay
	claims     []int        // by relay: made while there were bulk messages
}

func newModel(now time.Time, relays int, idempotent, skip bool) *model {
	return &model{now: now, idempotent: idempotent, skip: skip, lanes: map[string]*modelLane{}, gates: make([]*modelGate, relays),
		claims: make([]int, relays), breaker: modelBreaker{State: breakerClosed}}
}

// pending are the messages of a lane that are not settled, in order.
func (m *model) pending(lane string) (out []*modelMessage) {
	for _, msg := range m.messages {
		if msg.Lane == lane && msg.Pending {
			out = append(out, msg)
		}
	}
	return out
}

// settleLane gives a lane back: it is due when its head is, and gone with its last message.
func (m *model) settleLane(lane string) {
	waiting := m.pending(lane)
	if len(waiting) == 0 {
		delete(m.lanes, lane)
		return
	}
	head := waiting[0]
	m.lanes[lane] = &modelLane{Ready: head.Due, Blocked: head.Dead, Bulk: head.Bulk}
}

// touchLane is what others than its holder do to a lane: it keeps its claim.
func (m *model) touchLane(lane string) {
	if l := m.lanes[lane]; l == nil || l.Claim == nil || len(m.pending(lane)) == 0 {
		m.settleLane(lane)
	}
}

type modelPublish struct {
	Lane, Key      string
	Delay, Expires time.Duration
	Bulk           bool
}

func (m *model) publish(msgs []modelPublish) {
	for _, p := range msgs {
		if slices.ContainsFunc(m.messages, func(old *modelMessage) bool { return old.Key == p.Key }) {
			continue
		}
		msg := &modelMessage{Key: p.Key, Lane: p.Lane, State: stateReady, Pending: true, Due: m.now.Add(p.Delay), Bulk: p.Bulk}
		if p.Expires > 0 {
			msg.Expires = m.now.Add(p.Expires)
		}
		m.messages = append(m.messages, msg)
		m.touchLane(p.Lane)
	}
}

// claimable are the lanes that a relay may take now, those that are not bulk and the others.
func (m *model) claimable() (plain, bulk []string) {
	for key, l := range m.lanes {
		if l.Blocked || l.Ready.After(m.now) || l.Claim != nil && l.Until.After(m.now) {
			continue
		}
		if l.Bulk {
			bulk = append(bulk, key)
		} else {
			plain = append(plain, key)
		}
	}
	return plain, bulk
}

// closedFor says whether the breaker or a person keeps everybody from sending now.
func (m *model) closed() bool {
	b := m.breaker
	return b.HeldUntil.After(m.now) || b.State != breakerClosed && (b.OpenUntil.After(m.now) || b.ProbeUntil.After(m.now))
}

// gate is the relay's gate for the present generation.
func (m *model) gate(relay int) *modelGate {
	if g := m.gates[relay]; g == nil || g.generation != m.breaker.Generation {
		m.gates[relay] = &modelGate{generation: m.breaker.Generation}
	}
	return m.gates[relay]
}

// claim gives a lane to a relay. What its last holder was sending has an unknown result now.
func (m *model) claim(relay int, lane string, gate *modelGate, probe bool) *modelClaim {
	l := m.lanes[lane]
	if l.Claim != nil {
		if old := l.Claim.message; old.Pending {
			old.Attempt++
			old.Tries++
			old.Cut = true
			m.attempts = append(m.attempts, modelAttempt{old.Key, old.Attempt, string(ResultUnknown), reasonLease})
		}
	}
	head := m.pending(lane)[0]
	c := &modelClaim{message: head, relay: relay, attempt: head.Attempt + 1, tries: head.Tries + 1, abandoned: head.Cut,
		expired: !head.Expires.IsZero() && !head.Expires.After(m.now), why: head.Why, generation: m.breaker.Generation, gate: gate, probe: probe}
	l.Claim, l.Until = c, m.now.Add(modelLease)
	return c
}

// modelOutcome is what a sender answers.
type modelOutcome struct {
	Result  Result
	After   time.Duration
	Against bool
	Apply   bool // it has an Apply that fails
}

// finish is the end of a claim: a send with its outcome, or none.
func (m *model) finish(c *modelClaim, o modelOutcome) {
	var state, why string
	var wait time.Duration
	counted, sent := false, false
	opens, closes, reopens := false, false, c.probe
	switch {
	case c.abandoned && !m.idempotent:
		state, why = stateDead, reasonLease
	case c.tries > modelAttempts:
		state, why = stateDead, nonEmpty(c.why, reasonAttempts)
		if c.abandoned {
			why = reasonLease
		}
	case c.expired:
		state, why = stateDead, reasonExpired
	case c.gate.tripped:
		state, why = stateReady, c.why
	default:
		sent = true
		reopens = false
		state, why, wait, counted = m.verdict(c, o.Result, o.After, "why")
		opens, closes, reopens = c.health(o)
		if o.Apply {
			result := ResultRetry
			if o.Result == ResultDelivered || o.Result == ResultUnknown {
				result = ResultUnknown
			}
			o.Result = result
			state, why, wait, counted = m.verdict(c, result, 0, reasonApply)
		}
	}
	l := m.lanes[c.message.Lane]
	if l == nil || l.Claim != c {
		return // it is somebody else's
	}
	msg := c.message
	attempt, tries := c.attempt, c.tries
	if !counted {
		attempt, tries = attempt-1, tries-1
	}
	if sent {
		m.attempts = append(m.attempts, modelAttempt{msg.Key, c.attempt, string(o.Result), why})
	}
	switch state {
	case stateDelivered:
		msg.Pending, msg.State = false, stateDelivered
	case stateDead:
		msg.State, msg.Reason = stateDead, why
		msg.Pending, msg.Dead = !m.skip, !m.skip
		msg.Attempt, msg.Tries, msg.Why, msg.Cut = attempt, tries, why, false
	default:
		msg.Due = m.now.Add(wait)
		msg.Attempt, msg.Tries, msg.Why, msg.Cut = attempt, tries, why, false
	}
	m.settleLane(msg.Lane)
	if (opens || closes || reopens) && c.generation == m.breaker.Generation && m.breaker.State != breakerOpen {
		m.breaker.Generation++
		m.breaker.ProbeUntil, m.breaker.OpenUntil = time.Time{}, time.Time{}
		m.breaker.State = breakerOpen
		if closes {
			m.breaker.State = breakerClosed
		}
	}
}

// verdict is what becomes of a message after a send.
func (m *model) verdict(c *modelClaim, result Result, after time.Duration, why string) (state, reason string, wait time.Duration, counted bool) {
	again := result == ResultRetry || result == ResultUnknown && m.idempotent
	switch {
	case result == ResultDelivered:
		return stateDelivered, why, 0, true
	case result == ResultWait && after == 0:
		return stateReady, why, modelBase, false
	case result == ResultWait:
		return stateReady, why, after, false
	case !again || c.tries >= modelAttempts:
		return stateDead, why, 0, true
	case after == 0:
		return stateReady, why, min(modelBase<<(c.tries-1), modelCap) / 2, true // full jitter, and the die always shows a half
	}
	return stateReady, why, after, true
}

// health is what a send tells the breaker.
func (c *modelClaim) health(o modelOutcome) (opens, closes, reopens bool) {
	switch {
	case o.Against:
		c.gate.failures++
		c.gate.tripped = c.gate.tripped || c.probe || c.gate.failures >= modelFailures
		return c.gate.tripped, false, false
	case o.Result == ResultDelivered || o.Result == ResultRefused || o.Result == ResultDead:
		c.gate.failures = 0
		return c.gate.tripped, c.probe, false
	}
	return c.gate.tripped, false, c.probe
}

// retry and discard are what a person does about a dead message.
func (m *model) retry(msg *modelMessage) {
	if !msg.Pending { // it was skipped: it goes back as an ordinary one
		msg.Bulk, msg.Why = false, ""
	}
	msg.State, msg.Pending, msg.Dead, msg.Due, msg.Tries, msg.Cut, msg.Expires = stateReady, true, false, m.now, 0, false, time.Time{}
	m.touchLane(msg.Lane)
}

func (m *model) discard(msg *modelMessage) {
	msg.State, msg.Pending, msg.Dead = stateDiscarded, false, false
	m.touchLane(msg.Lane)
}

// silent ends the leases of a relay.
func (m *model) silent(relay int) {
	for _, l := range m.lanes {
		if l.Claim != nil && l.Claim.relay == relay && l.Until.After(m.now) {
			l.Until = m.now
		}
	}
}
