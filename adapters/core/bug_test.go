package core

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// alarms is a log whose lines can be waited for.
type alarms struct {
	t    *testing.T
	mu   sync.Mutex
	text bytes.Buffer
	seen chan struct{} // something was looked at
}

func newAlarms(t *testing.T) *alarms { return &alarms{t: t, seen: make(chan struct{}, 1)} }

func (a *alarms) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.Write(p)
}

func (a *alarms) log() *slog.Logger { return slog.New(slog.NewTextHandler(a, nil)) }

func (a *alarms) lines() string { a.mu.Lock(); defer a.mu.Unlock(); return a.text.String() }

func (a *alarms) looked() {
	select {
	case a.seen <- struct{}{}:
	default:
	}
}

// until waits for a line with such words in it.
func (a *alarms) until(words string) {
	a.t.Helper()
	limit := time.After(2 * time.Minute)
	for !strings.Contains(a.lines(), words) {
		select {
		case <-a.seen:
		case <-limit:
			a.t.Fatalf("never: %s\n%s", words, a.lines())
		}
	}
}

// A transaction of somebody else, on another database of the cluster, that does
// not end keeps the feed back: that is one alarm with whom to look for, and one
// line when it is over. What is delivered by lanes goes on.
func TestBug03AFeedThatStandsStillIsAnAlarm(t *testing.T) {
	t.Parallel()
	set := postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations}
	pool, other := postgrestest.Pool(t, set), postgrestest.Pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := newAlarms(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchFeed(ctx, pool, a.log(), func(outbox.Held) { a.looked() },
			provetest.Sized(time.Millisecond, watchEvery), provetest.Sized(50*time.Millisecond, heldLimit))
	}()
	sent := make(chan string, 1)
	relay, err := outbox.NewRelay(pool, []outbox.Destination{{Name: "tax", Sender: outbox.SenderFunc(func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		sent <- d.Key
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})}}, outbox.Options{Owner: "test"})
	if err != nil {
		t.Fatal(err)
	}
	relayed := make(chan error, 1)
	go func() { relayed <- relay.Run(ctx) }()

	holding, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holding.Rollback(context.Background()) }()
	if _, err := holding.Exec(t.Context(), `select pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return outbox.Append(t.Context(), tx, outbox.Event{ID: "e", Type: "test.happened", Source: "/test", Subject: "s", Time: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(key string) {
		t.Helper()
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			return outbox.Publish(t.Context(), tx, outbox.Message{Destination: "tax", Lane: "l", Kind: "test", Key: key})
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-sent:
		case <-time.After(time.Minute):
			t.Fatalf("%s was not delivered", key)
		}
	}
	deliver("before the alarm")
	a.until("held back by")
	if took := time.Since(began); provetest.Long() && took > 30*time.Second {
		t.Errorf("the alarm took %s", took)
	}
	deliver("after the alarm")
	if rest := time.Until(began.Add(provetest.Sized(0, time.Minute))); rest > 0 {
		<-time.After(rest)
		deliver("at the end")
	}
	if err := holding.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.until("no longer held")
	cancel()
	<-done
	if err := <-relayed; err != nil {
		t.Error(err)
	}
	if n := strings.Count(a.lines(), "level=ERROR"); n != 1 || !strings.Contains(a.lines(), "pid=") {
		t.Errorf("%d alarms:\n%s", n, a.lines())
	}
}

// A session that listens and does not read lets the queue of notifications
// fill up: that is one alarm, and one line when it is over.
func TestBug05AQueueOfNotificationsThatFillsUpIsAnAlarm(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	slow, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close(context.Background()) }()
	for _, sql := range []string{"listen slow", "begin", "select 1"} {
		if _, err := slow.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(ctx, `select pg_notify('slow', lpad(g::text, 4000, 'x')) from generate_series(1, 1000) g`); err != nil {
		t.Fatal(err)
	}
	a := newAlarms(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchNotifications(ctx, pool, a.log(), func(float64) { a.looked() }, time.Millisecond, 0.0001)
	}()
	a.until("fills up")
	if _, err := slow.Exec(ctx, "commit"); err != nil {
		t.Fatal(err)
	}
	a.until("emptied again")
	cancel()
	<-done
	if n := strings.Count(a.lines(), "level=ERROR"); n != 1 || !strings.Contains(a.lines(), "share=") {
		t.Errorf("%d alarms:\n%s", n, a.lines())
	}
}
