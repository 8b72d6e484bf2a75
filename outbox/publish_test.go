package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

func TestPublishedMessageIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	got := make(chan outbox.Delivery, 10)
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: outbox.SenderFunc(
		func(_ context.Context, d outbox.Delivery) outbox.Outcome {
			got <- d
			return outbox.Outcome{Result: outbox.ResultDelivered, Exchange: "x-1"}
		})})
	m := outbox.Message{Destination: "tax", Lane: "l", Kind: "permit", Key: "k", Payload: []byte{0, 1, 255}, TraceParent: "00-1"}
	publish(t, pool, m)
	d := receive(t, "the delivery", got)
	if diff := cmp.Diff(m, d.Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if d.Attempt != 1 || d.ID == 0 || time.Since(d.Published).Abs() > time.Hour {
		t.Errorf("delivery %d, attempt %d, published %s", d.ID, d.Attempt, d.Published)
	}
	eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
	r.stop(t)
	if len(got) != 0 {
		t.Errorf("sent again")
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.attempt where exchange = 'x-1' and result = 'delivered' and owner = 'test' and finished_at >= started_at`); n != 1 {
		t.Errorf("%d attempts recorded", n)
	}
	if s := stats(t, pool, "tax"); s.Delivered != 1 || s.Ready+s.Sending+s.Waiting+s.Parked+s.Dead != 0 {
		t.Errorf("stats %+v", s)
	}
	consistent(t, pool)
}

func TestRolledBackPublishSendsNothing(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	undone := errors.New("undone")
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := outbox.Publish(ctx, tx, message("tax", "l", "gone")); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	var sender recorder
	publish(t, pool, message("tax", "l", "kept"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	r.stop(t)
	if diff := cmp.Diff([]string{"kept"}, sender.keys()); diff != "" {
		t.Error(diff)
	}
	consistent(t, pool)
}

func TestPublishingAKeyAgainIsOneMessage(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	publish(t, pool, message("tax", "l", "a"), message("tax", "l", "a"))
	publish(t, pool, message("tax", "l", "a"), message("tax", "l", "b"), message("labour", "l", "a"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
	publish(t, pool, message("tax", "l", "a"))     // delivered already
	publish(t, pool, message("tax", "other", "a")) // in whatever lane
	publish(t, pool, message("tax", "l", "c"))
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	r.stop(t)
	if diff := cmp.Diff([]string{"a", "b", "c"}, sender.keys()); diff != "" {
		t.Error(diff)
	}
	if s := stats(t, pool, "labour"); s.Ready != 1 {
		t.Errorf("the other destination has its own keys: %+v", s)
	}
	consistent(t, pool)
}

func TestPublishRefusesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	for name, change := range map[string]func(*outbox.Message){
		"no destination":   func(m *outbox.Message) { m.Destination = "" },
		"long destination": func(m *outbox.Message) { m.Destination = strings.Repeat("d", 60) },
		"no lane":          func(m *outbox.Message) { m.Lane = "" },
		"no kind":          func(m *outbox.Message) { m.Kind = "" },
		"no key":           func(m *outbox.Message) { m.Key = "" },
		"zero byte":        func(m *outbox.Message) { m.Lane = "a\x00b" },
		"not utf-8":        func(m *outbox.Message) { m.Key = "\xff" },
		"negative delay":   func(m *outbox.Message) { m.Delay = -1 },
	} {
		bad := message("tax", "l", "secret-key")
		change(&bad)
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if err := outbox.Publish(ctx, tx, message("tax", "l", "good"), bad); !errors.Is(err, outbox.ErrInvalid) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", name, err)
			}
			return nil // the transaction is still good: nothing of the call was stored
		})
		if err != nil {
			t.Errorf("%s: commit: %v", name, err)
		}
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.message`); n != 0 {
		t.Errorf("%d messages stored", n)
	}
	if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return outbox.Publish(ctx, tx) }); err != nil {
		t.Errorf("nothing to publish: %v", err)
	}
}

func TestDelayKeepsTheMessageAndThoseBehindIt(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	late := message("tax", "l", "late")
	late.Delay = time.Hour
	publish(t, pool, late, message("tax", "l", "behind"), message("tax", "other", "free"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	if s := stats(t, pool, "tax"); s.Waiting != 2 {
		t.Errorf("stats %+v", s)
	}
	exec(t, pool, `update outbox.pending set due = now() where due > now()`)
	exec(t, pool, `update outbox.lane set ready_at = now()`)
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	r.stop(t)
	if diff := cmp.Diff([]string{"free", "late", "behind"}, sender.keys()); diff != "" {
		t.Error(diff)
	}
}

// The relay wakes when the next message is due, not when it polls next.
func TestRelayWakesWhenTheNextMessageIsDue(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	run(t, pool, outbox.Options{Poll: time.Hour}, outbox.Destination{Name: "tax", Sender: &sender})
	soon := message("tax", "l", "soon")
	soon.Delay = 300 * time.Millisecond
	publish(t, pool, soon)
	eventually(t, "delivered long before the next poll", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	age := scalar[float64](t, pool, `select extract(epoch from a.finished_at - m.published_at)::float8 from outbox.message m join outbox.attempt a on a.message = m.id`)
	if age < 0.3 {
		t.Errorf("delivered after %.3f s, before it was due", age)
	}
}

// A lane that is created for a message that is known and a later one is due when the later one is.
func TestAKnownMessageDoesNotMakeItsLaneDue(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publish(t, pool, message("tax", "l", "known"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "delivered", func() bool { return row(t, pool, "known").State == outbox.Delivered })
	r.stop(t)
	late := message("tax", "l", "late")
	late.Delay = time.Hour
	publish(t, pool, message("tax", "l", "known"), late)
	consistent(t, pool)
}
