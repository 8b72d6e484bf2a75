package xroad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"ristmik/soap"
)

// countingConn counts the bytes written, which tells a request that never left
// from one that may have arrived.
type countingConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

func countWrites(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &countingConn{Conn: c}, nil
	}
}

// attempt watches how far one request got.
type attempt struct {
	mu     sync.Mutex
	conn   *countingConn
	before int64
	got    bool
	reused bool
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.got, a.reused = true, i.Reused
		if c, ok := i.Conn.(*countingConn); ok {
			a.conn, a.before = c, c.written.Load()
		}
	}}
}

// maybeSent tells whether bytes of the request may have left. Without a
// connection they have not. With one they have, unless the connection counts
// and the writer has ended (settled) without writing any.
func (a *attempt) maybeSent(settled bool) (sent, reused bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.got {
		return false, false
	}
	if settled && a.conn != nil && a.conn.written.Load() == a.before {
		return false, a.reused
	}
	return true, a.reused
}

// reply is an answer of the HTTP layer with its whole body.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// do sends one request and reads the whole answer within the time-out.
func (c *Client) do(ctx context.Context, req *http.Request, timeout time.Duration, id string) (*reply, error) {
	if timeout <= 0 {
		timeout = c.o.Timeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var a attempt
	req = req.WithContext(httptrace.WithClientTrace(limited, a.trace()))
	// The server's HTTP library decompresses whatever the client asked for, so
	// asking for it only costs strong ETags.
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", userAgent)
	// Without these two the transport silently sends a request again when a
	// kept connection breaks, under the same message id: one with a body when
	// the body can be had again, one without a body when its method is GET,
	// HEAD or OPTIONS.
	req.GetBody = nil
	switch {
	case req.Body != nil && req.Body != http.NoBody:
	case req.Method == http.MethodGet, req.Method == http.MethodHead, req.Method == http.MethodOptions, req.Method == http.MethodDelete:
		req.Body, req.ContentLength = io.NopCloser(emptyReader{}), 0
	}

	resp, err := c.http.Do(req)
	if err != nil {
		sent, reused := a.maybeSent(limited.Err() == nil)
		return nil, broken(ctx, limited, err, sent, reused, id)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.bytes+1))
	switch {
	case err != nil:
		return nil, broken(ctx, limited, err, true, false, id)
	case int64(len(body)) > c.bytes:
		return nil, &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.too_large", MessageID: id,
			Message: fmt.Sprintf("the answer is larger than %d bytes", c.bytes),
		}
	}
	return &reply{resp.StatusCode, resp.Header, body}, nil
}

// emptyReader is a body of no bytes that the transport cannot know to be one.
// Before it sends a GET it looks for a first byte, finds none, and sends the
// request without a body; but it does not hold it for repeatable.
type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }

// broken names what happened to a request that got no answer.
func broken(parent, limited context.Context, err error, sent, reused bool, id string) *soap.Failure {
	// The outer error quotes the URL, which may hold personal data.
	var quoted *url.Error
	for errors.As(err, &quoted) {
		err = quoted.Err
	}
	f := &soap.Failure{MessageID: id, Err: err}
	cancelled := parent.Err() != nil && errors.Is(parent.Err(), context.Canceled)
	late := limited.Err() != nil || isTimeout(err)
	switch {
	case !sent && cancelled:
		f.Kind, f.Code, f.Message = soap.KindRetryNow, "transport.cancelled", "the call was given up before anything was sent"
	case !sent && reused:
		f.Kind, f.Code, f.Message = soap.KindRetryNow, "transport.stale_connection", "a kept connection had been closed"
	case !sent:
		f.Kind, f.Code, f.Message = soap.KindOwnServer, "transport.unreachable", "our Security Server cannot be reached"
	case cancelled:
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.cancelled", "the call was given up while the answer was awaited"
	case late:
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.timeout", "no answer within the time-out"
	default:
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.broken", "the connection broke after the request was sent"
	}
	return f
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// notSent is the failure of a call that is wrong before it starts.
func notSent(id, code, message string) *soap.Failure {
	return &soap.Failure{Kind: soap.KindFixData, Code: code, Message: message, MessageID: id}
}

// page is the failure for a status that no Security Server gives: the answer
// comes from the HTTP layer or from something between us and it.
func page(status int, id string) *soap.Failure {
	return &soap.Failure{
		Kind: soap.KindOwnServer, Code: fmt.Sprintf("transport.http_%d", status), MessageID: id,
		Message: fmt.Sprintf("HTTP status %d instead of an answer of the Security Server", status),
	}
}

func tampered(id, code, message string) *soap.Failure {
	return &soap.Failure{Kind: soap.KindTampered, Code: code, Message: message, MessageID: id}
}
