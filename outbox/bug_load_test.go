package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// A partner that fails at random half of the time, or for one second of every ten, does not make its breaker flap: at
// most six changes a minute, and nothing is refused for long once it is back.
func TestBug12ABreakerDoesNotFlap(t *testing.T) {
	t.Parallel()
	minute := provetest.Sized(2*time.Second, time.Minute)
	for name, bad := range map[string]func(n int64, at time.Duration) bool{
		"half of the time":        func(n int64, _ time.Duration) bool { return n*2654435761%1000 < 500 },
		"one second of every ten": func(_ int64, at time.Duration) bool { return at%(minute/6) < minute/60 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			ctx := provetest.Context(t, patience, 20*time.Minute)
			began := time.Now()
			var sends atomic.Int64
			sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
				if bad(sends.Add(1), time.Since(began)) {
					return down
				}
				return outbox.Outcome{Result: outbox.ResultDelivered}
			})
			policy := outbox.DefaultPolicy()
			policy.MaxAttempts, policy.Base, policy.Cap = 100_000, minute/600, minute/60
			policy.Breaker.Lasting, policy.Breaker.Window, policy.Breaker.Calm = minute/30, minute/3, minute
			policy.Breaker.OpenFor, policy.Breaker.MaxOpen = minute/2, 15*minute
			run(t, pool, outbox.Options{Rand: func() float64 { return 0.5 }}, outbox.Destination{Name: "tax", Sender: sender, Policy: policy})
			for n := 0; time.Since(began) < 3*minute; n++ {
				publish(t, pool, message("tax", fmt.Sprint(n), fmt.Sprint(n)))
				<-time.After(minute / 1200)
			}
			// A change by the database's clock, and those within a minute after it.
			most := scalar[int](t, pool, `select coalesce(max(n), 0) from (
				select (select count(*) from outbox.breaker_change b where b.at >= a.at and b.at < a.at + make_interval(secs => $1)) as n
				from outbox.breaker_change a) x`, minute.Seconds())
			if most > 6 {
				t.Errorf("%d changes in a minute", most)
			}
			var opened int
			if err := pool.QueryRow(ctx, `select count(*) from outbox.breaker_change where state = 'open'`).Scan(&opened); err != nil {
				t.Fatal(err)
			}
			if provetest.Long() && name != "half of the time" && opened > 0 {
				t.Errorf("it opened %d times for a second in ten: healthy calls were refused", opened)
			}
			t.Logf("%d sends, at most %d changes in a minute, opened %d times", sends.Load(), most, opened)
		})
	}
}

// A partner that answers slowly and with failures is not asked ever more often: repeats stay within a tenth of what
// arrives.
func TestBug15RetriesKeepTheirBudget(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	arrivals, latency := provetest.Count(300, 3000), provetest.Sized(time.Millisecond, 10*time.Second)
	var attempts, first atomic.Int64
	sender := outbox.SenderFunc(func(ctx context.Context, d outbox.Delivery) outbox.Outcome {
		attempts.Add(1)
		if d.Attempt == 1 {
			first.Add(1)
		}
		select {
		case <-time.After(latency):
		case <-ctx.Done():
		}
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "slow"}
	})
	run(t, pool, outbox.Options{Workers: 400, Rand: func() float64 { return 0.5 }}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{
		MaxInFlight: 400, MaxAttempts: 1000, Base: 5 * time.Millisecond, Cap: time.Second, RetryBudget: 0.1,
	}})
	for n := 0; n < arrivals; n += 10 {
		var msgs []outbox.Message
		for i := range 10 {
			msgs = append(msgs, message("tax", fmt.Sprint(n+i), fmt.Sprint(n+i)))
		}
		publish(t, pool, msgs...)
		if provetest.Long() {
			<-time.After(300 * time.Millisecond)
		}
	}
	eventually(t, "each was tried", func() bool { return first.Load() == int64(arrivals) })
	tried := attempts.Load()
	if most := int64(float64(arrivals)*1.1) + 10; tried > most {
		t.Errorf("%d attempts for %d messages", tried, arrivals)
	}
	t.Logf("%d attempts for %d messages", tried, arrivals)
}

// Ten times what a partner can take comes at once, as bulk messages; then fresh ones come at less than it can take. They
// do not wait for the backlog, and the backlog goes on.
func TestBug16ABacklogDoesNotStarveFreshWork(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	capacity := provetest.Sized(200, 20) // a second
	burst := provetest.Sized(time.Second, 5*time.Minute)
	tokens := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	free := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(capacity))
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
			case <-free: // the partner can take everything now
			case <-ctx.Done():
			}
			select {
			case tokens <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	var mu sync.Mutex
	var waits []time.Duration
	var bulk int
	settled := 0
	sender := outbox.SenderFunc(func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		select {
		case <-tokens:
		case <-ctx.Done():
			return outbox.Outcome{Result: outbox.ResultWait}
		}
		mu.Lock()
		defer mu.Unlock()
		settled++
		if strings.HasPrefix(d.Key, "bulk") {
			bulk++
		} else {
			waits = append(waits, time.Since(d.Published))
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	run(t, pool, outbox.Options{Workers: 4}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxInFlight: 4}})
	many := int(burst.Seconds()*10) * capacity
	for n := 0; n < many; n += 100 {
		msgs := make([]outbox.Message, 100)
		for i := range msgs {
			msgs[i] = message("tax", fmt.Sprint("bulk", n+i), fmt.Sprint("bulk", n+i))
			msgs[i].Bulk = true
		}
		publish(t, pool, msgs...)
		if provetest.Long() {
			<-time.After(time.Duration(100) * time.Second / time.Duration(10*capacity))
		}
	}
	fresh := provetest.Sized(60, 2*60*capacity*8/10)
	for n := range fresh {
		publish(t, pool, message("tax", fmt.Sprint("fresh", n), fmt.Sprint("fresh", n)))
		<-time.After(time.Second / time.Duration(capacity*8/10))
	}
	eventually(t, "fresh ones delivered", func() bool { mu.Lock(); defer mu.Unlock(); return len(waits) == fresh })
	mu.Lock()
	late := slices.Sorted(slices.Values(waits[fresh/2:]))
	behind := many - bulk
	mu.Unlock()
	p99 := late[len(late)*99/100]
	t.Logf("%d bulk messages, %d of them still waiting when %d fresh ones were delivered: p99 %s", many, behind, fresh, p99)
	if behind <= 0 {
		t.Error("nothing was waiting, so this test proves nothing")
	}
	if provetest.Long() && p99 > 5*time.Second {
		t.Errorf("a minute after the burst fresh messages still wait %s", p99)
	}
	close(free)
	eventually(t, "all delivered", func() bool { mu.Lock(); defer mu.Unlock(); return settled == many+fresh })
}

// Somebody holds an old snapshot, so that nothing which is deleted can be cleaned away: what passes through keeps its pace.
func TestBug21AnOldSnapshotDoesNotSlowDelivery(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	lasts := provetest.Sized(2*time.Second, 10*time.Minute)
	ctx := provetest.Context(t, patience, 20*time.Minute)
	holding, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holding.Rollback(context.WithoutCancel(ctx)) }()
	var before int
	if err := holding.QueryRow(ctx, `select count(*) from outbox.message`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	var sent, published atomic.Int64
	run(t, pool, outbox.Options{Workers: 64}, outbox.Destination{Name: "tax", Policy: outbox.Policy{MaxInFlight: 64}, Sender: outbox.SenderFunc(
		func(context.Context, outbox.Delivery) outbox.Outcome {
			sent.Add(1)
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	var quarters [4]int64
	began, n := time.Now(), 0
	for q := range quarters {
		from := sent.Load()
		for time.Since(began) < lasts*time.Duration(q+1)/4 {
			if published.Load()-sent.Load() > 2000 {
				<-time.After(time.Millisecond)
				continue
			}
			msgs := make([]outbox.Message, 200)
			for i := range msgs {
				msgs[i] = message("tax", fmt.Sprint(n%5000), fmt.Sprint(n))
				n++
			}
			publish(t, pool, msgs...)
			published.Add(int64(len(msgs)))
		}
		quarters[q] = sent.Load() - from
	}
	eventually(t, "all delivered", func() bool { return sent.Load() == published.Load() })
	var after int
	if err := holding.QueryRow(ctx, `select count(*) from outbox.message`).Scan(&after); err != nil || after != before {
		t.Errorf("the snapshot was not held: %d messages, then %d, %v", before, after, err)
	}
	ratio := float64(quarters[3]) / float64(quarters[0])
	t.Logf("%d messages within %s under one snapshot; last quarter against the first: %.2f", sent.Load(), lasts, ratio)
	if provetest.Long() && ratio < 0.9 {
		t.Errorf("the last quarter has %.2f of the rate of the first", ratio)
	}
}
