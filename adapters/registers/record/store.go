package record

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Exchange is an exchange with its end.
type Exchange struct {
	Sent
	// Ended is nil while the exchange is under way, and for ever where the
	// process ended meanwhile.
	Ended *Ended
}

// Filter says which exchanges [List] returns; zero fields say nothing.
type Filter struct {
	MessageID, Register string
	// Open are those without an end.
	Open bool
	// Before is the time before which they were sent.
	Before time.Time
}

// List returns exchanges, the last sent first, at most limit of them.
func List(ctx context.Context, db *pgxpool.Pool, f Filter, limit int) ([]Exchange, error) {
	var before *time.Time
	if !f.Before.IsZero() {
		before = &f.Before
	}
	rows, err := db.Query(ctx, `
		select x.message_id, x.sent_at, x.register, x.operation, x.service, x.caller, x.user_id, x.issue, x.request_hash, x.purpose,
			r.ended_at, coalesce(r.result, ''), coalesce(r.code, ''), coalesce(r.stated_hash, ''), coalesce(r.request_id, '')
		from register.exchange x left join register.exchange_result r using (message_id)
		where ($1 = '' or x.message_id = $1) and ($2 = '' or x.register = $2) and (not $3 or r.message_id is null)
			and ($4::timestamptz is null or x.sent_at < $4)
		order by x.sent_at desc, x.message_id limit $5`,
		f.MessageID, f.Register, f.Open, before, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Exchange, error) {
		var x Exchange
		var end Ended
		var at *time.Time
		err := row.Scan(&x.MessageID, &x.At, &x.Register, &x.Operation, &x.Service, &x.Caller, &x.UserID, &x.Issue, &x.RequestHash, &x.Purpose,
			&at, &end.Result, &end.Code, &end.StatedHash, &end.RequestID)
		if at != nil {
			end.MessageID, end.At = x.MessageID, *at
			x.Ended = &end
		}
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	return list, nil
}

// Prune deletes exchanges that were sent before the given time, at most limit of
// them, and says how many.
func Prune(ctx context.Context, db *pgxpool.Pool, before time.Time, limit int) (int, error) {
	done, err := db.Exec(ctx, `
		with old as (
			select message_id from register.exchange where sent_at < $1 order by sent_at limit $2 for update skip locked
		), results as (
			delete from register.exchange_result r using old where r.message_id = old.message_id
		)
		delete from register.exchange x using old where x.message_id = old.message_id`, before, limit)
	if err != nil {
		return 0, fmt.Errorf("deleting old exchanges: %w", err)
	}
	return int(done.RowsAffected()), nil
}

// Call is an operation that has been called.
type Call struct{ Register, Operation, Service string }

// Called returns the operations that have been called since the given time.
func Called(ctx context.Context, db *pgxpool.Pool, since time.Time) ([]Call, error) {
	rows, err := db.Query(ctx, `select distinct register, operation, service from register.exchange where sent_at >= $1`, since)
	if err != nil {
		return nil, fmt.Errorf("reading which operations were called: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Call])
	if err != nil {
		return nil, fmt.Errorf("reading which operations were called: %w", err)
	}
	return list, nil
}
