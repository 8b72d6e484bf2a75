package queue

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// times says how many times one is the other.
func times(v float64) string { return fmt.Sprintf("%.2f×", v) }

// latency measures the time from the end of the caller's commit to the moment at which its message is sent, at 300 a
// second, with wake-ups and with every listener killed as soon as it listens.
func latency(ctx context.Context, o Options) ([]row, error) {
	woken, commits, err := sendDelays(ctx, o, false)
	if err != nil {
		return nil, err
	}
	polled, _, err := sendDelays(ctx, o, true)
	if err != nil {
		return nil, err
	}
	return []row{
		below("commit to send at 300/s, p50", at(woken, 0.5), time.Millisecond),
		below("commit to send at 300/s, p99", at(woken, 0.99), 5*time.Millisecond),
		{what: "the callers' own commits meanwhile, p99: what the disk took", ours: at(commits, 0.99).Round(10 * time.Microsecond).String()},
		below("the same with LISTEN broken, p99 (polling every second)", at(polled, 0.99), time.Second),
	}, nil
}

// at is a quantile of sorted values.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// sendDelays gives how long after its commit each message was sent, and how long the commits themselves took, both sorted.
func sendDelays(ctx context.Context, o Options, broken bool) (delays, commits []time.Duration, err error) {
	if err := empty(ctx, o.Pool); err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	sent := map[string]time.Time{}
	n := int(300 * o.For.Seconds())
	running, c := newCounter(1), newCounter(n+1)
	stop, err := relay(ctx, o.Pool, outbox.Options{Observe: func(o outbox.Observation) { running.observe(o); c.observe(o) }}, nothing(destination, func(d outbox.Delivery) {
		now := time.Now()
		mu.Lock()
		sent[d.Key] = now
		mu.Unlock()
	}))
	if err != nil {
		return nil, nil, err
	}
	if err := publish(ctx, o.Pool, destination, 1); err != nil {
		return nil, nil, err
	}
	if err := running.wait(ctx); err != nil { // its start is not what is measured
		return nil, nil, err
	}
	if broken {
		breaking, enough := context.WithCancel(ctx)
		defer enough()
		go func() {
			for breaking.Err() == nil {
				_, _ = o.Pool.Exec(breaking, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen "outbox%'`)
				pause(breaking, 20*time.Millisecond)
			}
		}()
	}
	committed := make(map[string]time.Time, n)
	next := time.Now()
	for range n {
		next = next.Add(time.Second / 300)
		pause(ctx, time.Until(next))
		msgs := messages(destination, 1)
		var ready time.Time
		err := pgx.BeginFunc(ctx, o.Pool, func(tx pgx.Tx) error {
			defer func() { ready = time.Now() }()
			return outbox.Publish(ctx, tx, msgs...)
		})
		if err != nil {
			return nil, nil, err
		}
		now := time.Now()
		committed[msgs[0].Key], commits = now, append(commits, now.Sub(ready))
	}
	if err := c.wait(ctx); err != nil {
		return nil, nil, err
	}
	if err := stop(); err != nil {
		return nil, nil, err
	}
	for key, at := range committed {
		delays = append(delays, max(0, sent[key].Sub(at)))
	}
	slices.Sort(delays)
	slices.Sort(commits)
	return delays, commits, nil
}

// pause waits, or returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
