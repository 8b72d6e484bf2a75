package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// publishBefore stores messages, each as the version before did, whose processes may run on beside new ones.
func publishBefore(t testing.TB, pool *pgxpool.Pool, msgs ...outbox.Message) {
	t.Helper()
	for _, m := range msgs {
		err := pgx.BeginFunc(testContext(t), pool, func(tx pgx.Tx) error { return outbox.PublishBefore(testContext(t), tx, m) })
		if err != nil {
			t.Fatalf("publishing as before: %v", err)
		}
	}
}

// While a new version is rolled out, processes of the one before go on publishing. What they publish is sent too, each
// message once, and in the order of its lane with what new ones publish.
func TestBug28WhatTheVersionBeforePublishesIsSentInOrder(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const lanes, each = 5, 20
	var mu sync.Mutex
	got := map[string][]string{}
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Attempt == 1 && strings.HasSuffix(d.Key, "7") {
			return outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy", After: 1}
		}
		mu.Lock()
		defer mu.Unlock()
		got[d.Lane] = append(got[d.Lane], d.Key)
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
	want := map[string][]string{}
	store := func(from, to int) {
		for i := from; i < to; i++ {
			for l := range lanes {
				lane, key := fmt.Sprint(l), fmt.Sprintf("%d-%d", l, i)
				want[lane] = append(want[lane], key)
				if (i+l)%3 == 0 {
					publishBefore(t, pool, message("tax", lane, key))
				} else {
					publish(t, pool, message("tax", lane, key))
				}
			}
		}
	}
	store(0, each) // before a new relay runs
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxInFlight: 4}})
	eventually(t, "delivered what was there", func() bool { return stats(t, pool, "tax").Delivered == lanes*each })
	for i := each; i < 2*each; i++ { // one by one, so that the test knows their order
		store(i, i+1)
		eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == int64(lanes*(i+1)) })
	}
	for lane, keys := range want {
		if !slices.Equal(keys, got[lane]) {
			t.Errorf("lane %s: %v", lane, got[lane])
		}
	}
}

// Publishers of both versions wait for one another in a lane until they commit, so that its messages are sent in the order
// of their commits; relays wait for neither.
func TestBug28PublishersOfBothVersionsKeepTheOrderOfALane(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for _, names := range [][]string{{"tax"}, {"tax", "1"}, {"maks", "õ-ü-\U0001f6c2"}, {"", ""}} {
		if got, want := scalar[int64](t, pool, `select outbox.lock_key(variadic $1::text[])`, names), outbox.LockKey(names...); got != want {
			t.Errorf("%q: the key is %d, not %d", names, got, want)
		}
	}
	const publishers, each = 6, 30
	var mu sync.Mutex
	var committed []string
	sender := &recorder{}
	relay := func() *running {
		return run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	}
	r := relay()
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			publish := func(ctx context.Context, tx pgx.Tx, m outbox.Message) error { return outbox.Publish(ctx, tx, m) }
			if p%2 == 0 {
				publish = func(ctx context.Context, tx pgx.Tx, m outbox.Message) error { return outbox.PublishBefore(ctx, tx, m) }
			}
			for i := range each {
				key := fmt.Sprintf("%d-%d", p, i)
				err := pgx.BeginFunc(testContext(t), pool, func(tx pgx.Tx) error {
					if err := publish(testContext(t), tx, message("tax", "l", key)); err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					committed = append(committed, key) // nobody else has the lane before this commits
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "all are sent", func() bool { return stats(t, pool, "tax").Delivered == publishers*each })
	r.stop(t)
	if got := sender.keys(); !slices.Equal(got, committed) {
		t.Errorf("sent %v, committed %v", got, committed)
	}
	// A relay that gives a message a row of its lane does not wait for the publisher who has the lane.
	tx, err := pool.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	later := message("tax", "m", "later")
	later.Delay = 50 * time.Millisecond
	publish(t, pool, later)
	if err := outbox.Publish(testContext(t), tx, message("tax", "m", "open")); err != nil {
		t.Fatal(err)
	}
	relay()
	eventually(t, "it is sent", func() bool { return stats(t, pool, "tax").Delivered == publishers*each+1 })
}

// A process that does not know a kind of messages yet leaves them to one that does; those of other lanes go on.
func TestBug28AMessageOfAnUnknownKindWaitsForWhoeverKnowsIt(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	newer := message("tax", "l", "newer")
	newer.Kind = "of the next version"
	publish(t, pool, newer, message("tax", "l", "behind"), message("tax", "m", "known"))
	var sender recorder
	dest := outbox.Destination{Name: "tax", Sender: &sender, Knows: func(kind string) bool { return kind == "test" }}
	old := run(t, pool, outbox.Options{}, dest)
	eventually(t, "looked at", func() bool { return row(t, pool, "newer").Reason == "unknown_kind" })
	eventually(t, "the known one is sent", func() bool { return sender.count() == 1 })
	old.stop(t)
	if m := row(t, pool, "newer"); m.State != outbox.Ready || m.Attempt != 0 {
		t.Errorf("%+v", m)
	}
	dest.Knows = nil
	exec(t, pool, `update outbox.pending set due = now() where due > now()`) // a minute later
	exec(t, pool, `update outbox.lane set ready_at = now()`)
	run(t, pool, outbox.Options{}, dest)
	eventually(t, "all are sent", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	if got := sender.keys(); !slices.Equal(got, []string{"known", "newer", "behind"}) {
		t.Errorf("sent %v", got)
	}
}
