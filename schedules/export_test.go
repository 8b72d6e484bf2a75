package schedules

import (
	"context"
	"time"
)

// ListAt is List by another clock than the database's.
func ListAt(ctx context.Context, db DB, now func() time.Time) ([]Status, error) {
	return list(ctx, db, func(time.Time) time.Time { return now() })
}
