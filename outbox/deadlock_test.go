package outbox_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// A publisher waits for no row that a relay or a person has locked, so that it can be in no circle with them. It keeps what
// its transaction has done before.
func TestBug19DeadlockOfAPublisherDoesNotSurface(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	exec(t, pool, `create table effect (who text)`)
	publishBefore(t, pool, message("tax", "a", "a1"), message("tax", "b", "b1"), message("tax", "c", "c1"))
	relay, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = relay.Rollback(context.WithoutCancel(ctx)) }()
	for _, table := range []string{"lane", "pending", "message"} {
		if _, err := relay.Exec(ctx, `select from outbox.`+table+` for update`); err != nil {
			t.Fatal(err)
		}
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local lock_timeout = '10s'`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into effect values ('before')`); err != nil {
			return err
		}
		return outbox.Publish(ctx, tx, message("tax", "c", "c2"), message("tax", "b", "b2"), message("tax", "a", "a2"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.message`) + scalar[int](t, pool, `select count(*) from effect`); n != 7 {
		t.Errorf("%d rows, want 6 messages and what was done before", n)
	}
	consistent(t, pool)
}
