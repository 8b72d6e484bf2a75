package simulated

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// firstPause and longestPause bound the back-off between two attempts to
// reach the hub.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
)

// pursue does what the authority's script wants with a consultation, one thing
// after the other, each until the hub has acknowledged or refused it. It goes on
// until the script has ended or the world does; the journal says where the next
// world takes over. The caller holds mu, so that nothing begins while Close or
// Abort waits for what has begun.
func (w *World) pursue(a *authority, c *consultation) {
	if w.ended || c.running {
		return
	}
	c.running = true
	w.work.Go(func() {
		pause := firstPause
		for {
			d, ok := w.await(a, c)
			if !ok {
				return
			}
			err := w.perform(a, c, d)
			if w.ctx.Err() != nil && err != nil {
				return
			}
			if err == nil {
				pause = firstPause
				continue
			}
			if _, ok := errors.AsType[*memoryError](err); ok {
				w.o.Log.Error("remembering what an authority did", "system", a.name, "error", err)
				return
			}
			w.mu.Lock()
			if c.lastError != err.Error() {
				w.o.Log.Warn("what an authority did is not acknowledged and will be sent again", "system", a.name, "consultation", c.id, "deed", string(d), "error", err)
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

// resume pursues what has something to be done after a change. The caller holds
// mu.
func (w *World) resume(a *authority, list ...*consultation) {
	for _, c := range list {
		if _, more := w.next(a, c); more {
			w.pursue(a, c)
		}
	}
}

// memoryError is a journal that cannot be written: nothing more may be done.
type memoryError struct{ err error }

func (e *memoryError) Error() string { return e.err.Error() }

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

// await waits until the next thing may be done (nobody holds it, the authority
// is up, the delay has passed, what it waits for has come) and returns it. false
// means that the script or the world has ended.
func (w *World) await(a *authority, c *consultation) (deed, bool) {
	var waited deed
	for {
		w.mu.Lock()
		d, more := w.next(a, c)
		if !more || w.ctx.Err() != nil {
			c.running = false
			w.mu.Unlock()
			return "", false
		}
		changed, touched, now := a.changed, c.changed, w.o.Now()
		at, timed := w.ready(a, c, d)
		left := at.Sub(now)
		held := a.character.Hold && d != acknowledges || w.systems[a.name].down
		w.mu.Unlock()
		switch {
		case held || !timed:
			select {
			case <-w.ctx.Done():
			case <-changed:
			case <-touched:
			}
		case left > 0 && waited != d:
			fired, stop := w.o.After(left)
			select {
			case <-w.ctx.Done():
			case <-changed:
			case <-touched:
			case <-fired:
				// The clock may have been moved back meanwhile; the wait was had.
				waited = d
			}
			stop()
		default:
			return d, true
		}
	}
}

// perform does one thing once. A refusal by the hub is a result as good as any;
// every other error means that it has to be done again.
func (w *World) perform(a *authority, c *consultation, d deed) error {
	if d == awaitsEnd {
		return w.stepped(a, c, d, steppedRecord{Result: "ended"})
	}
	select {
	case a.slots <- struct{}{}:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	defer func() { <-a.slots }()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	operation, content, err := w.message(a, c, d)
	if err != nil {
		return err
	}
	var got map[string]any
	if d == garbage {
		err = w.sendGarbage(ctx, a, c)
	} else {
		got, err = w.call(ctx, a, c.from, operation, content)
	}
	refused, isRefused := errors.AsType[*refusedError](err)
	if err != nil && !isRefused {
		return err
	}
	result := "accepted"
	if isRefused {
		result = refused.Error()
	} else if status, _ := got["status"].(string); status != "" {
		result = status
	}
	if d == answers && !isRefused {
		err := w.keep(record{At: w.o.Now(), Delivered: &deliveredRecord{System: a.name, ID: c.id, Round: c.round, Status: result}})
		return remembered(err)
	}
	step := steppedRecord{Result: result}
	if d == looks {
		if due, err := time.Parse(time.RFC3339, fmt.Sprint(got["due_at"])); err == nil {
			step.Due = &due
		}
		step.Latest, _ = got["latest_extension"].(string)
	}
	return w.stepped(a, c, d, step)
}

func (w *World) stepped(a *authority, c *consultation, d deed, r steppedRecord) error {
	r.System, r.ID, r.Round, r.Do = a.name, c.id, c.round, string(d)
	return remembered(w.keep(record{At: w.o.Now(), Stepped: &r}))
}

func remembered(err error) error {
	if err != nil {
		return &memoryError{err}
	}
	return nil
}
