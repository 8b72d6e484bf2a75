package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Held tells about events that have committed and cannot be read yet, because a transaction that began to write before
// them is still open, in any database of the cluster: see Append.
type Held struct {
	// Events is how many there are, and For how long the oldest has been held, by the database's clock.
	Events int
	For    time.Duration
	// The transaction that holds them, as far as the database lets us see it: its session's process, application and
	// database, and how long it has been open. PID is 0 when it cannot be seen, or is a prepared one.
	PID         int
	Application string
	Database    string
	Open        time.Duration
}

// HeldEvents looks for events that are held. Its zero value is the good case.
func HeldEvents(ctx context.Context, db DB) (Held, error) {
	var h Held
	var oldest *time.Time
	var now time.Time
	err := db.QueryRow(ctx, `
select count(*), min(e.recorded_at), clock_timestamp()
from outbox.event e, outbox.horizon h
where e.label >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint + h.shift`).Scan(&h.Events, &oldest, &now)
	if err != nil {
		return Held{}, fmt.Errorf("looking for held events: %w", err)
	}
	if oldest == nil {
		return Held{}, nil
	}
	h.For = max(0, now.Sub(*oldest))
	var began *time.Time
	err = db.QueryRow(ctx, `
select a.pid, coalesce(a.application_name, ''), coalesce(a.datname, ''), a.xact_start
from pg_stat_activity a
where a.backend_xid is not null and a.pid <> pg_backend_pid()
order by age(a.backend_xid) desc limit 1`).Scan(&h.PID, &h.Application, &h.Database, &began)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Held{}, fmt.Errorf("looking for who holds events: %w", err)
	}
	if began != nil {
		h.Open = max(0, now.Sub(*began))
	}
	return h, nil
}

// End is the position of the last event that can be read: reading from it on gives what comes after now.
func End(ctx context.Context, db DB) (Position, error) {
	var label, id int64
	err := db.QueryRow(ctx, `
select e.label, e.id from outbox.event e
where e.label < (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + h.shift from outbox.horizon h)
order by e.label desc, e.id desc limit 1`).Scan(&label, &id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the end of the events: %w", err)
	}
	return position(label, id), nil
}

// NotificationsWaiting says which share of the server's queue of notifications is used. A session that listens and never
// ends its transaction keeps the queue from being emptied; when it is full (8 GB), every transaction that notifies fails.
func NotificationsWaiting(ctx context.Context, db DB) (share float64, err error) {
	if err := db.QueryRow(ctx, `select pg_notification_queue_usage()`).Scan(&share); err != nil {
		return 0, fmt.Errorf("looking at the queue of notifications: %w", err)
	}
	return share, nil
}
