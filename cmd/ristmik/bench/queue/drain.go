package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// told is what a measuring process prints.
type told struct {
	PerSecond float64   `json:"per_second"`
	MB        int       `json:"peak_mb"` // the most; of a process with nothing to do, what it has
	OwnMB     int       `json:"own_mb"`
	First     time.Time `json:"first"` // message that has left
}

// drain compares how soon a backlog is through: ours, the floor (claim by UPDATE and complete by DELETE, a thousand at a
// time, four workers), River.
func drain(ctx context.Context, o Options) ([]row, error) {
	var floor, river float64
	var ours told
	for range o.Rounds {
		if err := best(1, func() (float64, error) { return floorDrain(ctx, o.Pool, o.Messages) }, &floor); err != nil {
			return nil, err
		}
		if err := empty(ctx, o.Pool); err != nil {
			return nil, err
		}
		if err := fill(ctx, o.Pool, destination, o.Messages); err != nil {
			return nil, err
		}
		t, err := child(ctx, o.Program, "bench", "outbox-relay", "--url", o.URL, "--messages", strconv.Itoa(o.Messages))
		if err != nil {
			return nil, err
		}
		if t.PerSecond > ours.PerSecond {
			ours = t
		}
		if o.River != "" {
			t, err := child(ctx, o.River, "-url", o.URL, "-n", strconv.Itoa(o.Messages), "-mode", "burn")
			if err != nil {
				return nil, err
			}
			river = max(river, t.PerSecond)
		}
	}
	rows := []row{ratio("drain, against claim UPDATE + DELETE in 1000s", ours.PerSecond, floor, 0.6)}
	if river > 0 {
		rows = append(rows, ratio("drain, against River's burn-down", ours.PerSecond, river, 2.5))
	}
	if ours.MB > 0 {
		rows = append(rows, row{fmt.Sprintf("peak memory draining %d", o.Messages), fmt.Sprintf("%d MB", ours.MB), "", "", "≤ 96 MB", ours.MB <= 96})
	}
	return rows, nil
}

// child runs a measuring process.
func child(ctx context.Context, program string, args ...string) (told, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return told{}, fmt.Errorf("%s: %w", program, err)
	}
	var t told
	return t, json.Unmarshal(out, &t)
}

// memory is a field of this process's status, VmHWM for the most memory that it has had, in megabytes; 0 where that cannot
// be read.
func memory(field string) int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), field+":")
	var kb int
	_, _ = fmt.Sscan(rest, &kb)
	return kb / 1024
}

func makeFloor(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `create table if not exists floor (id bigint generated always as identity primary key, claimed_by text, payload bytea)`)
	if err == nil {
		_, err = pool.Exec(ctx, `truncate floor`)
	}
	return err
}

func floorDrain(ctx context.Context, pool *pgxpool.Pool, n int) (float64, error) {
	if err := makeFloor(ctx, pool); err != nil {
		return 0, err
	}
	if _, err := pool.Exec(ctx, `insert into floor (payload) select decode(repeat('78', 512), 'hex') from generate_series(1, $1::int)`, n); err != nil {
		return 0, err
	}
	started := time.Now()
	err := floorRelay(ctx, pool, 4, 1000, n)
	return float64(n) / time.Since(started).Seconds(), err
}

// floorRelay claims and deletes until n rows are through.
func floorRelay(ctx context.Context, pool *pgxpool.Pool, workers, batch, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for left.Load() > 0 {
				ids, err := floorClaim(ctx, pool, batch)
				if err == nil && len(ids) > 0 {
					_, err = pool.Exec(ctx, `delete from floor where id = any($1)`, ids)
				}
				if err != nil {
					errs <- err
					return
				}
				left.Add(-int64(len(ids)))
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

func floorClaim(ctx context.Context, pool *pgxpool.Pool, batch int) ([]int64, error) {
	rows, err := pool.Query(ctx, `update floor set claimed_by = 'me' where id = any(array(
		select id from floor where claimed_by is null order by id limit $1 for update skip locked)) returning id, payload`, batch)
	if err != nil {
		return nil, err
	}
	var ids []int64
	var id int64
	var payload []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &payload}, func() error { ids = append(ids, id); return nil })
	return ids, err
}
