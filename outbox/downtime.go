package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoDowntime says that there is no such announcement, or that it is over or withdrawn.
var ErrNoDowntime = errors.New("announced downtime not found")

// mostDowntime bounds how long an outage may be announced for.
const mostDowntime = 366 * 24 * time.Hour

// Downtime is an outage that a destination has announced: from From until Until relays send nothing to it, no attempt is
// counted, and what has been sent before goes on. Until then and after that nothing is changed.
type Downtime struct {
	ID          int64
	Destination string
	From, Until time.Time
	By, Reason  string
	Announced   time.Time
}

// Announce keeps an outage that a destination has announced. A From that is zero or past means from now on, by the
// database's clock; relays see its beginning when they next look, at the latest after Options.Poll. Several may overlap. by
// says who announces it and reason why; both are needed and kept. Errors wrap ErrInvalid where it cannot be, and name every
// fault.
func Announce(ctx context.Context, db DB, destination string, from, until time.Time, by, reason string) (Downtime, error) {
	var wrong []string
	if destination == "" || len(destination) > maxDestination || !storable(destination) {
		wrong = append(wrong, "a destination is needed")
	}
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" || !storable(by) || !storable(reason) {
		wrong = append(wrong, "who and why are needed")
	}
	var now time.Time
	if err := db.QueryRow(ctx, `select clock_timestamp()`).Scan(&now); err != nil {
		return Downtime{}, fmt.Errorf("announcing downtime of %s: %w", destination, err)
	}
	if from.Before(now) {
		from = now
	}
	if !until.After(from) || until.Sub(from) > mostDowntime || from.Sub(now) > mostDowntime {
		wrong = append(wrong, "it ends in the future, after it begins, and neither is more than a year away")
	}
	if len(wrong) > 0 {
		return Downtime{}, fmt.Errorf("%w downtime: %s", ErrInvalid, strings.Join(wrong, "; "))
	}
	d := Downtime{Destination: destination, From: from, Until: until, By: by, Reason: reason}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
insert into outbox.downtime (destination, starts, ends, by, reason) values ($1, $2, $3, $4, $5) returning id, starts, ends, announced_at`,
			destination, from, until, by, reason).Scan(&d.ID, &d.From, &d.Until, &d.Announced)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
insert into outbox.breaker (destination, down_last) values ($1, $2)
on conflict (destination) do update set down_last = greatest(breaker.down_last, excluded.down_last)`, destination, until)
		return err
	})
	if err != nil {
		return Downtime{}, fmt.Errorf("announcing downtime of %s: %w", destination, err)
	}
	return d, nil
}

// Withdraw takes an announcement back, also while the outage lasts: then sending goes on at once. by says who wants it and
// reason why; both are needed and kept. Errors: ErrNoDowntime, or one that wraps ErrInvalid.
func Withdraw(ctx context.Context, db DB, id int64, by, reason string) error {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" || !storable(by) || !storable(reason) {
		return fmt.Errorf("%w withdrawal of downtime %d: who and why are needed", ErrInvalid, id)
	}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var destination string
		err := tx.QueryRow(ctx, `
update outbox.downtime set withdrawn_at = clock_timestamp(), withdrawn_by = $2, withdrawn_reason = $3
where id = $1 and withdrawn_at is null and ends > clock_timestamp() returning destination`, id, by, reason).Scan(&destination)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoDowntime
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, notify, channels(map[string]bool{destination: true}))
		return err
	})
	if err != nil {
		return fmt.Errorf("withdrawing downtime %d: %w", id, err)
	}
	return nil
}

// Downtimes lists the outages that are announced and not over, those that begin first at first.
func Downtimes(ctx context.Context, db DB) ([]Downtime, error) {
	rows, err := db.Query(ctx, `
select id, destination, starts, ends, by, reason, announced_at from outbox.downtime
where withdrawn_at is null and ends > now() order by starts, id`)
	if err != nil {
		return nil, fmt.Errorf("listing announced downtimes: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Downtime])
	if err != nil {
		return nil, fmt.Errorf("listing announced downtimes: %w", err)
	}
	return list, nil
}
