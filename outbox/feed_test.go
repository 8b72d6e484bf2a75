package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// A message whose transaction was open while the relay read the log is found when it commits, however much was read
// meanwhile, and whether its transaction is the newest of all or one that others have overtaken.
func TestAMessageOfATransactionThatWasOpenIsNotPassedOver(t *testing.T) {
	t.Parallel()
	for name, overtaken := range map[string]bool{"the newest transaction": false, "one that others have overtaken": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			ctx := testContext(t)
			var sender recorder
			run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender})
			publish(t, pool, message("tax", "a", "first"))
			eventually(t, "the first one is sent", func() bool { return sender.count() == 1 })
			tx, err := pool.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
			if err := outbox.Publish(ctx, tx, message("tax", "b", "slow")); err != nil {
				t.Fatal(err)
			}
			want := 2
			if overtaken {
				for i := range 20 {
					publish(t, pool, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
				}
				eventually(t, "the others are sent", func() bool { return sender.count() == 21 })
				want = 22
			}
			reads := func() int64 {
				return scalar[int64](t, pool, `select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_indexes where indexrelname = 'message_feed'`)
			}
			before := reads()
			eventually(t, "the log has been read again", func() bool { return reads() > before+5 })
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the slow one is sent", func() bool { return sender.count() == want })
		})
	}
}

// Of one lane bulk messages and others go in the order in which they were published, although the others overtake bulk
// messages of other lanes.
func TestBulkMessagesKeepTheOrderOfTheirLane(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var msgs []outbox.Message
	for i := range 40 {
		for _, lane := range []string{"mixed", fmt.Sprint("bulk", i), fmt.Sprint("other", i)} {
			m := message("tax", lane, fmt.Sprint(lane, " ", i))
			m.Bulk = lane == "mixed" && i%2 == 0 || strings.HasPrefix(lane, "bulk")
			msgs = append(msgs, m)
		}
	}
	publish(t, pool, msgs...)
	var sender recorder
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender, Policy: outbox.Policy{MaxInFlight: 2}})
	eventually(t, "all are sent", func() bool { return sender.count() == len(msgs) })
	at := 0
	for _, key := range sender.keys() {
		if strings.HasPrefix(key, "mixed") {
			if key != fmt.Sprint("mixed ", at) {
				t.Errorf("%s came as the %dth of its lane", key, at)
			}
			at++
		}
	}
}

// A Sender that does not return although its time is over keeps its lane no longer than the lease.
func TestASendThatNeverReturnsIsGivenUpWhenItsLeaseEnds(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	release := make(chan struct{})
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == "hangs" && d.Attempt == 1 {
			<-release
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
	publish(t, pool, message("tax", "l", "hangs"), message("tax", "l", "behind"))
	run(t, pool, outbox.Options{Lease: 200 * time.Millisecond, Poll: 20 * time.Millisecond},
		outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{Idempotent: true, MaxInFlight: 2}})
	t.Cleanup(func() { close(release) })
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
	if got := sender.keys(); !slices.Equal(got, []string{"hangs", "hangs", "behind"}) {
		t.Errorf("sent %v", got)
	}
	if m := row(t, pool, "hangs"); m.Attempt != 2 {
		t.Errorf("%+v", m)
	}
}

// Of what a relay held in memory when it died, only what it may have been sending counts as tried.
func TestWhatWaitedInTheMemoryOfADeadRelayWasNotTried(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for _, key := range []string{"sent", "behind", "last"} {
		publish(t, pool, message("tax", "l", key))
	}
	begun, release := make(chan struct{}, 1), make(chan struct{})
	run(t, pool, outbox.Options{Owner: "dead", Poll: time.Hour}, outbox.Destination{Name: "tax", Sender: outbox.SenderFunc(
		func(context.Context, outbox.Delivery) outbox.Outcome {
			begun <- struct{}{}
			<-release
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	t.Cleanup(func() { close(release) })
	receive(t, "the send", begun)
	eventually(t, "all are taken", func() bool { return stats(t, pool, "tax").Sending == 3 })
	exec(t, pool, endLeases, "dead", "next")
	var sender recorder
	run(t, pool, outbox.Options{Owner: "next"}, outbox.Destination{Name: "tax", Sender: &sender}) // repeating has effects
	eventually(t, "the one that may have been sent is for a person", func() bool { return stats(t, pool, "tax").Dead == 1 })
	if err := outbox.Discard(testContext(t), pool, row(t, pool, "sent").ID, "mari", "it arrived"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
	if got := sender.keys(); !slices.Equal(got, []string{"behind", "last"}) || row(t, pool, "behind").Attempt != 1 {
		t.Errorf("sent %v", got)
	}
}

// A database restored from a dump into another cluster, whose transactions have lower numbers, sends what waited in it, and
// sends nothing again.
func TestMessagesGoOnAfterARestoreIntoAnotherCluster(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publish(t, pool, message("tax", "l", "delivered"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	r.stop(t)
	publish(t, pool, message("tax", "l", "waits"), message("tax", "m", "waits too"), message("labour", "l", "never served"))
	if moved, err := outbox.Resume(ctx, pool); moved || err != nil {
		t.Fatalf("in its own cluster: %t, %v", moved, err)
	}
	// As if all of it had been done where transaction ids were higher by a thousand million.
	exec(t, pool, `update outbox.message set born = (born::text::bigint + 1000000000)::text::xid8`)
	exec(t, pool, `update outbox.feed_position set seen = format('%s:%s:', pg_snapshot_xmin(seen)::text::bigint + 1000000000,
		pg_snapshot_xmax(seen)::text::bigint + 1000000000)::pg_snapshot where pg_snapshot_xmax(seen)::text <> '1'`)
	if moved, err := outbox.Resume(ctx, pool); !moved || err != nil {
		t.Fatalf("restored: %t, %v", moved, err)
	}
	publish(t, pool, message("tax", "l", "new"))
	var sender recorder
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender}, outbox.Destination{Name: "labour", Sender: &sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 4 && stats(t, pool, "labour").Delivered == 1 })
	keys := sender.keys()
	if slices.Sort(keys); !slices.Equal(keys, []string{"never served", "new", "waits", "waits too"}) {
		t.Errorf("sent %v", keys)
	}
	if moved, err := outbox.Resume(ctx, pool); moved || err != nil {
		t.Errorf("once more: %t, %v", moved, err)
	}
}

// What Queue adds to a caller's batch is stored with the rest of it, or not at all.
func TestQueueIsPublishWithinABatch(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	exec(t, pool, `create table effect (who text)`)
	for _, commit := range []bool{true, false} {
		key := fmt.Sprint(commit)
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			batch := &pgx.Batch{}
			batch.Queue(`insert into effect values ($1)`, key)
			if err := outbox.Queue(batch, message("tax", "l", key)); err != nil {
				return err
			}
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
			if !commit {
				return context.Canceled
			}
			return nil
		})
		if commit != (err == nil) {
			t.Fatal(err)
		}
	}
	var sender recorder
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	if got := sender.keys(); !slices.Equal(got, []string{"true"}) {
		t.Errorf("sent %v", got)
	}
}

// A transaction has its number before it draws an id. Otherwise the id may lie below the mark that a relay makes between the
// two, and the number above it, and the message is passed over.
func TestAnIDIsDrawnByATransactionThatHasItsNumber(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	exec(t, pool, `alter table outbox.message alter column id drop identity`)
	exec(t, pool, `create sequence drawn`)
	exec(t, pool, `
create function draw() returns bigint language plpgsql as $$ begin
    if pg_current_xact_id_if_assigned() is null then
        raise exception 'an id is drawn by a transaction that has no number';
    end if;
    return nextval('drawn');
end $$`)
	exec(t, pool, `alter table outbox.message alter column id set default draw()`)
	publish(t, pool, message("tax", "a", "one"))
	publish(t, pool, message("tax", "a", "first of many"), message("tax", "b", "second of many"))
	var many []outbox.Message
	for i := range 150 {
		many = append(many, message("tax", fmt.Sprint(i), fmt.Sprint("of very many ", i)))
	}
	publish(t, pool, many...)
}
