package core_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/provetest"
	"ristmik/adapters/web"
)

// Fifty at once under one key: one round with its legs, fifty times the same
// answer, one of them the first.
func TestParallelPostsWithOneKeyHaveOneEffectAndOneAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const parallel = 50
	var wg sync.WaitGroup
	replies := make([]reply, parallel)
	start := make(chan struct{})
	for i := range parallel {
		wg.Go(func() {
			<-start
			var err error
			if replies[i], err = w.insist("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", "case-4711/1"); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	replays := 0
	for _, r := range replies {
		if r.status != http.StatusAccepted || r.body != replies[0].body || r.header.Get("Location") != replies[0].header.Get("Location") {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r.header.Get("Idempotent-Replay") == "true" {
			replays++
		}
	}
	if replays != parallel-1 {
		t.Errorf("%d of %d say that they are replays", replays, parallel)
	}
	for query, want := range map[string]int{
		"select count(*) from consultation.round": 1, "select count(*) from consultation.leg": 5,
		"select count(*) from outbox.message": 5, "select count(*) from outbox.event": 5, "select count(*) from core.idempotency_key": 1,
	} {
		if n := w.count(query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

func TestAKeyStandsForOneBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.do("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", "k")
	if first.status != http.StatusAccepted || first.header.Get("Idempotent-Replay") != "" {
		t.Fatalf("%+v", first)
	}
	for _, body := range []string{consultationBody(map[string]any{"purpose": "Muu"}), `{}`, `{"person":{}}`} {
		r := w.do("POST", "/v1/consultations", body, "Idempotency-Key", "k")
		if diff := cmp.Diff([]string{"Idempotency-Key idempotency_key.reused"}, r.codes(t)); diff != "" || r.status != http.StatusUnprocessableEntity {
			t.Errorf("%d\n%s", r.status, diff)
		}
	}
	again := w.do("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", "k")
	if again.body != first.body || again.status != first.status || again.header.Get("Idempotent-Replay") != "true" {
		t.Errorf("replay: %+v", again)
	}
	if r := w.do("POST", "/v1/events", eventBody(nil), "Idempotency-Key", "k"); r.status != http.StatusAccepted {
		t.Errorf("the same key on another route: %d %s", r.status, r.body)
	}
	if n := w.count("select count(*) from consultation.round"); n != 1 {
		t.Errorf("%d rounds", n)
	}
}

func TestARefusedRequestDoesNotUseUpItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.do("POST", "/v1/consultations", `{}`, "Idempotency-Key", "k"); r.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d", r.status)
	}
	if r := w.do("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", "k"); r.status != http.StatusAccepted {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAFailedEffectDoesNotUseUpItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failWith(http.ErrBodyNotAllowed)
	if r := w.do("POST", "/v1/events", eventBody(nil), "Idempotency-Key", "k"); r.status != http.StatusInternalServerError {
		t.Fatalf("%d", r.status)
	}
	w.failWith(nil)
	r := w.do("POST", "/v1/events", eventBody(nil), "Idempotency-Key", "k")
	if r.status != http.StatusAccepted || r.header.Get("Idempotent-Replay") != "" || len(w.told()) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestTwoClientsMayUseTheSameKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, web.NewToken("ris", "the-first-token-of-two"), web.NewToken("migis", "the-second-token-of-two"))
	for _, w.token = range []string{"the-first-token-of-two", "the-second-token-of-two"} {
		r := w.do("POST", "/v1/consultations", consultationBody(map[string]any{"purpose": w.token}), "Idempotency-Key", "k")
		if r.status != http.StatusAccepted || r.header.Get("Idempotent-Replay") != "" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

func TestAKeyIsVisibleASCIIOfBoundedLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for key, want := range map[string]int{
		strings.Repeat("k", 255): 202, "!~": 202,
		strings.Repeat("k", 256): 400, strings.Repeat("k", 10<<10): 400, "": 400, "a b": 400, "õ": 400,
	} {
		if r := w.do("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", key); r.status != want {
			t.Errorf("%.20q of %d: %d, want %d", key, len(key), r.status, want)
		}
	}
	if n := w.count("select count(*) from consultation.round"); n != 2 {
		t.Errorf("%d rounds", n)
	}
}

func TestWithoutADatabaseTheAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	away, err := pgxpool.New(context.Background(), "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=5")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(away.Close)
	w := newWorldOn(t, away)
	for _, r := range []reply{
		w.do("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", "k"), w.do("POST", "/v1/events", eventBody(nil)),
		w.do("GET", "/v1/events", ""), w.do("GET", "/v1/consultations/6f9619ff-8b86-4d01-b42d-00cf4fc964ff", ""),
	} {
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || strings.Contains(r.body, "127.0.0.1") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

// While all connections to the database are in use, requests are refused soon,
// and when one is free again they are served.
func TestBug22WithoutAFreeConnectionTheAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var held []*pgxpool.Conn
	for range w.pool.Config().MaxConns {
		c, err := w.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	ask := func() []reply {
		return []reply{w.do("POST", "/v1/events", eventBody(nil)), w.do("GET", "/v1/events", ""),
			w.do("GET", "/v1/consultations/6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "")}
	}
	began := time.Now()
	answers := ask()
	if took := time.Since(began) / time.Duration(len(answers)); provetest.Long() && took > 100*time.Millisecond {
		t.Errorf("an answer took %s", took)
	}
	for _, r := range answers {
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "in use") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := w.do("GET", "/openapi.json", ""); r.status != http.StatusOK {
		t.Errorf("the description needs no database: %d", r.status)
	}
	for _, c := range held {
		c.Release()
	}
	for i, want := range []int{http.StatusAccepted, http.StatusOK, http.StatusNotFound} {
		if got := ask()[i].status; got != want && got != http.StatusOK {
			t.Errorf("answer %d: %d, want %d", i, got, want)
		}
	}
}
