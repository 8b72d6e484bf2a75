package xroad_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// hang holds a request until the test ends.
func hang(t testing.TB, arrived chan<- struct{}) *httptest.Server {
	t.Helper()
	done := make(chan struct{})
	s := server(t, func(http.ResponseWriter, *http.Request, []byte) {
		arrived <- struct{}{}
		<-done
	})
	t.Cleanup(func() { close(done) })
	return s
}

// A server that never answers is left after the call's own time-out.
func TestHangingServerIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-030")
	s := hang(t, make(chan struct{}, 1))
	_, err := client(t, s.URL).Call(t.Context(), xroad.Call{Service: them, Body: notice(), Timeout: 50 * time.Millisecond})
	if f := failure(t, err); f.Kind != soap.KindUnknownResult || f.Code != "transport.timeout" || f.MessageID == "" {
		t.Errorf("failure is %+v", f)
	}
}

// A body that stops half way is left as well.
func TestAnswerThatNeverEndsIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		sendSOAP(w, 200, "<")
		_ = http.NewResponseController(w).Flush()
		<-done
	})
	t.Cleanup(func() { close(done) })
	_, err := client(t, s.URL).Call(t.Context(), xroad.Call{Service: them, Body: notice(), Timeout: 50 * time.Millisecond})
	if f := failure(t, err); f.Kind != soap.KindUnknownResult || f.Code != "transport.timeout" {
		t.Errorf("failure is %+v", f)
	}
}

func TestCallGivenUpAfterSendingIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	s := hang(t, arrived)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := client(t, s.URL).Call(ctx, xroad.Call{Service: them, Body: notice()})
	if f := failure(t, err); f.Kind != soap.KindUnknownResult || f.Code != "transport.cancelled" {
		t.Errorf("failure is %+v", f)
	}
}

func TestCallGivenUpBeforeSendingMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client(t, "http://127.0.0.1:1").Call(ctx, xroad.Call{Service: them, Body: notice()})
	if f := failure(t, err); f.Kind != soap.KindRetryNow {
		t.Errorf("failure is %+v", f)
	}
}

// Whoever cannot be dialled is our own Security Server, never the partner.
func TestRefusedConnectionIsOurOwnServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, err = client(t, "http://"+address).Call(t.Context(), xroad.Call{Service: them, Body: notice()})
	if f := failure(t, err); f.Kind != soap.KindOwnServer || f.Code != "transport.unreachable" {
		t.Errorf("failure is %+v", f)
	}
}

// When a kept connection breaks after the request was written, the request is
// not repeated behind our back, neither a POST nor a GET.
func TestBrokenConnectionIsNeverRepeated(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-033")
	for name, call := range map[string]func(c *xroad.Client) error{
		"SOAP": func(c *xroad.Client) error {
			_, err := c.Call(t.Context(), xroad.Call{Service: them, Body: notice()})
			return err
		},
		"REST TRACE": func(c *xroad.Client) error {
			_, err := c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "TRACE", Path: "/a"})
			return err
		},
		"REST GET": func(c *xroad.Client) error {
			_, err := c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET", Path: "/a"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			seen := 0
			s := server(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				mu.Lock()
				seen++
				first := seen == 1
				mu.Unlock()
				if first {
					// Answer the first request well, so that the connection is kept.
					if r.Method == "POST" {
						sendSOAP(w, 200, soapAnswer(t, body))
					} else {
						restAnswer(w, r, 200, "{}")
					}
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.Close()
			})
			c := newClient(t, xroad.Options{SecurityServer: s.URL})
			if err := call(c); err != nil {
				t.Fatal(err)
			}
			f := failure(t, call(c))
			if f.Kind != soap.KindUnknownResult || f.Code != "transport.broken" {
				t.Errorf("failure is %+v", f)
			}
			mu.Lock()
			defer mu.Unlock()
			if seen != 2 {
				t.Errorf("the server saw %d requests, want 2", seen)
			}
		})
	}
}

// A kept connection that takes no byte any more has not carried the request,
// which goes out over a new one.
func TestStaleConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-034")
	var seen atomic.Int32
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		seen.Add(1)
		sendSOAP(w, 200, soapAnswer(t, body))
	})
	var mu sync.Mutex
	var conns []net.Conn
	transport := xroad.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
		return c, err
	}
	c := client(t, s.URL, func(o *xroad.Options) { o.Transport = transport })
	if _, err := c.Call(t.Context(), xroad.Call{Service: them, Body: notice()}); err != nil {
		t.Fatal(err)
	}
	// Writing fails from now on, while reading does not notice anything yet.
	mu.Lock()
	err := conns[0].SetWriteDeadline(time.Unix(1, 0))
	mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Call(t.Context(), xroad.Call{Service: them, Body: notice()}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(conns) != 2 || seen.Load() != 2 {
		t.Errorf("connections: %d, requests: %d; want two of both", len(conns), seen.Load())
	}
}

// A server that takes a request and begins no answer in time is left.
func TestAnswerThatDoesNotBeginIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-030")
	s := hang(t, make(chan struct{}, 3))
	byClient := client(t, s.URL, func(o *xroad.Options) { o.HeaderTimeout = 50 * time.Millisecond })
	byService := client(t, s.URL, func(o *xroad.Options) {
		o.Services = map[soap.ServiceID]xroad.Timeouts{them: {Header: 50 * time.Millisecond}}
	})
	for name, c := range map[string]*xroad.Client{"client": byClient, "service": byService} {
		_, err := c.Call(t.Context(), xroad.Call{Service: them, Body: notice()})
		if f := failure(t, err); f.Kind != soap.KindUnknownResult || f.Code != "transport.header_timeout" {
			t.Errorf("time-out of the %s: failure is %+v", name, f)
		}
	}
	_, err := byClient.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET", Path: "/a"})
	if f := failure(t, err); f.Kind != soap.KindUnknownResult || f.Code != "transport.header_timeout" {
		t.Errorf("time-out of a REST call: failure is %+v", f)
	}
}
