package xroad_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) move(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// door is a listener that can be shut and opened again at one address.
type door struct {
	t       testing.TB
	address string
	name    string
	visits  func(string)
	server  *http.Server
}

func (d *door) open() {
	d.t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.address = l.Addr().String()
	d.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.visits(d.name)
		w.Header().Set("Connection", "close")
		restAnswer(w, r, 200, "{}")
	})}
	go func() { _ = d.server.Serve(l) }()
	d.t.Cleanup(d.shut)
}

func (d *door) shut() { _ = d.server.Close() }

// A server that cannot be reached is passed over, stays passed over for the
// pause, and the one that answered is kept as long as it answers.
func TestAnotherServerHelpsOut(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-033")
	var mu sync.Mutex
	var seen []string
	visit := func(name string) { mu.Lock(); defer mu.Unlock(); seen = append(seen, name) }
	a, b := &door{t: t, address: "127.0.0.1:0", name: "a", visits: visit}, &door{t: t, address: "127.0.0.1:0", name: "b", visits: visit}
	a.open()
	b.open()
	time0 := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c := newClient(t, xroad.Options{
		Servers: []xroad.Server{{Address: "http://" + a.address}, {Address: "http://" + b.address}},
		Pause:   time.Minute, Now: time0.Now,
	})
	step := func(want string) {
		t.Helper()
		err := ask(t, c)
		mu.Lock()
		defer mu.Unlock()
		got := strings.Join(seen, " ")
		seen = nil
		if err != nil || got != want {
			t.Errorf("visited %q, want %q (%v)", got, want, err)
		}
	}
	step("a")
	a.shut()
	step("b")
	a.open()
	step("b") // sticky
	b.shut()
	step("a") // in its pause, but the only one
	b.open()
	a.shut()
	step("b")
	a.open()
	time0.move(2 * time.Minute)
	step("b") // the pause is over, and still there is no reason to change
	b.shut()
	step("a")
	a.shut()
	if f := failure(t, ask(t, c)); f.Kind != soap.KindOwnServer || f.Code != "transport.unreachable" {
		t.Errorf("failure is %+v", f)
	}
}

// When bytes of the request may be out, no other server gets it.
func TestRequestThatMayBeOutIsNotGivenToAnother(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-033")
	first := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	})
	second := server(t, func(http.ResponseWriter, *http.Request, []byte) { t.Error("the second server got the request") })
	for _, body := range []xroad.RESTCall{
		{Service: rest, Method: "POST", Body: []byte("{}")},
		{Service: rest, Method: "POST", Stream: strings.NewReader("{}")},
		{Service: rest, Method: "GET"},
	} {
		c := newClient(t, xroad.Options{Servers: []xroad.Server{{Address: first.URL}, {Address: second.URL}}})
		_, err := c.REST(t.Context(), body)
		if f := failure(t, err); f.Kind != soap.KindUnknownResult {
			t.Errorf("%s: failure is %+v", body.Method, f)
		}
	}
}

// A body that can be read only once goes to the second server whole.
func TestStreamGoesWholeToTheServerThatTakesIt(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	_ = l.Close()
	var got string
	s := server(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		got = string(body)
		restAnswer(w, r, 201, "made")
	})
	c := newClient(t, xroad.Options{Servers: []xroad.Server{{Address: nobody}, {Address: s.URL}}})
	a, err := c.OpenREST(t.Context(), xroad.RESTCall{Service: rest, Method: "POST", Stream: strings.NewReader("the body")})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.Status != 201 || string(text) != "made" || got != "the body" {
		t.Errorf("status %d, %q for %q, %v", a.Status, text, got, err)
	}
}

// A stream is bounded like everything else.
func TestStreamedAnswerOverTheLimitIsCut(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if r.URL.Path[len(r.URL.Path)-1] == 'c' {
			w.Header().Set("Content-Length", "101")
		}
		restAnswer(w, r, 200, strings.Repeat("x", 101))
	})
	for limit, want := range map[int64]string{100: "answer.too_large", 101: ""} {
		for _, path := range []string{"/chunked/c", "/d"} {
			a, err := client(t, s.URL).OpenREST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET", Path: path, MaxAnswer: limit})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(a.Body)
			_ = a.Body.Close()
			switch {
			case want == "" && (err != nil || len(text) != 101):
				t.Errorf("%s: %d bytes, %v", path, len(text), err)
			case want != "" && failure(t, err).Code != want:
				t.Errorf("%s: error is %v", path, err)
			}
		}
	}
}
