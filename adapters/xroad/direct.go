package xroad

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// The bounds of direct.
const (
	// directBody is the longest body that is sent directly. It fits into the
	// buffers of a connection, so that sending it never waits for a server that
	// answers before it has read everything.
	directBody = 32 << 10
	// idlePerServer is how many unused connections to one server are kept.
	idlePerServer = 64
	// keptRoom is how long a request may be whose memory a connection keeps for
	// the next one.
	keptRoom = 8 << 10
	// interim is how many 1xx answers may precede the answer itself.
	interim = 5
)

// direct sends requests with a small body of known length, and reads their
// answers, in the caller's own goroutine. An http.Transport hands each request to
// two goroutines of its connection; for a message of some kilobytes that costs
// more time and twice the CPU of everything else (ristmik bench xroad shows it).
// All other requests go to the transport.
//
// It never sends a request twice. It may be used by many goroutines at once.
type direct struct {
	transport *http.Transport

	mu    sync.Mutex
	idle  map[string][]*directConn // by scheme and address, the last used at the end
	sweep *time.Timer              // set while something is idle
}

// directConn is one kept connection.
type directConn struct {
	net.Conn
	place  string
	in     io.LimitedReader // what the server may still send of a header
	reader *bufio.Reader
	out    []byte    // room for the next request
	since  time.Time // when it became idle
}

// newDirect returns a round tripper that dials as t does.
func newDirect(t *http.Transport) *direct {
	return &direct{transport: t, idle: map[string][]*directConn{}}
}

// RoundTrip implements http.RoundTripper. It tells httptrace of the connection
// and of the end of the request.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	dial := d.transport.DialContext
	if req.URL.Scheme == "https" {
		dial = d.transport.DialTLSContext
	}
	if dial == nil || req.Body == nil || req.ContentLength <= 0 || req.ContentLength > directBody {
		return d.transport.RoundTrip(req)
	}
	ctx := req.Context()
	c, reused, err := d.connect(ctx, req, dial)
	if err != nil {
		return nil, errors.Join(err, req.Body.Close())
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: c.Conn, Reused: reused, WasIdle: reused})
	}
	// The end of the context ends whatever waits on the connection, also while
	// the answer's body is read.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	resp, err := c.exchange(req, trace, d.transport.MaxResponseHeaderBytes)
	if err != nil {
		stop()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(err, c.Close())
	}
	body := &directReply{from: resp.Body, ctx: ctx, pool: d, conn: c, stop: stop, keep: !resp.Close && !req.Close}
	if resp.Body == http.NoBody {
		body.end(true)
	} else {
		resp.Body = body
	}
	return resp, nil
}

// exchange sends the request and reads the head of its answer. The request
// leaves in one write, so that the server wakes once for it.
func (c *directConn) exchange(req *http.Request, trace *httptrace.ClientTrace, headBytes int64) (*http.Response, error) {
	out, err := appendRequest(c.out[:0], req)
	if cap(out) <= keptRoom {
		c.out = out
	}
	if err == nil {
		_, err = c.Write(out)
	}
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	if err != nil {
		return nil, err
	}
	c.in.N = headBytes + int64(c.reader.Size())
	for range interim {
		resp, err := http.ReadResponse(c.reader, req)
		if err != nil {
			if c.in.N <= 0 {
				err = errors.New("the answer's header is too long")
			}
			return nil, err
		}
		if resp.StatusCode >= 200 {
			c.in.N = 1<<63 - 1
			return resp, nil
		}
	}
	return nil, errors.New("too many interim answers")
}

// connect returns a kept connection that the server has not closed, or a new
// one.
func (d *direct) connect(ctx context.Context, req *http.Request, dial func(context.Context, string, string) (net.Conn, error)) (*directConn, bool, error) {
	address := req.URL.Host
	if req.URL.Port() == "" {
		port := "80"
		if req.URL.Scheme == "https" {
			port = "443"
		}
		address = net.JoinHostPort(req.URL.Hostname(), port)
	}
	place := req.URL.Scheme + " " + address
	for {
		c := d.take(place)
		if c == nil {
			break
		}
		if quiet(c.Conn) {
			return c, true, nil
		}
		_ = c.Close() // the other side has closed it already
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, false, err
	}
	c := &directConn{Conn: conn, place: place}
	c.in.R = conn
	c.reader = bufio.NewReader(&c.in)
	return c, false, nil
}

// take returns the connection to place that was used last, or nil.
func (d *direct) take(place string) *directConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.idle[place]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	d.idle[place] = list[:len(list)-1]
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

// directReply is the body of an answer; at its end the connection is free.
type directReply struct {
	from io.Reader
	ctx  context.Context
	pool *direct
	conn *directConn // nil when the body has ended
	stop func() bool
	keep bool
	err  error // what Read says after the end
}

// Read implements io.Reader.
func (b *directReply) Read(p []byte) (int, error) {
	if b.conn == nil {
		return 0, b.err
	}
	n, err := b.from.Read(p)
	if err != nil {
		if err != io.EOF && b.ctx.Err() != nil {
			err = context.Cause(b.ctx)
		}
		b.err = err
		b.end(err == io.EOF)
	}
	return n, err
}

// Close ends the answer; one that was not read to its end costs the connection.
func (b *directReply) Close() error {
	if b.conn != nil {
		b.err = http.ErrBodyReadAfterClose
		b.end(false)
	}
	return nil
}

// end gives the connection back. One on which the context has run out, or on
// which the server said more than it was asked, is of no further use.
func (b *directReply) end(whole bool) {
	c := b.conn
	b.conn = nil
	if b.stop() && whole && b.keep && c.reader.Buffered() == 0 {
		b.pool.put(c)
		return
	}
	_ = c.Close()
}
