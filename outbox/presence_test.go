package outbox_test

import (
	"context"
	"testing"
	"time"

	"ristmik/outbox"
)

// silence makes a relay count as one that was not heard of.
const silence = `update outbox.relay set alive_until = clock_timestamp() - interval '1 s' where owner = $1`

// What a process held when it died is sent by another one as soon as the silence is noticed, long before its leases
// end.
func TestWhatASilentRelayHeldIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publish(t, pool, message("tax", "l", "k"))
	policy := outbox.Policy{Idempotent: true, MaxInFlight: 1}
	asleep, wake := make(chan struct{}, 1), make(chan struct{})
	one := run(t, pool, outbox.Options{Owner: "one", Lease: time.Hour, Alive: time.Hour, Poll: time.Hour}, outbox.Destination{
		Name: "tax", Policy: policy, Sender: outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
			asleep <- struct{}{}
			<-wake
			return outbox.Outcome{Result: outbox.ResultRefused, Reason: "zombie"}
		})})
	receive(t, "the send of the relay that falls silent", asleep)
	exec(t, pool, silence, "one")
	sent := make(chan outbox.Delivery, 1)
	two := run(t, pool, outbox.Options{Owner: "two", Lease: time.Hour, Alive: 200 * time.Millisecond}, outbox.Destination{
		Name: "tax", Policy: policy, Sender: outbox.SenderFunc(func(_ context.Context, d outbox.Delivery) outbox.Outcome {
			sent <- d
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	if d := receive(t, "the second send", sent); d.Attempt != 2 {
		t.Errorf("attempt %d", d.Attempt)
	}
	eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
	close(wake) // the relay was only asleep: it changes nothing any more
	one.stop(t)
	two.stop(t)
	if got := row(t, pool, "k").State; got != outbox.Delivered {
		t.Errorf("state %s", got)
	}
	consistent(t, pool)
}

// A probe that died with its process does not keep the breaker half open.
func TestAProbeOfASilentRelayIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	exec(t, pool, `insert into outbox.breaker (destination, state, generation, open_until, probe_by, probe_lease_until)
values ('tax', 'half_open', 7, now(), 'one', now() + interval '1 hour')`)
	exec(t, pool, `insert into outbox.relay (owner, alive_until) values ('one', now() - interval '1 s')`)
	publish(t, pool, message("tax", "l", "k"))
	two := run(t, pool, outbox.Options{Owner: "two", Alive: 200 * time.Millisecond}, outbox.Destination{
		Name: "tax", Sender: outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
	two.stop(t)
	if got := scalar[string](t, pool, `select state from outbox.breaker where destination = 'tax'`); got != "closed" {
		t.Errorf("breaker %s", got)
	}
}

// A relay that has stopped is not listed, and none is listed twice.
func TestARelayThatStopsTakesItsNameAway(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	one := run(t, pool, outbox.Options{Owner: "one"}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "listed", func() bool { return scalar[int](t, pool, `select count(*) from outbox.relay`) == 1 })
	one.stop(t)
	if n := scalar[int](t, pool, `select count(*) from outbox.relay`); n != 0 {
		t.Errorf("%d relays are listed", n)
	}
}
