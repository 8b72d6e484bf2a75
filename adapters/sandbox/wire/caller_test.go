package wire_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/wire"
)

// serving answers each connection by the given scripts, one a connection: a
// script gets the reader and what it returns is written.
func serving(t *testing.T, scripts ...func(r *bufio.Reader, c net.Conn)) *url.URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, script := range scripts {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			script(bufio.NewReader(c), c)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}
}

// head reads a request with its body and returns its lines.
func head(r *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

func do(t *testing.T, c *wire.Caller, to *url.URL, call wire.Call) (*wire.Answer, string, error) {
	t.Helper()
	a, err := c.Do(t.Context(), to, call)
	if err != nil {
		return nil, "", err
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	return a, string(data), err
}

func TestACallKeepsOrderAndSpellingBothWays(t *testing.T) {
	t.Parallel()
	got := make(chan string, 2)
	var c wire.Caller
	defer c.Close()
	to := serving(t, func(r *bufio.Reader, conn net.Conn) {
		got <- head(r)
		io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\nHTTP/1.1 299 Very Fine\r\nx-B: 1\r\nA: 2\r\nx-b:  3 \r\nContent-Length: 2\r\n\r\nok")
		// The second call comes over the same connection; its lines end bare.
		got <- head(r)
		io.WriteString(conn, "HTTP/1.1 204 No Content\nz: 1\n\n")
	})
	a, body, err := do(t, &c, to, wire.Call{Method: "GET", Target: "/a%2Fb?c", Fields: wire.Fields{{Name: "x-Two", Value: "2"}, {Name: "ACCEPT", Value: ""}, {Name: "x-two", Value: "1\r\nEvil: 1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("GET /a%2Fb?c HTTP/1.1\r\nHost: "+to.Host+"\r\nx-Two: 2\r\nACCEPT: \r\nx-two: 1  Evil: 1\r\n", <-got); diff != "" {
		t.Error(diff)
	}
	want := wire.Fields{{Name: "x-B", Value: "1"}, {Name: "A", Value: "2"}, {Name: "x-b", Value: "3"}, {Name: "Content-Length", Value: "2"}}
	if diff := cmp.Diff(want, a.Fields); diff != "" || a.Status != 299 || a.Reason != "Very Fine" || body != "ok" {
		t.Errorf("%d %q %q %s", a.Status, a.Reason, body, diff)
	}
	if a, _, err := do(t, &c, to, wire.Call{Method: "DELETE", Target: "/"}); err != nil || a.Status != 204 || a.Fields.Get("z") != "1" {
		t.Errorf("the second call: %+v %v", a, err)
	}
	<-got
}

func TestADeadConnectionIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	var c wire.Caller
	defer c.Close()
	closed := make(chan struct{})
	answer := func(r *bufio.Reader, conn net.Conn) {
		head(r)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
	to := serving(t, func(r *bufio.Reader, conn net.Conn) { answer(r, conn); conn.Close(); close(closed) }, answer)
	if _, _, err := do(t, &c, to, wire.Call{Method: "GET", Target: "/"}); err != nil {
		t.Fatal(err)
	}
	<-closed
	if _, _, err := do(t, &c, to, wire.Call{Method: "GET", Target: "/"}); err != nil {
		t.Errorf("the call after the server closed its connection: %v", err)
	}
}

func TestAnAnswerThatDoesNotWaitForTheRequest(t *testing.T) {
	t.Parallel()
	var c wire.Caller
	defer c.Close()
	to := serving(t, func(r *bufio.Reader, conn net.Conn) {
		head(r)
		io.WriteString(conn, "HTTP/1.1 413 Too Much\r\nContent-Length: 1\r\n\r\nx")
		io.Copy(io.Discard, r) // until the caller has had enough
	})
	// More than any socket holds: the write ends only with the connection.
	a, body, err := do(t, &c, to, wire.Call{Method: "POST", Target: "/", Body: io.LimitReader(endless{}, 1<<40), Length: -1})
	if err != nil || a.Reason != "Too Much" || body != "x" {
		t.Errorf("%+v %q %v", a, body, err)
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var c wire.Caller
	defer c.Close()
	asked := make(chan struct{})
	to := serving(t, func(r *bufio.Reader, conn net.Conn) {
		head(r)
		close(asked)
		r.ReadByte() // until the caller has had enough
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Do(ctx, to, wire.Call{Method: http.MethodGet, Target: "/"}); err == nil {
		t.Error("a call went on without its context")
	}
}
