package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The record of attempts is kept in one table for each day (UTC), so that old days go by dropping a table.

const (
	daysAhead = 7
	day       = 24 * time.Hour
	// lockFor bounds how long the making or dropping of a day makes those wait who record: it gives up and is tried again.
	lockFor = 2 * time.Second
)

// makeDays makes days now and every hour until ctx ends. If it cannot, attempts are kept all the same, in a table of what
// has no day, and moved later.
func (r *Relay) makeDays(ctx context.Context) {
	for ctx.Err() == nil {
		var now time.Time
		err := r.pool.QueryRow(ctx, `select now()`).Scan(&now)
		if err == nil {
			err = MakeDays(ctx, r.pool, now)
		}
		if err != nil && ctx.Err() == nil {
			r.o.Log.Warn("no tables made for the attempts of the days ahead", "error", err)
		}
		pauseFor(ctx, time.Hour)
	}
}

// MakeDays makes the tables of the record of attempts for the day of now and a week ahead, as far as they are missing.
// Every relay calls it; it may be called at any time, by several at once.
func MakeDays(ctx context.Context, db DB, now time.Time) error {
	today := now.UTC().Truncate(day)
	for {
		more, err := makeDay(ctx, db, today)
		if err != nil {
			return fmt.Errorf("making the days of attempts: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// parts are the tables of the record but the one of what has no day, with where each ends.
const parts = `
select c.relname::text as name, substring(pg_get_expr(c.relpartbound, c.oid) from $$TO \('([^']+)'\)$$)::timestamptz as ends
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'outbox.attempt'::regclass and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'`

// makeDay makes the next table that is missing, and says whether it was not the last.
func makeDay(ctx context.Context, db DB, today time.Time) (more bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		var end time.Time
		if err := tx.QueryRow(ctx, `select coalesce(max(ends), 'epoch') from (`+parts+`) p`).Scan(&end); err != nil {
			return err
		}
		from := end.UTC()
		if from.Before(today) {
			from = today
		}
		if from.After(today.Add(daysAhead * day)) {
			return nil
		}
		more = true
		table := "outbox.attempt_" + from.Format("20060102")
		begin, after := from.Format(time.RFC3339), from.Truncate(day).Add(day).Format(time.RFC3339)
		for _, sql := range []string{
			`create table ` + table + ` (like outbox.attempt including defaults including constraints)`,
			`lock table outbox.attempt_rest in access exclusive mode`,
			`with moved as (delete from outbox.attempt_rest where finished_at >= '` + begin + `' and finished_at < '` + after + `' returning *)
insert into ` + table + ` select * from moved`,
			`alter table outbox.attempt attach partition ` + table + ` for values from ('` + begin + `') to ('` + after + `')`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}

// alone makes sure that one transaction at a time makes or drops days, and that it waits for no lock for long.
func alone(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, fmt.Sprintf(`
set local lock_timeout = %d;
lock table outbox.attempt_rest in share update exclusive mode`, lockFor.Milliseconds()))
	return err
}

// DropDays drops the attempts of all days that ended before the given time, and says how many tables they were. Messages
// that were delivered then are to be pruned first: without their attempts nobody can tell that they were.
func DropDays(ctx context.Context, db DB, before time.Time) (int, error) {
	dropped := 0
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select name from (`+parts+`) p where ends <= $1`, before)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tx.Exec(ctx, `drop table `+pgx.Identifier{"outbox", name}.Sanitize()); err != nil {
				return err
			}
		}
		dropped = len(names)
		_, err = tx.Exec(ctx, `delete from outbox.attempt_rest where finished_at < $1`, before.UTC().Truncate(day))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("dropping the days of attempts: %w", err)
	}
	return dropped, nil
}
