package outbox

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A session that the server ends, for example while a commit is under way, says nothing about Apply or the hook.
func TestOnlyWhatWouldFailAgainIsBlamed(t *testing.T) {
	t.Parallel()
	pg := func(severity, code string) error {
		return fmt.Errorf("committing: %w", &pgconn.PgError{SeverityUnlocalized: severity, Code: code})
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{pg("FATAL", "25P03"), true}, // idle in a transaction for too long
		{pg("FATAL", "57P01"), true}, // the server stops
		{pg("ERROR", "40001"), true}, // serialization failure
		{pg("ERROR", "55P03"), true}, // lock not available
		{pg("ERROR", "23505"), false},
		{pg("ERROR", "25P02"), false}, // the transaction had failed before
		{errors.New("not of the database"), false},
	} {
		if got := passing(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
