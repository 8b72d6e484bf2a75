package outbox

import (
	"fmt"
	"slices"
	"time"
)

// The model of the log is what is promised of messages that are sent from it, whoever takes them and however the process
// that does ends: what has committed is sent, each lane in the order of its commits, one message of a lane at a time; an
// outcome counts once, and only from the relay that owns the destination; what was only waiting in memory has not been
// tried.

// promised is a message of the model.
type promised struct {
	key, lane string
	state     string // ready, delivered, dead or discarded
	attempts  int    // counted
	due       time.Time
	again     bool // a person let it go again after it had been skipped: it may come after those behind it
	flight    *flight
}

// flight is a message in a relay's hands.
type flight struct {
	message *promised
	relay   int
	fresh   bool  // taken from the log
	fence   int64 // under which it was taken
	early   bool  // something of its lane goes first: it is given back without a send
}

type logModel struct {
	idempotent, skip bool
	lanes            map[string][]*promised // in the order of commits
	all              []*promised
}

// committed adds what one transaction has published.
func (m *logModel) committed(msgs []*promised) {
	for _, msg := range msgs {
		if m.find(msg.key) == nil {
			m.lanes[msg.lane] = append(m.lanes[msg.lane], msg)
			m.all = append(m.all, msg)
		}
	}
}

func (m *logModel) find(key string) *promised {
	i := slices.IndexFunc(m.all, func(p *promised) bool { return p.key == key })
	if i < 0 {
		return nil
	}
	return m.all[i]
}

// starts is that a relay begins to send a message, and an error where that is against the promise.
func (m *logModel) starts(f *flight, now time.Time) error {
	msg := f.message
	if msg.due.After(now) {
		return fmt.Errorf("%s is sent %s too early", msg.key, msg.due.Sub(now))
	}
	if msg.state != stateReady {
		return fmt.Errorf("%s is sent and is %s", msg.key, msg.state)
	}
	for _, other := range m.lanes[msg.lane] {
		switch {
		case other == msg:
		case other.flight != nil && !other.flight.early:
			return fmt.Errorf("%s is sent while %s of its lane is", msg.key, other.key)
		}
	}
	if msg.flight != nil {
		return fmt.Errorf("%s is sent by two", msg.key)
	}
	for _, before := range m.lanes[msg.lane] {
		if before == msg {
			break
		}
		if before.state == stateReady && !before.again || before.state == stateDead && !m.skip {
			return fmt.Errorf("%s is sent before %s of its lane, which is %s", msg.key, before.key, before.state)
		}
	}
	msg.flight = f
	return nil
}

// ends is what becomes of a message after a send; the rules are those of the other model.
func (m *logModel) ends(f *flight, tries int, o modelOutcome) (state string, counted bool) {
	rules := &model{idempotent: m.idempotent}
	c := &modelClaim{tries: tries}
	state, _, _, counted = rules.verdict(c, o.Result, o.After, "why")
	if o.Apply {
		result := ResultRetry
		if o.Result == ResultDelivered || o.Result == ResultUnknown {
			result = ResultUnknown
		}
		state, _, _, counted = rules.verdict(c, result, 0, reasonApply)
	}
	m.settle(f, state, counted)
	return state, counted
}

func (m *logModel) settle(f *flight, state string, counted bool) {
	f.message.flight, f.message.state = nil, state
	if counted {
		f.message.attempts++
	}
}

// cutOff is that nobody will ever know how a send ended.
func (m *logModel) cutOff(f *flight) {
	f.message.flight = nil
	f.message.attempts++
}

// decided is what a person decides about a dead message.
func (m *logModel) decided(msg *promised, retry bool) {
	if msg.state = stateDiscarded; retry {
		msg.state, msg.again, msg.due = stateReady, msg.again || m.skip, time.Time{}
	}
}

// unsettled are the messages that are still to be sent.
func (m *logModel) unsettled() (n int) {
	for _, msg := range m.all {
		if msg.state == stateReady || msg.state == stateDead {
			n++
		}
	}
	return n
}

const modelDelay = 5 * time.Second
