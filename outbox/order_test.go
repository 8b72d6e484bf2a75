package outbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// Eight writers publish to ten lanes, rolling some of it back, while two relays with eight workers each send, with
// failures of every kind at random. Whatever happens, a lane's messages arrive in the order of commits, none is lost,
// and no two of one lane are being sent at once.
func TestLanesKeepCommitOrderUnderFailures(t *testing.T) {
	t.Parallel()
	const lanes, writers, each = 10, 8, 60
	pool := newPool(t)
	ctx := testContext(t)

	var mu sync.Mutex
	inLane := map[string]int{}
	arrived := map[string][]string{}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	draw := func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() }
	sender := outbox.SenderFunc(func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		mu.Lock()
		inLane[d.Lane]++
		if inLane[d.Lane] > 1 {
			t.Errorf("lane %s: two sends at once", d.Lane)
		}
		mu.Unlock()
		defer func() { mu.Lock(); inLane[d.Lane]--; mu.Unlock() }()
		switch p := draw(); {
		case p < 0.1:
			return outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy", After: time.Millisecond}
		case p < 0.15:
			return outbox.Outcome{Result: outbox.ResultWait, After: time.Millisecond}
		case p < 0.2:
			return outbox.Outcome{Result: outbox.ResultUnknown, Reason: "timeout"}
		case p < 0.25:
			return outbox.Outcome{Result: outbox.ResultDelivered, Apply: func(context.Context, pgx.Tx) error { return fmt.Errorf("no") }}
		}
		mu.Lock()
		arrived[d.Lane] = append(arrived[d.Lane], d.Key)
		mu.Unlock()
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	policy := outbox.Policy{Idempotent: true, MaxAttempts: 1000, MaxInFlight: 8}
	dest := outbox.Destination{Name: "tax", Sender: sender, Policy: policy}
	one := run(t, pool, outbox.Options{Owner: "one", Workers: 8}, dest)
	two := run(t, pool, outbox.Options{Owner: "two", Workers: 8}, dest)

	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				tx, err := pool.Begin(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				a := fmt.Sprint(rand.IntN(lanes))
				key := fmt.Sprintf("%d-%d", w, i)
				msgs := []outbox.Message{message("tax", a, key+"-1"), message("tax", fmt.Sprint(rand.IntN(lanes)), key+"-2"), message("tax", a, key+"-3")}
				if err := outbox.Publish(ctx, tx, msgs...); err != nil {
					t.Errorf("publish: %v", err)
				}
				if _, err = tx.Exec(ctx, `select pg_sleep($1)`, rand.Float64()*0.004); err != nil {
					t.Errorf("pause: %v", err)
				}
				if rand.IntN(10) == 0 {
					err = tx.Rollback(ctx)
				} else {
					err = tx.Commit(ctx)
				}
				if err != nil {
					t.Errorf("ending: %v", err)
				}
			}
		})
	}
	writing.Wait()
	total := scalar[int64](t, pool, `select count(*) from outbox.message`)
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == total })
	one.stop(t)
	two.stop(t)
	consistent(t, pool)

	// Ids are drawn under the lane's lock, so their order is that of the commits.
	rows, err := pool.Query(ctx, `select lane, string_agg(key, ' ' order by id) from outbox.message group by lane`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	var lane, order string
	if _, err := pgx.ForEachRow(rows, []any{&lane, &order}, func() error { want[lane] = order; return nil }); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for lane, keys := range arrived {
		got[lane] = strings.Join(keys, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// While the writer of a lane has not committed, the next writer of the lane waits: its ids cannot come first.
func TestWritersOfALaneWaitForOneAnother(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publish(t, pool, message("tax", "l", "0"), message("tax", "m", "0m"))
	first, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Rollback(context.WithoutCancel(ctx)) }()
	if err := outbox.Publish(ctx, first, message("tax", "l", "1"), message("tax", "m", "1m")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { // the other order of lanes: no deadlock
			return outbox.Publish(ctx, tx, message("tax", "m", "2m"), message("tax", "l", "2"))
		})
	}()
	eventually(t, "the second writer waits", func() bool { return waitsForLock(t, pool) })
	publish(t, pool, message("tax", "free", "3")) // another lane does not wait
	if err := first.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "the second writer", done); err != nil {
		t.Fatal(err)
	}
	if order := scalar[string](t, pool, `select string_agg(key, ' ' order by id) from outbox.message where lane in ('l', 'm')`); order != "0 0m 1 1m 2m 2" {
		t.Errorf("order %q", order)
	}
}

// A destination that hangs, one that refuses everything and one whose lane head is dead take nothing from another.
func TestBug11ABrokenDestinationDelaysNoOther(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	release := make(chan struct{})
	hanging := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		<-release
		return outbox.Outcome{Result: outbox.ResultRetry}
	})
	refusing := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "no"}
	})
	var good recorder
	var msgs []outbox.Message
	for i := range 200 {
		lane := fmt.Sprint(i)
		msgs = append(msgs, message("hanging", lane, lane), message("refusing", lane, lane))
	}
	publish(t, pool, msgs...)
	run(t, pool, outbox.Options{Workers: 8},
		outbox.Destination{Name: "hanging", Sender: hanging, Policy: outbox.Policy{MaxInFlight: 100}},
		outbox.Destination{Name: "refusing", Sender: refusing, Policy: outbox.Policy{MaxInFlight: 100}},
		outbox.Destination{Name: "good", Sender: &good})
	t.Cleanup(func() { close(release) })
	eventually(t, "the hanging one holds all it can get", func() bool { return stats(t, pool, "hanging").Sending >= 2 })
	for i := range 50 {
		publish(t, pool, message("good", fmt.Sprint(i), fmt.Sprint(i)))
	}
	eventually(t, "good ones delivered", func() bool { return stats(t, pool, "good").Delivered == 50 })
	eventually(t, "refused ones dead", func() bool { return stats(t, pool, "refusing").Dead == 200 })
	if s := stats(t, pool, "hanging"); s.Delivered != 0 || s.Sending > 8 {
		t.Errorf("hanging: %+v", s)
	}
}

// waitsForLock says whether some transaction of the test's database waits for another one.
func waitsForLock(t testing.TB, pool *pgxpool.Pool) bool {
	t.Helper()
	return scalar[int](t, pool, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) > 0
}

// A publisher that keeps a lane locked for long delays no outcome, and its message comes after those before it.
func TestALockedLaneDelaysNoOtherOutcome(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	sent := make(chan string, 10)
	release := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
	sender := outbox.SenderFunc(func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		sent <- d.Lane
		<-release[d.Lane]
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	publish(t, pool, message("tax", "a", "a1"), message("tax", "b", "b1"))
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	receive(t, "a send", sent)
	receive(t, "a send", sent)
	tx, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := outbox.Publish(ctx, tx, message("tax", "a", "a2")); err != nil {
		t.Fatal(err)
	}
	close(release["a"])
	eventually(t, "a recorded", func() bool { return row(t, pool, "a1").State == outbox.Delivered })
	close(release["b"])
	eventually(t, "b recorded", func() bool { return row(t, pool, "b1").State == outbox.Delivered })
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last one recorded", func() bool { return stats(t, pool, "tax").Delivered == 3 })
}
