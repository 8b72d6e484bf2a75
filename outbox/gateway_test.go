package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// server is a gateway that can be away.
type server struct {
	up    atomic.Bool
	asked atomic.Int64
}

func (s *server) gateway() *outbox.Gateway {
	return &outbox.Gateway{
		Name: "server", Breaker: outbox.BreakerPolicy{Failures: 3, OpenFor: time.Hour, MaxOpen: 3 * time.Hour},
		Probe: func(context.Context) outbox.Outcome {
			s.asked.Add(1)
			if s.up.Load() {
				return outbox.Outcome{Result: outbox.ResultDelivered}
			}
			return outbox.Outcome{Result: outbox.ResultWait, Reason: "own_server away", CountsAgainst: true}
		},
	}
}

var partners = []string{"a", "b", "c"}

// through are three destinations behind one gateway, each with ten messages, which answer as told.
func through(t *testing.T, pool *pgxpool.Pool, g *outbox.Gateway, answer func(d outbox.Delivery) outbox.Outcome) (*recorder, []outbox.Destination) {
	t.Helper()
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome { return answer(d) }}
	var dests []outbox.Destination
	for _, name := range partners {
		d := tax(sender)
		d.Name, d.Gateway, d.Policy.Base = name, g, time.Millisecond
		dests = append(dests, d)
		for i := range 10 {
			publish(t, pool, message(name, fmt.Sprint(i), fmt.Sprint(name, i)))
		}
	}
	return sender, dests
}

func states(t *testing.T, pool *pgxpool.Pool) map[string]outbox.Breaker {
	t.Helper()
	list, err := outbox.Breakers(testContext(t), pool)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]outbox.Breaker{}
	for _, b := range list {
		found[b.Destination] = b
	}
	return found
}

func allDelivered(t *testing.T, pool *pgxpool.Pool) bool {
	t.Helper()
	n := int64(0)
	for _, name := range partners {
		n += stats(t, pool, name).Delivered
	}
	return n == 30
}

// Trouble of our own server opens one breaker, which every relay obeys, and none of a partner; no attempt is counted.
func TestOwnTroubleOpensOneBreakerOfItsOwn(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var s server
	var opened atomic.Int64
	observe := func(o outbox.Observation) {
		if o.Event == outbox.ObservedBreaker && o.State == "open" {
			opened.Add(1)
		}
	}
	sender, dests := through(t, pool, s.gateway(), func(outbox.Delivery) outbox.Outcome {
		if s.up.Load() {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		}
		return outbox.Outcome{Result: outbox.ResultWait, After: time.Microsecond, Reason: "own_server connect", AgainstGateway: true}
	})
	run(t, pool, outbox.Options{Owner: "one", Poll: 5 * time.Millisecond, Observe: observe}, dests...)
	eventually(t, "open", func() bool { return states(t, pool)["server"].State == "open" })
	eventually(t, "at rest", func() bool {
		return stats(t, pool, "a").Parked+stats(t, pool, "b").Parked+stats(t, pool, "c").Parked == 30
	})
	sent := sender.count()
	var other recorder
	run(t, pool, outbox.Options{Owner: "two", Poll: 5 * time.Millisecond, Observe: observe}, append(dests, outbox.Destination{Name: "other", Sender: &other})...)
	for i := range 20 {
		publish(t, pool, message("other", "l", fmt.Sprint("other", i)))
		eventually(t, "what goes another way goes on", func() bool { return other.count() == i+1 })
	}
	if n := sender.count(); n != sent || n > 10 {
		t.Errorf("%d sends, %d when it opened", n, sent)
	}
	for name, b := range states(t, pool) {
		if name != "server" && (b.State != "closed" || b.Gateway != "server") && name != "other" {
			t.Errorf("%+v", b)
		}
	}
	if b := states(t, pool)["server"]; b.Reason != "own_server connect" || b.Openings != 1 || opened.Load() != 1 {
		t.Errorf("%+v, opened %d times", b, opened.Load())
	}
	if n := scalar[int](t, pool, `select sum(attempt) from outbox.pending`); n != 0 {
		t.Errorf("%d attempts counted", n)
	}
	exec(t, pool, `update outbox.breaker set open_until = now() where state = 'open'`)
	eventually(t, "asked, and still away", func() bool { b := states(t, pool)["server"]; return b.Openings == 2 && b.State == "open" })
	s.up.Store(true)
	exec(t, pool, `update outbox.breaker set open_until = now() where state = 'open'`)
	eventually(t, "all delivered", func() bool { return allDelivered(t, pool) })
	if b := states(t, pool)["server"]; b.State != "closed" || s.asked.Load() != 2 {
		t.Errorf("%+v, asked %d times", b, s.asked.Load())
	}
}

// Partners do not fall over together: when all fail, it is what they are reached through. Where that answers all the
// same, their own breakers open.
func TestWhenAllPartnersFailItIsTheGateway(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var s server
	var up atomic.Bool
	_, dests := through(t, pool, s.gateway(), func(outbox.Delivery) outbox.Outcome {
		if up.Load() {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		}
		return down
	})
	for i := range dests { // each has failed before any is left alone
		dests[i].Policy.Breaker.Lasting = 300 * time.Millisecond
	}
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, dests...)
	eventually(t, "the gateway is open", func() bool { return states(t, pool)["server"].State == "open" })
	for _, name := range partners {
		eventually(t, "no partner's is", func() bool { return states(t, pool)[name].State == "closed" })
	}
	if b := states(t, pool)["server"]; b.Reason != "all_fail" {
		t.Errorf("%+v", b)
	}
	s.up.Store(true)
	exec(t, pool, `update outbox.breaker set open_until = now() where destination = 'server'`)
	for _, name := range partners {
		eventually(t, "the partner's own is open", func() bool { return states(t, pool)[name].State == "open" })
	}
	if b := states(t, pool)["server"]; b.State != "closed" {
		t.Errorf("%+v", b)
	}
	up.Store(true)
	exec(t, pool, `update outbox.breaker set open_until = now() where state = 'open'`)
	eventually(t, "all delivered", func() bool { return allDelivered(t, pool) })
}

// Two that fail beside one that does not are two.
func TestTwoPartnersThatFailAreTheirOwn(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var s server
	_, dests := through(t, pool, s.gateway(), func(d outbox.Delivery) outbox.Outcome {
		if d.Destination == "c" {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		}
		return down
	})
	for i := range dests {
		dests[i].Policy.Breaker.Lasting = 300 * time.Millisecond
	}
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, dests...)
	for _, name := range []string{"a", "b"} {
		eventually(t, "open", func() bool { return states(t, pool)[name].State == "open" })
	}
	eventually(t, "the third goes on", func() bool { return stats(t, pool, "c").Delivered == 10 })
	if b := states(t, pool)["server"]; b.State != "closed" || s.asked.Load() != 0 {
		t.Errorf("%+v", b)
	}
}

func TestGatewaysThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	ask := func(context.Context) outbox.Outcome { return outbox.Outcome{} }
	for name, g := range map[string]*outbox.Gateway{
		"no name":              {Probe: ask},
		"no probe":             {Name: "server"},
		"a destination's name": {Name: "tax", Probe: ask},
		"a breaker's most":     {Name: "server", Probe: ask, Breaker: outbox.BreakerPolicy{OpenFor: time.Hour, MaxOpen: time.Minute}},
	} {
		_, err := outbox.NewRelay(nil, []outbox.Destination{{Name: "tax", Sender: &recorder{}, Gateway: g}}, outbox.Options{Owner: "x"})
		if !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whether all partners fail is judged by what all processes see: each of these sends to one or two of them.
func TestWhenAllPartnersFailItIsTheGatewayWhoeverSendsToThem(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var s server
	var opened atomic.Int64
	observe := func(o outbox.Observation) {
		if o.Event == outbox.ObservedBreaker && o.State == "open" && o.Destination == "server" {
			opened.Add(1)
		}
	}
	_, dests := through(t, pool, s.gateway(), func(outbox.Delivery) outbox.Outcome { return down })
	for i := range dests { // each has failed, and all processes have heard of it, before any is left alone
		dests[i].Policy.Breaker.Lasting = 500 * time.Millisecond
	}
	run(t, pool, outbox.Options{Owner: "one", Poll: 5 * time.Millisecond, Observe: observe}, dests[:2]...)
	run(t, pool, outbox.Options{Owner: "two", Poll: 5 * time.Millisecond, Observe: observe}, dests[2:]...)
	eventually(t, "the gateway is open", func() bool { return states(t, pool)["server"].State == "open" })
	for _, name := range partners {
		eventually(t, "no partner's is", func() bool { return states(t, pool)[name].State == "closed" })
	}
	if b := states(t, pool)["server"]; b.Reason != "all_fail" || b.Openings != 1 || opened.Load() != 1 {
		t.Errorf("%+v, opened %d times", b, opened.Load())
	}
}

// A process to which all partners fail does not accuse the gateway while another one gets through it.
func TestAPartnerThatIsWellElsewhereSpeaksForTheGateway(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var s server
	_, dests := through(t, pool, s.gateway(), func(outbox.Delivery) outbox.Outcome { return down })
	for i := range dests {
		dests[i].Policy.Breaker.Lasting = 300 * time.Millisecond
	}
	well := tax(&recorder{})
	well.Name, well.Gateway = "well", s.gateway()
	publish(t, pool, message("well", "l", "well"))
	run(t, pool, outbox.Options{Owner: "two", Poll: 5 * time.Millisecond}, well)
	eventually(t, "one gets through", func() bool {
		return scalar[int](t, pool, `select count(*) from outbox.tried where destination = 'well' and not failed`) == 1
	})
	run(t, pool, outbox.Options{Owner: "one", Poll: 5 * time.Millisecond}, dests...)
	for _, name := range partners {
		eventually(t, "the partner's own is open", func() bool { return states(t, pool)[name].State == "open" })
	}
	if b := states(t, pool)["server"]; b.State != "closed" || s.asked.Load() != 0 {
		t.Errorf("%+v, asked %d times", b, s.asked.Load())
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.breaker_change where destination = 'server'`); n != 0 {
		t.Errorf("%d changes of the gateway", n)
	}
}
