package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// endLeases lets the leases of an owner run out, and gives its destinations to another one: one that looked once more would
// take back what is nobody's.
const endLeases = `
with given as (update outbox.feed set owner = $2 where owner = $1)
update outbox.lane set claimed_until = now() - interval '1 s' where claimed_by = $1`

// A worker that sleeps longer than its lease finds its lane with another one, and changes nothing: neither rows nor
// what Apply would have stored.
func TestAWorkerThatWakesAfterItsLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	for name, apply := range map[string]func(context.Context, pgx.Tx) error{
		"without apply": nil,
		"with apply": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into effect values ('zombie')`)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			exec(t, pool, `create table effect (who text)`)
			asleep, wake := make(chan struct{}, 1), make(chan struct{})
			zombie := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
				asleep <- struct{}{}
				<-wake
				return outbox.Outcome{Result: outbox.ResultRefused, Reason: "zombie", CountsAgainst: apply != nil, Apply: apply}
			})
			lost := make(chan outbox.Observation, 10)
			publish(t, pool, message("tax", "l", "k"))
			// One send at a time: the zombie cannot claim the lane again itself.
			policy := outbox.Policy{Idempotent: true, MaxInFlight: 1, Breaker: outbox.BreakerPolicy{Failures: 1}}
			one := run(t, pool, outbox.Options{Owner: "zombie", Poll: time.Hour, Observe: func(o outbox.Observation) {
				if o.Event == outbox.ObservedLost {
					lost <- o
				}
			}}, outbox.Destination{Name: "tax", Sender: zombie, Policy: policy})
			receive(t, "the zombie's send", asleep)
			exec(t, pool, endLeases, "zombie", "two")

			holding, finish := make(chan outbox.Delivery, 1), make(chan struct{})
			two := run(t, pool, outbox.Options{Owner: "two"}, outbox.Destination{Name: "tax", Policy: policy, Sender: outbox.SenderFunc(
				func(_ context.Context, d outbox.Delivery) outbox.Outcome {
					holding <- d
					<-finish
					return outbox.Outcome{Result: outbox.ResultDelivered}
				})})
			if d := receive(t, "the second send", holding); d.Attempt != 2 {
				t.Errorf("attempt %d", d.Attempt)
			}
			close(wake)
			if o := receive(t, "the loss", lost); o.Destination != "tax" || o.Kind != "test" {
				t.Errorf("%+v", o)
			}
			if s := stats(t, pool, "tax"); s.Sending != 1 || s.Dead != 0 {
				t.Errorf("%+v", s)
			}
			close(finish)
			eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
			one.stop(t)
			two.stop(t)
			if n := scalar[int](t, pool, `select count(*) from effect`); n != 0 {
				t.Errorf("%d effects of the zombie", n)
			}
			got := scalar[string](t, pool, `select string_agg(attempt || ' ' || result || ' ' || reason || ' ' || owner, ', ' order by id) from outbox.attempt`)
			if want := "1 unknown lease_expired zombie, 2 delivered  two"; got != want {
				t.Errorf("attempts %q, want %q", got, want)
			}
			consistent(t, pool)
		})
	}
}

// A zombie that wakes after the other worker has finished, when the lane is nobody's or gone, changes nothing either.
func TestAWorkerThatWakesAfterAllIsDoneChangesNothing(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	asleep, wake := make(chan struct{}, 1), make(chan struct{})
	lost := make(chan struct{}, 10)
	publish(t, pool, message("tax", "l", "k"))
	policy := outbox.Policy{Idempotent: true, MaxInFlight: 1}
	run(t, pool, outbox.Options{Owner: "zombie", Poll: time.Hour, Observe: func(o outbox.Observation) {
		if o.Event == outbox.ObservedLost {
			lost <- struct{}{}
		}
	}}, outbox.Destination{Name: "tax", Policy: policy, Sender: outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		asleep <- struct{}{}
		<-wake
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "zombie"}
	})})
	receive(t, "the zombie's send", asleep)
	exec(t, pool, endLeases, "zombie", "two")
	two := run(t, pool, outbox.Options{Owner: "two"}, outbox.Destination{Name: "tax", Sender: &recorder{}, Policy: policy})
	eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
	two.stop(t)
	close(wake)
	receive(t, "the loss", lost)
	if m := row(t, pool, "k"); m.State != outbox.Delivered || m.Reason != "" {
		t.Errorf("%+v", m)
	}
	consistent(t, pool)
}

// abandon leaves a message as a process leaves it that dies between sending and recording.
func abandon(t *testing.T, key string, policy outbox.Policy) *abandoned {
	t.Helper()
	policy.MaxInFlight = 1 // the dead one claims nothing again
	a := &abandoned{release: make(chan struct{})}
	pool := newPool(t)
	sent := make(chan struct{}, 1)
	publish(t, pool, message("tax", "l", key))
	run(t, pool, outbox.Options{Owner: "dead", Poll: time.Hour}, outbox.Destination{Name: "tax", Policy: policy, Sender: outbox.SenderFunc(
		func(context.Context, outbox.Delivery) outbox.Outcome {
			sent <- struct{}{}
			<-a.release
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	t.Cleanup(func() { close(a.release) })
	receive(t, "the send", sent)
	exec(t, pool, endLeases, "dead", "next")
	a.dest = outbox.Destination{Name: "tax", Sender: &a.sender, Policy: policy}
	a.relay = func() *running { return run(t, pool, outbox.Options{Owner: "next"}, a.dest) }
	a.row = func() outbox.Row { return row(t, pool, key) }
	return a
}

type abandoned struct {
	release chan struct{}
	sender  recorder
	dest    outbox.Destination
	relay   func() *running
	row     func() outbox.Row
}

func TestACrashBetweenSendAndRecordIsSentAgain(t *testing.T) {
	t.Parallel()
	a := abandon(t, "k", outbox.Policy{Idempotent: true})
	a.relay()
	eventually(t, "delivered", func() bool { return a.row().State == outbox.Delivered })
	if a.sender.count() != 1 || a.row().Attempt != 2 {
		t.Errorf("%d sends, %+v", a.sender.count(), a.row())
	}
}

func TestACrashBetweenSendAndRecordIsForAPersonWhereRepeatingHasEffects(t *testing.T) {
	t.Parallel()
	a := abandon(t, "k", outbox.Policy{})
	hooked := make(chan outbox.Delivery, 1)
	a.dest.OnDead = func(_ context.Context, _ pgx.Tx, d outbox.Delivery, reason string) error {
		hooked <- d
		if reason != "lease_expired" {
			return errors.New(reason)
		}
		return nil
	}
	a.relay()
	eventually(t, "dead", func() bool { return a.row().State == outbox.Dead })
	if m := a.row(); a.sender.count() != 0 || m.Attempt != 1 || m.Reason != "lease_expired" || receive(t, "the hook", hooked).Attempt != 1 {
		t.Errorf("%d sends, %+v", a.sender.count(), m)
	}
}

// A message that kills the process each time it is sent runs out of attempts as well.
func TestAMessageThatKillsTheProcessRunsOutOfAttempts(t *testing.T) {
	t.Parallel()
	a := abandon(t, "k", outbox.Policy{Idempotent: true, MaxAttempts: 1})
	a.relay()
	eventually(t, "dead", func() bool { return a.row().State == outbox.Dead })
	if m := a.row(); a.sender.count() != 0 || m.Attempt != 1 || m.Reason != "lease_expired" {
		t.Errorf("%d sends, %+v", a.sender.count(), m)
	}
}

// The context of a send ends before the lease does.
func TestASendEndsBeforeItsLease(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var early atomic.Bool
	publish(t, pool, message("tax", "l", "k"))
	const lease = time.Second
	run(t, pool, outbox.Options{Lease: lease}, outbox.Destination{Name: "tax", Sender: outbox.SenderFunc(
		func(ctx context.Context, _ outbox.Delivery) outbox.Outcome {
			deadline, ok := ctx.Deadline()
			early.Store(ok && time.Until(deadline) < lease)
			<-ctx.Done()
			return outbox.Outcome{Result: outbox.ResultRefused, Reason: "time is over"}
		})})
	eventually(t, "recorded by the same claim", func() bool { return row(t, pool, "k").Reason == "time is over" })
	if !early.Load() || row(t, pool, "k").Attempt != 1 {
		t.Errorf("%+v", row(t, pool, "k"))
	}
}
