package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/web"
)

// logbook is a log that can be read while it is written.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newLog() (*logbook, *slog.Logger) {
	l := &logbook{}
	return l, slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestProblemsAreRFC9457(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		problem web.Problem
		status  int
		body    string
	}{
		{web.Problem{}, 500, `{"type":"about:blank","title":"Internal Server Error","status":500}`},
		{web.Problem{Type: web.TypeValidation, Title: "Wrong values", Status: 422, Detail: "a < b", Instance: "/x/1",
			Errors: []web.FieldError{{Path: "/a", Code: "required", Message: "is needed"}}}, 422,
			`{"type":"/problems/validation","title":"Wrong values","status":422,"detail":"a < b","instance":"/x/1","errors":[{"path":"/a","code":"required","message":"is needed"}]}`},
	} {
		w := httptest.NewRecorder()
		web.WriteProblem(w, c.problem)
		if w.Code != c.status || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("status %d, header %v", w.Code, w.Header())
		}
		if diff := cmp.Diff(c.body, strings.TrimSpace(w.Body.String())); diff != "" {
			t.Error(diff)
		}
	}
}

// A value without a JSON form is a problem and not half an answer.
func TestWriteJSONOfTheUnwritable(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.WriteJSON(w, http.StatusOK, []any{1, math.Inf(1)})
	var p web.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p.Type != web.TypeInternal {
		t.Errorf("status %d, body %s, %v", w.Code, w.Body, err)
	}
}

// The log knows route, status and size of a request and nothing that the
// caller wrote, through every handler between the log and the router.
func TestLogHoldsRoutesAndNeverValues(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /persons/{code}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
	mux.HandleFunc("GET /broken/{code}", func(_ http.ResponseWriter, r *http.Request) { panic("person " + r.PathValue("code")) })
	book, log := newLog()
	h := web.LogRequests(log, "core", web.Recover(log, web.Bearer([]web.Token{web.NewToken("core", "a-token-of-the-core")}, web.SameOrigin(mux))))
	ask := func(method, path string) int {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer a-token-of-the-core")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/persons/78001010009?name=Mari", 200, `level=INFO msg=request listener=core method=GET route="GET /persons/{code}" status=200`},
		{"GET", "/secret-78001010009", 404, `route=unmatched status=404`},
		{"PERSON78001010009", "/persons/78001010009", 405, `method=OTHER`},
		{"GET", "/broken/78001010009", 500, `level=WARN msg=request listener=core method=GET route="GET /broken/{code}" status=500`},
	} {
		if got := ask(c.method, c.path); got != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, got, c.status)
		}
		if !strings.Contains(book.String(), c.want) {
			t.Errorf("the log does not say %s:\n%s", c.want, book)
		}
	}
	for _, secret := range []string{"78001010009", "Mari", "a-token"} {
		if strings.Contains(book.String(), secret) {
			t.Errorf("the log holds %s:\n%s", secret, book)
		}
	}
	if !strings.Contains(book.String(), "bytes=5") || !strings.Contains(book.String(), `msg="panic in handler"`) || !strings.Contains(book.String(), "reason=string") {
		t.Errorf("the log lacks size or panic:\n%s", book)
	}
}

// A panic before the answer is a problem; after its beginning the connection
// breaks, so that nobody takes half an answer for a whole one.
func TestRecover(t *testing.T) {
	t.Parallel()
	_, log := newLog()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /before", func(http.ResponseWriter, *http.Request) { panic("early") })
	mux.HandleFunc("GET /after", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("late")
	})
	s := httptest.NewServer(web.Recover(log, mux))
	defer s.Close()
	resp, err := s.Client().Get(s.URL + "/before")
	if err != nil {
		t.Fatal(err)
	}
	var p web.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != 500 || p.Detail != "" {
		t.Errorf("status %d, problem %+v, %v", resp.StatusCode, p, err)
	}
	resp.Body.Close()
	resp, err = s.Client().Get(s.URL + "/after")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the answer ended well: %s", body)
	}
}

// Event streams get through the log and the guards: each part is sent at once.
func TestStreamsAreFlushed(t *testing.T) {
	t.Parallel()
	_, log := newLog()
	release := make(chan struct{})
	h := web.LogRequests(log, "console", web.Recover(log, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "one")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-release
	})))
	server := web.Server(h, log)
	s := httptest.NewUnstartedServer(nil)
	s.Config = server
	s.Start()
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	part := make([]byte, 3)
	if _, err := io.ReadFull(resp.Body, part); err != nil || string(part) != "one" {
		t.Errorf("read %q, %v", part, err)
	}
	close(release)
}

func TestServerHasLimits(t *testing.T) {
	t.Parallel()
	_, log := newLog()
	s := httptest.NewUnstartedServer(nil)
	s.Config = web.Server(http.NewServeMux(), log)
	if s.Config.ReadHeaderTimeout <= 0 || s.Config.IdleTimeout <= 0 || s.Config.WriteTimeout != 0 {
		t.Errorf("time-outs %v %v %v", s.Config.ReadHeaderTimeout, s.Config.IdleTimeout, s.Config.WriteTimeout)
	}
	s.Start()
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("a", 100<<10))
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}
