package outbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// notified says whether what do commits notifies the relays of tax.
func notified(t *testing.T, conn *pgx.Conn, do func()) bool {
	t.Helper()
	do()
	if _, err := conn.Exec(testContext(t), `select pg_notify('outbox: tax', 'end')`); err != nil {
		t.Fatal(err)
	}
	n, err := conn.WaitForNotification(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if n.Payload == "end" {
		return false
	}
	if n, err = conn.WaitForNotification(testContext(t)); err != nil || n.Payload != "end" {
		t.Fatalf("%v, %v: more than one", n, err)
	}
	return true
}

// A notifying transaction makes others wait at its commit, so only those notify who wake somebody.
func TestOnlyThoseNotifyWhoWakeSomebody(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), `listen "outbox: tax"`); err != nil {
		t.Fatal(err)
	}
	if notified(t, conn, func() { publish(t, pool, message("tax", "a", "a")) }) {
		t.Error("notified with no relay there")
	}
	var sender recorder
	r := run(t, pool, outbox.Options{Poll: time.Hour}, outbox.Destination{Name: "tax", Sender: &sender})
	asleep := func() bool {
		return scalar[int](t, pool, `select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock'
			and database = (select oid from pg_database where datname = current_database())`) == 1
	}
	eventually(t, "asleep", asleep)
	if !notified(t, conn, func() { publish(t, pool, message("tax", "b", "b")) }) {
		t.Error("a sleeping relay was not notified")
	}
	eventually(t, "delivered", func() bool { return sender.count() == 2 })
	eventually(t, "asleep again", asleep)
	r.stop(t)
	eventually(t, "its session has ended", func() bool { return !asleep() })
	if notified(t, conn, func() { publish(t, pool, message("tax", "c", "c")) }) {
		t.Error("notified after the relay has stopped")
	}
}

// Whoever has published and not yet committed while the relay was awake keeps it from going to sleep.
func TestARelayDoesNotSleepOverAnOpenTransaction(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	tx, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := outbox.Publish(ctx, tx, message("tax", "a", "a")); err != nil {
		t.Fatal(err)
	}
	var sender recorder
	run(t, pool, outbox.Options{Poll: time.Hour}, outbox.Destination{Name: "tax", Sender: &sender}, outbox.Destination{Name: "other", Sender: &sender})
	publish(t, pool, message("other", "o", "o"))
	eventually(t, "the relay works", func() bool { return sender.count() == 1 })
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivered long before the next poll", func() bool { return sender.count() == 2 })
}

// A relay whose session with the locks is lost finds what nobody has told it of when it polls.
func TestALostSleepersSessionCostsOnePoll(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	run(t, pool, outbox.Options{Poll: 300 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender})
	kill := `select count(pg_terminate_backend(l.pid)) from pg_locks l where l.locktype = 'advisory' and l.mode = 'ExclusiveLock'
		and l.database = (select oid from pg_database where datname = current_database())`
	for _, key := range []string{"a", "b"} {
		eventually(t, "asleep, and killed", func() bool { return scalar[int](t, pool, kill) == 1 })
		publish(t, pool, message("tax", key, key))
	}
	eventually(t, "delivered", func() bool { return sender.count() == 2 })
}

// A relay that nobody publishes to notices all the same that its session with the locks is lost, and takes them again.
func TestALostSleepersSessionIsNoticedWithoutMessages(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var sender recorder
	run(t, pool, outbox.Options{Poll: 20 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender})
	for range 3 {
		eventually(t, "asleep, and killed", func() bool {
			return scalar[int](t, pool, `select count(pg_terminate_backend(l.pid)) from pg_locks l where l.locktype = 'advisory' and l.mode = 'ExclusiveLock'
				and l.database = (select oid from pg_database where datname = current_database())`) == 1
		})
	}
}
