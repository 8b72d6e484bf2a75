package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// A table that has grown from nothing to many rows has no statistics yet, and statements prepared while it was empty
// are still in use. A claim reads the lanes that it takes all the same, and never all that are due.
func TestBug20AClaimReadsOnlyWhatItTakes(t *testing.T) {
	t.Parallel()
	const group, groups = 50, 10
	waiting := provetest.Count(4000, 1_000_000)
	pool := newPool(t)
	exec(t, pool, `alter table outbox.message set (autovacuum_enabled = false)`)
	own, err := pgxpool.NewWithConfig(t.Context(), pool.Config()) // counts are told when its connections end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	sending := make(chan string, waiting)
	release := make(chan struct{})
	r := run(t, own, outbox.Options{Workers: group}, outbox.Destination{Name: "tax", Policy: outbox.Policy{MaxInFlight: group}, Sender: outbox.SenderFunc(
		func(ctx context.Context, d outbox.Delivery) outbox.Outcome {
			sending <- d.Key
			select {
			case <-release:
				return outbox.Outcome{Result: outbox.ResultDelivered}
			case <-ctx.Done():
				return outbox.Outcome{Result: outbox.ResultWait}
			}
		})})
	publish(t, pool, message("tax", "first", "first"))
	receive(t, "the first one", sending)
	release <- struct{}{}
	var msgs []outbox.Message
	for i := range waiting {
		msgs = append(msgs, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
	}
	for chunk := range slices.Chunk(msgs, 10_000) {
		publish(t, pool, chunk...)
	}
	for range groups {
		for range group {
			receive(t, "a send", sending)
		}
		for range group {
			release <- struct{}{}
		}
	}
	r.cancel()
	r.stop(t)
	own.Close()
	// Publishing has looked every lane up once or twice, and claims meet lanes that are locked; ten walks would be ten times as many.
	if got := messagesRead(t, pool); got > 5*waiting {
		t.Errorf("%d reads of messages for %d messages sent of %d waiting", got, group*groups, waiting)
	}
}

// A relay that takes a destination over looks up what the last owner held, and reads none of the messages that wait.
func TestATakeoverReadsOnlyWhatWasHeld(t *testing.T) {
	t.Parallel()
	const waiting, held, newest = 5000, 3, 1000 // Resume looks at the newest ones
	pool := newPool(t)
	exec(t, pool, `alter table outbox.message set (autovacuum_enabled = false)`)
	exec(t, pool, `insert into outbox.message (destination, lane, kind, key, payload, born)
select 'tax', i::text, 'test', i::text, '', pg_current_xact_id() from generate_series(1, $1::int) i`, waiting)
	exec(t, pool, `insert into outbox.feed (destination, sent_by, fence) values ('tax', 'gone', 1)`)
	exec(t, pool, `insert into outbox.held (destination, batch, ids) values ('tax', 1, array(select * from generate_series(1, $1::int)))`, held)
	if err := outbox.Pause(t.Context(), pool, "tax", "test", "nothing is to be sent", time.Hour); err != nil {
		t.Fatal(err)
	}
	own, err := pgxpool.NewWithConfig(t.Context(), pool.Config()) // counts are told when its connections end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	r := run(t, own, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "put aside", func() bool { return scalar[int](t, pool, `select count(*)::int from outbox.pending`) == held })
	r.stop(t)
	own.Close()
	if got := messagesRead(t, pool); got > newest+100 {
		t.Errorf("%d reads of messages for %d held, of %d waiting", got, held, waiting)
	}
}

// messagesRead is how many reads of messages have been told, once there are some.
func messagesRead(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	eventually(t, "told", func() bool {
		n = scalar[int](t, pool, `select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int from pg_stat_user_tables where relid = 'outbox.message'::regclass`)
		return n > 0
	})
	return n
}
