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
	"ristmik/outbox"
)

// A transaction of somebody else that does not end keeps the feed back: that is
// one alarm with whom to look for, and one line when it is over.
func TestAFeedThatStandsStillIsAnAlarm(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations})
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var text bytes.Buffer
	seen := make(chan outbox.Held, 100_000)
	log := slog.New(slog.NewTextHandler(locked{&mu, &text}, nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchFeed(ctx, pool, log, func(h outbox.Held) { seen <- h }, time.Millisecond, 50*time.Millisecond)
	}()
	tx, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(ctx, `select pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return outbox.Append(ctx, tx, outbox.Event{ID: "e", Type: "test.happened", Source: "/test", Subject: "s", Time: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := func() string { mu.Lock(); defer mu.Unlock(); return text.String() }
	until := func(what string, ok func() bool) {
		t.Helper()
		limit := time.After(30 * time.Second)
		for !ok() {
			select {
			case <-seen:
			case <-limit:
				t.Fatalf("never: %s\n%s", what, lines())
			}
		}
	}
	until("an alarm", func() bool { return strings.Contains(lines(), "held back by") })
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	until("its end", func() bool { return strings.Contains(lines(), "no longer held") })
	cancel()
	<-done
	if n := strings.Count(lines(), "level=ERROR"); n != 1 || !strings.Contains(lines(), "pid=") {
		t.Errorf("%d alarms:\n%s", n, lines())
	}
}

type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
