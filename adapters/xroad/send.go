package xroad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"ristmik/soap"
)

// request is one request before it is known which server gets it.
type request struct {
	id     string
	method string
	// message says that it is a SOAP message without attachments, in whole, and
	// action its SOAPAction; it needs no header then.
	message bool
	action  string
	// target has path and query; scheme and host are those of the server.
	target url.URL
	header http.Header
	// whole is the body, or stream is with its length (-1 when unknown).
	whole    []byte
	stream   io.Reader
	length   int64
	timeouts Timeouts
	// limit is how many bytes the answer may have.
	limit int64
}

// reply is an answer of the HTTP layer. Its body is read within the call's
// time-outs and limit, and has to be closed.
type reply struct {
	status int
	media  string      // the Content-Type
	header http.Header // nil for answers to messages
	body   *replyBody
	server *server
}

// send sends r to the first server that takes it. As long as no byte of the
// request went out, the next server may get it; after that nobody does.
func (c *Client) send(ctx context.Context, r *request) (*reply, error) {
	if r.message && len(r.whole) <= directBody && c.servers.all[0].direct != nil {
		return c.sendMessage(ctx, r)
	}
	limited, cancel := context.WithTimeout(ctx, r.timeouts.Total)
	limited, stop := context.WithCancelCause(limited)
	end := func() { stop(nil); cancel() }
	limited = context.WithValue(limited, connectKey{}, r.timeouts.Connect)

	body := &streamBody{from: r.stream}
	got, f := c.each(
		func(s *server) (*reply, *soap.Failure, bool) { return c.try(ctx, limited, stop, s, r, body) },
		func() bool { return limited.Err() != nil || body.begun.Load() },
	)
	if f != nil {
		end()
		return nil, f
	}
	got.body.end = end
	return got, nil
}

// each tries one server after the other until one answers, or until the result
// is unknown or over says that there is no other try. Stale tells that a kept
// connection took no byte.
func (c *Client) each(try func(*server) (_ *reply, _ *soap.Failure, stale bool), over func() bool) (*reply, *soap.Failure) {
	var last *soap.Failure
	for _, s := range c.servers.order() {
		for fresh := false; ; fresh = true {
			got, f, stale := try(s)
			if f == nil {
				c.servers.answered(s)
				return got, nil
			}
			last = f
			if f.Kind == soap.KindUnknownResult || over() {
				return nil, f
			}
			if !stale || fresh {
				break
			}
			// A kept connection had been closed by the other side; the others
			// of its age are closed too. A new one tells whether the server is
			// there.
			if t, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
				t.CloseIdleConnections()
			}
		}
		c.servers.failed(s)
	}
	return nil, last
}

// try sends r to one server. Stale tells that a kept connection took no byte.
func (c *Client) try(parent, limited context.Context, stop context.CancelCauseFunc, s *server, r *request, stream *streamBody) (_ *reply, _ *soap.Failure, stale bool) {
	var a attempt
	wait := headerWait{time: r.timeouts.Header, expired: func() { stop(errNoHeader) }}
	transport := s.transport
	if r.method == http.MethodTrace && s.once != nil {
		transport = s.once
	}
	resp, err := transport.RoundTrip(r.to(httptrace.WithClientTrace(limited, a.trace(wait.begin)), s, stream))
	wait.over()
	if err != nil {
		sent, reused := a.maybeSent(limited.Err() == nil)
		f := broken(parent, limited, err, sent, reused, r.id)
		c.suspect(s, err, f)
		return nil, f, !sent && reused
	}
	return &reply{status: resp.StatusCode, media: resp.Header.Get("Content-Type"), header: resp.Header, server: s, body: &replyBody{
		from: resp.Body, left: r.limit, limit: r.limit, length: resp.ContentLength,
		broken: func(err error) error { return broken(parent, limited, err, true, false, r.id) },
		id:     r.id,
	}}, nil, false
}

// suspect alarms when err is that somebody else answers in the place of s.
func (c *Client) suspect(s *server, err error, f *soap.Failure) {
	if errors.Is(err, errWrongCertificate) {
		c.o.Alarm(Alarm{Code: AlarmWrongCertificate, Server: s.base.Host, Failure: f})
	}
}

// to makes the HTTP request for one server. Nothing in it lets the transport
// send it again by itself.
//
// A transport silently repeats a request when a kept connection breaks, under
// the same message id: one with a body when the body can be had again, one
// without a body when its method is GET, HEAD or OPTIONS. So there is never a
// GetBody, and those methods get a body of no bytes.
func (r *request) to(ctx context.Context, s *server, stream *streamBody) *http.Request {
	if r.message && r.header == nil {
		r.header = http.Header{"Content-Type": {soap.ContentType}, "SOAPAction": {`"` + r.action + `"`}}
	}
	target := r.target
	target.Scheme, target.Host = s.base.Scheme, s.base.Host
	req := &http.Request{
		Method: r.method, URL: &target, Host: target.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.header.Clone(),
	}
	// The server's HTTP library decompresses whatever the client asked for, so
	// asking for it only costs strong ETags.
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", userAgent)
	switch {
	case r.stream != nil:
		req.Body, req.ContentLength = stream, r.length
	case len(r.whole) > 0:
		req.Body, req.ContentLength = readCloser{bytes.NewReader(r.whole)}, int64(len(r.whole))
	case r.method == http.MethodGet, r.method == http.MethodHead, r.method == http.MethodOptions, r.method == http.MethodDelete:
		req.Body = io.NopCloser(emptyReader{})
	}
	return req.WithContext(ctx)
}

// headerWait bounds the time from the end of a request to the beginning of its
// answer. The end may be told after the answer came.
type headerWait struct {
	time    time.Duration
	expired func()

	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

func (w *headerWait) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.time > 0 && !w.ended && w.timer == nil {
		w.timer = time.AfterFunc(w.time, w.expired)
	}
}

func (w *headerWait) over() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// readCloser keeps net/http from recognising the reader and repeating it.
type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// streamBody hands a body on that can be read only once, and remembers whether
// it was.
type streamBody struct {
	from  io.Reader
	begun atomic.Bool
}

func (b *streamBody) Read(p []byte) (int, error) {
	b.begun.Store(true)
	return b.from.Read(p)
}

func (*streamBody) Close() error { return nil }

// replyBody is the body of an answer, bounded in size and time. Its errors are
// *soap.Failure.
type replyBody struct {
	from        io.ReadCloser
	left, limit int64
	length      int64 // as announced, -1 when it was not
	broken      func(error) error
	end         func() // nil when nothing is left to do
	id          string
}

func (b *replyBody) Read(p []byte) (int, error) {
	if b.length > b.limit {
		return 0, b.tooLarge()
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if int64(n) > b.left {
		return 0, b.tooLarge()
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		return n, b.broken(err)
	}
	return n, err
}

func (b *replyBody) tooLarge() error {
	return &soap.Failure{
		Kind: soap.KindUnknownResult, Code: "answer.too_large", MessageID: b.id,
		Message: fmt.Sprintf("the answer is larger than %d bytes", b.limit),
	}
}

// Announced is how many bytes the whole body has, -1 when nobody said; the size
// of what it is read into.
func (b *replyBody) Announced() int64 { return b.length }

// Close frees the connection; an answer not read to its end costs it.
func (b *replyBody) Close() error {
	err := b.from.Close()
	if b.end != nil {
		b.end()
	}
	return err
}

// all reads the rest and closes; memory for an announced length is taken once.
func (b *replyBody) all() ([]byte, error) {
	defer b.Close()
	if b.length < 0 || b.length > b.limit {
		return io.ReadAll(b)
	}
	buf := bytes.NewBuffer(make([]byte, 0, b.length+bytes.MinRead))
	_, err := buf.ReadFrom(b)
	return buf.Bytes(), err
}

// timeoutsOf returns what bounds a call of a service: its own words first,
// then the service's, then the client's.
func (c *Client) timeoutsOf(service soap.ServiceID, total time.Duration) Timeouts {
	own := Timeouts{Connect: c.o.ConnectTimeout, Header: c.o.HeaderTimeout, Total: c.o.Timeout}
	return Timeouts{Total: total}.or(c.o.Services[service]).or(own)
}

// alarmed tells the alarm of an answer that is not ours, and returns f.
func (c *Client) alarmed(s *server, f *soap.Failure) *soap.Failure {
	code := AlarmTampered
	switch f.Kind {
	case soap.KindHashMismatch:
		code = AlarmHashMismatch
	case soap.KindTampered:
	default:
		return f
	}
	c.o.Alarm(Alarm{Code: code, Server: s.base.Host, Failure: f})
	return f
}
