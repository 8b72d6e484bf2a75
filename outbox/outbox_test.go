package outbox_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/outbox"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// patience bounds every wait of these tests; it is reached only by a test that fails.
const patience = 3 * time.Minute

func newPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations})
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok says so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("did not happen: %s", what)
		case <-tick.C:
		}
	}
}

// receive takes one value from c.
func receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("did not come: %s", what)
		panic("unreachable")
	}
}

func publish(t testing.TB, pool *pgxpool.Pool, msgs ...outbox.Message) {
	t.Helper()
	err := pgx.BeginFunc(testContext(t), pool, func(tx pgx.Tx) error { return outbox.Publish(t.Context(), tx, msgs...) })
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func message(destination, lane, key string) outbox.Message {
	return outbox.Message{Destination: destination, Lane: lane, Kind: "test", Key: key, Payload: []byte(key)}
}

// running is a relay that runs until stop is called or the test ends.
type running struct {
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
	err    error
}

func (r *running) stop(t testing.TB) {
	t.Helper()
	r.once.Do(func() {
		r.cancel()
		select {
		case r.err = <-r.done:
		case <-time.After(patience):
			t.Errorf("relay did not stop")
		}
	})
	if r.err != nil {
		t.Errorf("relay: %v", r.err)
	}
}

// run starts a relay. Its options have no jitter (every wait after a failure is over at once) unless o says otherwise,
// and it polls slowly, so that tests which are quick prove that they were woken.
func run(t testing.TB, pool *pgxpool.Pool, o outbox.Options, dests ...outbox.Destination) *running {
	t.Helper()
	if o.Owner == "" {
		o.Owner = "test"
	}
	if o.Rand == nil {
		o.Rand = func() float64 { return 0 }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(logWriter{t, &sync.Mutex{}}, nil))
	}
	relay, err := outbox.NewRelay(pool, dests, o)
	if err != nil {
		t.Fatalf("new relay: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- relay.Run(ctx) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

type logWriter struct {
	t  testing.TB
	mu *sync.Mutex
}

func (w logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// recorder is a Sender that remembers what it was asked to send, and answers as told.
type recorder struct {
	answer func(ctx context.Context, d outbox.Delivery) outbox.Outcome

	mu   sync.Mutex
	seen []string // keys in order
}

func (r *recorder) Send(ctx context.Context, d outbox.Delivery) outbox.Outcome {
	r.mu.Lock()
	r.seen = append(r.seen, d.Key)
	r.mu.Unlock()
	if r.answer == nil {
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}
	return r.answer(ctx, d)
}

func (r *recorder) keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.seen...)
}

func (r *recorder) count() int { return len(r.keys()) }

func stats(t testing.TB, pool *pgxpool.Pool, destination string) outbox.DestinationStats {
	t.Helper()
	list, err := outbox.Stats(testContext(t), pool)
	if err != nil {
		t.Fatalf("stats: %v", err)
	}
	for _, s := range list {
		if s.Destination == destination {
			return s
		}
	}
	return outbox.DestinationStats{Destination: destination}
}

// row gives the message with the given key.
func row(t testing.TB, pool *pgxpool.Pool, key string) outbox.Row {
	t.Helper()
	list, err := outbox.List(testContext(t), pool, outbox.Filter{})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	for _, m := range list {
		if m.Key == key {
			return m
		}
	}
	t.Fatalf("no message %q", key)
	panic("unreachable")
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) int64 {
	t.Helper()
	tag, err := pool.Exec(testContext(t), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag.RowsAffected()
}

func scalar[T any](t testing.TB, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := pool.QueryRow(testContext(t), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// consistent checks the invariants of the tables while no relay and no publisher is at work.
func consistent(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	for name, sql := range map[string]string{
		"lanes without anything pending": `select count(*) from outbox.lane l where not exists
			(select from outbox.pending p where p.destination = l.destination and p.lane = l.key)`,
		"pending messages without a lane": `select count(*) from outbox.pending p where not exists
			(select from outbox.lane l where p.destination = l.destination and p.lane = l.key)`,
		"lanes that are not due when their heads are": `select count(*) from outbox.lane l where l.fence is null and l.ready_at <>
			(select p.due from outbox.pending p where p.destination = l.destination and p.lane = l.key order by p.id limit 1)`,
		"pending messages in another state": `select count(*) from outbox.pending p join outbox.message m using (id)
			where m.state <> case when p.due = 'infinity' then 'dead' else 'ready' end`,
		"messages that are taken": `select count(*) from outbox.taken`,
		"ready messages that are neither in the log, nor pending, nor delivered": `select count(*) from outbox.message m where m.state = 'ready'
			and not exists (select from outbox.untaken u where u.id = m.id)
			and not exists (select from outbox.pending p where p.id = m.id)
			and not exists (select from outbox.attempt a where a.message = m.id and a.result = 'delivered')`,
		"dead messages that are not listed": `select count(*) from outbox.message m full join outbox.dead d using (id)
			where (m.state = 'dead') is distinct from (d.since is not null)`,
	} {
		if n := scalar[int](t, pool, sql); n != 0 {
			t.Errorf("%d %s", n, name)
		}
	}
}
