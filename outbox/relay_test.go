package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// Without any notification messages are delivered all the same, by polling.
func TestALostNotificationDelaysByOnePollAtMost(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	run(t, pool, outbox.Options{Poll: 20 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender})
	for i := range 5 {
		// A publisher that does not notify, as if the notification had been lost.
		exec(t, pool, `insert into outbox.lane (destination, key, ready_at) values ('tax', 'l', now()) on conflict do nothing`)
		exec(t, pool, `with m as (insert into outbox.message (destination, lane, kind, key, payload) values ('tax', 'l', 'test', $1, '') returning id)
			insert into outbox.pending (destination, lane, id, due) select 'tax', 'l', id, now() from m`, fmt.Sprint(i))
		exec(t, pool, `insert into outbox.lane (destination, key, ready_at) values ('tax', 'l', now()) on conflict do nothing`)
		eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == int64(i+1) })
	}
}

// A listener whose connection is killed listens again on a new one, and looks for what it has missed.
func TestAKilledListenerListensAgain(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	listeners := `select count(*) from pg_stat_activity where datname = current_database() and query like 'listen %'`
	run(t, pool, outbox.Options{Poll: 30 * time.Second}, outbox.Destination{Name: "tax", Sender: &sender})
	eventually(t, "listening", func() bool { return scalar[int](t, pool, listeners) == 1 })
	publish(t, pool, message("tax", "l", "before"))
	eventually(t, "woken", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	exec(t, pool, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`)
	publish(t, pool, message("tax", "l", "between"))
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
}

// What is in flight when the relay is told to stop is recorded; nothing more is sent.
func TestStoppingRecordsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 100)
	began, finish := make(chan struct{}, 100), make(chan struct{})
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		began <- struct{}{}
		<-finish
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxInFlight: 4}})
	for range 4 {
		receive(t, "a send", began)
	}
	r.cancel()
	close(finish)
	r.stop(t)
	s := stats(t, pool, "tax")
	if s.Sending != 0 || s.Delivered < 4 || s.Delivered+s.Ready != 100 || len(began) != int(s.Delivered)-4 {
		t.Errorf("%+v, %d more sends", s, len(began))
	}
	consistent(t, pool)
}

// A Sender that ignores its context cannot keep the relay from stopping.
func TestStoppingIsBounded(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 1)
	began, finish := make(chan struct{}, 1), make(chan struct{})
	defer close(finish)
	relay, err := outbox.NewRelay(pool, []outbox.Destination{{Name: "tax", Sender: outbox.SenderFunc(
		func(context.Context, outbox.Delivery) outbox.Outcome {
			began <- struct{}{}
			<-finish
			return outbox.Outcome{}
		})}}, outbox.Options{Owner: "test", Drain: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	receive(t, "the send", began)
	cancel()
	if err := receive(t, "the end of Run", done); err == nil {
		t.Error("no error although a send has not ended")
	}
	if err := relay.Run(ctx); err == nil {
		t.Error("ran twice")
	}
}

// A relay that has ended leaves no goroutine behind. This test runs alone, so that every relay's goroutine is its own.
func TestARelayLeavesNoGoroutines(t *testing.T) { //nolint:paralleltest // see above
	pool := newPool(t)
	publishLanes(t, pool, 50)
	var stop []*running
	for i := range 3 {
		stop = append(stop, run(t, pool, outbox.Options{Owner: fmt.Sprint(i)}, outbox.Destination{Name: "tax", Sender: &recorder{}}))
	}
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 50 })
	alive := func() int {
		buf := make([]byte, 1<<22)
		return strings.Count(string(buf[:runtime.Stack(buf, true)]), "\nristmik/outbox.(*")
	}
	if alive() == 0 {
		t.Error("no goroutine of a relay found while three run")
	}
	for _, r := range stop {
		r.stop(t)
	}
	eventually(t, "no goroutine is left", func() bool { return alive() == 0 })
}

func TestRelayRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	ok := outbox.Destination{Name: "tax", Sender: &recorder{}}
	with := func(p outbox.Policy) []outbox.Destination {
		return []outbox.Destination{{Name: "tax", Sender: ok.Sender, Policy: p}}
	}
	owner := outbox.Options{Owner: "test"}
	for name, c := range map[string]struct {
		dests   []outbox.Destination
		options outbox.Options
	}{
		"no owner":                 {[]outbox.Destination{ok}, outbox.Options{}},
		"negative lease":           {[]outbox.Destination{ok}, outbox.Options{Owner: "test", Lease: -1}},
		"destination twice":        {[]outbox.Destination{ok, ok}, owner},
		"no name":                  {[]outbox.Destination{{Sender: ok.Sender}}, owner},
		"long name":                {[]outbox.Destination{{Name: strings.Repeat("d", 60), Sender: ok.Sender}}, owner},
		"no sender":                {[]outbox.Destination{{Name: "tax"}}, owner},
		"cap below base":           {with(outbox.Policy{Base: time.Minute, Cap: time.Second}), owner},
		"negative attempts":        {with(outbox.Policy{MaxAttempts: -1}), owner},
		"unknown rule for dead":    {with(outbox.Policy{OnDead: "drop"}), owner},
		"breaker's most too small": {with(outbox.Policy{Breaker: outbox.BreakerPolicy{OpenFor: time.Hour, MaxOpen: time.Minute}}), owner},
	} {
		if _, err := outbox.NewRelay(nil, c.dests, c.options); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The observer hears of every attempt with its result, and nothing of the message's data.
func TestTheObserverHearsOfAttemptsAndBreakers(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	seen := make(chan outbox.Observation, 100)
	publish(t, pool, message("tax", "l", "k"))
	d := tax(answering(times(1, down)...))
	d.Policy.Breaker.Failures = 1
	run(t, pool, outbox.Options{Observe: func(o outbox.Observation) { seen <- o }}, d)
	next := func() string {
		o := receive(t, "an observation", seen)
		if o.Event == outbox.ObservedAttempt && (o.Kind != "test" || o.Age <= 0) {
			t.Errorf("%+v", o)
		}
		return fmt.Sprintf("%s %s %s %s %s", o.Event, o.Destination, o.Result, o.State, o.Reason)
	}
	got := []string{next(), next()}
	letProbe(t, pool)
	publish(t, pool, message("tax", "m", "wakes"))
	for range 3 {
		got = append(got, next())
	}
	want := []string{
		"breaker tax  open partner_down", "attempt tax retry ready partner_down",
		"breaker tax  half_open probe", "breaker tax  closed probe succeeded", "attempt tax delivered delivered ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The database may be away when an outcome is to be recorded: it is recorded when it is back, and nothing is sent
// again meanwhile.
func TestAnOutcomeIsRecordedWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publishLanes(t, pool, 5)
	var applied atomic.Int64
	sender := &recorder{answer: func(context.Context, outbox.Delivery) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultDelivered, Apply: func(ctx context.Context, tx pgx.Tx) error {
			if applied.Add(1) <= 5 { // the connection breaks in the middle of the transaction
				_, err := pool.Exec(ctx, `select pg_terminate_backend($1)`, tx.Conn().PgConn().PID())
				return err
			}
			return nil
		}}
	}}
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 5 })
	if n := sender.count(); n != 5 {
		t.Errorf("%d sends", n)
	}
	if err := pool.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// However many lanes wait, a claim and a record read about as many rows as they name: no plan walks all lanes.
func TestWorkPerMessageDoesNotGrowWithTheBacklog(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const n = 5000
	publishLanes(t, pool, n)
	r := run(t, pool, outbox.Options{Workers: 64}, outbox.Destination{Name: "tax", Sender: &recorder{}, Policy: outbox.Policy{MaxInFlight: 64}})
	eventually(t, "delivered", func() bool { return scalar[int](t, pool, `select coalesce(sum(delivered), 0) from outbox.tally`) == n })
	r.stop(t)
	pool.Reset() // a connection that ends reports what it has read
	var recorded, read int64
	eventually(t, "counted", func() bool {
		err := pool.QueryRow(t.Context(), `select sum(n_tup_ins) filter (where relname like 'attempt%'),
			sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) filter (where relname in ('lane', 'pending', 'message'))
			from pg_stat_user_tables where schemaname = 'outbox'`).Scan(&recorded, &read)
		if err != nil {
			t.Fatal(err)
		}
		return recorded == n
	})
	if perMessage := read / n; perMessage > 60 {
		t.Errorf("%d rows read per message", perMessage)
	} else {
		t.Logf("%d rows read per message", perMessage)
	}
}
