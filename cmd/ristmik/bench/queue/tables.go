package queue

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// destination is where everything is sent but for the measurement with many.
const destination = "bench"

// empty makes the outbox as new.
func empty(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `truncate outbox.message, outbox.pending, outbox.lane, outbox.attempt, outbox.dead, outbox.tally, outbox.breaker, outbox.breaker_change,
    outbox.pace, outbox.feed, outbox.feed_position, outbox.held`)
	return err
}

// fill stores n messages in one statement, as Publish would: each a lane of its own, which is the worst case.
func fill(ctx context.Context, pool *pgxpool.Pool, to string, n int) error {
	_, err := pool.Exec(ctx, `
insert into outbox.message (destination, lane, kind, key, payload, born)
select $1, 'f' || i, 'bench', 'f' || i, decode(repeat('78', 512), 'hex'), pg_current_xact_id() from generate_series(1, $2::int) i`, to, n)
	return err
}

// serial makes keys that were never used.
var serial atomic.Int64

// messages makes n messages for a destination, each in a lane of its own.
func messages(to string, n int) []outbox.Message {
	msgs := make([]outbox.Message, n)
	payload := make([]byte, 512)
	for i := range msgs {
		key := strconv.FormatInt(serial.Add(1), 10)
		msgs[i] = outbox.Message{Destination: to, Lane: key, Kind: "bench", Key: key, Payload: payload}
	}
	return msgs
}

// publish stores n messages in a transaction.
func publish(ctx context.Context, pool *pgxpool.Pool, to string, n int) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Publish(ctx, tx, messages(to, n)...) })
}

// relay runs one for the destinations until stop is called.
func relay(ctx context.Context, pool *pgxpool.Pool, o outbox.Options, dests ...outbox.Destination) (stop func() error, err error) {
	o.Owner = "bench"
	if o.Workers == 0 {
		o.Workers = 4000
	}
	r, err := outbox.NewRelay(pool, dests, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() error { cancel(); return <-done }, nil
}

// nothing is a destination whose Sender does nothing but call sent.
func nothing(name string, sent func(outbox.Delivery)) outbox.Destination {
	return outbox.Destination{Name: name, Policy: outbox.Policy{MaxInFlight: 4000, Idempotent: true}, Sender: outbox.SenderFunc(
		func(_ context.Context, d outbox.Delivery) outbox.Outcome {
			if sent != nil {
				sent(d)
			}
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})}
}

// counter counts recorded deliveries, and tells when there were as many as wanted.
type counter struct {
	n     atomic.Int64
	want  int64
	full  chan struct{}
	first atomic.Pointer[time.Time] // when the first message left
}

func newCounter(want int) *counter { return &counter{want: int64(want), full: make(chan struct{})} }

// send notes the first message.
func (c *counter) send(outbox.Delivery) {
	if c.first.Load() == nil {
		now := time.Now()
		c.first.CompareAndSwap(nil, &now)
	}
}

func (c *counter) observe(o outbox.Observation) {
	if o.Event == outbox.ObservedAttempt && c.n.Add(1) == c.want {
		close(c.full)
	}
}

// wait returns when the counter is full, or with an error when it takes far too long.
func (c *counter) wait(ctx context.Context) error {
	timer := time.NewTimer(10 * time.Minute)
	defer timer.Stop()
	select {
	case <-c.full:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("%d of %d messages delivered", c.n.Load(), c.want)
	}
}

// best keeps the highest of several measurements.
func best(rounds int, measure func() (float64, error), into *float64) error {
	for range rounds {
		v, err := measure()
		if err != nil {
			return err
		}
		*into = max(*into, v)
	}
	return nil
}
