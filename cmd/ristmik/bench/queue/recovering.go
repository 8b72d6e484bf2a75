package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// capacity is how many messages a second the recovering partner takes.
const capacity = 50

// recovering measures a partner that comes back to a backlog, with three relays that have pools of their own: the most
// that it sees in any second, and how long the backlog takes in terms of the least possible time, from the moment at which
// the partner is there again.
func recovering(ctx context.Context, o Options) ([]row, error) {
	if err := empty(ctx, o.Pool); err != nil {
		return nil, err
	}
	if err := fill(ctx, o.Pool, destination, o.Waiting); err != nil {
		return nil, err
	}
	p := &partner{waiting: o.Waiting, done: make(chan struct{}), away: make(chan struct{})}
	policy := outbox.Policy{
		Rate: capacity, MaxInFlight: 8, MaxAttempts: 1000, Base: time.Second, Cap: 5 * time.Minute, Idempotent: true, RetryBudget: 0.1,
		Breaker: outbox.BreakerPolicy{Failures: 5, Lasting: 2 * time.Second, OpenFor: 2 * time.Second, MaxOpen: 2 * time.Second, Ramp: 10 * time.Second},
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var relays sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		pool, err := pgxpool.New(ctx, o.URL)
		if err != nil {
			return nil, err
		}
		defer pool.Close()
		relay, err := outbox.NewRelay(pool, []outbox.Destination{{Name: destination, Sender: outbox.SenderFunc(p.take), Policy: policy}},
			outbox.Options{Owner: fmt.Sprint("recovering ", i)})
		if err != nil {
			return nil, err
		}
		relays.Go(func() { errs[i] = relay.Run(running) })
	}
	if err := p.comeBack(ctx, o.Pool); err != nil {
		return nil, err
	}
	back := time.Now()
	var err error
	select {
	case <-p.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	took := time.Since(back)
	stop()
	relays.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	ideal := time.Duration(o.Waiting) * time.Second / capacity
	most, longer := float64(p.most())/capacity, took.Seconds()/ideal.Seconds()
	what := fmt.Sprintf("recovering partner with capacity %d/s and %d waiting, 3 relays: ", capacity, o.Waiting)
	return []row{
		{what + "the most in any second", fmt.Sprint(p.most()), fmt.Sprint(capacity), fmt.Sprintf("%.2f×", most), "≤ 1.2×", most <= 1.2},
		{what + "done in", took.Round(100 * time.Millisecond).String(), ideal.String(), fmt.Sprintf("%.2f×", longer), "≤ 1.3×", longer <= 1.3},
	}, nil
}

// partner is away until it comes back, and then notes when messages arrive.
type partner struct {
	waiting    int
	done, away chan struct{} // away is closed when it comes back

	mu      sync.Mutex
	arrived []time.Time
}

func (p *partner) take(context.Context, outbox.Delivery) outbox.Outcome {
	now := time.Now()
	select {
	case <-p.away:
	default:
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "partner_down", CountsAgainst: true}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived = append(p.arrived, now)
	if len(p.arrived) == p.waiting {
		close(p.done)
	}
	return outbox.Outcome{Result: outbox.ResultDelivered}
}

// comeBack ends the outage once every process leaves the partner alone.
func (p *partner) comeBack(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		list, err := outbox.Breakers(ctx, pool)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(b outbox.Breaker) bool { return b.Destination == destination && b.State == "open" }) {
			close(p.away)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// most is the largest number of arrivals in any second.
func (p *partner) most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortFunc(p.arrived, time.Time.Compare)
	most, first := 0, 0
	for i, at := range p.arrived {
		for at.Sub(p.arrived[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
