// Package crash_test proves what the outbox promises with real processes that are killed and stopped, and a database
// that is stopped at once.
package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

const (
	destination = "tax"
	inFlight    = 8   // sends of one process at a time
	lanes       = 150 // that processes publish to
	batch       = 40  // messages of one transaction

	childEnv = "RISTMIK_CRASH_CHILD"

	// unknownKind is a kind of messages that programs do not know unless they are told.
	unknownKind = "of a version to come"
)

// task is what a child process does: it always relays.
type task struct {
	// URL is the database's, Owner the relay's name, Receiver the address that messages are sent to.
	URL, Owner, Receiver string
	// Publish says that the process publishes too.
	Publish bool
	// KillAt is the point at which the process kills itself, when it gets there for the KillOn-th time.
	KillAt string
	KillOn int
	// Tell says that the receiver is to be told of each point.
	Tell bool
	// Lanes is what the names of the lanes begin with that the process publishes to.
	Lanes string
	// Knows is a kind of messages that only a newer program knows.
	Knows string
	// Rate is the destination's pace, in messages a second; 0 is none.
	Rate float64
	// Attempts and Lease are the policy's and the relay's.
	Attempts int
	Lease    time.Duration
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := child(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a process that ends at SIGTERM, or when it is killed.
func child(text string) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := &client{task: t, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * inFlight}}}
	p := &points{kill: t.KillAt, on: t.KillOn, seen: map[string]int{}, last: map[*pgx.Conn]string{}}
	if t.Tell {
		p.tell = func(name string) { c.post(context.Background(), "/point", url.Values{"name": {name}}) }
	}
	c.points = p
	cfg, err := pgxpool.ParseConfig(t.URL)
	if err != nil {
		return err
	}
	cfg.MaxConns = 12
	cfg.ConnConfig.Tracer = p
	// As in the product: what a process that stands still has locked is not locked for ever.
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "2s"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	relay, err := outbox.NewRelay(pool, []outbox.Destination{{Name: destination, Sender: c, Policy: outbox.Policy{
		Idempotent: true, Rate: t.Rate, MaxInFlight: inFlight, MaxAttempts: t.Attempts, OnDead: outbox.Skip, Base: time.Millisecond, Cap: 50 * time.Millisecond,
	}}}, outbox.Options{
		Observe: func(o outbox.Observation) {
			if o.Event == outbox.ObservedLost {
				c.post(context.Background(), "/lost", nil)
			}
		},
		Owner: t.Owner, Workers: inFlight, Poll: 200 * time.Millisecond, Lease: t.Lease, Alive: time.Second,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	if t.Publish {
		all.Go(func() { c.publish(ctx, pool) })
	}
	err = relay.Run(ctx)
	all.Wait()
	return err
}

// client publishes, sends to the receiver, and tells it what is acknowledged.
type client struct {
	task
	http   *http.Client
	points *points
}

// post gives the answer's status, 0 for none.
func (c *client) post(ctx context.Context, path string, form url.Values) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Receiver+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// Send sends a message; some kinds of it are poison.
func (c *client) Send(ctx context.Context, d outbox.Delivery) outbox.Outcome {
	switch d.Kind {
	case unknownKind:
		if c.Knows != unknownKind {
			return outbox.Outcome{Result: outbox.ResultDead, Reason: "unknown_kind"}
		}
	case "panics":
		panic("poison")
	case "exhausts memory":
		_ = make([]byte, 1<<uint(44+len(d.Key)-len(d.Key)))
	case "never ends":
		<-ctx.Done()
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "never_ended"}
	}
	c.points.reach("before the send")
	status := c.post(ctx, "/message", url.Values{"key": {d.Key}, "lane": {d.Lane}, "owner": {c.Owner}, "pid": {fmt.Sprint(os.Getpid())}})
	c.points.reach("after the send")
	switch status {
	case http.StatusOK:
		return outbox.Outcome{Result: outbox.ResultDelivered}
	case http.StatusConflict:
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "refused"}
	case http.StatusServiceUnavailable:
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy"}
	}
	return outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer"}
}

// publish publishes as long as the receiver wants more. A transaction whose end is not known is repeated: its
// messages have the same keys.
func (c *client) publish(ctx context.Context, pool *pgxpool.Pool) {
	for n := 0; ctx.Err() == nil; n++ {
		msgs := make([]outbox.Message, batch)
		keys := make([]string, batch)
		for i := range msgs {
			keys[i] = fmt.Sprintf("%s-%d-%d", c.Owner, n, i)
			msgs[i] = outbox.Message{Destination: destination, Lane: fmt.Sprint(c.Lanes, rand.IntN(lanes)), Kind: "test", Key: keys[i], Payload: []byte("{}")}
		}
		for pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Publish(ctx, tx, msgs...) }) != nil {
			if !pause(ctx, 20*time.Millisecond) {
				return
			}
		}
		c.points.reach("published, not acknowledged")
		status := 0
		for status != http.StatusOK {
			status = c.post(ctx, "/acknowledge", url.Values{"key": keys})
			if status != http.StatusOK && !pause(ctx, 20*time.Millisecond) {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// points are the places at which a process can die: before and after each statement that it sends to the database, and
// before and after each send. A statement is known by its beginning, a commit by what came before it.
type points struct {
	kill string
	on   int
	tell func(name string)

	mu   sync.Mutex
	seen map[string]int
	last map[*pgx.Conn]string
}

func (p *points) reach(name string) {
	p.mu.Lock()
	p.seen[name]++
	n := p.seen[name]
	p.mu.Unlock()
	if name == p.kill && n == p.on {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	if n == 1 && p.tell != nil {
		p.tell(name)
	}
}

// named gives the statement's name, and remembers it for the commit.
func (p *points) named(conn *pgx.Conn, sql string) string {
	name := strings.Join(strings.Fields(sql), " ")
	name = name[:min(len(name), 70)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "commit" {
		return "commit of: " + p.last[conn]
	}
	p.last[conn] = name
	return name
}

type nameKey struct{}

func (p *points) start(ctx context.Context, conn *pgx.Conn, sql string) context.Context {
	name := p.named(conn, sql)
	p.reach("before " + name)
	return context.WithValue(ctx, nameKey{}, name)
}

func (p *points) end(ctx context.Context) {
	if name, ok := ctx.Value(nameKey{}).(string); ok {
		p.reach("after " + name)
	}
}

func (p *points) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return p.start(ctx, conn, data.SQL)
}

func (p *points) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { p.end(ctx) }

func (p *points) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	return p.start(ctx, conn, data.Batch.QueuedQueries[0].SQL)
}

func (p *points) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (p *points) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { p.end(ctx) }
