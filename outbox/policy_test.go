package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"ristmik/outbox"
)

var failing = outbox.Outcome{Result: outbox.ResultRetry, Reason: "slow"}

// A partner that fails everything gets a tenth more than what arrives, whatever the schedule of repeats allows.
func TestRetriesOfAFailingPartnerStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 300)
	sender := answering(times(10_000, failing)...)
	var other recorder
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond},
		outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{Base: time.Millisecond, MaxAttempts: 1000, RetryBudget: 0.1}},
		outbox.Destination{Name: "other", Sender: &other})
	eventually(t, "all tried, and a tenth again", func() bool { return sender.count() >= 330 })
	for i := range 20 { // many rounds of the relay
		publish(t, pool, message("other", "l", fmt.Sprint("other", i)))
		eventually(t, "another destination goes on", func() bool { return other.count() == i+1 })
	}
	if n := sender.count(); n != 330 {
		t.Errorf("%d attempts for 300 messages", n)
	}
	if n := scalar[int](t, pool, `select sum(attempt) from outbox.pending where destination = 'tax'`); n > 330 {
		t.Errorf("%d attempts counted: waiting for the budget counts none", n)
	}
}

// A message that has become too old is not tried again; a person gives it as long as a new one.
func TestAnOldMessageIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publish(t, pool, message("tax", "l", "old"))
	exec(t, pool, `update outbox.message set published_at = now() - interval '2 h'`)
	gate := make(chan struct{})
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		<-gate
		return failing
	})
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxAge: time.Hour}})
	gate <- struct{}{}
	eventually(t, "dead", func() bool { return row(t, pool, "old").State == outbox.Dead })
	if m := row(t, pool, "old"); m.Attempt != 1 || m.Reason != "slow" {
		t.Errorf("%+v", m)
	}
	if err := outbox.Retry(testContext(t), pool, row(t, pool, "old").ID, "mari", "once more"); err != nil {
		t.Fatal(err)
	}
	for range 3 { // within its new hour
		gate <- struct{}{}
	}
	if m := row(t, pool, "old"); m.State != outbox.Ready || m.Attempt < 2 {
		t.Errorf("%+v", m)
	}
	close(gate)
}

// Kinds of messages have schedules of their own.
func TestAKindHasAPolicyOfItsOwn(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	hasty, patient := message("tax", "hasty", "hasty"), message("tax", "patient", "patient")
	hasty.Kind = "hasty"
	publish(t, pool, hasty, message("tax", "hasty", "behind"), patient)
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == "behind" {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		}
		return failing
	}}
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{
		MaxAttempts: 3, Kinds: map[string]outbox.KindPolicy{"hasty": {MaxAttempts: 1, OnDead: outbox.Skip}},
	}})
	eventually(t, "all settled", func() bool { s := stats(t, pool, "tax"); return s.Dead == 2 && s.Delivered == 1 })
	if h, p := row(t, pool, "hasty"), row(t, pool, "patient"); h.Attempt != 1 || p.Attempt != 3 {
		t.Errorf("%d and %d attempts", h.Attempt, p.Attempt)
	}
	consistent(t, pool)
}

// Outside the opening hours nothing is sent and no attempt is counted, and everybody can see until when.
func TestNothingIsSentOutsideTheOpeningHours(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	always, later := &outbox.Hours{Zone: time.UTC}, &outbox.Hours{Zone: time.UTC}
	for day := range always.Days {
		always.Days[day] = []outbox.Span{{From: 0, To: 24 * time.Hour}}
	}
	later.Days[(time.Now().UTC().Weekday()+3)%7] = []outbox.Span{{From: time.Hour, To: 2 * time.Hour}}
	publish(t, pool, message("tax", "l", "1"))
	var sender, other recorder
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond},
		outbox.Destination{Name: "tax", Sender: &sender, Policy: outbox.Policy{Hours: later}},
		outbox.Destination{Name: "other", Sender: &other, Policy: outbox.Policy{Hours: always}})
	for i := range 20 {
		publish(t, pool, message("other", "l", fmt.Sprint("other", i)))
		eventually(t, "the other is open", func() bool { return other.count() == i+1 })
	}
	eventually(t, "the row tells", func() bool { return !breaker(t, pool).ShutUntil.IsZero() })
	if wait := time.Until(breaker(t, pool).ShutUntil); wait < 47*time.Hour || wait > 74*time.Hour {
		t.Errorf("closed for %s", wait)
	}
	if s := stats(t, pool, "tax"); s.Parked != 1 || sender.count() != 0 {
		t.Errorf("%+v, %d sent", s, sender.count())
	}
}

func TestPoliciesThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	zoneless := &outbox.Hours{}
	zoneless.Days[1] = []outbox.Span{{From: 0, To: time.Hour}}
	backwards := &outbox.Hours{Zone: time.UTC}
	backwards.Days[1] = []outbox.Span{{From: 2 * time.Hour, To: time.Hour}}
	for name, p := range map[string]outbox.Policy{
		"hours without a zone": {Hours: zoneless},
		"hours that never are": {Hours: &outbox.Hours{Zone: time.UTC}},
		"hours backwards":      {Hours: backwards},
		"an age below zero":    {MaxAge: -1},
		"a budget below zero":  {RetryBudget: -1},
		"a kind's short cap":   {Kinds: map[string]outbox.KindPolicy{"x": {Base: time.Hour, Cap: time.Minute}}},
		"a kind's on-dead":     {Kinds: map[string]outbox.KindPolicy{"x": {OnDead: "forget"}}},
	} {
		_, err := outbox.NewRelay(nil, []outbox.Destination{{Name: "tax", Sender: &recorder{}, Policy: p}}, outbox.Options{Owner: "x"})
		if !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
