package outbox_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// BenchmarkDrain delivers messages of as many lanes to a sender that does nothing, and compares that with the least
// that any queue in tables does: claim rows with an UPDATE, delete them with a DELETE, by four workers, in batches as
// large as the relay's (1000) and as small as they get (1). Both run in turns, in the same database. It reports
// messages per second and ratios.
func BenchmarkDrain(b *testing.B) {
	const n = 20000
	pool := newPool(b)
	_, err := pool.Exec(b.Context(), `create table floor (id bigint primary key, claimed_by text, payload bytea)`)
	if err != nil {
		b.Fatal(err)
	}
	var relay, thousand, single time.Duration
	for round := 0; b.Loop(); round++ {
		thousand += drainFloor(b, pool, n, 1000)
		relay += drainRelay(b, pool, n, round)
		single += drainFloor(b, pool, n/5, 1) * 5
	}
	per := func(d time.Duration) float64 { return float64(n*b.N) / d.Seconds() }
	b.ReportMetric(per(relay), "msg/s")
	b.ReportMetric(per(relay)/per(thousand), "of-floor-1000")
	b.ReportMetric(per(relay)/per(single), "of-floor-1")
	b.ReportMetric(0, "ns/op")
}

func drainRelay(b *testing.B, pool *pgxpool.Pool, n, round int) time.Duration {
	b.Helper()
	var msgs []outbox.Message
	for i := range n {
		m := message("tax", fmt.Sprint(i), fmt.Sprintf("%d-%d", round, i))
		m.Payload = make([]byte, 512)
		msgs = append(msgs, m)
	}
	publish(b, pool, msgs...)
	done := make(chan struct{})
	var count atomic.Int64
	started := time.Now()
	r := run(b, pool, outbox.Options{Workers: 2000, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Observe: func(outbox.Observation) {
		if count.Add(1) == int64(n) {
			close(done)
		}
	}}, outbox.Destination{Name: "tax", Policy: outbox.Policy{MaxInFlight: 2000}, Sender: outbox.SenderFunc(
		func(context.Context, outbox.Delivery) outbox.Outcome {
			return outbox.Outcome{Result: outbox.ResultDelivered}
		})})
	<-done
	took := time.Since(started)
	r.stop(b)
	return took
}

func drainFloor(b *testing.B, pool *pgxpool.Pool, n, batch int) time.Duration {
	b.Helper()
	ctx := b.Context()
	_, err := pool.Exec(ctx, `insert into floor (id, payload) select i, decode(repeat('00', 512), 'hex') from generate_series(1, $1) i`, n)
	if err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(n))
	started := time.Now()
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for left.Load() > 0 {
				rows, err := pool.Query(ctx, `update floor set claimed_by = 'me' where id = any(array(
					select id from floor where claimed_by is null order by id limit $1 for update skip locked)) returning id, payload`, batch)
				if err != nil {
					b.Error(err)
					return
				}
				var ids []int64
				var id int64
				var payload []byte
				if _, err := pgx.ForEachRow(rows, []any{&id, &payload}, func() error { ids = append(ids, id); return nil }); err != nil {
					b.Error(err)
					return
				}
				if _, err := pool.Exec(ctx, `delete from floor where id = any($1)`, ids); err != nil {
					b.Error(err)
					return
				}
				left.Add(-int64(len(ids)))
			}
		})
	}
	workers.Wait()
	return time.Since(started)
}
