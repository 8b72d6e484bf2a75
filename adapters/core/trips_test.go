package core

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ristmik/adapters/postgres/postgrestest"
)

// Whatever goes wrong within, nothing of the transaction stays, the error is told,
// and the connection goes back to the pool in good order.
func TestATransactionInTwoTripsIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), postgrestest.Pool(t)
	if _, err := pool.Exec(ctx, `create table kept (n integer primary key)`); err != nil {
		t.Fatal(err)
	}
	insert := func(n int) statement {
		return statement{`insert into kept values ($1) on conflict do nothing`, []any{n}}
	}
	wrong := errors.New("wrong")
	for name, c := range map[string]struct {
		first, last statement
		within      func(ctx context.Context, tx pgx.Tx) error
		want        error // nil: some error
		kept        int
	}{
		"good":                {first: insert(1), last: insert(2), kept: 2},
		"the effect fails":    {first: insert(1), last: insert(2), within: func(context.Context, pgx.Tx) error { return wrong }, want: wrong},
		"the last one fails":  {first: insert(1), last: statement{`insert into kept values (1)`, nil}},
		"the first one fails": {first: statement{`insert into nothing values (1)`, nil}, last: insert(2)},
		"a failure is kept back": {first: insert(1), want: pgx.ErrTxCommitRollback, within: func(ctx context.Context, tx pgx.Tx) error {
			_, _ = tx.Exec(ctx, `select 1/0`)
			return nil
		}},
	} {
		if _, err := pool.Exec(ctx, `truncate kept`); err != nil {
			t.Fatal(err)
		}
		err := inTwoTrips(ctx, pool, c.first, func(tx pgx.Tx, rows int64) (statement, error) {
			if rows != 1 {
				t.Errorf("%s: %d rows", name, rows)
			}
			if c.within != nil {
				if err := c.within(ctx, tx); err != nil {
					return statement{}, err
				}
			}
			return c.last, nil
		})
		if (err == nil) != (c.kept > 0) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		var kept int
		if err := pool.QueryRow(ctx, `select count(*) from kept`).Scan(&kept); err != nil || kept != c.kept {
			t.Errorf("%s: %d rows are kept, want %d (%v)", name, kept, c.kept, err)
		}
	}
	if n := pool.Stat().TotalConns(); n != 1 {
		t.Errorf("%d connections: one was not given back in order", n)
	}
}

// What goes in one trip is whole or nothing, too.
func TestATransactionInOneTripIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), postgrestest.Pool(t)
	if _, err := pool.Exec(ctx, `create table kept (n integer primary key)`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rows []int
		kept int
		code string
	}{{[]int{1, 2}, 2, ""}, {[]int{3, 1, 4}, 2, "23505"}, {nil, 2, ""}, {[]int{3}, 3, ""}} {
		batch := &pgx.Batch{}
		for _, n := range c.rows {
			batch.Queue(`insert into kept values ($1)`, n)
		}
		err := inOneTrip(ctx, pool, batch)
		e, _ := errors.AsType[*pgconn.PgError](err)
		if (err != nil) != (c.code != "") || c.code != "" && (e == nil || e.Code != c.code) {
			t.Errorf("%v: %v", c.rows, err)
		}
		var kept int
		if err := pool.QueryRow(ctx, `select count(*) from kept`).Scan(&kept); err != nil || kept != c.kept {
			t.Errorf("%v: %d rows are kept, want %d (%v)", c.rows, kept, c.kept, err)
		}
	}
	if n := pool.Stat().TotalConns(); n != 1 {
		t.Errorf("%d connections: one was not given back in order", n)
	}
}
