package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
)

// set makes a migration set of files given as name, SQL, name, SQL, …
func set(name string, files ...string) postgres.MigrationSet {
	fs := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fs["migrations/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return postgres.MigrationSet{Name: name, FS: fs}
}

const (
	one = "create schema a; create table a.log (n int); insert into a.log values (1);"
	two = "insert into a.log values (2);"
)

func logged(t *testing.T, pool *pgxpool.Pool) []int {
	t.Helper()
	rows, _ := pool.Query(t.Context(), `select n from a.log order by n`)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Sets migrate in the order given, files by number, each once; the plan says
// beforehand what will be done.
func TestMigrateAppliesWhatThePlanSays(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	first := set("a", "0001_first.sql", one)
	second := set("b", "0001_first.sql", "create schema b; insert into a.log values (10);")
	check := func(want []postgres.Pending, sets ...postgres.MigrationSet) {
		t.Helper()
		plan, err := postgres.Plan(t.Context(), pool, sets...)
		if diff := cmp.Diff(want, plan); err != nil || diff != "" {
			t.Errorf("plan: %v (-want +got):\n%s", err, diff)
		}
		applied, err := postgres.Migrate(t.Context(), pool, sets...)
		if err != nil {
			t.Fatal(err)
		}
		got := []postgres.Pending{}
		for _, a := range applied {
			got = append(got, postgres.Pending{Set: a.Set, Version: a.Version, Name: a.Name})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
	}
	check([]postgres.Pending{{"a", 1, "0001_first.sql"}, {"b", 1, "0001_first.sql"}}, first, second)
	check([]postgres.Pending{}, first, second)
	first = set("a", "0001_first.sql", one, "0002_second.sql", two)
	check([]postgres.Pending{{"a", 2, "0002_second.sql"}}, first, second)
	if diff := cmp.Diff([]int{1, 2, 10}, logged(t, pool)); diff != "" {
		t.Error(diff)
	}
}

// However many processes start at once, each file is applied once.
func TestConcurrentMigrationsApplyOnce(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	sets := []postgres.MigrationSet{
		set("a", "0001_first.sql", one, "0002_second.sql", two, "0003_third.sql", "insert into a.log select 3 from pg_sleep(0.1)"),
		set("b", "0001_first.sql", "create schema b"),
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	count := make(map[string]int)
	for range 4 {
		all.Go(func() {
			applied, err := postgres.Migrate(t.Context(), pool, sets...)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, a := range applied {
				count[fmt.Sprint(a.Set, a.Version)]++
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff(map[string]int{"a1": 1, "a2": 1, "a3": 1, "b1": 1}, count); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, logged(t, pool)); diff != "" {
		t.Error(diff)
	}
}

// A file that fails leaves nothing of itself; those before it stay, and the
// repaired one is applied by the next call.
func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	applied, err := postgres.Migrate(t.Context(), pool, set("a", "0001_first.sql", one, "0002_second.sql", two+" select 1/0;"))
	if err == nil || !strings.Contains(err.Error(), "migrate a to 0002_second.sql") || len(applied) != 1 {
		t.Errorf("applied %v, %v", applied, err)
	}
	if diff := cmp.Diff([]int{1}, logged(t, pool)); diff != "" {
		t.Error(diff)
	}
	if _, err := postgres.Migrate(t.Context(), pool, set("a", "0001_first.sql", one, "0002_second.sql", two)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]int{1, 2}, logged(t, pool)); diff != "" {
		t.Error(diff)
	}
}

// A changed file and a newer database are refused before anything is done,
// also to the other sets.
func TestMigrateRefusesChangedFilesAndNewerDatabases(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, set("a", "0001_first.sql", one, "0002_second.sql", two))
	fresh := set("b", "0001_first.sql", "create schema b")
	for _, c := range []struct {
		name string
		set  postgres.MigrationSet
		want error
		says string
	}{
		{"changed", set("a", "0001_first.sql", one+" ", "0002_second.sql", two), postgres.ErrChangedMigration, "0001_first.sql of a"},
		{"newer", set("a", "0001_first.sql", one), postgres.ErrNewerDatabase, "it has 0002_second.sql of a, this program knows up to 0001_first.sql"},
	} {
		_, err := postgres.Migrate(t.Context(), pool, fresh, c.set)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: migrate: %v", c.name, err)
		}
		if _, err := postgres.Plan(t.Context(), pool, fresh, c.set); !errors.Is(err, c.want) {
			t.Errorf("%s: plan: %v", c.name, err)
		}
	}
	var exists bool
	if err := pool.QueryRow(t.Context(), `select exists (select 1 from pg_namespace where nspname = 'b')`).Scan(&exists); err != nil || exists {
		t.Errorf("schema b exists: %v, %v", exists, err)
	}
}

func TestMigrateRefusesBadSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sets []postgres.MigrationSet
		says string
	}{
		{[]postgres.MigrationSet{{Name: "a"}}, "without a name or files"},
		{[]postgres.MigrationSet{set("a")}, "read migrations of a"},
		{[]postgres.MigrationSet{set("a", "1_first.sql", one)}, "is not named"},
		{[]postgres.MigrationSet{set("a", "0001_first.sql", one, "0003_third.sql", two)}, "0003_third.sql stands where 0002 is expected"},
		{[]postgres.MigrationSet{set("a", "0001_first.sql", one, "0001_second.sql", two)}, "0001_second.sql stands where 0002 is expected"},
		{[]postgres.MigrationSet{set("a", "0001_first.sql", one), set("a", "0001_first.sql", one)}, "given twice"},
	} {
		_, err := postgres.Migrate(t.Context(), nil, c.sets...)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want one that says %q", err, c.says)
		}
	}
}

// The error of a database that cannot be reached does not tell the password.
func TestOpenErrorHoldsNoPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://ristmik:s3cr3t@/ristmik?host=/nonexistent",
		"postgres://ristmik:s3cr3t@127.0.0.1:bad/ristmik",
		"host=/nonexistent password=s3cr3t port=x",
	} {
		_, err := postgres.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("error %v", err)
		}
	}
}

// Sessions say who they are, count time in UTC, and do not keep a transaction
// open for a process that has stopped; the URL's own settings stay.
func TestOpenSettings(t *testing.T) {
	t.Parallel()
	base := postgrestest.Pool(t)
	url := base.Config().ConnString()
	for _, c := range []struct {
		url, name, idle string
		conns           int32
	}{
		{strings.ReplaceAll(url, "&pool_max_conns=16&idle_in_transaction_session_timeout=0", ""), "ristmik", "10s", 20},
		{url + "&application_name=other", "other", "0", 16},
	} {
		pool, err := postgres.Open(t.Context(), c.url)
		if err != nil {
			t.Fatal(err)
		}
		var name, zone, idle string
		err = pool.QueryRow(t.Context(), `select current_setting('application_name'), current_setting('timezone'),
			current_setting('idle_in_transaction_session_timeout')`).Scan(&name, &zone, &idle)
		if err != nil || name != c.name || zone != "UTC" || idle != c.idle || pool.Config().MaxConns != c.conns {
			t.Errorf("name %q, zone %q, idle %q, %d connections, %v", name, zone, idle, pool.Config().MaxConns, err)
		}
		if p := pool.Config().PingTimeout; p != 5*time.Second {
			t.Errorf("a dead connection is waited for %s", p)
		}
		pool.Close()
	}
}
