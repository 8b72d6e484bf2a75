//go:build linux && !race

package sockets

import (
	"sync"
	"time"
)

// deadline is when reading or writing ends. Setting one costs Go a change among
// its timers, and a server and a client set ten for each exchange, though hardly
// any call ever waits. So one that lies ahead is only remembered, and is set when
// something waits.
type deadline struct {
	apply func(time.Time) error

	mu      sync.Mutex
	want    time.Time
	applied time.Time
	waiting bool
}

// set is SetReadDeadline or SetWriteDeadline.
func (d *deadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want = t
	if d.waiting || over(t) {
		return d.settle()
	}
	return nil
}

// over says that a deadline has passed.
func over(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// settle sets what is wanted; d is locked.
func (d *deadline) settle() error {
	if d.applied.Equal(d.want) && d.applied.IsZero() == d.want.IsZero() {
		return nil
	}
	d.applied = d.want
	return d.apply(d.want)
}

// begin precedes a call: an earlier deadline must not end it, and one that has
// passed must.
func (d *deadline) begin() {
	d.mu.Lock()
	if !d.applied.IsZero() || over(d.want) {
		_ = d.settle() // the call finds a connection that is closed
	}
	d.mu.Unlock()
}

// wait is told that the call is about to wait.
func (d *deadline) wait() {
	d.mu.Lock()
	d.waiting = true
	_ = d.settle()
	d.mu.Unlock()
}

// end follows a call.
func (d *deadline) end() {
	d.mu.Lock()
	d.waiting = false
	d.mu.Unlock()
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.reads.set(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.writes.set(t) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.reads.set(t); err != nil {
		return err
	}
	return c.writes.set(t)
}
