package queue

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// refill is how many messages are published at once to keep a backlog at its size.
const refill = 500

// backlog measures the rate at backlogs of several sizes, each kept by publishing what has been delivered.
func backlog(ctx context.Context, o Options) ([]row, error) {
	rates := make([]float64, len(o.Backlogs))
	for i, size := range o.Backlogs {
		err := best(o.Rounds, func() (float64, error) {
			quarters, err := steady(ctx, o.Pool, size, o.For)
			return sum(quarters) / o.For.Seconds(), err
		}, &rates[i])
		if err != nil {
			return nil, err
		}
	}
	var rows []row
	for i, size := range o.Backlogs[1:] {
		goal := 0.9
		if size > 1_000_000 {
			goal = 0.4
		}
		rows = append(rows, ratio(fmt.Sprintf("rate at a backlog of %d, against one of %d", size, o.Backlogs[0]), rates[i+1], rates[0], goal))
	}
	if o.Plot == "" {
		return rows, nil
	}
	return rows, os.WriteFile(o.Plot, plot(o.Backlogs, rates), 0o644)
}

// snapshot measures what is left of the rate when a foreign transaction holds an old snapshot.
func snapshot(ctx context.Context, o Options) ([]row, error) {
	foreign, err := o.Pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = foreign.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := foreign.Exec(ctx, `set local idle_in_transaction_session_timeout = 0; set transaction isolation level repeatable read; select txid_current()`); err != nil {
		return nil, err
	}
	quarters, err := steady(ctx, o.Pool, 1000, o.Snapshot)
	if err != nil {
		return nil, err
	}
	quarter := o.Snapshot.Seconds() / 4
	return []row{ratio(fmt.Sprintf("last quarter against the first, foreign snapshot held for %s", o.Snapshot), quarters[3]/quarter, quarters[0]/quarter, 0.9)}, nil
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// steady keeps a backlog of the given size while it is delivered, and gives the deliveries of each quarter of the time.
func steady(ctx context.Context, pool *pgxpool.Pool, size int, lasts time.Duration) ([]float64, error) {
	if err := empty(ctx, pool); err != nil {
		return nil, err
	}
	if err := fill(ctx, pool, destination, size); err != nil {
		return nil, err
	}
	c := newCounter(-1)
	due := make(chan struct{}, 1_000_000)
	stop, err := relay(ctx, pool, outbox.Options{Observe: func(o outbox.Observation) {
		c.observe(o)
		if c.n.Load()%refill == 0 {
			due <- struct{}{}
		}
	}}, nothing(destination, nil))
	if err != nil {
		return nil, err
	}
	refilling, enough := context.WithCancel(ctx)
	defer enough()
	failed := make(chan error, 1)
	go func() {
		for {
			select {
			case <-refilling.Done():
				failed <- nil
				return
			case <-due:
			}
			if err := publish(refilling, pool, destination, refill); err != nil && refilling.Err() == nil {
				failed <- err
				return
			}
		}
	}()
	pause(ctx, 200*time.Millisecond) // until it runs
	quarters := make([]float64, 4)
	for i := range quarters {
		before := c.n.Load()
		pause(ctx, lasts/4)
		quarters[i] = float64(c.n.Load() - before)
	}
	enough()
	if err := <-failed; err != nil {
		return nil, err
	}
	return quarters, stop()
}
