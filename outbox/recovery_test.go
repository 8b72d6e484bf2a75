package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ristmik/outbox"
)

// Three relays keep one pace together: they take as long as one would.
func TestRelaysKeepOnePaceTogether(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const n, rate = 100, 100
	publishLanes(t, pool, n)
	var mu sync.Mutex
	var first, last time.Time
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		mu.Lock()
		defer mu.Unlock()
		if last = time.Now(); first.IsZero() {
			first = last
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	for i := range 3 {
		run(t, pool, outbox.Options{Owner: fmt.Sprint(i)}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{Rate: rate}})
	}
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == n })
	mu.Lock()
	defer mu.Unlock()
	if took := last.Sub(first); took < (n-10)*time.Second/rate { // the first few may leave at once
		t.Errorf("%d messages in %s at %d a second", n, took, rate)
	}
	consistent(t, pool)
}

// Before a message is tried, the destination is asked whether it is there; what opened the breaker stays known.
func TestADestinationIsAskedBeforeAMessageIsTried(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 5)
	exec(t, pool, `insert into outbox.breaker (destination, state, open_until, opened_reason, open_count) values ('tax', 'open', now(), 'fell over', 1)`)
	var sender, other recorder
	var asked atomic.Int64
	d := tax(&sender)
	d.Probe = func(context.Context) outbox.Outcome {
		switch asked.Add(1) {
		case 1:
			return outbox.Outcome{Result: outbox.ResultRetry, Reason: "still away", CountsAgainst: true}
		case 2:
			return outbox.Outcome{Result: outbox.ResultRetry, Reason: "our own"}
		case 3:
			panic("probe")
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, d, outbox.Destination{Name: "other", Sender: &other})
	for i := range 3 {
		eventually(t, "asked", func() bool { return len(history(t, pool)) == 2*(i+1) })
		b := breaker(t, pool)
		if b.State != "open" || b.Reason != "fell over" || b.ProbeReason != "still away" || b.Openings != 2 || sender.count() != 0 {
			t.Errorf("%+v, %d sent", b, sender.count())
		}
		letProbe(t, pool)
	}
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 5 })
	if b := breaker(t, pool); b.State != "closed" || b.ProbeReason != "" || b.RampUntil.IsZero() || asked.Load() != 4 {
		t.Errorf("%+v, asked %d times", b, asked.Load())
	}
	if h := history(t, pool); len(h) != 8 { // that it is there is not a change of its own
		t.Errorf("%q", h)
	}
}

// A probe without a message to try afterwards gives its turn back.
func TestAProbeThatFindsNoMessageIsRepeated(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publish(t, pool, message("tax", "l", "1"))
	exec(t, pool, `insert into outbox.breaker (destination, state, open_until, opened_reason, open_count) values ('tax', 'open', now(), 'x', 1)`)
	var sender recorder
	d := tax(&sender)
	var once sync.Once
	d.Probe = func(ctx context.Context) outbox.Outcome {
		once.Do(func() { // somebody else takes the only message
			exec(t, pool, `update outbox.lane set fence = 0, claimed_by = 'other', claimed_until = now() + interval '200 ms'`)
		})
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, d)
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
}

// After an outage only a part of the usual messages is under way.
func TestADestinationThatBeginsAgainIsNotFlooded(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 20)
	exec(t, pool, `insert into outbox.breaker (destination, ramp_until) values ('tax', now() + interval '30 min')`)
	began, finish := make(chan struct{}, 20), make(chan struct{})
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		began <- struct{}{}
		<-finish
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	var other recorder
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond},
		outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxInFlight: 10, Breaker: outbox.BreakerPolicy{Ramp: time.Hour}}},
		outbox.Destination{Name: "other", Sender: &other})
	for range 5 {
		receive(t, "a send", began)
	}
	for i := range 20 {
		publish(t, pool, message("other", "l", fmt.Sprint("other", i)))
		eventually(t, "the relay goes on", func() bool { return other.count() == i+1 })
	}
	if n := len(began); n != 0 {
		t.Errorf("%d sends beside the five that half a ramp allows", n)
	}
	close(finish)
}
