package xroad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"

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

// attempt watches how far one request got.
type attempt struct {
	mu     sync.Mutex
	conn   *countingConn
	before int64
	got    bool
	reused bool
}

// trace watches the attempt; wrote is called when the whole request is out.
func (a *attempt) trace(wrote func()) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.got, a.reused = true, i.Reused
			if c, ok := i.Conn.(*countingConn); ok {
				a.conn, a.before = c, c.written.Load()
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { wrote() },
	}
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

// emptyReader is a body of no bytes that the transport cannot know to be one.
// Before it sends a GET it looks for a first byte, finds none, and sends the
// request without a body; but it does not hold it for repeatable.
type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, io.EOF }

// broken names what happened to a request that got no answer.
func broken(parent, limited context.Context, err error, sent, reused bool, id string) *soap.Failure {
	f := &soap.Failure{MessageID: id, Err: err}
	cancelled := parent.Err() != nil && errors.Is(parent.Err(), context.Canceled)
	late := limited.Err() != nil || isTimeout(err)
	switch {
	case !sent && cancelled:
		f.Kind, f.Code, f.Message = soap.KindRetryNow, "transport.cancelled", "the call was given up before anything was sent"
	case !sent && errors.Is(err, errWrongCertificate):
		f.Kind, f.Code, f.Message = soap.KindOwnServer, "transport.wrong_certificate", "who answers at the address of our Security Server is not who was pinned"
	case !sent && reused:
		f.Kind, f.Code, f.Message = soap.KindRetryNow, "transport.stale_connection", "a kept connection had been closed"
	case !sent:
		f.Kind, f.Code, f.Message = soap.KindOwnServer, "transport.unreachable", "our Security Server cannot be reached"
	case cancelled:
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.cancelled", "the call was given up while the answer was awaited"
	case errors.Is(context.Cause(limited), errNoHeader), errors.Is(err, errNoHeader):
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.header_timeout", "no answer began within its time-out"
	case late:
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.timeout", "no answer within the time-out"
	default:
		f.Kind, f.Code, f.Message = soap.KindUnknownResult, "transport.broken", "the connection broke after the request was sent"
	}
	return f
}

// errNoHeader is why a call ends whose answer did not begin in time.
var errNoHeader = errors.New("no response header in time")

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
