package schedules_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/schedules"
)

// TestMain also plays the other processes of tests that need some.
func TestMain(m *testing.M) {
	if owner := os.Getenv(childEnv); owner != "" {
		os.Exit(serveSchedules(owner, os.Getenv(childURLEnv)))
	}
	postgrestest.Main(m)
}

func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t, postgres.MigrationSet{Name: "schedules", FS: schedules.Migrations})
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// launch starts a runner and returns it with a function that stops it and
// waits until it has stopped; the end of the test does so too.
func launch(t *testing.T, pool *pgxpool.Pool, o schedules.Options, jobs ...schedules.Job) (*schedules.Runner, func()) {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = 5 * time.Millisecond
	}
	r, err := schedules.NewRunner(pool, jobs, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("runner: %v", err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// registered waits until the runners have written the job's schedule down:
// only due times after that count.
func registered(t *testing.T, pool *pgxpool.Pool, name string) {
	t.Helper()
	eventually(t, "job registered", func() bool {
		var n int
		err := pool.QueryRow(t.Context(), `select count(*) from schedules.schedule where name = $1`, name).Scan(&n)
		return err == nil && n == 1
	})
}

// ended waits until the job has n ended runs and returns its history, oldest
// first.
func ended(t *testing.T, pool *pgxpool.Pool, name string, n int) []schedules.RunInfo {
	t.Helper()
	var runs []schedules.RunInfo
	eventually(t, fmt.Sprintf("%d runs of %s have ended", n, name), func() bool {
		history, err := schedules.History(t.Context(), pool, name, 1000)
		if err != nil {
			t.Fatal(err)
		}
		runs = runs[:0]
		for i := len(history) - 1; i >= 0; i-- {
			if !history[i].Finished.IsZero() {
				runs = append(runs, history[i])
			}
		}
		return len(runs) >= n
	})
	return runs
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("never: %s", what)
		panic("not reached")
	}
}

func dues(runs []schedules.RunInfo) []time.Time {
	var list []time.Time
	for _, r := range runs {
		list = append(list, r.Due)
	}
	return list
}
