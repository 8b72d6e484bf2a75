package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"ristmik/adapters/core"
	"ristmik/adapters/core/jetstream"
	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// server is a real nats-server that can be killed and comes back with what it has stored.
type server struct {
	t    *testing.T
	port string
	dir  string
	cmd  *exec.Cmd
}

func newServer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	s := &server{t: t, port: port, dir: t.TempDir()}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) url() string { return "nats://127.0.0.1:" + s.port }

func (s *server) start() {
	s.t.Helper()
	program := "nats-server"
	if path, err := exec.LookPath("/usr/sbin/nats-server"); err == nil { // where Debian has it, on nobody's PATH but root's
		program = path
	}
	s.cmd = exec.Command(program, "-a", "127.0.0.1", "-p", s.port, "-js", "-sd", s.dir)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start nats-server (on Debian: apt-get install nats-server): %v", err)
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// reader is a client that looks at streams.
func (s *server) reader() natsjs.JetStream {
	s.t.Helper()
	conn, err := nats.Connect(s.url(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	js, err := natsjs.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(2 * time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

func (s *server) makeStream(js natsjs.JetStream, subjects ...string) {
	s.t.Helper()
	eventually(s.t, "the stream is made", func() bool {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		_, err := js.CreateStream(ctx, natsjs.StreamConfig{Name: "EVENTS", Subjects: subjects})
		return err == nil
	})
}

type stored struct {
	subject, key, id string
	of               string // the case
}

// all reads a stream from its beginning.
func all(t *testing.T, js natsjs.JetStream) (list []stored) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := js.Stream(ctx, "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ ID, Subject, SpecVersion string }
		if err := json.Unmarshal(m.Data, &e); err != nil || e.SpecVersion != "1.0" {
			t.Fatalf("%s: %v", m.Data, err)
		}
		list = append(list, stored{m.Subject, m.Header.Get(natsjs.MsgIDHeader), e.ID, e.Subject})
	}
	return list
}

func newSink(t *testing.T, url string) *jetstream.Sink {
	t.Helper()
	s, err := jetstream.New(jetstream.Options{Servers: []string{url}, Plaintext: true, Stream: "EVENTS", Subject: "hub.events", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// serve runs a subscription as a process does, until the end of the test.
func serve(t *testing.T, pool *pgxpool.Pool, owner string, sink subscriber.Sink) {
	t.Helper()
	h, err := subscriber.New(subscriber.Options{Pool: pool, Poll: 20 * time.Millisecond, Now: time.Now, NewID: uuid.NewString},
		subscriber.Subscription{Name: "bus", From: subscriber.StartBeginning, Sink: sink})
	if err != nil {
		t.Fatal(err)
	}
	relay, err := outbox.NewRelay(pool, h.Destinations(func(string) outbox.Policy {
		return outbox.Policy{Base: time.Millisecond, Cap: 50 * time.Millisecond, MaxAttempts: 100_000, Idempotent: true,
			Breaker: outbox.BreakerPolicy{Failures: 1000, Share: 1, Least: 100_000, OpenFor: 100 * time.Millisecond, MaxOpen: time.Second}}
	}), outbox.Options{Owner: owner, Poll: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{h.Run, relay.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); running.Wait() })
}

func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations}, postgres.MigrationSet{Name: "core", FS: core.Migrations})
}

func tell(t *testing.T, pool *pgxpool.Pool, id, subject string) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return outbox.Append(t.Context(), tx, outbox.Event{ID: id, Type: "test.happened", Source: "/test", Subject: subject, Time: time.Now(), Data: []byte(`{}`)})
	})
	if err != nil {
		t.Error(err)
	}
}

// Events reach the stream in the order in which they were committed, each case by itself and each once, although the
// server is killed again and again; told again, they come again.
func TestEventsComeInCommittedOrderOverTheServersDeath(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	js := s.reader()
	s.makeStream(js, "hub.events.>")
	pool := newPool(t)
	for _, owner := range []string{"one", "two"} {
		serve(t, pool, owner, newSink(t, s.url()))
	}
	const writers, cases = 4, 5
	each, deaths := provetest.Count(60, 2000), provetest.Count(2, 20)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				tell(t, pool, fmt.Sprintf("%d-%d", w, i), fmt.Sprint("case-", rand.IntN(cases)))
			}
		})
	}
	count := func() int {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "EVENTS")
		if err != nil {
			return 0
		}
		return int(stream.CachedInfo().State.Msgs)
	}
	for n := range deaths {
		eventually(t, "events have come", func() bool { return count() >= writers*each*(n+1)/(deaths+2) })
		s.kill()
		s.start()
	}
	writing.Wait()
	eventually(t, "all are in the stream", func() bool { return count() >= writers*each })
	want := map[string][]string{}
	feed, err := outbox.Events(t.Context(), pool, "", 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range feed {
		want[e.Event.Subject] = append(want[e.Event.Subject], e.Event.ID)
	}
	compare := func(list []stored) {
		t.Helper()
		got := map[string][]string{}
		for _, m := range list {
			got[m.of] = append(got[m.of], m.id)
			if m.subject != "hub.events.test.happened" || !strings.HasPrefix(m.key, m.id) {
				t.Errorf("%+v", m)
			}
		}
		for of, ids := range want {
			if !slices.Equal(ids, got[of]) {
				t.Errorf("%s:\n got %v\nwant %v", of, got[of], ids)
			}
		}
	}
	first := all(t, js)
	compare(first)
	if err := subscriber.Replay(t.Context(), pool, "bus", ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all have come again", func() bool { return count() >= 2*len(first) })
	compare(all(t, js)[len(first):])
}

// What cannot be taken waits in the outbox: a server that is away, a stream that is not there or is another one.
func TestWhatCannotBeTakenIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	js := s.reader()
	sink := newSink(t, s.url())
	event := subscriber.Event{ID: "e", Key: "e", Type: "test.happened", Subject: "s", Body: []byte(`{"specversion":"1.0","id":"e","subject":"s"}`)}
	deliver := func() outbox.Outcome { return sink.Deliver(t.Context(), event) }
	eventually(t, "no stream", func() bool { return deliver().Reason == "no_stream" })
	s.makeStream(js, "hub.events.>")
	if out := deliver(); out.Result != outbox.ResultDelivered || out.Exchange != "EVENTS:1" {
		t.Errorf("%+v", out)
	}
	if out := deliver(); out.Result != outbox.ResultDelivered || out.Exchange != "EVENTS:1" { // it is known
		t.Errorf("%+v", out)
	}
	other, err := jetstream.New(jetstream.Options{Servers: []string{s.url()}, Plaintext: true, Stream: "OTHER", Subject: "hub.events"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if out := other.Deliver(t.Context(), event); out.Result != outbox.ResultRetry || !strings.HasPrefix(out.Reason, "nats_") {
		t.Errorf("another stream: %+v", out)
	}
	s.kill()
	if out := deliver(); out.Result != outbox.ResultRetry && out.Result != outbox.ResultUnknown || !out.CountsAgainst {
		t.Errorf("the server is away: %+v", out)
	}
	s.start()
	event.ID, event.Key = "f", "f"
	eventually(t, "it is taken again", func() bool { return deliver().Result == outbox.ResultDelivered })
	if list := all(t, js); len(list) != 2 {
		t.Errorf("%+v", list)
	}
}

func TestStreamsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]jetstream.Options{
		"no server":  {Stream: "E", Subject: "s"},
		"no stream":  {Servers: []string{"tls://a:4222"}, Subject: "s"},
		"plain text": {Servers: []string{"nats://a:4222"}, Stream: "E", Subject: "s"},
		"a wildcard": {Servers: []string{"tls://a:4222"}, Stream: "E", Subject: "s.>"},
	} {
		if _, err := jetstream.New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := jetstream.New(jetstream.Options{Servers: []string{"tls://a:4222"}, Stream: "E", Subject: "hub.events"}); err != nil {
		t.Error(err)
	}
}
