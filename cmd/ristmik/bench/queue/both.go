package queue

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

const (
	producers = 8
	bulk      = 100 // messages of one transaction of a producer
)

// both compares publishing and delivering at once, by producers of a hundred a transaction: ours, the floor (rows
// inserted, and claimed and deleted by two workers), River.
func both(ctx context.Context, o Options) ([]row, error) {
	var floor, ours, river float64
	for range o.Rounds {
		if err := best(1, func() (float64, error) { return floorBoth(ctx, o.Pool, o.Messages) }, &floor); err != nil {
			return nil, err
		}
		if err := best(1, func() (float64, error) { return oursBoth(ctx, o.Pool, o.Messages) }, &ours); err != nil {
			return nil, err
		}
		if o.River != "" {
			t, err := child(ctx, o.River, "-url", o.URL, "-n", strconv.Itoa(o.Messages), "-mode", "both")
			if err != nil {
				return nil, err
			}
			river = max(river, t.PerSecond)
		}
	}
	rows := []row{ratio("publish and deliver at once, against insert + relay", ours, floor, 0.7)}
	if river > 0 {
		rows = append(rows, row{what: "publish and deliver at once, against River", ours: perSecond(ours), than: perSecond(river), ratio: times(ours / river)})
	}
	return rows, nil
}

// produce runs the producers until n rows are stored.
func produce(n int, store func(n int) error) error {
	errs := make(chan error, producers)
	var all sync.WaitGroup
	for range producers {
		all.Go(func() {
			for range n / producers / bulk {
				if err := store(bulk); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

func floorBoth(ctx context.Context, pool *pgxpool.Pool, n int) (float64, error) {
	n -= n % (producers * bulk)
	if err := makeFloor(ctx, pool); err != nil {
		return 0, err
	}
	started := time.Now()
	relayed := make(chan error, 1)
	go func() { relayed <- floorRelay(ctx, pool, 2, bulk, n) }()
	payload := make([]byte, 512)
	err := produce(n, func(k int) error {
		payloads := make([][]byte, k)
		for i := range payloads {
			payloads[i] = payload
		}
		_, err := pool.Exec(ctx, `insert into floor (payload) select * from unnest($1::bytea[])`, payloads)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = <-relayed
	return float64(n) / time.Since(started).Seconds(), err
}

func oursBoth(ctx context.Context, pool *pgxpool.Pool, n int) (float64, error) {
	n -= n % (producers * bulk)
	if err := empty(ctx, pool); err != nil {
		return 0, err
	}
	c := newCounter(n)
	started := time.Now()
	stop, err := relay(ctx, pool, outbox.Options{Observe: c.observe}, nothing(destination, nil))
	if err != nil {
		return 0, err
	}
	if err := produce(n, func(k int) error { return publish(ctx, pool, destination, k) }); err != nil {
		return 0, err
	}
	if err := c.wait(ctx); err != nil {
		return 0, err
	}
	took := time.Since(started)
	return float64(n) / took.Seconds(), stop()
}

// caller compares a caller's transactions of one insert with one message sent to the database beside it and without, on 16
// connections.
func caller(ctx context.Context, o Options) ([]row, error) {
	if _, err := o.Pool.Exec(ctx, `create table if not exists business (id bigint generated always as identity primary key, data bytea)`); err != nil {
		return nil, err
	}
	var with, without float64
	for range o.Rounds {
		for _, m := range []struct {
			into    *float64
			publish bool
		}{{&without, false}, {&with, true}} {
			if err := empty(ctx, o.Pool); err != nil {
				return nil, err
			}
			if err := best(1, func() (float64, error) { return transactions(ctx, o, m.publish) }, m.into); err != nil {
				return nil, err
			}
		}
	}
	return []row{ratio("transaction with a message, against one without", with, without, 0.85)}, nil
}

func transactions(ctx context.Context, o Options, withMessage bool) (float64, error) {
	const connections = 16
	data := make([]byte, 512)
	counts, errs := make(chan int, connections), make(chan error, connections)
	started := time.Now()
	for range connections {
		go func() {
			n := 0
			for time.Since(started) < o.For {
				err := pgx.BeginFunc(ctx, o.Pool, func(tx pgx.Tx) error {
					if !withMessage {
						_, err := tx.Exec(ctx, `insert into business (data) values ($1)`, data)
						return err
					}
					batch := &pgx.Batch{}
					batch.Queue(`insert into business (data) values ($1)`, data)
					if err := outbox.Queue(batch, messages(destination, 1)...); err != nil {
						return err
					}
					return tx.SendBatch(ctx, batch).Close()
				})
				if err != nil {
					errs <- err
					break
				}
				n++
			}
			counts <- n
		}()
	}
	total := 0
	for range connections {
		total += <-counts
	}
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(total) / time.Since(started).Seconds(), nil
	}
}
