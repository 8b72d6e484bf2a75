package simulated

import (
	"context"
	"fmt"
	"time"
)

// firstPause and longestPause bound the back-off between two attempts to
// deliver an answer.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
)

// pursue answers a consultation as soon as it may be answered, and delivers the
// answer until the hub has acknowledged it as often as the character wants. It
// goes on until then or until the world ends; the journal says where the next
// world takes over. The caller holds mu, so that nothing begins while Close or
// Abort waits for what has begun.
func (w *World) pursue(a *authority, c *consultation) {
	if w.ended {
		return
	}
	w.work.Go(func() {
		pause := firstPause
		for {
			answer, ok := w.decide(a, c)
			if !ok {
				return
			}
			status, err := w.deliver(a, c, answer)
			if w.ctx.Err() != nil && err != nil {
				return
			}
			if err == nil {
				err = w.keep(record{At: w.o.Now(), Delivered: &deliveredRecord{System: a.name, ID: c.id, Round: c.round, Status: status}})
				if err != nil {
					w.o.Log.Error("remembering a delivered answer", "system", a.name, "error", err)
					return
				}
				pause = firstPause
				w.mu.Lock()
				done := c.done()
				w.mu.Unlock()
				if done {
					return
				}
				continue
			}
			w.mu.Lock()
			if c.lastError != err.Error() {
				w.o.Log.Warn("an answer is not acknowledged and will be sent again", "system", a.name, "consultation", c.id, "error", err)
			}
			c.lastError = err.Error()
			changed := a.changed
			w.mu.Unlock()
			if !w.rest(changed, pause) {
				return
			}
			pause = min(2*pause, longestPause)
		}
	})
}

// rest waits for a while or until something changed; false means the world
// ended.
func (w *World) rest(changed <-chan struct{}, d time.Duration) bool {
	fired, stop := w.o.After(d)
	defer stop()
	select {
	case <-w.ctx.Done():
		return false
	case <-changed:
	case <-fired:
	}
	return true
}

// decide waits until an answer may go out (nobody holds it, the authority is
// up, the delay has passed) and returns it; the first time it makes and
// remembers it. false means the world ended or cannot remember any more.
func (w *World) decide(a *authority, c *consultation) (Answer, bool) {
	waited := false
	for {
		w.mu.Lock()
		changed, now := a.changed, w.o.Now()
		left := c.received.Add(time.Duration(a.character.DelayMS) * time.Millisecond).Sub(now)
		if c.answer != nil || waited {
			left = 0
		}
		switch {
		case a.character.Hold || w.systems[a.name].down:
			w.mu.Unlock()
			select {
			case <-w.ctx.Done():
				return Answer{}, false
			case <-changed:
			}
			continue
		case left > 0:
			w.mu.Unlock()
			fired, stop := w.o.After(left)
			select {
			case <-w.ctx.Done():
				stop()
				return Answer{}, false
			case <-changed:
			case <-fired:
				// The clock may have been moved back meanwhile; the wait was had.
				waited = true
			}
			stop()
			continue
		case c.answer != nil:
			answer := *c.answer
			w.mu.Unlock()
			return answer, w.ctx.Err() == nil
		}
		ch := a.character.complete()
		answer := Answer{ID: w.o.NewID(), Code: ch.AnswerCode, LegalGround: ch.LegalGround, Justification: ch.Justification, Conditions: ch.Conditions, AnsweredAt: now}
		t, err := w.commit(record{At: now, Decided: &decidedRecord{System: a.name, ID: c.id, Round: c.round, Answer: answer, Deliveries: ch.Deliveries}})
		w.mu.Unlock()
		if err == nil {
			err = t.Wait()
		}
		if err != nil {
			w.o.Log.Error("remembering an answer", "system", a.name, "error", err)
			return Answer{}, false
		}
		return answer, true
	}
}

// deliver sends the answer once and returns what the hub said to it.
func (w *World) deliver(a *authority, c *consultation, answer Answer) (string, error) {
	select {
	case a.slots <- struct{}{}:
	case <-w.ctx.Done():
		return "", w.ctx.Err()
	}
	defer func() { <-a.slots }()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	from := w.systems[a.name].services[0].Provider
	if a.name == LabourInspectorate {
		return w.answerREST(ctx, from, c, answer)
	}
	return w.answerSOAP(ctx, from, c, answer)
}

// rejected is an answer that the hub did not acknowledge.
func rejected(code string) error { return fmt.Errorf("refused: %s", code) }
