package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation"
	"ristmik/adapters/core"
	"ristmik/adapters/labour"
	"ristmik/adapters/postgres"
	"ristmik/adapters/registers/contractwatch"
	"ristmik/adapters/registers/record"
	"ristmik/adapters/tax"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/schedules"
)

// databaseURLVariable overrides the configuration's database.
const databaseURLVariable = "RISTMIK_DATABASE_URL"

// migrations are the rooms' schemas in the order in which they are made.
func migrations() []postgres.MigrationSet {
	return []postgres.MigrationSet{
		{Name: "outbox", FS: outbox.Migrations},
		{Name: "schedules", FS: schedules.Migrations},
		{Name: "consultation", FS: consultation.Migrations},
		{Name: "core", FS: core.Migrations},
		{Name: "tax", FS: tax.Migrations},
		{Name: "labour", FS: labour.Migrations},
		{Name: "register", FS: record.Migrations},
		{Name: "contract_watch", FS: contractwatch.Migrations},
	}
}

// database is an open pool and, where the program started it, the PostgreSQL
// behind it.
type database struct {
	pool    *pgxpool.Pool
	private *postgres.Private
	// relays is the deliveries' own pool, made when first asked for: requests that
	// use all of pool up leave it alone.
	relays *pgxpool.Pool
	// preparing waits for what prepareBeside began; nil where nothing is to be waited for.
	preparing func() error
}

// relayConns is how many connections deliveries have for themselves: outcomes
// are recorded many at a time, so a few go far.
const relayConns = 8

// forRelays is the pool of deliveries.
func (d *database) forRelays(ctx context.Context) (*pgxpool.Pool, error) {
	if d.relays == nil {
		c := d.pool.Config()
		c.MaxConns = min(c.MaxConns, relayConns)
		var err error
		if d.relays, err = pgxpool.NewWithConfig(ctx, c); err != nil {
			return nil, fmt.Errorf("opening connections for deliveries: %w", err)
		}
	}
	return d.relays, nil
}

// openDatabase connects to the configured PostgreSQL, or starts a private one
// when none is configured.
func openDatabase(ctx context.Context, c configs.Database, log *slog.Logger) (*database, error) {
	url, err := databaseURL(c)
	if err != nil {
		return nil, err
	}
	if url == "" {
		return startDatabase(ctx, c.Directory, log)
	}
	pool, err := postgres.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return &database{pool: pool}, nil
}

// visitDatabase is openDatabase for a command that looks at what a hub keeps:
// where another process runs the private PostgreSQL, it connects to that one.
func visitDatabase(ctx context.Context, c configs.Database, log *slog.Logger) (*database, error) {
	url, err := databaseURL(c)
	if err != nil {
		return nil, err
	}
	if url != "" {
		return openDatabase(ctx, c, log)
	}
	url, err = postgres.RunningURL(c.Directory, postgres.Database)
	if errors.Is(err, postgres.ErrNotRunning) {
		return openDatabase(ctx, c, log)
	}
	if err != nil {
		return nil, err
	}
	pool, err := postgres.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return &database{pool: pool}, nil
}

// startDatabase starts a private PostgreSQL in directory; with "" it is thrown
// away at the end.
func startDatabase(ctx context.Context, directory string, log *slog.Logger) (*database, error) {
	private, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: directory, Log: log})
	if err != nil {
		return nil, err
	}
	pool, err := postgres.Open(ctx, private.URL("ristmik"))
	if err != nil {
		_ = private.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return &database{pool: pool, private: private}, nil
}

func databaseURL(c configs.Database) (string, error) {
	if url := os.Getenv(databaseURLVariable); url != "" {
		return url, nil
	}
	if c.URLFile == "" {
		return c.URL, nil
	}
	data, err := os.ReadFile(c.URLFile)
	if err != nil {
		return "", usage(fmt.Errorf("reading database.url_file: %w", err))
	}
	return strings.TrimSpace(string(data)), nil
}

// watch returns an error when a private PostgreSQL ends by itself: nothing can
// be done without it, and who started the program will start it again.
func (d *database) watch(ctx context.Context) error {
	if d.private == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-d.private.Done():
		return errors.New("the private PostgreSQL has ended by itself; its log is in " + filepath.Join(d.private.Dir(), "postgres.log"))
	}
}

// prepare brings the database to this program's version and its record of
// events into order, before anything is written.
func (d *database) prepare(ctx context.Context) error {
	if _, err := postgres.Migrate(ctx, d.pool, migrations()...); err != nil {
		return err
	}
	_, err := outbox.Resume(ctx, d.pool)
	return err
}

// prepareBeside prepares while the program does something else; prepared waits for
// it.
func (d *database) prepareBeside(ctx context.Context) {
	d.preparing = sync.OnceValue(func() error { return d.prepare(ctx) })
	go func() { _ = d.preparing() }() // whoever waits hears what is wrong
}

// prepared returns when the tables can be read.
func (d *database) prepared() error {
	if d.preparing == nil {
		return nil
	}
	return d.preparing()
}

// closeFor is how long connections may take to say goodbye; a database that does
// not answer must not hold the end of the program.
const closeFor = 5 * time.Second

// close lets go of the pools and stops a private PostgreSQL.
func (d *database) close(ctx context.Context) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if d.relays != nil {
			d.relays.Close()
		}
		d.pool.Close()
	}()
	timer := time.NewTimer(closeFor)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
	if d.private == nil {
		return nil
	}
	return d.private.Stop(ctx)
}
