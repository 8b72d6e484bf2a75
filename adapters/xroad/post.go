package xroad

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"ristmik/soap"
)

// past ends whatever waits on a connection.
var past = time.Unix(1, 0)

// messageHead is how every message to that host begins: up to the value of its
// SOAPAction.
func messageHead(host string) []byte {
	return []byte("POST / HTTP/1.1\r\nHost: " + host + "\r\nAccept-Encoding: identity\r\nUser-Agent: " + userAgent +
		"\r\nContent-Type: " + soap.ContentType + "\r\nSOAPAction: \"")
}

// sendMessage is send for a small SOAP message over connections of ours, which
// are most calls. It does without contexts, traces and requests of net/http: one
// deadline on the connection bounds the call, one write carries the request.
func (c *Client) sendMessage(ctx context.Context, r *request) (*reply, error) {
	deadline := time.Now().Add(r.timeouts.Total)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	got, f := c.each(
		func(s *server) (*reply, *soap.Failure, bool) { return c.post(ctx, s, r, deadline) },
		func() bool { return ctx.Err() != nil || !time.Now().Before(deadline) },
	)
	if f != nil {
		return nil, f
	}
	return got, nil
}

// posted is an answer with all that it is made of.
type posted struct {
	reply  reply
	body   replyBody
	direct directReply
	plain  plainBody
}

// post sends r to one server. Stale tells that a kept connection took no byte.
func (c *Client) post(ctx context.Context, s *server, r *request, deadline time.Time) (_ *reply, _ *soap.Failure, stale bool) {
	conn := s.direct.kept(s.place, deadline)
	reused := conn != nil
	if !reused {
		var err error
		if conn, err = s.connect(ctx, r.timeouts.Connect, deadline); err != nil {
			f := broken(ctx, ctx, err, false, false, r.id)
			c.suspect(s, err, f)
			return nil, f, false
		}
	}
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
	}
	counting, counts := conn.Conn.(*countingConn)
	var before int64
	if counts {
		before = counting.written.Load()
	}
	p := &posted{}
	err := conn.post(ctx, s, r, deadline, p)
	if err != nil {
		stop()
		err = errors.Join(err, conn.Close())
		sent := !counts || counting.written.Load() != before
		f := broken(ctx, ctx, err, sent, reused, r.id)
		c.suspect(s, err, f)
		return nil, f, !sent && reused
	}
	p.direct.ctx, p.direct.pool, p.direct.conn, p.direct.stop = ctx, s.direct, conn, stop
	p.body.from, p.body.left, p.body.limit, p.body.id = &p.direct, r.limit, r.limit, r.id
	p.body.broken = func(err error) error { return broken(ctx, ctx, err, true, false, r.id) }
	p.reply.server, p.reply.body = s, &p.body
	return &p.reply, nil, false
}

// connect opens a connection.
func (s *server) connect(ctx context.Context, within time.Duration, deadline time.Time) (*directConn, error) {
	limited, cancel := context.WithDeadline(context.WithValue(ctx, connectKey{}, within), deadline)
	defer cancel()
	conn, err := s.direct.dial(limited, s.place)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(deadline)
}

// post sends the message and reads the head of its answer into p.
func (c *directConn) post(ctx context.Context, s *server, r *request, deadline time.Time, p *posted) error {
	out := append(append(c.out[:0], s.head...), r.action...)
	out = append(out, "\"\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(r.whole)), 10)
	out = append(append(out, "\r\n\r\n"...), r.whole...)
	if cap(out) <= keptRoom {
		c.out = out
	}
	if _, err := c.Write(out); err != nil {
		return err
	}
	sooner := false
	if r.timeouts.Header > 0 {
		if at := time.Now().Add(r.timeouts.Header); at.Before(deadline) {
			sooner = true
			if err := c.within(ctx, at); err != nil {
				return err
			}
		}
	}
	err := c.head(p, s.direct.transport.MaxResponseHeaderBytes)
	switch {
	case err != nil && sooner && isTimeout(err) && ctx.Err() == nil:
		return errors.Join(errNoHeader, err)
	case err == nil && sooner:
		err = c.within(ctx, deadline)
	}
	return err
}

// within sets when reading ends. The end of the context, which sets it too, is
// not lost.
func (c *directConn) within(ctx context.Context, t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return c.SetReadDeadline(past)
	}
	return nil
}

// head reads the head of an answer, and sets what its body is read from. One
// that is as plain as those of Security Servers are is read where it lies;
// net/http reads all others.
func (c *directConn) head(p *posted, most int64) error {
	c.in.N = most + int64(c.reader.Size())
	if _, err := c.reader.Peek(1); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	lying, _ := c.reader.Peek(c.reader.Buffered())
	if h, ok := plainHead(lying); ok {
		if string(h.media) != c.media {
			c.media = string(h.media)
		}
		if _, err := c.reader.Discard(h.size); err != nil {
			return err
		}
		c.in.N = 1<<63 - 1
		p.plain = plainBody{c.reader, h.length}
		p.reply.status, p.reply.media, p.body.length = h.status, c.media, h.length
		p.direct.from, p.direct.keep = &p.plain, true
		return nil
	}
	resp, err := c.answer(&http.Request{Method: http.MethodPost}, most)
	if err != nil {
		return err
	}
	p.reply.status, p.reply.media, p.body.length = resp.StatusCode, resp.Header.Get("Content-Type"), resp.ContentLength
	p.direct.from, p.direct.keep = resp.Body, !resp.Close
	return nil
}

// plainBody is a body of known length.
type plainBody struct {
	from io.Reader
	left int64
}

// Read implements io.Reader. The end comes with the last bytes, so that the
// connection is free at once.
func (b *plainBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	switch {
	case b.left == 0:
		err = io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
