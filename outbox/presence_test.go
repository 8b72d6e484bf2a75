package outbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
	two := run(t, pool, outbox.Options{Owner: "two", Lease: time.Hour, Alive: time.Second}, outbox.Destination{
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
	two := run(t, pool, outbox.Options{Owner: "two", Alive: time.Second}, outbox.Destination{
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

// holds makes lanes of tax held by an owner, as a process holds them that has died while sending.
const holds = `
update outbox.lane l set fence = nextval('outbox.fence'), claimed_by = $1, claimed_at = now(), claimed_until = now() + interval '1 hour',
    claimed = (select min(id) from outbox.pending p where p.destination = 'tax' and p.lane = l.key)
where destination = 'tax'`

// A process that stops in the middle of a transaction keeps its locks as long as its connection lasts. Whoever takes
// over does not wait for them: it goes on saying that it lives, sends the rest, and comes back for what was locked.
func TestLocksOfASilentRelayHoldNobodyUp(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishBefore(t, pool, message("tax", "locked", "a"), message("tax", "open", "b"))
	exec(t, pool, holds, "one")
	exec(t, pool, `insert into outbox.relay (owner, alive_until) values ('one', now() - interval '1 s')`)
	tx, err := pool.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `select from outbox.lane where key = 'locked' for update`); err != nil {
		t.Fatal(err)
	}
	two := run(t, pool, outbox.Options{Owner: "two", Alive: time.Second, Poll: 20 * time.Millisecond}, outbox.Destination{
		Name: "tax", Policy: outbox.Policy{Idempotent: true}, Sender: &recorder{}})
	eventually(t, "what is not locked delivered", func() bool { return row(t, pool, "b").State == outbox.Delivered })
	beat := scalar[time.Time](t, pool, `select alive_until from outbox.relay where owner = 'two'`)
	eventually(t, "heard again", func() bool {
		return scalar[bool](t, pool, `select alive_until > $1 and alive_until > clock_timestamp() from outbox.relay where owner = 'two'`, beat)
	})
	if m := row(t, pool, "a"); m.State != outbox.Ready || m.Attempt != 0 {
		t.Errorf("locked: %+v", m)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was locked delivered", func() bool { return row(t, pool, "a").State == outbox.Delivered })
	eventually(t, "buried", func() bool { return scalar[int](t, pool, `select count(*) from outbox.relay where owner = 'one'`) == 0 })
	two.stop(t)
	consistent(t, pool)
}

// A pool that is used up keeps a relay neither from saying that it lives nor from burying others.
func TestBug22AUsedUpPoolDoesNotSilenceARelay(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	own, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = own.Close(context.Background()) }()
	ask := func(sql string, args ...any) (yes bool) {
		if err := own.QueryRow(ctx, sql, args...).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		return yes
	}
	run(t, pool, outbox.Options{Owner: "two", Alive: time.Second}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "listed", func() bool { return ask(`select exists (select from outbox.relay where owner = 'two')`) })
	for range pool.Config().MaxConns {
		c, err := pool.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Release()
	}
	if _, err := own.Exec(ctx, `insert into outbox.relay (owner, alive_until) values ('one', now() - interval '1 s')`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "buried", func() bool { return !ask(`select exists (select from outbox.relay where owner = 'one')`) })
	eventually(t, "alive", func() bool {
		return ask(`select exists (select from outbox.relay where owner = 'two' and alive_until > clock_timestamp())`)
	})
}

// When everybody is late by the database's clock (the machine slept, or the clock was put on), whoever is heard first
// does not bury the others: they get the time to be heard.
func TestARelayThatWasLateItselfBuriesNobodyYet(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	run(t, pool, outbox.Options{Owner: "two", Alive: 3 * time.Second}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	exec(t, pool, `insert into outbox.relay (owner, alive_until) values ('dead', now() - interval '1 s')`)
	listed := func(owner string) bool {
		return scalar[bool](t, pool, `select exists (select from outbox.relay where owner = $1)`, owner)
	}
	eventually(t, "buried", func() bool { return !listed("dead") })
	exec(t, pool, `insert into outbox.relay (owner, alive_until) values ('one', now() - interval '1 s'), ('two', now() - interval '1 s')
on conflict (owner) do update set alive_until = excluded.alive_until`)
	var beats []time.Time // the burying that belongs to a beat is over when the next one comes
	eventually(t, "two beats", func() bool {
		until := scalar[time.Time](t, pool, `select alive_until from outbox.relay where owner = 'two'`)
		if until.After(time.Now()) && (len(beats) == 0 || !until.Equal(beats[len(beats)-1])) {
			beats = append(beats, until)
		}
		return len(beats) == 2
	})
	if !listed("one") {
		t.Error("the other was buried before it had time to be heard")
	}
	eventually(t, "buried, since it stays silent", func() bool { return !listed("one") })
}
