package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"ristmik/adapters/postgres"
)

// What a database says of a value stays out of the log; other errors keep their
// words.
func TestErrorsForTheLogHoldNoValues(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("storing: %w", &pgconn.PgError{Code: "22P02", TableName: "answer", Message: `invalid input syntax: "71506150007"`, Detail: "71506150007"})
	if got := postgres.WithoutValues(refused); strings.Contains(got, "71506150007") || !strings.Contains(got, "22P02") || !strings.Contains(got, "answer") {
		t.Errorf("said %q", got)
	}
	if got := postgres.WithoutValues(errors.New("no answer")); got != "no answer" {
		t.Errorf("said %q", got)
	}
}
