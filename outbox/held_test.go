package outbox_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// An open writing transaction of another database of the cluster keeps events
// back; who holds them is told, and when it has ended nothing is held. The end
// of the feed is where reading goes on.
func TestHeldEventsAreToldWithTheirHolder(t *testing.T) {
	t.Parallel()
	pool, other := newPool(t), newPool(t)
	ctx := t.Context()
	end, err := outbox.End(ctx, pool)
	if err != nil || end != "" {
		t.Errorf("end of an empty record: %q, %v", end, err)
	}
	tx, err := other.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, `set local application_name = 'report'; select pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return outbox.Append(ctx, tx, outbox.Event{ID: "e", Type: "test.happened", Source: "/test", Subject: "s", Time: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	held, err := outbox.HeldEvents(ctx, pool)
	if err != nil || held.Events != 1 || held.For <= 0 || held.PID == 0 || held.Database == "" {
		t.Errorf("held %+v, %v", held, err)
	}
	// Other tests write too, so that the oldest writer may be theirs for a moment.
	for held.Application != "report" && ctx.Err() == nil {
		if held, err = outbox.HeldEvents(ctx, pool); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	events, err := outbox.Wait(ctx, pool, "", 10, time.Minute)
	if err != nil || len(events) != 1 {
		t.Fatalf("%v, %v", events, err)
	}
	if held, err := outbox.HeldEvents(ctx, pool); err != nil || held != (outbox.Held{}) {
		t.Errorf("held %+v, %v", held, err)
	}
	if end, err = outbox.End(ctx, pool); err != nil || end != events[0].Position {
		t.Errorf("end %q, %v; the last event is at %q", end, err, events[0].Position)
	}
}
