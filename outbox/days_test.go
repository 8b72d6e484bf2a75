package outbox_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// attemptAt stores an attempt of the given time, as a relay does, and says in which table it is.
func attemptAt(t *testing.T, pool *pgxpool.Pool, message int64, at time.Time) string {
	t.Helper()
	return scalar[string](t, pool, `
insert into outbox.attempt (message, attempt, started_at, finished_at, result, reason, exchange, owner, fence)
values ($1, 1, $2, $2, 'delivered', '', '', 'test', 1) returning tableoid::regclass::text`, message, at)
}

// Over midnight each attempt goes to the table of its day; the days are made ahead, by whoever is first.
func TestAttemptsGoToTheTableOfTheirDayOverMidnight(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	now := time.Now().UTC().Add(30 * 24 * time.Hour) // later than what the migration has made
	midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	day := func(at time.Time) string { return "outbox.attempt_" + at.UTC().Format("20060102") }
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := outbox.MakeDays(ctx, pool, midnight.Add(-time.Microsecond)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	tables := func() int {
		return scalar[int](t, pool, `select count(*) from pg_inherits where inhparent = 'outbox.attempt'::regclass`)
	}
	made := tables()
	for i, at := range []time.Time{midnight.Add(-time.Microsecond), midnight, midnight.Add(6 * 24 * time.Hour)} {
		if got, want := attemptAt(t, pool, int64(i), at), day(at); got != want {
			t.Errorf("%s is in %s, not in %s", at, got, want)
		}
	}
	late := midnight.Add(7 * 24 * time.Hour) // nobody has made it yet, because no program ran
	if got := attemptAt(t, pool, 7, late); got != "outbox.attempt_rest" {
		t.Errorf("%s is in %s", late, got)
	}
	if err := outbox.MakeDays(ctx, pool, midnight); err != nil {
		t.Fatal(err)
	}
	if got := tables(); got != made+1 {
		t.Errorf("%d tables, %d before midnight", got, made)
	}
	if got := scalar[string](t, pool, `select tableoid::regclass::text from outbox.attempt where message = 7`); got != day(late) {
		t.Errorf("what had no day is in %s", got)
	}
}

// What is old goes by dropping tables; what is younger stays, and so does what waits for a person.
func TestOldDaysAreDropped(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publish(t, pool, message("tax", "1", "delivered"), message("tax", "2", "dead"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: refusingOnce("dead")})
	eventually(t, "settled", func() bool { s := stats(t, pool, "tax"); return s.Dead+s.Delivered == 2 })
	r.stop(t)
	now := time.Now().UTC()
	later := now.Truncate(24 * time.Hour).Add(3 * 24 * time.Hour) // three midnights on
	kept := attemptAt(t, pool, 99, later)
	if n, err := outbox.Prune(ctx, pool, later, 100); n != 1 || err != nil {
		t.Fatalf("pruned %d, %v", n, err)
	}
	n, err := outbox.DropDays(ctx, pool, later)
	if err != nil || n != 3 {
		t.Fatalf("dropped %d, %v", n, err)
	}
	if got := scalar[string](t, pool, `select string_agg(message || ' in ' || tableoid::regclass, ', ') from outbox.attempt`); got != fmt.Sprint("99 in ", kept) {
		t.Errorf("left: %s", got)
	}
	if m := row(t, pool, "dead"); m.State != outbox.Dead || m.Attempt != 1 {
		t.Errorf("%+v", m)
	}
	if n, err := outbox.DropDays(ctx, pool, later); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
	consistent(t, pool)
}

// A query for one message's attempts, and the recording of one, find the days without a look at every row.
func TestAttemptsAreFoundThroughTheirIndexes(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	if err := outbox.MakeDays(testContext(t), pool, time.Now()); err != nil {
		t.Fatal(err)
	}
	rows, err := pool.Query(testContext(t), `explain select from outbox.attempt where message = 7 order by id desc limit 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "Seq Scan") {
			t.Error(line)
		}
	}
}
