package xroad

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/soap"
)

// messenger is a client of a peer, with the pool of its connections.
func messenger(t *testing.T, address string) (*Client, *direct) {
	t.Helper()
	c, err := New(Options{SecurityServer: address, Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	d := c.servers.all[0].direct
	t.Cleanup(d.CloseIdleConnections)
	return c, d
}

func question() *request {
	return &request{
		id: "1", method: http.MethodPost, message: true, whole: []byte("question"), length: -1,
		timeouts: Timeouts{Connect: 10 * time.Second, Total: 30 * time.Second}, limit: 1 << 20,
	}
}

// put sends a question as calls do, and returns the answer.
func put(ctx context.Context, c *Client, r *request) (status int, media, body string, err error) {
	got, err := c.send(ctx, r)
	if err != nil {
		return 0, "", "", err
	}
	all, err := got.body.all()
	return got.status, got.media, string(all), err
}

// Answers of every framing are read whole; those that leave the connection usable
// leave it to the next message.
func TestMessagesTakeEveryFraming(t *testing.T) {
	t.Parallel()
	typed := "HTTP/1.1 500 X\r\nContent-Type: text/xml\r\nContent-Length: 6\r\n\r\nanswer"
	p := newPeer(t, plain, typed, chunked, continued, empty, typed, "HTTP/1.0 200 OK\r\n\r\nanswer")
	c, _ := messenger(t, p.address)
	for i, want := range []struct {
		status      int
		media, body string
	}{{200, "", "answer"}, {500, "text/xml", "answer"}, {200, "", "answer"}, {200, "", "answer"}, {204, "", ""}, {500, "text/xml", "answer"}, {200, "", "answer"}} {
		status, media, body, err := put(t.Context(), c, question())
		if err != nil || status != want.status || media != want.media || body != want.body {
			t.Fatalf("answer %d: %d %q %q, %v", i, status, media, body, err)
		}
	}
	if n := p.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	<-p.closed
	if _, _, body, err := put(t.Context(), c, question()); err != nil || body != "answer" || p.connections.Load() != 2 {
		t.Errorf("after the server closed: %q, %v, %d connections", body, err, p.connections.Load())
	}
}

func TestMessagesEndAsCallsDo(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct{ answer, code string }{
		"no HTTP":       {"SSH-2.0-x\r\n\r\n", "transport.broken"},
		"a long header": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "transport.broken"},
		"a short body":  {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanswer", "transport.broken"},
		"nothing":       {"", "transport.broken"},
	} {
		p := newPeer(t, one.answer)
		c, d := messenger(t, p.address)
		_, _, body, err := put(t.Context(), c, question())
		f, ok := errors.AsType[*soap.Failure](err)
		if !ok || f.Kind != soap.KindUnknownResult || f.Code != one.code {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		if len(d.idle[c.servers.all[0].place]) != 0 {
			t.Errorf("%s: the connection is kept", name)
		}
	}
}

// The time-outs bound the head and the whole; a head that came in time leaves the
// body the time of the whole.
func TestMessagesKeepTheirTimeouts(t *testing.T) {
	t.Parallel()
	const short = 250 * time.Millisecond // and still enough to connect in on a machine that has much to do
	half := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nans"
	for name, one := range map[string]struct {
		answer string
		limits Timeouts
		ctx    time.Duration
		code   string
	}{
		"head":              {"", Timeouts{Header: short, Total: time.Minute}, time.Minute, "transport.header_timeout"},
		"total before head": {"", Timeouts{Header: time.Minute, Total: short}, time.Minute, "transport.timeout"},
		"total":             {half, Timeouts{Total: short}, time.Minute, "transport.timeout"},
		"caller's":          {half, Timeouts{Total: time.Minute}, short, "transport.timeout"},
		"body behind head":  {half, Timeouts{Header: 30 * time.Second, Total: time.Minute}, 0, ""},
	} {
		p := newPeer(t, one.answer, plain)
		c, _ := messenger(t, p.address)
		r := question()
		r.timeouts = one.limits.or(r.timeouts)
		ctx, cancel := context.WithCancel(t.Context())
		if one.ctx > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), one.ctx)
		}
		got, err := c.send(ctx, r)
		switch {
		case one.code == "":
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			cancel() // the deadline that was set anew does not hide the end of the context
			_, err = got.body.all()
			one.code = "transport.cancelled"
		case err == nil:
			_, err = got.body.all()
		}
		if f, ok := errors.AsType[*soap.Failure](err); !ok || f.Code != one.code || f.Kind != soap.KindUnknownResult {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		<-p.ended
	}
}

// A kept connection that takes no byte has not carried the message, which goes
// out over a new one.
func TestMessagesReplaceStaleConnections(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan net.Conn, 2)
	go func() {
		for range 2 {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// One answer each; then nothing is read any more, and nothing closed.
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = conn.Write([]byte(plain))
			}
			served <- conn
		}
	}()
	c, d := messenger(t, "http://"+listener.Addr().String())
	for i := range 2 {
		if _, _, body, err := put(t.Context(), c, question()); err != nil || body != "answer" {
			t.Fatalf("message %d: %q, %v", i, body, err)
		}
		defer (<-served).Close()
		if i > 0 {
			break
		}
		kept := d.idle[c.servers.all[0].place]
		if len(kept) != 1 {
			t.Fatalf("%d connections are kept", len(kept))
		}
		if err := kept[0].Conn.(*countingConn).Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
}

// Who cannot be dialled in time, or not at all, has not got the message.
func TestMessagesThatCannotLeave(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	c, _ := messenger(t, "http://"+listener.Addr().String())
	_, _, _, err = put(t.Context(), c, question())
	if f, ok := errors.AsType[*soap.Failure](err); !ok || f.Code != "transport.unreachable" || f.Kind != soap.KindOwnServer {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err = put(ctx, c, question())
	if f, ok := errors.AsType[*soap.Failure](err); !ok || f.Code != "transport.cancelled" || f.Kind != soap.KindRetryNow {
		t.Errorf("given up: %v", err)
	}
}
