package xroad

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// peer is a server that speaks raw bytes: each connection gets the answers in
// order, one for each request, and is closed after the last.
type peer struct {
	address     string
	connections atomic.Int32
	closed      chan struct{} // one for each connection that the peer has closed
	ended       chan struct{} // one for each connection that the other side has closed
}

func newPeer(t *testing.T, answers ...string) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &peer{address: "http://" + listener.Addr().String() + "/", closed: make(chan struct{}, 64), ended: make(chan struct{}, 64)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.connections.Add(1)
			go p.serve(conn, answers)
		}
	}()
	return p
}

func (p *peer) serve(conn net.Conn, answers []string) {
	reader := bufio.NewReader(conn)
	for _, answer := range answers {
		req, err := http.ReadRequest(reader)
		if err == nil {
			_, err = io.Copy(io.Discard, req.Body)
		}
		if err != nil {
			conn.Close()
			p.ended <- struct{}{}
			return
		}
		_, _ = io.WriteString(conn, answer)
	}
	conn.Close()
	p.closed <- struct{}{}
}

func (p *peer) request(t *testing.T, ctx context.Context) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address, strings.NewReader("question"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// ask makes one exchange and returns the answer's body.
func ask(d *direct, req *http.Request) (string, error) {
	resp, err := d.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func testDirect(t *testing.T) *direct {
	t.Helper()
	d := newDirect(NewTransport())
	t.Cleanup(d.CloseIdleConnections)
	return d
}

const (
	plain     = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"
	chunked   = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nans\r\n3\r\nwer\r\n0\r\n\r\n"
	continued = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + plain
	empty     = "HTTP/1.1 204 No Content\r\n\r\n"
)

// Answers of every framing are read whole and leave the connection to the next
// request.
func TestDirectKeepsTheConnection(t *testing.T) {
	t.Parallel()
	p, d := newPeer(t, plain, chunked, continued, empty, plain), testDirect(t)
	for i, want := range []string{"answer", "answer", "answer", "", "answer"} {
		got, err := ask(d, p.request(t, t.Context()))
		if err != nil || got != want {
			t.Fatalf("answer %d: %q, %v", i, got, err)
		}
	}
	if n := p.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	// The server has closed it; that is noticed before anything is sent.
	<-p.closed
	if got, err := ask(d, p.request(t, t.Context())); err != nil || got != "answer" {
		t.Errorf("after the server closed: %q, %v", got, err)
	}
	if n := p.connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// Answers that end the connection, or leave something on it, cost it.
func TestDirectGivesUpConnections(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"said to close": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nanswer",
		"until the end": "HTTP/1.0 200 OK\r\n\r\nanswer",
		"more than one": plain + plain,
	} {
		answers := []string{answer}
		if strings.HasPrefix(name, "said") || strings.HasPrefix(name, "more") {
			answers = append(answers, plain) // the server waits for another request
		}
		p, d := newPeer(t, answers...), testDirect(t)
		for range 2 {
			if got, err := ask(d, p.request(t, t.Context())); err != nil || got != "answer" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		if n := p.connections.Load(); n != 2 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

func TestDirectRefusesBadAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no HTTP":          "SSH-2.0-x\r\n\r\n",
		"a short body":     "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nanswer",
		"a long header":    "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n",
		"interim for ever": strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10) + plain,
		"nothing":          "",
	} {
		p, d := newPeer(t, answer), testDirect(t)
		if got, err := ask(d, p.request(t, t.Context())); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The end of the context ends a call wherever it is, and the connection with it.
func TestDirectEndsWithTheContext(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	for name, answer := range map[string]string{"before the answer": "", "in its body": "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nans"} {
		p, d := newPeer(t, answer, plain), testDirect(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		if answer == "" {
			req := p.request(t, ctx)
			req.Body = &onEnd{Reader: strings.NewReader("question"), then: func() { cancel(why) }}
			if _, err := ask(d, req); !errors.Is(err, why) {
				t.Errorf("%s: %v", name, err)
			}
		} else {
			resp, err := d.RoundTrip(p.request(t, ctx))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			cancel(why)
			if _, err := resp.Body.Read(make([]byte, 3)); !errors.Is(err, why) {
				t.Errorf("%s: %v", name, err)
			}
			resp.Body.Close()
		}
		<-p.ended
	}
}

// onEnd is a body that tells when it was read to its end.
type onEnd struct {
	io.Reader
	then func()
}

func (r *onEnd) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err == io.EOF {
		r.then()
	}
	return n, err
}

func (*onEnd) Close() error { return nil }

// Bodies that are large, or of unknown length, go by the transport: it reads
// while it writes.
func TestDirectLeavesLargeBodiesToTheTransport(t *testing.T) {
	t.Parallel()
	d := testDirect(t)
	for _, size := range []int{directBody + 1, 1 << 20} {
		p := newPeer(t, plain)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.address, bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ask(d, req); err != nil || got != "answer" {
			t.Errorf("%d bytes: %q, %v", size, got, err)
		}
		d.mu.Lock()
		if len(d.idle) != 0 {
			t.Errorf("%d bytes went directly", size)
		}
		d.mu.Unlock()
	}
}

// What is idle too long is closed.
func TestDirectClosesWhatIsIdle(t *testing.T) {
	t.Parallel()
	transport := NewTransport()
	transport.IdleConnTimeout = time.Millisecond
	d := newDirect(transport)
	p := newPeer(t, plain, plain)
	if _, err := ask(d, p.request(t, t.Context())); err != nil {
		t.Fatal(err)
	}
	<-p.ended
}

// Many at once each get their own answer.
func TestDirectServesManyAtOnce(t *testing.T) {
	t.Parallel()
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
	d := testDirect(t)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			for j := range 20 {
				want := fmt.Sprintf("%d of %d %s", j, i, strings.Repeat("x", i*10))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listener.Addr().String(), strings.NewReader(want))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := ask(d, req); err != nil || got != want {
					t.Errorf("%d bytes instead of %d, %v", len(got), len(want), err)
					return
				}
			}
		})
	}
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for place, list := range d.idle {
		if len(list) > idlePerServer {
			t.Errorf("%d connections to %s are kept", len(list), place)
		}
	}
}
