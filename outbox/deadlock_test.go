package outbox_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// A publisher that is the victim of a deadlock gives up the lanes it has locked, tries again, and keeps what its
// transaction has done before: the caller sees nothing of it.
func TestBug19DeadlockOfAPublisherDoesNotSurface(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	exec(t, pool, `create table effect (who text)`)
	publish(t, pool, message("tax", "a", "a1"), message("tax", "b", "b1"), message("tax", "c", "c1"))
	lock := func(tx pgx.Tx, lane string) error {
		_, err := tx.Exec(ctx, `select from outbox.lane where destination = 'tax' and key = $1 for update`, lane)
		return err
	}
	begin := func(deadlockTimeout string, lanes ...string) pgx.Tx {
		tx, err := pool.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(ctx)) })
		if _, err := tx.Exec(ctx, `set local deadlock_timeout = '`+deadlockTimeout+`'`); err != nil {
			t.Fatal(err)
		}
		for _, lane := range lanes {
			if err := lock(tx, lane); err != nil {
				t.Fatal(err)
			}
		}
		return tx
	}
	waiting := func(n int) func() bool {
		return func() bool {
			return scalar[int](t, pool, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == n
		}
	}
	// The publisher holds a and waits for b; the relay holds c and waits for a; then b is let go, the publisher comes to
	// c, and closes the circle. Only it looks for deadlocks soon enough to be the victim.
	gate, relay, publisher := begin("1h", "b"), begin("1h", "c"), begin("10ms")
	if _, err := publisher.Exec(ctx, `insert into effect values ('before')`); err != nil {
		t.Fatal(err)
	}
	published, claimed := make(chan error, 1), make(chan error, 1)
	go func() {
		published <- outbox.Publish(ctx, publisher, message("tax", "c", "c2"), message("tax", "b", "b2"), message("tax", "a", "a2"))
	}()
	eventually(t, "the publisher waits for b", waiting(1))
	go func() { claimed <- lock(relay, "a") }()
	eventually(t, "the relay waits for a", waiting(2))
	if err := gate.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "lane a", claimed); err != nil {
		t.Fatal(err)
	}
	if err := relay.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "the publisher", published); err != nil {
		t.Fatal(err)
	}
	if err := publisher.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.message`) + scalar[int](t, pool, `select count(*) from effect`); n != 7 {
		t.Errorf("%d rows, want 6 messages and what was done before", n)
	}
	consistent(t, pool)
}
