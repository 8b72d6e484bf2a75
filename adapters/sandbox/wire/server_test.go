package wire_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/wire"
)

func serve(t *testing.T, h wire.Handler) (*wire.Server, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }
	s := wire.Serve(context.Background(), ln, h, wire.Options{MaxBody: 100, Idle: time.Minute, Read: time.Minute, Now: now, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(s.Abort)
	return s, ln.Addr().String()
}

// conversation writes everything and reads until the server closes.
func conversation(t *testing.T, address, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOrderAndSpellingAreKeptInBothDirections(t *testing.T) {
	t.Parallel()
	requests := make(chan *wire.Request, 2)
	_, address := serve(t, func(_ context.Context, r *wire.Request) *wire.Response {
		requests <- r
		return &wire.Response{Status: 200, Reason: "Fine", Fields: wire.Fields{{Name: "x-b", Value: "1"}, {Name: "X-A", Value: "2\r\nX-Evil: 3"}}, Body: []byte("body")}
	})
	got := conversation(t, address, "POST /a%2Fb?c=%20 HTTP/1.1\r\nHost: h\r\nx-Two: 2\r\nX-ONE: 1\r\nx-two: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	one := "HTTP/1.1 200 Fine\r\nDate: Tue, 10 Mar 2026 12:00:00 GMT\r\nx-b: 1\r\nX-A: 2  X-Evil: 3\r\n"
	framed := "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
	if diff := cmp.Diff(one+framed+one+"Connection: close\r\n"+framed, got); diff != "" {
		t.Error(diff)
	}
	want := &wire.Request{Method: "POST", Target: "/a%2Fb?c=%20", Body: []byte("abc"), Fields: wire.Fields{
		{Name: "Host", Value: "h"}, {Name: "x-Two", Value: "2"}, {Name: "X-ONE", Value: "1"}, {Name: "x-two", Value: "3"}, {Name: "Transfer-Encoding", Value: "chunked"},
	}}
	if diff := cmp.Diff(want, <-requests); diff != "" {
		t.Error(diff)
	}
}

func TestBadRequestsGetABarePage(t *testing.T) {
	t.Parallel()
	_, address := serve(t, func(context.Context, *wire.Request) *wire.Response { return &wire.Response{Status: 200} })
	for request, want := range map[string]string{
		"nonsense\r\n\r\n": "HTTP/1.1 400 Bad Request\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("a", 9000) + "\r\n\r\n": "HTTP/1.1 431 Request Header Fields Too Large\r\n",
		"GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: h\r\n\r\n":        "HTTP/1.1 414 Request URI Too Long\r\n",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, request)
		line, err := bufio.NewReader(c).ReadString('\n')
		if line != want {
			t.Errorf("%.20q: %q (%v)", request, line, err)
		}
	}
}

func TestFraming(t *testing.T) {
	t.Parallel()
	_, address := serve(t, func(_ context.Context, r *wire.Request) *wire.Response {
		switch {
		case r.TooLarge:
			return &wire.Response{Status: 413}
		case r.Method == "DELETE":
			return &wire.Response{Status: 204, Body: []byte("never seen")}
		}
		return &wire.Response{Status: 200, Body: r.Body}
	})
	for request, want := range map[string]string{
		"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":                                              "200 OK|",
		"DELETE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":                                            "204 No Content|",
		"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab":                                                       "200 OK|Content-Length: 2|ab",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n" + strings.Repeat("a", 101):                 "413 Request Entity Too Large|",
		"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 0\r\n\r\n": "100 Continue|",
	} {
		got := conversation(t, address, request)
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(got, part) {
				t.Errorf("%.40q: no %q in %q", request, part, got)
			}
		}
		if strings.Contains(got, "never seen") || strings.HasPrefix(request, "HEAD") && strings.Contains(got, "chunked") {
			t.Errorf("%.40q: %q", request, got)
		}
	}
}

func TestCloseLetsWhatIsUnderWayEnd(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	s, address := serve(t, func(context.Context, *wire.Request) *wire.Response {
		close(began)
		<-release
		return &wire.Response{Status: 200, Body: []byte("done")}
	})
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + address)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		answer <- fmt.Sprint(string(data), err)
	}()
	<-began
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	close(release)
	if got := <-answer; got != "done<nil>" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("a closed server takes connections")
	}
}

func TestCloseCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	s, address := serve(t, func(ctx context.Context, _ *wire.Request) *wire.Response {
		close(began)
		<-ctx.Done()
		return &wire.Response{Status: 200}
	})
	go http.Get("http://" + address)
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); err != context.Canceled {
		t.Errorf("closing: %v", err)
	}
}
