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
	// answerRoom is how long an answer may be, head included, to be read at once.
	answerRoom = 8 << 10
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
	idle  map[place][]*directConn // the last used at the end
	sweep *time.Timer             // set while something is idle
}

// directConn is one kept connection.
type directConn struct {
	net.Conn
	place  place
	in     io.LimitedReader // what the server may still send of a header
	reader *bufio.Reader
	out    []byte    // room for the next request
	since  time.Time // when it became idle
	media  string    // the Content-Type of the last answer
}

// newDirect returns a round tripper that dials as t does.
func newDirect(t *http.Transport) *direct {
	return &direct{transport: t, idle: map[place][]*directConn{}}
}

// RoundTrip implements http.RoundTripper. It tells httptrace of the connection
// and of the end of the request.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	to := placeOf(req.URL)
	if d.dialler(to) == nil || req.Body == nil || req.ContentLength <= 0 || req.ContentLength > directBody {
		return d.transport.RoundTrip(req)
	}
	ctx := req.Context()
	c := d.kept(to, time.Time{})
	reused := c != nil
	if !reused {
		var err error
		if c, err = d.dial(ctx, to); err != nil {
			return nil, errors.Join(err, req.Body.Close())
		}
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
	return c.answer(req, headBytes)
}

// answer reads the head of the answer, past interim ones.
func (c *directConn) answer(req *http.Request, headBytes int64) (*http.Response, error) {
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
