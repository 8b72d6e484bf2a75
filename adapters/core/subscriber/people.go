package subscriber

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// ErrUnknown says that no subscription has that name.
var ErrUnknown = errors.New("no such subscription")

// Status is how a subscription stands.
type Status struct {
	Name string
	// Cursor is the position up to which events have been handed over.
	Cursor outbox.Position
	// Replays counts how often it was told to begin anew.
	Replays int
	Created time.Time
	// FailingSince is since when nothing has been taken, zero when all is well.
	FailingSince  time.Time
	FailingReason string
	// DisabledAt is zero while it is enabled.
	DisabledAt     time.Time
	DisabledBy     string
	DisabledReason string
}

const statusColumns = `name, cursor, generation, created_at, coalesce(failing_since, '0001-01-01 00:00:00+00'), failing_reason,
	coalesce(disabled_at, '0001-01-01 00:00:00+00'), disabled_by, disabled_reason`

// List tells how all subscriptions of the database stand, by name; those that
// the configuration no longer has are there too.
func List(ctx context.Context, db outbox.DB) ([]Status, error) {
	rows, _ := db.Query(ctx, `select `+statusColumns+` from core.subscription order by name`)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Status, error) {
		var s Status
		err := row.Scan(&s.Name, &s.Cursor, &s.Replays, &s.Created, &s.FailingSince, &s.FailingReason, &s.DisabledAt, &s.DisabledBy, &s.DisabledReason)
		s.Created, s.FailingSince, s.DisabledAt = s.Created.UTC(), s.FailingSince.UTC(), s.DisabledAt.UTC()
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing subscriptions: %w", err)
	}
	return list, nil
}

// Disable stops telling a subscription, on behalf of by and for the reason
// given. Disabling twice changes nothing. [ErrUnknown] when it has no row.
func Disable(ctx context.Context, db outbox.DB, name, by, reason string) error {
	return change(ctx, db, name, `
		update core.subscription
		set disabled_by = case when disabled_at is null then $2 else disabled_by end,
		    disabled_reason = case when disabled_at is null then $3 else disabled_reason end,
		    disabled_at = coalesce(disabled_at, clock_timestamp())
		where name = $1`, name, by, reason)
}

// Enable goes on telling it from where it stopped. [ErrUnknown] as for
// [Disable].
func Enable(ctx context.Context, db outbox.DB, name string) error {
	return change(ctx, db, name, `
		update core.subscription
		set disabled_at = null, disabled_by = '', disabled_reason = '', failing_since = null, failing_reason = ''
		where name = $1`, name)
}

// Replay tells all events after a position again, those that come meanwhile
// included; "" is the beginning. Events keep their ids. What is under way from
// before goes out too. [ErrUnknown] as for [Disable]; outbox.ErrBadPosition.
func Replay(ctx context.Context, db outbox.DB, name string, after outbox.Position) error {
	if _, err := outbox.Events(ctx, db, after, 1); err != nil {
		return err
	}
	return change(ctx, db, name, `update core.subscription set cursor = $2, generation = generation + 1 where name = $1`, name, string(after))
}

func change(ctx context.Context, db outbox.DB, name, sql string, args ...any) error {
	tag, err := db.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("changing subscription %s: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return nil
}
