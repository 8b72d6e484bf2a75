package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pause keeps every relay from sending to the destination, for the given time or, with 0, until Unpause. What is being
// sent goes on; nothing is lost, and no attempt is counted. by says who wants it and reason why; both are needed and kept.
func Pause(ctx context.Context, db DB, destination, by, reason string, lasts time.Duration) error {
	return control(ctx, db, destination, "pause", by, reason, lasts, nil)
}

// Unpause ends a pause, and is no error where there is none.
func Unpause(ctx context.Context, db DB, destination, by, reason string) error {
	return control(ctx, db, destination, "resume", by, reason, 0, nil)
}

// Trip opens the destination's breaker for the given time, as failures would; after that a message is tried.
func Trip(ctx context.Context, db DB, destination, by, reason string, lasts time.Duration) error {
	return control(ctx, db, destination, "trip", by, reason, lasts, nil)
}

// Reset closes the destination's breaker at once, and forgets how often it has opened.
func Reset(ctx context.Context, db DB, destination, by, reason string) error {
	return control(ctx, db, destination, "reset", by, reason, 0, nil)
}

// forGood is how long a pause without an end lasts.
const forGood = 100 * 365 * 24 * time.Hour

// controls say what each action does to a destination's row; w has who wants it, why, and for how many seconds.
var controls = map[string]string{
	"pause":       `held_by = w.by, held_reason = w.reason, held_at = clock_timestamp(), held_until = clock_timestamp() + make_interval(secs => w.secs)`,
	"resume":      `held_by = null, held_reason = null, held_at = null, held_until = null`,
	"retries_off": `retries_off_by = w.by, retries_off_reason = w.reason, retries_off_at = clock_timestamp()`,
	"retries_on":  `retries_off_by = null, retries_off_reason = null, retries_off_at = null`,
	"trip": `state = 'open', since = clock_timestamp(), open_until = clock_timestamp() + make_interval(secs => w.secs),
    opened_reason = w.reason, probe_reason = '', ramp_until = null, open_count = open_count + 1, probe_by = null, probe_lease_until = null`,
	"reset": `state = 'closed', since = clock_timestamp(), open_until = null,
    opened_reason = '', probe_reason = '', ramp_until = null, open_count = 0, probe_by = null, probe_lease_until = null`,
}

// control changes a destination's row; more, when set, runs in the same transaction.
func control(ctx context.Context, db DB, destination, action, by, reason string, lasts time.Duration, more func(pgx.Tx) error) error {
	switch {
	case strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" || !storable(by) || !storable(reason):
		return fmt.Errorf("%w %s of %s: who and why are needed", ErrInvalid, action, destination)
	case destination == "" || len(destination) > maxDestination || !storable(destination):
		return fmt.Errorf("%w %s: a destination is needed", ErrInvalid, action)
	case lasts < 0 || action == "trip" && lasts == 0:
		return fmt.Errorf("%w %s of %s: for how long is needed", ErrInvalid, action, destination)
	}
	if action == "pause" && lasts == 0 {
		lasts = forGood
	}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(`insert into outbox.breaker (destination) values ($1) on conflict (destination) do nothing`, destination)
		batch.Queue(`update outbox.breaker set generation = generation + 1, `+controls[action]+`
from (select $2::text as by, $3::text as reason, $4::float8 as secs) w where destination = $1`,
			destination, by, reason, lasts.Seconds()).Exec(exactly(1))
		if action == "trip" || action == "reset" {
			batch.Queue(`
insert into outbox.breaker_change (destination, state, open_until, reason, by)
select destination, state, open_until, $2, $3 from outbox.breaker where destination = $1`, destination, reason, by)
		}
		batch.Queue(`
insert into outbox.control (destination, action, by, reason, until)
values ($1, $2, $3, $4, case when $5::float8 > 0 then clock_timestamp() + make_interval(secs => $5) end)`,
			destination, action, by, reason, lasts.Seconds())
		batch.Queue(notify, channels(map[string]bool{destination: true}))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil || more == nil {
			return err
		}
		return more(tx)
	})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", action, destination, err)
	}
	return nil
}
