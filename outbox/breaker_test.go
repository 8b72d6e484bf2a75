package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

func breaker(t testing.TB, pool *pgxpool.Pool) outbox.Breaker {
	t.Helper()
	list, err := outbox.Breakers(testContext(t), pool)
	if err != nil {
		t.Fatalf("breakers: %v", err)
	}
	for _, b := range list {
		if b.Destination == "tax" {
			return b
		}
	}
	return outbox.Breaker{}
}

// history is how the breaker has changed, oldest first.
func history(t testing.TB, pool *pgxpool.Pool) []string {
	t.Helper()
	list, err := outbox.BreakerHistory(testContext(t), pool, 100)
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	var out []string
	for _, c := range list {
		out = append(out, c.State)
	}
	slices.Reverse(out)
	return out
}

// letProbe ends the time that the breaker is open.
func letProbe(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `update outbox.breaker set open_until = now() where state = 'open'`)
}

var down = outbox.Outcome{Result: outbox.ResultRetry, Reason: "partner_down", CountsAgainst: true}

// switched is a Sender that can be switched between being down and delivering.
func switched() (*recorder, *atomic.Bool) {
	up := &atomic.Bool{}
	return &recorder{answer: func(context.Context, outbox.Delivery) outbox.Outcome {
		if up.Load() {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		}
		return down
	}}, up
}

func tax(sender outbox.Sender) outbox.Destination {
	return outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{
		MaxInFlight: 1, MaxAttempts: 1000,
		Breaker: outbox.BreakerPolicy{Failures: 3, OpenFor: time.Hour, MaxOpen: 3 * time.Hour},
	}}
}

func publishLanes(t testing.TB, pool *pgxpool.Pool, n int) {
	t.Helper()
	var msgs []outbox.Message
	for i := range n {
		msgs = append(msgs, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
	}
	publish(t, pool, msgs...)
}

// The whole life of a breaker, with two relays: it opens, both honour the row, one probe is tried at a time, a failed
// probe opens it for longer, a good one closes it, and waiting has counted no attempt.
func TestBreakerOpensProbesAndCloses(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender, up := switched()
	publishLanes(t, pool, 10)
	one := run(t, pool, outbox.Options{Owner: "one", Poll: 5 * time.Millisecond}, tax(sender))
	eventually(t, "open", func() bool { return breaker(t, pool).State == "open" })
	if n := sender.count(); n != 3 {
		t.Errorf("opened after %d sends", n)
	}
	b := breaker(t, pool)
	if wait := b.OpenUntil.Sub(b.Since); b.Reason != "partner_down" || b.Openings != 1 || wait < 47*time.Minute || wait > 73*time.Minute {
		t.Errorf("%+v, for %s", b, wait)
	}
	if s := stats(t, pool, "tax"); s.Parked != 10 || s.Ready+s.Waiting+s.Sending != 0 {
		t.Errorf("all wait behind the breaker: %+v", s)
	}

	// A second relay, which has seen no failure, leaves the destination alone as well: it finds the messages of
	// another destination, but sends none of these.
	var other recorder
	two := run(t, pool, outbox.Options{Owner: "two", Poll: 5 * time.Millisecond}, tax(sender), outbox.Destination{Name: "other", Sender: &other})
	for i := range 20 {
		publish(t, pool, message("other", "l", fmt.Sprint(i)))
		eventually(t, "the second relay works", func() bool { return other.count() == i+1 })
	}
	if n := sender.count(); n != 3 {
		t.Errorf("%d sends while open", n)
	}

	letProbe(t, pool)
	eventually(t, "the probe failed", func() bool { return breaker(t, pool).Openings == 2 })
	b = breaker(t, pool)
	if wait := b.OpenUntil.Sub(b.Since); b.State != "open" || wait < 95*time.Minute {
		t.Errorf("opened again for %s: %+v", wait, b)
	}
	if n := sender.count(); n != 4 {
		t.Errorf("%d sends, one of them the probe", n)
	}
	letProbe(t, pool)
	eventually(t, "the second probe failed", func() bool { return breaker(t, pool).Openings == 3 })
	if b := breaker(t, pool); b.OpenUntil.Sub(b.Since) > 3*time.Hour+time.Second {
		t.Errorf("open for longer than the most: %+v", b)
	}

	up.Store(true)
	letProbe(t, pool)
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 10 })
	if b := breaker(t, pool); b.State != "closed" || b.Openings != 0 || b.Reason != "" || !b.OpenUntil.IsZero() {
		t.Errorf("%+v", b)
	}
	one.stop(t)
	two.stop(t)
	want := []string{"open", "half_open", "open", "half_open", "open", "half_open", "closed"}
	if got := history(t, pool); !slices.Equal(got, want) {
		t.Errorf("history %q", got)
	}
	attempts := scalar[int](t, pool, `select sum(n) from (select max(a.attempt) as n from outbox.attempt a join outbox.message m on m.id = a.message where m.destination = 'tax' group by m.id) as m`)
	if attempts != sender.count() {
		t.Errorf("%d attempts counted for %d sends", attempts, sender.count())
	}
	consistent(t, pool)
}

// A relay that is busy with a destination stops with it as soon as another process has opened the breaker.
func TestABusyRelayHonoursABreakerThatAnotherProcessOpens(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 100)
	began, finish := make(chan struct{}, 100), make(chan struct{})
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		began <- struct{}{}
		<-finish
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	var other recorder
	run(t, pool, outbox.Options{}, tax(sender), outbox.Destination{Name: "other", Sender: &other})
	for range 3 {
		receive(t, "a send", began)
		if n := len(began); n != 0 {
			t.Fatalf("%d sends beside the one allowed", n)
		}
		if stats(t, pool, "tax").Delivered < 2 {
			finish <- struct{}{}
		}
	}
	exec(t, pool, `update outbox.breaker set state = 'open', generation = generation + 1, open_until = now() + interval '1 h' where destination = 'tax'`)
	close(finish)
	for i := range 10 {
		publish(t, pool, message("other", "l", fmt.Sprint(i)))
		eventually(t, "the relay works", func() bool { return other.count() == i+1 })
	}
	if n := len(began); n != 0 {
		t.Errorf("%d sends after the breaker was opened", n)
	}
	if s := stats(t, pool, "tax"); s.Delivered != 3 || s.Parked != 97 {
		t.Errorf("what was in flight is recorded, the rest waits: %+v", s)
	}
}

func TestARestartHonoursTheOpenBreaker(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender, _ := switched()
	publishLanes(t, pool, 10)
	first := run(t, pool, outbox.Options{Owner: "first"}, tax(sender))
	eventually(t, "open", func() bool { return breaker(t, pool).State == "open" })
	first.stop(t)
	var other recorder
	run(t, pool, outbox.Options{Owner: "second", Poll: 5 * time.Millisecond}, tax(sender), outbox.Destination{Name: "other", Sender: &other})
	for i := range 20 {
		publish(t, pool, message("other", "l", fmt.Sprint(i)))
		eventually(t, "the new process works", func() bool { return other.count() == i+1 })
	}
	if n := sender.count(); n != 3 {
		t.Errorf("%d sends", n)
	}
}

// Five relays see the time of a probe come: one of them wins it, and while it is under way nothing else is sent.
func TestOneProbeAtATime(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 50)
	exec(t, pool, `insert into outbox.breaker (destination, state, open_until, opened_reason, open_count) values ('tax', 'open', now(), 'x', 1)`)
	probing := make(chan struct{}, 100)
	release := make(chan struct{})
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		probing <- struct{}{}
		<-release
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	var others []*recorder
	for i := range 5 {
		other := &recorder{}
		others = append(others, other)
		name := fmt.Sprintf("other%d", i)
		run(t, pool, outbox.Options{Owner: name, Poll: 2 * time.Millisecond}, tax(sender), outbox.Destination{Name: name, Sender: other})
	}
	receive(t, "the probe", probing)
	for i, other := range others { // every relay has gone through many rounds
		for k := range 10 {
			publish(t, pool, message(fmt.Sprintf("other%d", i), "l", fmt.Sprint(k)))
			eventually(t, "another delivery", func() bool { return other.count() == k+1 })
		}
	}
	if n := len(probing); n != 0 {
		t.Errorf("%d sends beside the probe", n)
	}
	if b := breaker(t, pool); b.State != "half_open" || b.ProbeBy == "" {
		t.Errorf("%+v", b)
	}
	close(release)
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 50 })
}

// A probe whose process has died is given up when its lease ends.
func TestAProbeOfADeadProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 3)
	exec(t, pool, `insert into outbox.breaker (destination, state, open_until, probe_by, probe_lease_until, open_count)
		values ('tax', 'half_open', now() - interval '1 min', 'gone', now() - interval '1 s', 1)`)
	run(t, pool, outbox.Options{}, tax(&recorder{}))
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	if b := breaker(t, pool); b.State != "closed" {
		t.Errorf("%+v", b)
	}
}

// Only failures that count, in a row, open the breaker; a refusal is a sign of life.
func TestBug14WhatDoesNotCountOpensNoBreaker(t *testing.T) {
	t.Parallel()
	n := provetest.Count(50, 1000)
	harmless := outbox.Outcome{Result: outbox.ResultRetry, Reason: "our_own"}
	for name, outcomes := range map[string][]outbox.Outcome{
		"failures that do not count": times(n, harmless),
		"waiting":                    times(n, outbox.Outcome{Result: outbox.ResultWait, After: time.Microsecond}),
		"refusals":                   times(n, outbox.Outcome{Result: outbox.ResultRefused}),
		"never three in a row":       slices.Concat(times(2, down), times(1, outbox.Outcome{Result: outbox.ResultRefused}), times(2, down), times(1, outbox.Outcome{Result: outbox.ResultDelivered}), times(2, down)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			publishLanes(t, pool, n+10)
			d := tax(answering(outcomes...))
			d.Policy.MaxAttempts = 2000
			run(t, pool, outbox.Options{}, d)
			eventually(t, "all settled", func() bool { s := stats(t, pool, "tax"); return s.Delivered+s.Dead == int64(n+10) })
			if h := history(t, pool); len(h) != 0 {
				t.Errorf("breaker changed: %q", h)
			}
		})
	}
}

// Failures that do not count neither open the breaker nor break a row of those that do, and tell a probe nothing.
func TestAProbeThatTellsNothingIsRepeatedLater(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 3)
	exec(t, pool, `insert into outbox.breaker (destination, state, open_until, opened_reason, open_count) values ('tax', 'open', now(), 'x', 2)`)
	sender := answering(outbox.Outcome{Result: outbox.ResultRetry, Reason: "our_own", After: time.Hour})
	run(t, pool, outbox.Options{}, tax(sender))
	eventually(t, "open again", func() bool { return len(history(t, pool)) == 2 })
	if b := breaker(t, pool); b.State != "open" || b.Openings != 2 || b.Reason != "x" || time.Until(b.OpenUntil) < time.Minute {
		t.Errorf("%+v", b)
	}
	letProbe(t, pool)
	eventually(t, "the others delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
}

// Sends that are cut off because the relay stops say nothing about the destination.
func TestBug14StoppingOpensNoBreaker(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	n := provetest.Count(10, 1000)
	publishLanes(t, pool, n)
	var began atomic.Int64
	sender := outbox.SenderFunc(func(ctx context.Context, _ outbox.Delivery) outbox.Outcome {
		began.Add(1)
		<-ctx.Done()
		return down
	})
	d := tax(sender)
	d.Policy.MaxInFlight = n
	r := run(t, pool, outbox.Options{Workers: n, Drain: provetest.Sized(4*time.Second, 20*time.Second)}, d)
	eventually(t, "all under way", func() bool { return began.Load() == int64(n) })
	r.stop(t)
	if h := history(t, pool); len(h) != 0 {
		t.Errorf("breaker changed: %q", h)
	}
	if s := stats(t, pool, "tax"); s.Sending != 0 || s.Ready+s.Waiting != int64(n) {
		t.Errorf("recorded before the end: %+v", s)
	}
	consistent(t, pool)
}
