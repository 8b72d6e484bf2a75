package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrChangedMigration says that a migration file differs from the one that
	// was applied to this database.
	ErrChangedMigration = errors.New("an applied migration has been changed")
	// ErrNewerDatabase says that the database has migrations that this program
	// does not know.
	ErrNewerDatabase = errors.New("the database is newer than this program")
)

// Applied is one migration that [Migrate] has run.
type Applied struct {
	Set     string
	Version int
	Name    string
	Took    time.Duration
}

// Pending is one migration that [Migrate] would run.
type Pending struct {
	Set     string
	Version int
	Name    string
}

// migrationLock is the key of the advisory lock under which migrations run, so
// that any number of processes may start at once. The value is arbitrary and
// must never change.
const migrationLock = 7_274_667_001

const createTable = `create table if not exists public.ristmik_migration (
	set        text        not null,
	version    integer     not null,
	name       text        not null,
	checksum   text        not null,
	applied_at timestamptz not null default now(),
	primary key (set, version)
)`

// Migrate brings the schemas of the sets up to what this program needs: sets
// in the order given, each file in a transaction of its own under a lock that
// all processes share, so concurrent calls apply every file once. It returns
// what this call has applied, also beside an error.
//
// It refuses, before changing anything, a file that differs from the one
// applied ([ErrChangedMigration]) and a database that another, newer program
// has migrated further ([ErrNewerDatabase]).
func Migrate(ctx context.Context, pool *pgxpool.Pool, sets ...MigrationSet) ([]Applied, error) {
	files, err := readSets(sets)
	if err != nil {
		return nil, err
	}
	var pending []step
	err = locked(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, createTable); err != nil {
			return fmt.Errorf("create table of migrations: %w", err)
		}
		pending, err = compare(ctx, tx, sets, files)
		return err
	})
	if err != nil {
		return nil, err
	}
	var done []Applied
	for _, p := range pending {
		start := time.Now()
		ran := false
		err := locked(ctx, pool, func(tx pgx.Tx) error {
			ran, err = apply(ctx, tx, p)
			return err
		})
		if err != nil {
			return done, fmt.Errorf("migrate %s to %s: %w", p.set, p.name, err)
		}
		if ran {
			done = append(done, Applied{Set: p.set, Version: p.version, Name: p.name, Took: time.Since(start)})
		}
	}
	return done, nil
}

// Plan tells what [Migrate] would apply, with the same refusals, and changes
// nothing.
func Plan(ctx context.Context, pool *pgxpool.Pool, sets ...MigrationSet) ([]Pending, error) {
	files, err := readSets(sets)
	if err != nil {
		return nil, err
	}
	var pending []step
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var exists bool
		if err := tx.QueryRow(ctx, `select to_regclass('public.ristmik_migration') is not null`).Scan(&exists); err != nil {
			return fmt.Errorf("look for table of migrations: %w", err)
		}
		if !exists {
			for _, s := range sets {
				pending = append(pending, after(s.Name, files[s.Name], 0)...)
			}
			return nil
		}
		pending, err = compare(ctx, tx, sets, files)
		return err
	})
	if err != nil {
		return nil, err
	}
	plan := make([]Pending, 0, len(pending))
	for _, p := range pending {
		plan = append(plan, Pending{Set: p.set, Version: p.version, Name: p.name})
	}
	return plan, nil
}

// step is one file of one set.
type step struct {
	set string
	migration
}

func readSets(sets []MigrationSet) (map[string][]migration, error) {
	files := make(map[string][]migration, len(sets))
	for _, s := range sets {
		if _, twice := files[s.Name]; twice {
			return nil, fmt.Errorf("migration set %s is given twice", s.Name)
		}
		list, err := s.read()
		if err != nil {
			return nil, err
		}
		files[s.Name] = list
	}
	return files, nil
}

func after(set string, files []migration, version int) []step {
	var steps []step
	for _, f := range files[version:] {
		steps = append(steps, step{set: set, migration: f})
	}
	return steps
}

// locked runs fn in a transaction that holds the migration lock. The lock ends
// with the transaction, so a process that dies leaves none behind.
func locked(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return fmt.Errorf("wait for migration lock: %w", err)
		}
		return fn(tx)
	})
}

// compare checks what the database has against what the program has and
// returns the files that are still to be applied.
func compare(ctx context.Context, tx pgx.Tx, sets []MigrationSet, files map[string][]migration) ([]step, error) {
	var pending []step
	for _, s := range sets {
		rows, _ := tx.Query(ctx, `select version, name, checksum from public.ristmik_migration where set = $1 order by version`, s.Name)
		have, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m migration, err error) {
			return m, row.Scan(&m.version, &m.name, &m.checksum)
		})
		if err != nil {
			return nil, fmt.Errorf("read applied migrations of %s: %w", s.Name, err)
		}
		known := files[s.Name]
		if n := len(have); n > 0 && have[n-1].version > len(known) {
			return nil, fmt.Errorf("%w: it has %s of %s, this program knows up to %s: run the program that migrated it, or a newer one",
				ErrNewerDatabase, have[n-1].name, s.Name, known[len(known)-1].name)
		}
		for i, h := range have {
			if h.version != i+1 {
				return nil, fmt.Errorf("the database has %s of %s but not %04d before it: its table of migrations has been edited", h.name, s.Name, i+1)
			}
			if err := sameFile(s.Name, h.checksum, known[i]); err != nil {
				return nil, err
			}
		}
		pending = append(pending, after(s.Name, known, len(have))...)
	}
	return pending, nil
}

// apply runs one file unless another process has done so in the meantime.
func apply(ctx context.Context, tx pgx.Tx, p step) (bool, error) {
	var checksum string
	err := tx.QueryRow(ctx, `select checksum from public.ristmik_migration where set = $1 and version = $2`, p.set, p.version).Scan(&checksum)
	if err == nil {
		return false, sameFile(p.set, checksum, p.migration)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("read applied migration: %w", err)
	}
	// Without arguments pgx speaks the simple protocol, which takes a whole
	// file of statements at once.
	if _, err := tx.Exec(ctx, p.sql); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `insert into public.ristmik_migration (set, version, name, checksum) values ($1, $2, $3, $4)`,
		p.set, p.version, p.name, p.checksum)
	if err != nil {
		return false, fmt.Errorf("note applied migration: %w", err)
	}
	return true, nil
}

func sameFile(set, checksum string, m migration) error {
	if checksum != m.checksum {
		return fmt.Errorf("%w: %s of %s was applied with checksum %.12s, this program has %.12s: put the change into a new file",
			ErrChangedMigration, m.name, set, checksum, m.checksum)
	}
	return nil
}
