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
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// A tenth of the partners is down and holds nine tenths of what waits: what goes to the others meanwhile goes as quickly as
// if none were.
func TestBug11HealthyPartnersKeepTheirThroughput(t *testing.T) {
	t.Parallel()
	partners, messages := provetest.Sized(20, 1000), provetest.Count(600, 20_000)
	rounds := provetest.Sized(1, 3)
	var best [2]float64
	for range rounds {
		for i, broken := range []int{0, partners / 10} {
			best[i] = max(best[i], healthyRate(t, partners, broken, messages))
		}
	}
	ratio := best[1] / best[0]
	t.Logf("%d partners: %.0f messages a second to the healthy ones, %.0f while a tenth is down: %.2f", partners, best[0], best[1], ratio)
	if provetest.Long() && ratio < 0.95 {
		t.Errorf("the healthy ones have %.2f of their throughput", ratio)
	}
}

// healthyRate is how many messages a second the healthy partners get while so many others are down and hold nine times as
// many.
func healthyRate(t *testing.T, partners, broken, messages int) float64 {
	t.Helper()
	pool := newPool(t)
	var arrived atomic.Int64
	all := make(chan struct{})
	healthy := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		if arrived.Add(1) == int64(messages) {
			close(all)
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	failing := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome { return down })
	policy := outbox.Policy{Breaker: outbox.BreakerPolicy{Failures: 1, OpenFor: time.Hour, MaxOpen: time.Hour}}
	var dests []outbox.Destination
	for i := range partners {
		d := outbox.Destination{Name: fmt.Sprint("p", i), Sender: healthy, Policy: policy}
		if i < broken {
			d.Sender = failing
		}
		dests = append(dests, d)
	}
	publishTo := func(n, from, to int) {
		msgs := make([]outbox.Message, 0, n)
		for i := range n {
			key := fmt.Sprint(from, "-", i)
			msgs = append(msgs, message(fmt.Sprint("p", from+i%(to-from)), key, key))
		}
		for chunk := range slices.Chunk(msgs, 1000) {
			publish(t, pool, chunk...)
		}
	}
	if broken > 0 {
		publishTo(9*messages, 0, broken)
	}
	r := run(t, pool, outbox.Options{}, dests...)
	eventually(t, "those that are down are left alone", func() bool {
		return scalar[int](t, pool, `select count(*) from outbox.breaker where state = 'open'`) == broken &&
			scalar[int](t, pool, `select count(*) from outbox.feed where owner is not null`) == partners
	})
	began := time.Now()
	publishTo(messages, broken, partners)
	receive(t, "all that goes to healthy ones", all)
	took := time.Since(began)
	r.stop(t)
	return float64(messages) / took.Seconds()
}

// claimTimer measures what a relay asks the database to find out what comes next, and to take it.
type claimTimer struct {
	mu    sync.Mutex
	times []time.Duration
}

type claimBegan struct{}

func (c *claimTimer) begin(ctx context.Context, sql string) context.Context {
	if strings.Contains(sql, "left join outbox.feed f") || strings.Contains(sql, "update outbox.feed_position") {
		return context.WithValue(ctx, claimBegan{}, time.Now())
	}
	return ctx
}

func (c *claimTimer) end(ctx context.Context) {
	if began, ok := ctx.Value(claimBegan{}).(time.Time); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.times = append(c.times, time.Since(began))
	}
}

func (c *claimTimer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return c.begin(ctx, data.SQL)
}

func (c *claimTimer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	c.end(ctx)
}

func (c *claimTimer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		ctx = c.begin(ctx, q.SQL)
	}
	return ctx
}

func (c *claimTimer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (c *claimTimer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	c.end(ctx)
}

// count is how many there are; p99 empties the list.
func (c *claimTimer) count() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.times) }

func (c *claimTimer) p99() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.times)
	p99 := c.times[len(c.times)*99/100]
	c.times = nil
	return p99
}

// Statements that were prepared while ten messages waited are as quick when very many do, on the same connections.
func TestBug20ClaimsStayAsQuickWhenTheTableGrows(t *testing.T) {
	t.Parallel()
	const few = 10
	waiting, claims := provetest.Count(5000, 1_000_000), provetest.Sized(200, 2000)
	pool := newPool(t)
	timer := &claimTimer{}
	cfg := pool.Config()
	cfg.ConnConfig.Tracer, cfg.MaxConns = timer, 4
	own, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	var sent atomic.Int64
	run(t, own, outbox.Options{Workers: few}, outbox.Destination{Name: "tax", Policy: outbox.Policy{MaxInFlight: few}, Sender: outbox.SenderFunc(
		func(context.Context, outbox.Delivery) outbox.Outcome {
			sent.Add(1)
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	published := 0
	more := func(n int) {
		msgs := make([]outbox.Message, n)
		for i := range msgs {
			msgs[i] = message("tax", fmt.Sprint(published), fmt.Sprint(published))
			published++
		}
		publish(t, pool, msgs...)
	}
	for timer.count() < claims {
		more(few)
		eventually(t, "sent", func() bool { return sent.Load() == int64(published) })
	}
	before := timer.p99()
	if err := outbox.Pause(testContext(t), pool, "tax", "test", "the table grows", 0); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < waiting; n += 1000 {
		more(1000)
	}
	if err := outbox.Unpause(testContext(t), pool, "tax", "test", "it has grown"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "sending goes on", func() bool { return sent.Load() > int64(published-waiting) })
	timer.p99()
	eventually(t, "enough is claimed", func() bool { return timer.count() >= claims })
	left := int64(published) - sent.Load()
	after := timer.p99()
	t.Logf("claims: p99 %s while %d waited, %s while %d did (%.2f)", before, few, after, left, float64(after)/float64(before))
	if left <= 0 {
		t.Error("nothing was waiting any more, so this test proves nothing")
	}
	if provetest.Long() && after > 3*before {
		t.Errorf("claims take %.1f times as long as with few messages", float64(after)/float64(before))
	}
}
