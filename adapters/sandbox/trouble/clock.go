package trouble

import (
	"context"
	"sync"
	"time"
)

// Clock is the time of a sandbox: it can be set, moved and stopped, and its
// timers go by it. It is safe for many goroutines.
type Clock struct {
	base func() time.Time

	mu     sync.Mutex
	offset time.Duration
	frozen bool
	stands time.Time // while frozen
	timers map[*timer]bool
}

type timer struct {
	at    time.Time
	fired chan struct{}
	real  *time.Timer // nil while the clock stands
}

// NewClock returns a clock that goes with base until it is moved.
func NewClock(base func() time.Time) *Clock {
	return &Clock{base: base, timers: map[*timer]bool{}}
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.frozen {
		return c.stands
	}
	return c.base().Add(c.offset)
}

// State is the time, whether it stands, how far it is from the real time, and
// how many timers wait for it.
type State struct {
	Now     time.Time
	Frozen  bool
	Offset  time.Duration
	Waiting int
}

// State reads the clock.
func (c *Clock) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	return State{Now: now, Frozen: c.frozen, Offset: now.Sub(c.base()).Round(time.Millisecond), Waiting: len(c.timers)}
}

// Move is a change of the clock: a time to set, unless zero, then how far to
// advance (backwards when negative), then whether it stands, unless nil.
type Move struct {
	Set     time.Time
	Advance time.Duration
	Freeze  *bool
}

// Move changes the clock as one step; timers whose time has come then fire.
func (c *Clock) Move(m Move) State {
	c.mu.Lock()
	to := c.now()
	if !m.Set.IsZero() {
		to = m.Set
	}
	to = to.Add(m.Advance)
	if m.Freeze != nil {
		c.frozen = *m.Freeze
	}
	c.stands, c.offset = to, to.Sub(c.base())
	for t := range c.timers {
		c.arm(t)
	}
	c.mu.Unlock()
	return c.State()
}

// After returns a channel that is closed when d has passed on this clock. stop
// has to be called in any case; after it the channel may stay open.
func (c *Clock) After(d time.Duration) (fired <-chan struct{}, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{at: c.now().Add(d), fired: make(chan struct{})}
	c.timers[t] = true
	c.arm(t)
	return t.fired, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.end(t)
	}
}

// Wait waits until d has passed on this clock. The error is that of ctx.
func (c *Clock) Wait(ctx context.Context, d time.Duration) error {
	fired, stop := c.After(d)
	defer stop()
	select {
	case <-fired:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arm fires a timer whose time has come and sets an alarm for every other one,
// unless the clock stands.
func (c *Clock) arm(t *timer) {
	if t.real != nil {
		t.real.Stop()
		t.real = nil
	}
	left := t.at.Sub(c.now())
	switch {
	case left <= 0:
		c.end(t)
		close(t.fired)
	case !c.frozen:
		var alarm *time.Timer
		alarm = time.AfterFunc(left, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			// An alarm that was replaced while it rang is not the timer's any more.
			if c.timers[t] && t.real == alarm {
				c.end(t)
				close(t.fired)
			}
		})
		t.real = alarm
	}
}

func (c *Clock) end(t *timer) {
	if t.real != nil {
		t.real.Stop()
		t.real = nil
	}
	delete(c.timers, t)
}
