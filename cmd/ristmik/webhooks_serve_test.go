package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ristmik/adapters/postgres"
	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// hooks is a receiver of webhooks that believes nothing unsigned, recognises what it has seen, and is busy at times.
type hooks struct {
	t *testing.T

	mu       sync.Mutex
	secret   string // the one that it knows
	seen     map[string]int
	order    map[string][]string // by subject: ids as they first came
	refused  map[string]bool     // that it was too busy for at first
	wrong    []string
	dieAfter int         // when so many have come,
	die      func()      // this happens, before the answer
	died     chan string // and this is told
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	wh, err := standardwebhooks.NewWebhook(h.secret)
	if err == nil {
		err = wh.Verify(body, r.Header)
	}
	var event struct{ ID, Type, Subject, SpecVersion string }
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil || event.ID != r.Header.Get("webhook-id") || event.SpecVersion != "1.0" {
		h.wrong = append(h.wrong, fmt.Sprintf("%v, event %q", err, event.ID))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if strings.HasSuffix(event.ID, "7") && !h.refused[event.ID] {
		h.refused[event.ID] = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if h.seen[event.ID]++; h.seen[event.ID] == 1 {
		h.order[event.Subject] = append(h.order[event.Subject], event.ID)
	}
	if h.die != nil && len(h.seen) >= h.dieAfter {
		h.die()
		h.die = nil
		h.died <- event.ID
	}
}

func (h *hooks) know(secret string) { h.mu.Lock(); defer h.mu.Unlock(); h.secret = secret }

func (h *hooks) count() int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.seen) }

// eventually waits until so many different events have come.
func (h *hooks) eventually(n int) {
	h.t.Helper()
	limit := time.After(2 * time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for h.count() < n {
		select {
		case <-tick.C:
		case <-limit:
			h.t.Fatalf("%d of %d events have come; %d were wrong: %q", h.count(), n, len(h.wrong), h.wrong)
		}
	}
}

// serveHub starts ristmik serve in a directory and waits until it is ready.
func serveHub(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	serve, out := program(t, "serve", "-c", "ristmik.yaml", "--log-level", "error")
	serve.Dir = dir
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "core API") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return serve
		}
	}
	t.Fatalf("serve ended: %v", serve.Wait())
	panic("unreachable")
}

// Events told by the real program reach a receiver that checks every signature, in the order of each case, over answers
// that ask for patience, a change of secrets, and the program killed while the receiver has an event and has not
// answered: none is lost.
func TestWebhooksOfTheProgramSurviveItsDeath(t *testing.T) {
	t.Parallel()
	const subjects = 12
	deaths, each := provetest.Count(1, 20), provetest.Count(60, 500)
	secret := func(n byte) string {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string('a'+rune(n)), 32)))
	}
	h := &hooks{t: t, secret: secret(0), seen: map[string]int{}, order: map[string][]string{}, refused: map[string]bool{}, died: make(chan string, 1)}
	receiver := httptest.NewServer(h)
	t.Cleanup(receiver.Close)
	dir := openDir(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := asShipped(t, dir, "http://127.0.0.1:1")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write("new", secret(0))
	write("old", secret(0))
	changed := strings.Replace(string(text), "  takeover: 10s", "  destinations: {events.ris: {base: 20ms, cap: 100ms}}\n  takeover: 2s", 1)
	write("ristmik.yaml", changed+`
events:
  webhooks:
    ris: {url: "`+receiver.URL+`/hook", plaintext: true, secret_files: [new, old], allow_addresses: [127.0.0.0/8], from: beginning}
`)
	serve := serveHub(t, dir)
	want := map[string][]string{}
	told := 0
	tell := func(n int) {
		t.Helper()
		url, err := postgres.RunningURL(filepath.Join(dir, "ristmik-data"), postgres.Database)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		var events []outbox.Event
		for range n {
			subject, id := fmt.Sprint("case", told%subjects), fmt.Sprint("event", told)
			events = append(events, outbox.Event{ID: id, Type: "test.happened", Source: "/test", Subject: subject, Time: time.Now(), Data: []byte(`{}`)})
			want[subject] = append(want[subject], id)
			told++
		}
		// At once: when the first one is told, the program may be killed, and its database with it.
		if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return outbox.Append(t.Context(), tx, events...) }); err != nil {
			t.Fatal(err)
		}
	}
	for n := range deaths {
		h.mu.Lock()
		h.dieAfter, h.die = told+each/3, func() { _ = serve.Process.Kill() }
		h.mu.Unlock()
		tell(each)
		select {
		case <-h.died:
		case <-time.After(2 * time.Minute):
			t.Fatal("the program was not killed")
		}
		_ = serve.Wait()
		// The secret is changed while the program is away: the new one first, and the receiver knows the old one still.
		write("old", secret(byte(n)))
		write("new", secret(byte(n+1)))
		serve = serveHub(t, dir)
		h.eventually(told)
		h.know(secret(byte(n + 1)))
	}
	tell(20)
	h.eventually(told)
	_ = serve.Process.Signal(syscall.SIGTERM)
	if err := serve.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	twice := 0
	for _, n := range h.seen {
		twice += n - 1
	}
	t.Logf("%d events over %d deaths, %d of them sent twice, %d answers asked for patience", told, deaths, twice, len(h.refused))
	if len(h.wrong) > 0 || len(h.refused) == 0 || twice < deaths {
		t.Errorf("%d wrong: %q; %d refused, %d sent twice", len(h.wrong), h.wrong, len(h.refused), twice)
	}
	for subject, ids := range want {
		if !slices.Equal(ids, h.order[subject]) {
			t.Errorf("%s:\n got %q\nwant %q", subject, h.order[subject], ids)
		}
	}
}
