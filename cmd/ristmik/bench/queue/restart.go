package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// restart measures a process that is started with nothing to do, one that is killed while it drains a large backlog, and
// the one that takes over: how soon its first message leaves, and its memory when it has drained the rest.
func restart(ctx context.Context, o Options) ([]row, error) {
	if err := empty(ctx, o.Pool); err != nil {
		return nil, err
	}
	idle, err := child(ctx, o.Program, "bench", "outbox-relay", "--url", o.URL, "--messages", "0")
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, o.Pool, destination, o.Restart); err != nil {
		return nil, err
	}
	if err := killed(ctx, o); err != nil {
		return nil, err
	}
	left := 0
	err = o.Pool.QueryRow(ctx, `select (select count(*) from outbox.untaken) + (select count(*) from outbox.taken)`).Scan(&left)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	then, err := child(ctx, o.Program, "bench", "outbox-relay", "--url", o.URL, "--messages", strconv.Itoa(left))
	if err != nil {
		return nil, err
	}
	if left == 0 { // the one before was through
		then.First = time.Now()
	}
	rows := []row{below(fmt.Sprintf("restart after a kill to the first message that leaves, with %d waiting", left), then.First.Sub(started), 10*time.Second)}
	if idle.MB > 0 {
		rows = append(rows, row{"memory of a process with nothing to do", fmt.Sprintf("%d MB, without pages of its file %d MB", idle.MB, idle.OwnMB), "", "", "≤ 25 MB", idle.MB <= 25},
			row{fmt.Sprintf("peak memory draining %d", left), fmt.Sprintf("%d MB", then.MB), "", "", "≤ 96 MB", then.MB <= 96})
	}
	return rows, nil
}

// killed starts a process that drains, and kills it when it has recorded something.
func killed(ctx context.Context, o Options) error {
	cmd := exec.CommandContext(ctx, o.Program, "bench", "outbox-relay", "--url", o.URL, "--messages", strconv.Itoa(o.Restart))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	err := until(ctx, o.Pool, `select exists (select from outbox.attempt)`)
	_ = cmd.Process.Kill() // it may be through
	_ = cmd.Wait()
	if err != nil {
		return err
	}
	return until(ctx, o.Pool, `
select not exists (select from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle')`)
}

// until waits for the database to say yes.
func until(ctx context.Context, pool *pgxpool.Pool, sql string) error {
	for yes := false; !yes; pause(ctx, 5*time.Millisecond) {
		if err := pool.QueryRow(ctx, sql).Scan(&yes); err != nil {
			return err
		}
	}
	return nil
}

// Relay is the measuring process of ours: it delivers n messages that wait, and prints how fast. With none it only runs for
// two seconds.
func Relay(ctx context.Context, pool *pgxpool.Pool, n int, out io.Writer) error {
	c := newCounter(n)
	started := time.Now()
	stop, err := relay(ctx, pool, outbox.Options{Observe: c.observe}, nothing(destination, c.send))
	if err != nil {
		return err
	}
	if n == 0 {
		pause(ctx, time.Second)
		debug.FreeOSMemory() // as serve does some time after its start
		pause(ctx, time.Second)
		if err := json.NewEncoder(out).Encode(told{MB: memory("VmRSS"), OwnMB: memory("RssAnon")}); err != nil {
			return err
		}
		return stop()
	}
	if err := c.wait(ctx); err != nil {
		return err
	}
	took := time.Since(started)
	if err := stop(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(told{PerSecond: float64(n) / took.Seconds(), MB: memory("VmHWM"), First: *c.first.Load()})
}
