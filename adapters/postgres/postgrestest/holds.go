package postgrestest

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Holds names the tables of a database in which the text stands anywhere, as a
// text or among the bytes of a column.
func Holds(t testing.TB, pool *pgxpool.Pool, text string) (tables []string) {
	t.Helper()
	ctx := context.Background()
	rows, err := pool.Query(ctx, `
		select format('%I.%I', table_schema, table_name) from information_schema.tables
		where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE' order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		t.Fatalf("%d tables (%v)", len(names), err)
	}
	for _, name := range names {
		var found bool
		// Bytes are written in hexadecimal digits.
		err := pool.QueryRow(ctx, fmt.Sprintf(`select exists (select from %s t where position($1 in t::text) > 0 or position($2 in t::text) > 0)`, name),
			text, hex.EncodeToString([]byte(text))).Scan(&found)
		if err != nil {
			t.Fatal(err)
		}
		if found {
			tables = append(tables, name)
		}
	}
	return tables
}
