package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

func event(subject, id string) outbox.Event {
	return outbox.Event{
		ID: id, Type: "test.happened", Source: "test", Subject: subject,
		Time: time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC), Data: json.RawMessage(`{"b": 1, "a": [1.50]}`),
	}
}

func appendEvents(t testing.TB, pool *pgxpool.Pool, events ...outbox.Event) {
	t.Helper()
	err := pgx.BeginFunc(testContext(t), pool, func(tx pgx.Tx) error { return outbox.Append(t.Context(), tx, events...) })
	if err != nil {
		t.Fatalf("append: %v", err)
	}
}

// read reads on from a position until n events have come.
func read(t testing.TB, db outbox.DB, after outbox.Position, n int) (ids []string, last outbox.Position) {
	t.Helper()
	for len(ids) < n {
		list, err := outbox.Wait(testContext(t), db, after, 7, patience)
		if err != nil {
			t.Fatalf("events: %v", err)
		}
		if len(list) == 0 {
			t.Fatalf("%d events of %d", len(ids), n)
		}
		for _, r := range list {
			ids, after = append(ids, r.Event.ID), r.Position
		}
	}
	return ids, after
}

func TestEventsComeBackAsTheyWereAppended(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	want := []outbox.Event{event("z", "1"), event("a", "2"), event("z", "3")}
	want[1].Data = nil
	appendEvents(t, pool, want...)
	appendEvents(t, pool, event("z", "1"), event("z", "4")) // the first is known
	appendEvents(t, pool)
	ids, last := read(t, pool, "", 4)
	if got := strings.Join(ids, " "); got != "1 2 3 4" {
		t.Errorf("order %q", got)
	}
	list, err := outbox.Events(ctx, pool, "", 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		r.Event.Time = r.Event.Time.UTC()
		if diff := cmp.Diff(want[i], r.Event); diff != "" {
			t.Error(diff)
		}
	}
	if list, err = outbox.Events(ctx, pool, last, 10); err != nil || len(list) != 0 {
		t.Errorf("after the last: %v, %v", list, err)
	}
	if list, err = outbox.Wait(ctx, pool, last, 10, time.Millisecond); err != nil || len(list) != 0 {
		t.Errorf("waiting after the last: %v, %v", list, err)
	}
}

func TestWaitReturnsWithTheFirstEvent(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	got := make(chan []outbox.Recorded, 1)
	go func() {
		list, err := outbox.Wait(t.Context(), pool, "", 10, patience)
		if err != nil {
			t.Error(err)
		}
		got <- list
	}()
	appendEvents(t, pool, event("s", "1"))
	if list := receive(t, "the event", got); len(list) != 1 || list[0].Event.ID != "1" {
		t.Errorf("%v", list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := outbox.Wait(ctx, pool, "", 10, patience); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBadEventsAndPositionsAreRefused(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	for name, change := range map[string]func(*outbox.Event){
		"no id":      func(e *outbox.Event) { e.ID = "" },
		"no type":    func(e *outbox.Event) { e.Type = "" },
		"no source":  func(e *outbox.Event) { e.Source = "" },
		"no subject": func(e *outbox.Event) { e.Subject = "" },
		"no time":    func(e *outbox.Event) { e.Time = time.Time{} },
		"not JSON":   func(e *outbox.Event) { e.Data = json.RawMessage(`{"a":`) },
		"zero byte":  func(e *outbox.Event) { e.Subject = "\x00" },
	} {
		e := event("s", "x")
		change(&e)
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Append(ctx, tx, e) })
		if !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range []outbox.Position{"x", "1", "1-", "-1", "1-2-3", "-1-2", "1 - 2", "01-2", "1-2;drop", "zzzzzzzzzzzzzzzzzzzz-1"} {
		if _, err := outbox.Events(ctx, pool, p, 1); !errors.Is(err, outbox.ErrBadPosition) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// An event of a transaction that began early and commits late is not skipped, although later ones were read before.
func TestAnEventThatCommitsLateIsNotSkipped(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	slow, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(context.WithoutCancel(ctx)) }()
	if err := outbox.Append(ctx, slow, event("slow", "slow")); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, pool, event("fast", "fast"))
	list, err := outbox.Events(ctx, pool, "", 10)
	if err != nil || len(list) != 0 {
		t.Fatalf("read beyond a running transaction: %v, %v", list, err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if ids, _ := read(t, pool, "", 2); strings.Join(ids, " ") != "slow fast" {
		t.Errorf("%q", ids)
	}
}

// The order of a subject is that of the commits even where the order of transaction ids is the other one.
func TestAnOlderTransactionThatAppendsLaterComesLater(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	old, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := old.Exec(ctx, `select pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, pool, event("s", "first"))
	if err := outbox.Append(ctx, old, event("other", "b"), event("s", "second"), event("new", "c")); err != nil {
		t.Fatal(err)
	}
	if err := old.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if ids, _ := read(t, pool, "", 4); strings.Join(ids, " ") != "first b second c" {
		t.Errorf("%q", ids)
	}
}

// After a restore into a cluster with lower transaction ids, readers go on where they were and read what is new.
func TestEventsGoOnAfterARestoreIntoAnotherCluster(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	if moved, err := outbox.Resume(ctx, pool); moved || err != nil {
		t.Fatalf("empty: %t, %v", moved, err)
	}
	appendEvents(t, pool, event("s", "1"), event("s", "2"))
	if moved, err := outbox.Resume(ctx, pool); moved || err != nil {
		t.Fatalf("in its own cluster: %t, %v", moved, err)
	}
	// As if the labels had been made where transaction ids were higher by a thousand million.
	exec(t, pool, `update outbox.event set label = label + 1000000000`)
	exec(t, pool, `update outbox.stream set label = label + 1000000000`)
	if list, err := outbox.Events(ctx, pool, "", 10); err != nil || len(list) != 0 {
		t.Fatalf("readable without Resume: %v, %v", list, err)
	}
	if moved, err := outbox.Resume(ctx, pool); !moved || err != nil {
		t.Fatalf("restored: %t, %v", moved, err)
	}
	ids, after := read(t, pool, "", 2)
	appendEvents(t, pool, event("s", "3"), event("new", "4"))
	more, _ := read(t, pool, after, 2)
	if got := strings.Join(append(ids, more...), " "); got != "1 2 3 4" {
		t.Errorf("%q", got)
	}
	if moved, err := outbox.Resume(ctx, pool); moved || err != nil {
		t.Errorf("once more: %t, %v", moved, err)
	}
}
