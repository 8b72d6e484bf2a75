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

// partners measures 1,000 destinations of which 100 are down and hold nine tenths of what waits: how long claims take,
// and what is left of the rate of those that are up.
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
			*m.into = max(*m.into, rate)
			if m.waiting > 0 {
				claims = append(claims, took...)
			}
		}
	}
	slices.Sort(claims)
	return []row{
		ratio(fmt.Sprintf("%d of %d destinations down with %d waiting: rate of the others, against none waiting", down, all, perDown*down), beside, alone, 0.95),
		below("the same: claim, p50", at(claims, 0.5), 2*time.Millisecond),
		below("the same: claim, p99", at(claims, 0.99), 8*time.Millisecond),
	}, nil
}

func healthy(ctx context.Context, o Options, all, down, perUp, perDown int) (float64, []time.Duration, error) {
	if err := empty(ctx, o.Pool); err != nil {
		return 0, nil, err
	}
	name := func(i int) string { return fmt.Sprintf("d%04d", i) }
	config := o.Pool.Config()
	trace := &claimTimes{}
	config.ConnConfig.Tracer = trace
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return 0, nil, err
	}
	defer pool.Close()
	up := perUp * (all - down)
	c := newCounter(up)
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
	stop, err := relay(ctx, pool, outbox.Options{Observe: c.observe}, dests...)
	if err != nil {
		return 0, nil, err
	}
	if err := c.wait(ctx); err != nil {
		return 0, nil, err
	}
	took := time.Since(started)
	return float64(up) / took.Seconds(), trace.took, stop()
}

// claimTimes notes how long the statements take that claim.
type claimTimes struct {
	mu   sync.Mutex
	took []time.Duration
}

type claimStarted struct{}

// TraceQueryStart notes when a claim begins.
func (c *claimTimes) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if !strings.Contains(data.SQL, "nextval('outbox.fence')") {
		return ctx
	}
	return context.WithValue(ctx, claimStarted{}, time.Now())
}

// TraceQueryEnd notes how long it took.
func (c *claimTimes) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	started, ok := ctx.Value(claimStarted{}).(time.Time)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = append(c.took, time.Since(started))
}
