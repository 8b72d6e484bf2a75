package xroad

import (
	"bufio"
	"context"
	"net"
	"net/url"
	"time"
)

// place is where connections go to: the key of what is kept.
type place struct {
	scheme, address string
}

// placeOf reads scheme, host and port.
func placeOf(u *url.URL) place {
	if u.Port() != "" {
		return place{u.Scheme, u.Host}
	}
	port := "80"
	if u.Scheme == "https" {
		port = "443"
	}
	return place{u.Scheme, net.JoinHostPort(u.Hostname(), port)}
}

// dialler returns what dials to p, nil when only the transport can.
func (d *direct) dialler(p place) func(context.Context, string, string) (net.Conn, error) {
	if p.scheme == "https" {
		return d.transport.DialTLSContext
	}
	return d.transport.DialContext
}

// kept returns a kept connection that the server has not closed, or nil. Its
// deadline is set.
func (d *direct) kept(p place, deadline time.Time) *directConn {
	for {
		c := d.take(p)
		if c == nil {
			return nil
		}
		if c.SetDeadline(deadline) == nil && quiet(c.Conn) {
			return c
		}
		_ = c.Close() // the other side has closed it already
	}
}

// dial returns a new connection without a deadline.
func (d *direct) dial(ctx context.Context, p place) (*directConn, error) {
	conn, err := d.dialler(p)(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	c := &directConn{Conn: conn, place: p}
	c.in.R = conn
	c.reader = bufio.NewReaderSize(&c.in, answerRoom)
	return c, nil
}

// take returns the connection to p that was used last, or nil.
func (d *direct) take(p place) *directConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.idle[p]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	d.idle[p] = list[:len(list)-1]
	return c
}

// put keeps a connection for the next request, or closes it.
func (d *direct) put(c *directConn) {
	d.mu.Lock()
	list := d.idle[c.place]
	if len(list) >= idlePerServer {
		d.mu.Unlock()
		_ = c.Close()
		return
	}
	c.since = time.Now()
	d.idle[c.place] = append(list, c)
	if d.sweep == nil {
		d.sweep = time.AfterFunc(d.transport.IdleConnTimeout, d.closeOld)
	}
	d.mu.Unlock()
}

// closeOld closes what has been idle too long, and comes again while something
// is.
func (d *direct) closeOld() {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := 0
	for place, list := range d.idle {
		old := 0
		for old < len(list) && time.Since(list[old].since) >= d.transport.IdleConnTimeout {
			_ = list[old].Close()
			old++
		}
		if d.idle[place] = list[old:]; old == len(list) {
			delete(d.idle, place)
		}
		left += len(list) - old
	}
	d.sweep = nil
	if left > 0 {
		d.sweep = time.AfterFunc(d.transport.IdleConnTimeout, d.closeOld)
	}
}

// CloseIdleConnections closes all that is kept.
func (d *direct) CloseIdleConnections() {
	d.mu.Lock()
	for _, list := range d.idle {
		for _, c := range list {
			_ = c.Close()
		}
	}
	clear(d.idle)
	if d.sweep != nil {
		d.sweep.Stop()
		d.sweep = nil
	}
	d.mu.Unlock()
	d.transport.CloseIdleConnections()
}
