package subscriber_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/core"
	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/outbox"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations}, postgres.MigrationSet{Name: "core", FS: core.Migrations})
}

// sink is a receiver that remembers what it took, and answers as it is told.
type sink struct {
	mu     sync.Mutex
	taken  []subscriber.Event
	answer func(e subscriber.Event) outbox.Outcome
	change chan struct{}
}

func newSink() *sink {
	return &sink{change: make(chan struct{}, 1), answer: func(subscriber.Event) outbox.Outcome { return outbox.Outcome{Result: outbox.ResultDelivered} }}
}

func (s *sink) Deliver(_ context.Context, e subscriber.Event) outbox.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.answer(e)
	if out.Result == outbox.ResultDelivered {
		s.taken = append(s.taken, e)
	}
	select {
	case s.change <- struct{}{}:
	default:
	}
	return out
}

func (s *sink) answers(f func(e subscriber.Event) outbox.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *sink) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, e := range s.taken {
		list = append(list, e.ID)
	}
	return list
}

// serve runs subscriptions as a process does, until the end of the test.
func serve(t *testing.T, pool *pgxpool.Pool, owner string, subs ...subscriber.Subscription) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	h, err := subscriber.New(subscriber.Options{Pool: pool, Poll: 20 * time.Millisecond, Log: log, Now: time.Now, NewID: uuid.NewString}, subs...)
	if err != nil {
		t.Fatal(err)
	}
	relay, err := outbox.NewRelay(pool, h.Destinations(func(string) outbox.Policy {
		return outbox.Policy{Base: time.Millisecond, Cap: 5 * time.Millisecond, MaxAttempts: 100_000, Idempotent: true}
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

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}

func tell(t *testing.T, pool *pgxpool.Pool, events ...outbox.Event) {
	t.Helper()
	ctx := context.Background()
	if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Append(ctx, tx, events...) }); err != nil {
		t.Fatal(err)
	}
}

func happened(id, kind, subject string) outbox.Event {
	return outbox.Event{ID: id, Type: kind, Source: "/test", Subject: subject, Time: time.Now(), Data: []byte(`{"n":1}`)}
}

// standing is how the subscription stands.
func standing(t *testing.T, pool *pgxpool.Pool, name string) subscriber.Status {
	t.Helper()
	list, err := subscriber.List(context.Background(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == name {
			return s
		}
	}
	return subscriber.Status{}
}

// Events of a case come in exactly the order in which they were committed, each
// once, while three processes serve the subscription, writers are many and the
// receiver fails at random.
func TestEventsOfACaseComeInCommittedOrder(t *testing.T) {
	t.Parallel()
	pool, s := newPool(t), newSink()
	rng := rand.New(rand.NewPCG(1, 2))
	s.answers(func(subscriber.Event) outbox.Outcome {
		switch rng.IntN(10) {
		case 0:
			return outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_500"}
		case 1:
			return outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer"}
		default:
			return outbox.Outcome{Result: outbox.ResultDelivered}
		}
	})
	for _, owner := range []string{"one", "two", "three"} {
		serve(t, pool, owner, subscriber.Subscription{Name: "ris", From: subscriber.StartBeginning, Sink: s})
	}
	const writers, each, cases = 4, 50, 5
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				tell(t, pool, happened(fmt.Sprintf("%d-%d", w, i), "test.happened", fmt.Sprint("case-", (w+i)%cases)))
			}
		})
	}
	writing.Wait()
	eventually(t, "all are told", func() bool { return len(s.ids()) >= writers*each })
	feed, err := outbox.Events(t.Context(), pool, "", 10_000)
	if err != nil || len(feed) != writers*each {
		t.Fatalf("%d events, %v", len(feed), err)
	}
	want, got := map[string][]string{}, map[string][]string{}
	for _, e := range feed {
		want[e.Event.Subject] = append(want[e.Event.Subject], e.Event.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.taken {
		got[e.Subject] = append(got[e.Subject], e.ID)
	}
	for subject, ids := range want {
		if !slices.Equal(ids, got[subject]) {
			t.Errorf("%s: told %v, committed %v", subject, got[subject], ids)
		}
	}
}

// A subscription is told of what its types and its client's rights have in
// common, from the moment at which it was there first.
func TestSubscriptionsAreFiltered(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	tell(t, pool, happened("before", "consultation.answered", "s"))
	if _, err := outbox.Wait(t.Context(), pool, "", 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	all, some, old := newSink(), newSink(), newSink()
	serve(t, pool, "one",
		subscriber.Subscription{Name: "all", Sink: all},
		subscriber.Subscription{Name: "some", Types: core.Types{"consultation.*", "employment.ended"}, Rights: core.Types{"consultation.answered", "employment.*"}, Sink: some},
		subscriber.Subscription{Name: "old", From: subscriber.StartBeginning, Types: core.Types{"consultation.answered"}, Sink: old})
	eventually(t, "all are there", func() bool {
		return standing(t, pool, "all").Name != "" && standing(t, pool, "some").Name != "" && standing(t, pool, "old").Name != ""
	})
	for i, kind := range []string{"consultation.requested", "consultation.answered", "employment.changed", "employment.ended"} {
		tell(t, pool, happened(fmt.Sprint("e", i), kind, "s"))
	}
	eventually(t, "all are told", func() bool { return len(all.ids()) == 4 && len(some.ids()) == 2 && len(old.ids()) == 2 })
	if got := append(some.ids(), old.ids()...); !slices.Equal(got, []string{"e1", "e3", "before", "e1"}) {
		t.Errorf("told %v", got)
	}
	var event struct {
		SpecVersion, ID, Type, Subject, Position string
		Data                                     struct{ N int }
	}
	if err := json.Unmarshal(all.taken[0].Body, &event); err != nil || event.ID != "e0" || event.SpecVersion != "1.0" || event.Subject != "s" || event.Position == "" || event.Data.N != 1 {
		t.Errorf("%+v, %v\n%s", event, err, all.taken[0].Body)
	}
}

// One that has taken nothing for long is disabled, with one event that says so;
// its events wait, and when it is enabled they are told from where it stopped.
func TestASubscriptionThatFailsForLongIsDisabled(t *testing.T) {
	t.Parallel()
	pool, s := newPool(t), newSink()
	s.answers(func(subscriber.Event) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_500"}
	})
	serve(t, pool, "one", subscriber.Subscription{Name: "ris", From: subscriber.StartBeginning, DisableAfter: time.Hour, Sink: s})
	tell(t, pool, happened("e0", "test.happened", "a"), happened("e1", "test.happened", "b"))
	eventually(t, "it fails", func() bool { return !standing(t, pool, "ris").FailingSince.IsZero() })
	if now := standing(t, pool, "ris"); now.FailingReason != "http_500" || !now.DisabledAt.IsZero() {
		t.Errorf("%+v", now)
	}
	if _, err := pool.Exec(t.Context(), `update core.subscription set failing_since = failing_since - interval '2 hours'`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is disabled", func() bool { return !standing(t, pool, "ris").DisabledAt.IsZero() })
	if now := standing(t, pool, "ris"); now.DisabledReason != "http_500" || now.DisabledBy != "ristmik" {
		t.Errorf("%+v", now)
	}
	tell(t, pool, happened("e2", "test.happened", "a"))
	feed, err := outbox.Wait(t.Context(), pool, "", 100, time.Minute)
	notices := 0
	for err == nil && notices == 0 {
		for _, e := range feed {
			if e.Event.Type == subscriber.EventDisabled {
				notices++
				if e.Event.Subject != "subscription:ris" || !strings.Contains(string(e.Event.Data), `"reason":"http_500"`) {
					t.Errorf("notice %+v %s", e.Event, e.Event.Data)
				}
			}
		}
		feed, err = outbox.Wait(t.Context(), pool, "", 100, time.Minute)
	}
	if err != nil || notices != 1 {
		t.Errorf("%d notices, %v", notices, err)
	}
	s.answers(func(subscriber.Event) outbox.Outcome { return outbox.Outcome{Result: outbox.ResultDelivered} })
	if err := subscriber.Enable(t.Context(), pool, "ris"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is told of everything", func() bool { return slices.Contains(s.ids(), "e2") && len(s.ids()) >= 3 })
	if now := standing(t, pool, "ris"); !now.DisabledAt.IsZero() {
		t.Errorf("%+v", now)
	}
}

// A receiver that is gone is disabled at once.
func TestAReceiverThatIsGoneIsDisabledAtOnce(t *testing.T) {
	t.Parallel()
	pool, s := newPool(t), newSink()
	s.answers(func(subscriber.Event) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: subscriber.ReasonGone}
	})
	serve(t, pool, "one", subscriber.Subscription{Name: "ris", From: subscriber.StartBeginning, Sink: s})
	tell(t, pool, happened("e0", "test.happened", "a"))
	eventually(t, "it is disabled", func() bool { return standing(t, pool, "ris").DisabledReason == subscriber.ReasonGone })
}

// A success ends the time of failing.
func TestASuccessEndsTheFailing(t *testing.T) {
	t.Parallel()
	pool, s := newPool(t), newSink()
	s.answers(func(subscriber.Event) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_500"}
	})
	serve(t, pool, "one", subscriber.Subscription{Name: "ris", From: subscriber.StartBeginning, Sink: s})
	tell(t, pool, happened("e0", "test.happened", "a"))
	eventually(t, "it fails", func() bool { return !standing(t, pool, "ris").FailingSince.IsZero() })
	s.answers(func(subscriber.Event) outbox.Outcome { return outbox.Outcome{Result: outbox.ResultDelivered} })
	eventually(t, "it fails no more", func() bool { return standing(t, pool, "ris").FailingSince.IsZero() && len(s.ids()) == 1 })
}

// Events after any position are told again, under the same ids.
func TestReplay(t *testing.T) {
	t.Parallel()
	pool, s := newPool(t), newSink()
	serve(t, pool, "one", subscriber.Subscription{Name: "ris", From: subscriber.StartBeginning, Sink: s})
	for i := range 3 {
		tell(t, pool, happened(fmt.Sprint("e", i), "test.happened", "a"))
	}
	eventually(t, "all are told", func() bool { return len(s.ids()) == 3 })
	feed, err := outbox.Events(t.Context(), pool, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := subscriber.Replay(t.Context(), pool, "ris", feed[0].Position); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two are told again", func() bool { return len(s.ids()) == 5 })
	if err := subscriber.Replay(t.Context(), pool, "ris", ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are told again", func() bool { return len(s.ids()) == 8 })
	if got := s.ids(); !slices.Equal(got, []string{"e0", "e1", "e2", "e1", "e2", "e0", "e1", "e2"}) {
		t.Errorf("told %v", got)
	}
	if now := standing(t, pool, "ris"); now.Replays != 2 || now.Cursor != feed[2].Position {
		t.Errorf("%+v", now)
	}
	if err := subscriber.Replay(t.Context(), pool, "ris", "nonsense"); !errors.Is(err, outbox.ErrBadPosition) {
		t.Errorf("%v", err)
	}
	for _, err := range []error{
		subscriber.Replay(t.Context(), pool, "other", ""), subscriber.Enable(t.Context(), pool, "other"), subscriber.Disable(t.Context(), pool, "other", "mari", "x"),
	} {
		if !errors.Is(err, subscriber.ErrUnknown) {
			t.Errorf("%v", err)
		}
	}
}

// A person disables with a reason; nothing is told until it is enabled.
func TestAPersonDisables(t *testing.T) {
	t.Parallel()
	pool, s := newPool(t), newSink()
	serve(t, pool, "one", subscriber.Subscription{Name: "ris", From: subscriber.StartBeginning, Sink: s})
	eventually(t, "it is there", func() bool { return standing(t, pool, "ris").Name != "" })
	if err := subscriber.Disable(t.Context(), pool, "ris", "mari", "it moves"); err != nil {
		t.Fatal(err)
	}
	tell(t, pool, happened("e0", "test.happened", "a"))
	if _, err := outbox.Wait(t.Context(), pool, "", 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	if now := standing(t, pool, "ris"); now.DisabledBy != "mari" || now.DisabledReason != "it moves" || now.Cursor != "" || len(s.ids()) != 0 {
		t.Errorf("%+v, told %v", now, s.ids())
	}
	if err := subscriber.Enable(t.Context(), pool, "ris"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is told", func() bool { return len(s.ids()) == 1 })
}

func TestSubscriptionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	s := newSink()
	_, err := subscriber.New(subscriber.Options{}, subscriber.Subscription{Name: "a", Sink: s}, subscriber.Subscription{Name: "a", Sink: s},
		subscriber.Subscription{Name: "b"}, subscriber.Subscription{Name: "c", Sink: s, From: "tomorrow"})
	for _, want := range []string{`"a": the name`, "b: no sink", `"tomorrow"`, "a pool"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
