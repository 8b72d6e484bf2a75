package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A database that is away is the hub's trouble of the moment (503, try again);
// a database that refuses is the hub's fault (500).
func TestOnlyADatabaseThatIsAwayMayBeAskedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"stopping":     {&pgconn.PgError{Code: "57P01"}, true},
		"starting":     {&pgconn.PgError{Code: "57P03"}, true},
		"connection":   {&pgconn.PgError{Code: "08006"}, true},
		"too many":     {&pgconn.PgError{Code: "53300"}, true},
		"cut off":      {io.ErrUnexpectedEOF, true},
		"refused":      {&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		"too slow":     {context.DeadlineExceeded, true},
		"wrong value":  {&pgconn.PgError{Code: "22P02"}, false},
		"wrong query":  {&pgconn.PgError{Code: "42703"}, false},
		"other":        {errors.New("other"), false},
		"disk is full": {&pgconn.PgError{Code: "53100"}, false},
	} {
		if got := databaseAway(fmt.Errorf("reading: %w", c.err)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
