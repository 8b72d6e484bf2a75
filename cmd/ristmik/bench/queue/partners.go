package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// partners measures 1,000 destinations of which 100 are down and hold nine tenths of what waits: what is left of the rate
// of those that are up, and then, while they get 300 messages a second, how long claims take.
func partners(ctx context.Context, o Options) ([]row, error) {
	const all, down = 1000, 100
	perUp := max(1, o.Messages/10/(all-down))
	perDown := perUp * (all - down) * 9 / down
	var alone, beside float64
	var claims []time.Duration
	for range o.Rounds {
		for _, m := range []struct {
			into    *float64
			waiting int
		}{{&alone, 0}, {&beside, perDown}} {
			rate, took, err := healthy(ctx, o, all, down, perUp, m.waiting)
			if err != nil {
				return nil, err
			}
			*m.into, claims = max(*m.into, rate), append(claims, took...)
		}
	}
	slices.Sort(claims)
	return []row{
		ratio(fmt.Sprintf("%d of %d destinations down with %d waiting: rate of the others, against none waiting", down, all, perDown*down), beside, alone, 0.95),
		below("the same, then at 300/s: claim, p50", at(claims, 0.5), 2*time.Millisecond),
		below("the same, then at 300/s: claim, p99", at(claims, 0.99), 8*time.Millisecond),
	}, nil
}

func healthy(ctx context.Context, o Options, all, down, perUp, perDown int) (float64, []time.Duration, error) {
	if err := empty(ctx, o.Pool); err != nil {
		return 0, nil, err
	}
	name := func(i int) string { return fmt.Sprintf("d%04d", i) }
	config := o.Pool.Config()
	trace := &claimTimes{read: map[any]time.Duration{}}
	config.ConnConfig.Tracer = trace
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return 0, nil, err
	}
	defer pool.Close()
	up := perUp * (all - down)
	steadily := 0
	if perDown > 0 {
		steadily = int(300 * o.For.Seconds())
	}
	c, then := newCounter(up), newCounter(up+steadily)
	var dests []outbox.Destination
	for i := range all {
		if i < down {
			_, err := o.Pool.Exec(ctx, `insert into outbox.breaker (destination, state, open_until, open_count) values ($1, 'open', now() + interval '1 hour', 1)`, name(i))
			if err != nil {
				return 0, nil, err
			}
		}
		if err := fill(ctx, o.Pool, name(i), map[bool]int{true: perDown, false: perUp}[i < down]); err != nil {
			return 0, nil, err
		}
		d := nothing(name(i), nil)
		d.Policy.MaxInFlight = 8
		dests = append(dests, d)
	}
	started := time.Now()
	stop, err := relay(ctx, pool, outbox.Options{Observe: func(o outbox.Observation) { c.observe(o); then.observe(o) }}, dests...)
	if err != nil {
		return 0, nil, err
	}
	if err := c.wait(ctx); err != nil {
		return 0, nil, err
	}
	took := time.Since(started)
	trace.forget()
	next := time.Now()
	for i := range steadily {
		next = next.Add(time.Second / 300)
		pause(ctx, time.Until(next))
		if err := publish(ctx, o.Pool, name(down+i*7%(all-down)), 1); err != nil {
			return 0, nil, err
		}
	}
	if err := then.wait(ctx); err != nil {
		return 0, nil, err
	}
	if err := stop(); err != nil {
		return 0, nil, err
	}
	if steadily == 0 {
		return float64(up) / took.Seconds(), nil, nil
	}
	return float64(up) / took.Seconds(), trace.took, nil
}

// claimTimes notes how long claims take: the round trip in which a dispatcher reads what waits for its destination, and the
// one in which it takes that.
type claimTimes struct {
	mu   sync.Mutex
	read map[any]time.Duration // by destination
	took []time.Duration
}

// forget begins anew.
func (c *claimTimes) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = nil
}

type claiming struct {
	destination any
	started     time.Time
}

// TraceBatchStart notes when the reading of a destination's log begins.
func (c *claimTimes) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		if strings.Contains(q.SQL, "pg_visible_in_snapshot") && strings.Contains(q.SQL, "from outbox.message") {
			return context.WithValue(ctx, claiming{}, claiming{q.Arguments[0], time.Now()})
		}
	}
	return ctx
}

// TraceBatchQuery is not needed.
func (c *claimTimes) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd notes how long the reading took.
func (c *claimTimes) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	if begun, ok := ctx.Value(claiming{}).(claiming); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.read[begun.destination] = time.Since(begun.started)
	}
}

// TraceQueryStart notes when the taking begins.
func (c *claimTimes) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if !strings.Contains(data.SQL, "update outbox.feed_position") {
		return ctx
	}
	return context.WithValue(ctx, claiming{}, claiming{data.Args[0], time.Now()})
}

// TraceQueryEnd notes how long reading and taking took.
func (c *claimTimes) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if begun, ok := ctx.Value(claiming{}).(claiming); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.took = append(c.took, c.read[begun.destination]+time.Since(begun.started))
	}
}
