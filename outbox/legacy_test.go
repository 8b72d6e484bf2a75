package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

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
	for i := each; i < 2*each; i++ { // one by one, since the lanes of the two versions do not lock one another
		store(i, i+1)
		eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == int64(lanes*(i+1)) })
	}
	for lane, keys := range want {
		if !slices.Equal(keys, got[lane]) {
			t.Errorf("lane %s: %v", lane, got[lane])
		}
	}
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
