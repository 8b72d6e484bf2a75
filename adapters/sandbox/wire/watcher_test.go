package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/sandbox/wire"
)

func TestAttendedEndsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	asked, left := make(chan struct{}), make(chan struct{})
	_, address := serve(t, func(ctx context.Context, _ *wire.Request) *wire.Response {
		attended, stop := wire.Attended(ctx)
		defer stop()
		close(asked)
		<-attended.Done()
		if ctx.Err() == nil {
			close(left)
		}
		return &wire.Response{Status: 200}
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	c.Close()
	<-left
}

// What a client sends while it is being watched is its next request, however
// long it is.
func TestAttendingLosesNothingOfTheNextRequest(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{}, 1)
	_, address := serve(t, func(ctx context.Context, r *wire.Request) *wire.Response {
		attended, stop := wire.Attended(ctx)
		defer stop()
		if r.Target == "/first" {
			<-goOn
		}
		if attended.Err() != nil {
			return &wire.Response{Status: 500}
		}
		return &wire.Response{Status: 200, Body: []byte(r.Target)}
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	long := "/" + strings.Repeat("x", 3000)
	io.WriteString(c, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
	io.WriteString(c, strings.Repeat("GET "+long+" HTTP/1.1\r\nHost: h\r\n\r\n", 5))
	goOn <- struct{}{}
	r := bufio.NewReader(c)
	for i := range 6 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if want := long; err != nil || resp.StatusCode != 200 || i > 0 && string(body) != want {
			t.Errorf("answer %d: status %d, %.10q, %v", i, resp.StatusCode, body, err)
		}
	}
}

func TestSendWritesWhatItLikes(t *testing.T) {
	t.Parallel()
	_, address := serve(t, func(context.Context, *wire.Request) *wire.Response {
		return &wire.Response{Status: 200, Body: []byte("0123456789"), Send: func(_ context.Context, c net.Conn, message []byte) error {
			c.Write(message[:len(message)-10])
			return errors.New("enough")
		}}
	})
	got := conversation(t, address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(got, "a\r\n0123456") {
		t.Errorf("%q", got)
	}
}

func TestConnectedDecidesAboutAConnection(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 2)
	answers <- errors.New("no")
	answers <- nil
	s := wire.Serve(t.Context(), ln, func(context.Context, *wire.Request) *wire.Response { return &wire.Response{Status: 200} }, wire.Options{
		MaxBody: 100, Idle: time.Minute, Read: time.Minute, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Connected: func(context.Context, net.Conn) error { return <-answers },
	})
	t.Cleanup(s.Abort)
	refused, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	if data, err := io.ReadAll(refused); len(data) > 0 || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if got := conversation(t, ln.Addr().String(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("%q", got)
	}
}
