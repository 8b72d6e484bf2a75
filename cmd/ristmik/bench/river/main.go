// Command river measures River, the queue for PostgreSQL in Go, for "ristmik bench outbox": jobs that do nothing, inserted
// first and worked then (burn), or both at once (both). It uses the settings of River's own benchmark: 2,000 workers, a
// fetch cooldown of 2 ms and a poll interval of 20 ms, inserts by InsertManyFast. A job counts when its completion is
// stored. It is a module of its own, so that the product does not depend on River.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type nothing struct {
	Data string `json:"data"`
}

func (nothing) Kind() string { return "nothing" }

type worker struct {
	river.WorkerDefaults[nothing]
}

func (worker) Work(context.Context, *river.Job[nothing]) error { return nil }

func main() {
	url := flag.String("url", "", "database")
	n := flag.Int("n", 100_000, "jobs")
	mode := flag.String("mode", "burn", "burn or both")
	flag.Parse()
	if err := run(context.Background(), *url, *n, *mode); err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, n int, mode string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "truncate river_job"); err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker{})
	client, err := river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
		Workers:           workers,
		FetchCooldown:     2 * time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
		Logger:            slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	done, cancel := client.SubscribeConfig(&river.SubscribeConfig{ChanSize: n, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	defer cancel()
	insert := func() error {
		data := strings.Repeat("x", 512)
		for left := n; left > 0; left -= min(left, 1000) {
			batch := make([]river.InsertManyParams, min(left, 1000))
			for i := range batch {
				batch[i].Args = nothing{data}
			}
			if _, err := client.InsertManyFast(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	}
	inserted := make(chan error, 1)
	if mode == "burn" {
		if err := insert(); err != nil {
			return err
		}
		inserted <- nil
	}
	started := time.Now()
	if mode == "both" {
		go func() { inserted <- insert() }()
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	for range n {
		<-done
	}
	took := time.Since(started)
	if err := <-inserted; err != nil {
		return err
	}
	if err := client.Stop(ctx); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"per_second": float64(n) / took.Seconds(), "peak_mb": peak()})
}

// peak is the most memory that this process has had, in megabytes; 0 where that cannot be read.
func peak() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kb int
	_, _ = fmt.Sscan(rest, &kb)
	return kb / 1024
}
