package postgrestest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func set(name string) postgres.MigrationSet {
	return postgres.MigrationSet{Name: name, FS: fstest.MapFS{
		"migrations/0001_first.sql": {Data: []byte("create schema " + name + "; create table " + name + ".thing (id int primary key);")},
	}}
}

// Twelve tests at once write the same key into the same table: nobody sees
// anybody else's row.
func TestEveryTestHasItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			pool := postgrestest.Pool(t, set("a"), set("b"))
			for _, q := range []string{"insert into a.thing (id) values (1)", "insert into b.thing (id) values (1)"} {
				if _, err := pool.Exec(ctx, q); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A database has the sets that were asked for and no others.
func TestPoolMigratesOnlyTheNamedSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sets []postgres.MigrationSet
		a, b bool
	}{
		{nil, false, false},
		{[]postgres.MigrationSet{set("a")}, true, false},
		{[]postgres.MigrationSet{set("b")}, false, true},
		{[]postgres.MigrationSet{set("b"), set("a")}, true, true},
	} {
		pool := postgrestest.Pool(t, c.sets...)
		var a, b bool
		err := pool.QueryRow(context.Background(), `select to_regclass('a.thing') is not null, to_regclass('b.thing') is not null`).Scan(&a, &b)
		if err != nil || a != c.a || b != c.b {
			t.Errorf("sets %v: has a %v, b %v, error %v", c.sets, a, b, err)
		}
	}
}
