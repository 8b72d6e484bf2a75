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
	woken, err := sendDelays(ctx, o, false)
	if err != nil {
		return nil, err
	}
	polled, err := sendDelays(ctx, o, true)
	if err != nil {
		return nil, err
	}
	return []row{
		below("commit to send at 300/s, p50", at(woken, 0.5), time.Millisecond),
		below("commit to send at 300/s, p99", at(woken, 0.99), 5*time.Millisecond),
		below("the same with LISTEN broken, p99 (polling every second)", at(polled, 0.99), time.Second),
	}, nil
}

// at is a quantile of sorted values.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func sendDelays(ctx context.Context, o Options, broken bool) ([]time.Duration, error) {
	if err := empty(ctx, o.Pool); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	sent := map[string]time.Time{}
	n := int(300 * o.For.Seconds())
	c := newCounter(n)
	stop, err := relay(ctx, o.Pool, outbox.Options{Observe: c.observe}, nothing(destination, func(d outbox.Delivery) {
		now := time.Now()
		mu.Lock()
		sent[d.Key] = now
		mu.Unlock()
	}))
	if err != nil {
		return nil, err
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
		err := pgx.BeginFunc(ctx, o.Pool, func(tx pgx.Tx) error { return outbox.Publish(ctx, tx, msgs...) })
		if err != nil {
			return nil, err
		}
		committed[msgs[0].Key] = time.Now()
	}
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	if err := stop(); err != nil {
		return nil, err
	}
	var delays []time.Duration
	for key, at := range committed {
		delays = append(delays, max(0, sent[key].Sub(at)))
	}
	slices.Sort(delays)
	return delays, nil
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
