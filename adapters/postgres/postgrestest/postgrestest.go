// Package postgrestest gives every test a PostgreSQL database of its own: one
// private cluster for the test binary, one migrated template for each list of
// migration sets, one copy of a template for each test.
//
// A package whose tests use it hands its TestMain over:
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
package postgrestest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
)

// limit bounds every step on the cluster: tests run on busy machines.
const limit = 2 * time.Minute

// shared is the one cluster of this test binary.
var shared cluster

type cluster struct {
	start   sync.Once
	private *postgres.Private
	admin   *pgxpool.Pool
	copies  string // clause that makes copying a template cheap
	err     error

	mu        sync.Mutex
	templates map[string]*template
	count     atomic.Int64
}

type template struct {
	make sync.Once
	name string
	err  error
}

// Pool returns a pool on a new database that has the sets' migrations and
// nothing else. The database lives until the test and its cleanups registered
// later have ended. On a machine without PostgreSQL the test fails with a
// sentence that says what to install.
func Pool(t testing.TB, sets ...postgres.MigrationSet) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	shared.start.Do(func() { shared.open(ctx) })
	if shared.err != nil {
		t.Fatalf("start private PostgreSQL: %v", shared.err)
	}
	from := "template1"
	if len(sets) > 0 {
		tpl := shared.template(ctx, sets)
		if tpl.err != nil {
			t.Fatalf("prepare database: %v", tpl.err)
		}
		from = tpl.name
	}
	name := fmt.Sprintf("test_%d", shared.count.Add(1))
	if _, err := shared.admin.Exec(ctx, fmt.Sprintf("create database %s template %s %s", name, from, shared.copies)); err != nil {
		t.Fatalf("create database: %v", err)
	}
	// A test may hold a transaction open as long as it likes.
	pool, err := postgres.Open(ctx, shared.private.URL(name)+"&pool_max_conns=16&idle_in_transaction_session_timeout=0")
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() { shared.drop(t, pool, name) })
	return pool
}

// Main runs the tests of a package and then stops and removes the cluster that
// they used, if any. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, "stop private PostgreSQL:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func (c *cluster) open(ctx context.Context) {
	if c.private, c.err = postgres.StartPrivate(ctx, postgres.PrivateOptions{}); c.err != nil {
		return
	}
	if c.admin, c.err = postgres.Open(ctx, c.private.URL("postgres")); c.err != nil {
		return
	}
	var version int
	if c.err = c.admin.QueryRow(ctx, `select current_setting('server_version_num')::int`).Scan(&version); c.err != nil {
		return
	}
	if version >= 150000 {
		c.copies = "strategy file_copy" // without write-ahead log
	}
}

// template returns the migrated template database of a list of sets.
func (c *cluster) template(ctx context.Context, sets []postgres.MigrationSet) *template {
	names := make([]string, len(sets))
	for i, s := range sets {
		names[i] = fmt.Sprintf("%s=%v", s.Name, fingerprint(s))
	}
	key := strings.Join(names, ",")
	c.mu.Lock()
	tpl := c.templates[key]
	if tpl == nil {
		if c.templates == nil {
			c.templates = make(map[string]*template)
		}
		tpl = &template{name: fmt.Sprintf("template_%d", len(c.templates)+1)}
		c.templates[key] = tpl
	}
	c.mu.Unlock()
	tpl.make.Do(func() { tpl.err = c.migrate(ctx, tpl.name, sets) })
	return tpl
}

func (c *cluster) migrate(ctx context.Context, name string, sets []postgres.MigrationSet) error {
	if err := c.private.CreateDatabase(ctx, name); err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, c.private.URL(name))
	if err != nil {
		return err
	}
	defer pool.Close() // a database with sessions cannot be a template
	_, err = postgres.Migrate(ctx, pool, sets...)
	return err
}

// drop ends a test's database. A pool that does not close has a connection
// which the test never gave back: that is a fault of the code under test.
func (c *cluster) drop(t testing.TB, pool *pgxpool.Pool, name string) {
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Errorf("%d connections of the test's pool were never released", pool.Stat().AcquiredConns())
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := c.admin.Exec(ctx, fmt.Sprintf("drop database %s with (force)", name)); err != nil {
		t.Errorf("drop database: %v", err)
	}
}

func (c *cluster) close() error {
	if c.admin != nil {
		c.admin.Close()
	}
	if c.private == nil {
		return nil
	}
	return c.private.Stop(context.Background())
}
