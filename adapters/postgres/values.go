package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// WithoutValues is the text of err for a log: without what a database puts into
// its own errors, the value that it did not like, which may be a person's.
func WithoutValues(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("database error %s (table %q, constraint %q)", e.Code, e.TableName, e.ConstraintName)
	}
	return err.Error()
}
