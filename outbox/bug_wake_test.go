package outbox_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/faulttest"
	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// listenerNet gives each connection a proxy of its own, and knows that of the connection which listens.
type listenerNet struct {
	t      *testing.T
	socket string

	mu      sync.Mutex
	proxies map[int]*faulttest.Proxy // by port
	last    *faulttest.Proxy         // of the listener
	listens int
}

func (n *listenerNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p := faulttest.NewProxy(n.t, "unix", n.socket)
	n.mu.Lock()
	n.proxies[p.Addr().Port] = p
	n.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, "tcp", p.Addr().String())
}

// TraceQueryStart sees which connection begins to listen.
func (n *listenerNet) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(data.SQL, "listen ") {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.last = n.proxies[conn.PgConn().Conn().RemoteAddr().(*net.TCPAddr).Port]
		n.listens++
	}
	return ctx
}

func (n *listenerNet) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (n *listenerNet) times() int { n.mu.Lock(); defer n.mu.Unlock(); return n.listens }

// The connection that listens is killed again and again, and in the end falls silent without an end: what is published
// meanwhile waits for one poll at most.
func TestBug04ALostNotificationIsMadeUpForByPolling(t *testing.T) {
	t.Parallel()
	const poll = 200 * time.Millisecond
	pool := newPool(t)
	cfg := pool.Config()
	n := &listenerNet{t: t, socket: cfg.ConnConfig.Host + "/.s.PGSQL.5432", proxies: map[int]*faulttest.Proxy{}}
	cfg.ConnConfig.DialFunc, cfg.ConnConfig.Tracer = n.dial, n
	own, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	var mu sync.Mutex
	var waits []time.Duration
	run(t, own, outbox.Options{Poll: poll}, outbox.Destination{Name: "tax", Policy: outbox.Policy{MaxInFlight: 32}, Sender: outbox.SenderFunc(
		func(_ context.Context, d outbox.Delivery) outbox.Outcome {
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, time.Since(d.Published))
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	published := 0
	batch := func(lasts time.Duration) {
		for began := time.Now(); ; {
			publish(t, pool, message("tax", fmt.Sprint(published), fmt.Sprint(published)))
			published++
			eventually(t, "delivered", func() bool { mu.Lock(); defer mu.Unlock(); return len(waits) == published })
			if time.Since(began) >= lasts {
				return
			}
		}
	}
	rounds, every := provetest.Count(3, 60), provetest.Sized(0, time.Second)
	for range rounds {
		before := n.times()
		eventually(t, "it listens", func() bool { return n.times() > 0 })
		if exec(t, pool, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`) > 0 {
			batch(every)
			eventually(t, "it listens again", func() bool { return n.times() > before })
		}
	}
	n.mu.Lock()
	n.last.Set(faulttest.Fault{Then: faulttest.Blackhole})
	n.mu.Unlock()
	batch(provetest.Sized(0, 10*time.Second))
	slices.Sort(waits)
	p99 := waits[len(waits)*99/100]
	t.Logf("%d messages, the listener lost %d times: p99 %s, longest %s, poll interval %s", published, rounds+1, p99, waits[len(waits)-1], poll)
	if provetest.Long() && p99 > poll+time.Second {
		t.Errorf("p99 %s", p99)
	}
}

// A session that listens and never reads keeps the server's queue of notifications from being emptied: publishers go on,
// and the share of the queue that is used is told.
func TestBug05ASlowListenerStopsNoPublisher(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	slow, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slow.Close(context.Background()) })
	for _, sql := range []string{`listen "outbox: tax"`, `begin`, `select 1`} {
		if _, err := slow.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	ctx := provetest.Context(t, patience, time.Hour)
	many, bytes := provetest.Count(20_000, 1_000_000), provetest.Sized(100, 4400) // a million fill more than half of 8 GB
	const each = 10_000
	for n := 0; n < many; n += each {
		if _, err := pool.Exec(ctx, `select pg_notify('outbox: tax', lpad(g::text, $2, 'x')) from generate_series($1::int, $1::int + $3::int - 1) g`, n, bytes, each); err != nil {
			t.Fatalf("after %d notifications: %v", n, err)
		}
	}
	var sender recorder
	run(t, pool, outbox.Options{Poll: 50 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender})
	for i := range 20 {
		publish(t, pool, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
	}
	eventually(t, "delivered", func() bool { return sender.count() == 20 })
	used, err := outbox.NotificationsWaiting(ctx, pool)
	if err != nil || used <= 0 {
		t.Errorf("%v of the queue is used, %v", used, err)
	}
	t.Logf("%d notifications fill %.1f %% of the queue", many, 100*used)
	if provetest.Long() && many >= 1_000_000 && used < 0.5 {
		t.Errorf("only %v of the queue is used", used)
	}
	if _, err := slow.Exec(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue is empty", func() bool {
		used, err := outbox.NotificationsWaiting(ctx, pool)
		_, _ = slow.Exec(t.Context(), `select 1`) // it reads what it is sent
		return err == nil && used < 0.001
	})
}

// A dead message in one of a thousand lanes holds that lane up, and no other.
func TestBug10ADeadHeadHoldsOnlyItsLane(t *testing.T) {
	t.Parallel()
	const lanes, poison = 1000, 500
	pool := newPool(t)
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == fmt.Sprint(poison, " first") {
			return outbox.Outcome{Result: outbox.ResultRefused, Reason: "poison"}
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
	var msgs []outbox.Message
	for i := range lanes {
		msgs = append(msgs, message("tax", fmt.Sprint(i), fmt.Sprint(i, " first")), message("tax", fmt.Sprint(i), fmt.Sprint(i, " second")))
	}
	publish(t, pool, msgs...)
	r := run(t, pool, outbox.Options{Workers: 64}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxInFlight: 64}})
	eventually(t, "all others delivered", func() bool { s := stats(t, pool, "tax"); return s.Delivered == 2*lanes-2 && s.Dead == 1 })
	r.stop(t)
	behind := fmt.Sprint(poison, " second")
	if n := scalar[int](t, pool, `select count(*) from outbox.pending join outbox.message m using (id) where m.key = $1`, behind); n != 1 || slices.Contains(sender.keys(), behind) {
		t.Errorf("what is behind the poison: %d", n)
	}
	consistent(t, pool)
}

// Eight publishers of many lanes each and eight relays work on one destination: no deadlock comes to the surface.
func TestBug19NoDeadlockSurfacesUnderLoad(t *testing.T) {
	t.Parallel()
	const publishers, relays, lanes = 8, 8, 60
	pool := newPool(t)
	ctx := provetest.Context(t, patience, 10*time.Minute)
	lasts := provetest.Sized(time.Second, time.Minute)
	var sent, published atomic.Int64
	var all []*running
	for i := range relays {
		all = append(all, run(t, pool, outbox.Options{Owner: fmt.Sprint(i), Workers: 4, Poll: 50 * time.Millisecond}, outbox.Destination{
			Name: "tax", Policy: outbox.Policy{MaxInFlight: 4}, Sender: outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
				sent.Add(1)
				return outbox.Outcome{Result: outbox.ResultDelivered}
			})}))
	}
	var writing sync.WaitGroup
	for p := range publishers {
		writing.Go(func() {
			for n, began := 0, time.Now(); time.Since(began) < lasts; n++ {
				var msgs []outbox.Message
				for i := range 20 {
					msgs = append(msgs, message("tax", fmt.Sprint((7*i*(p+1)+n)%lanes), fmt.Sprintf("%d-%d-%d", p, n, i)))
				}
				err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Publish(ctx, tx, msgs...) })
				if err != nil {
					t.Errorf("publish: %v", err)
					return
				}
				published.Add(int64(len(msgs)))
			}
		})
	}
	writing.Wait()
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == published.Load() })
	for _, r := range all {
		r.stop(t)
	}
	if sent.Load() != published.Load() {
		t.Errorf("%d sends of %d messages", sent.Load(), published.Load())
	}
	deadlocks := scalar[int](t, pool, `select deadlocks from pg_stat_database where datname = current_database()`)
	t.Logf("%d messages within %s; the database resolved %d deadlocks", published.Load(), lasts, deadlocks)
	consistent(t, pool)
}
