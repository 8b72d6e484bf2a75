package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// present says every fifth of Options.Alive that this relay lives, and gives back what relays that have fallen silent
// still hold: their lanes need not wait for leases that are long enough for the slowest partner. A relay that was only
// asleep changes nothing when it wakes, because its fencing numbers have been given away.
func (r *Relay) present(ctx context.Context, began chan<- struct{}) {
	beat := r.o.Alive / 5
	var since, last time.Time // when beats began to come in time; the last one
	// A connection of its own: a pool that is used up must not make a relay that lives look dead.
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	for ctx.Err() == nil {
		now := time.Now()
		if now.Sub(last) > r.o.Alive/2 {
			since = now
		}
		err := r.beat(ctx, &conn)
		switch {
		case err == nil:
			last = now
			if began != nil {
				close(began)
				began = nil
			}
			// When the database was away, everybody was silent: the others get the time to be heard first.
			if now.Sub(since) >= r.o.Alive {
				err = r.bury(ctx)
			}
		case began != nil:
			r.o.Log.Error("relay waits for the database", "error", err)
		}
		if err != nil && ctx.Err() == nil {
			r.o.Log.Debug("relay could not tell that it lives", "error", err)
		}
		if !pauseFor(ctx, beat) {
			break
		}
	}
	if began != nil {
		close(began)
	}
}

// beat puts off the moment at which this relay counts as dead. It makes the connection when there is none, and lets go
// of one that failed.
func (r *Relay) beat(ctx context.Context, conn **pgx.Conn) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Alive/2)
	defer cancel()
	if *conn == nil {
		if *conn, err = pgx.ConnectConfig(ctx, r.pool.Config().ConnConfig); err != nil {
			*conn = nil
			return fmt.Errorf("telling that the relay lives: %w", err)
		}
	}
	_, err = (*conn).Exec(ctx, `
insert into outbox.relay (owner, alive_until) values ($1, clock_timestamp() + make_interval(secs => $2))
on conflict (owner) do update set alive_until = excluded.alive_until`, r.o.Owner, r.o.Alive.Seconds())
	if err != nil {
		_ = (*conn).Close(context.WithoutCancel(ctx))
		*conn = nil
		return fmt.Errorf("telling that the relay lives: %w", err)
	}
	return nil
}

// bury ends the leases of relays that are silent.
func (r *Relay) bury(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, statementFor)
	defer cancel()
	rows, err := r.pool.Query(ctx, `select owner from outbox.relay where alive_until < clock_timestamp()`)
	if err != nil {
		return fmt.Errorf("looking for silent relays: %w", err)
	}
	var silent []string
	for rows.Next() {
		var owner string
		if err := rows.Scan(&owner); err != nil {
			rows.Close()
			return fmt.Errorf("looking for silent relays: %w", err)
		}
		silent = append(silent, owner)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("looking for silent relays: %w", err)
	}
	for _, owner := range silent {
		if err := r.endLeases(ctx, owner, false); err != nil {
			return err
		}
		r.o.Log.Warn("another relay fell silent: what it held is sent by others", "owner", owner)
	}
	if len(silent) > 0 {
		for _, d := range r.dests {
			d.awaken()
		}
	}
	return nil
}

// leave takes this relay's name off the list, when it has stopped and holds nothing. If that fails, the name falls
// silent and others bury it.
func (r *Relay) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Alive/2)
	defer cancel()
	if err := r.endLeases(ctx, r.o.Owner, true); err != nil {
		r.o.Log.Debug("relay could not tell that it has stopped", "error", err)
	}
}

// endLeases makes everything that owner holds due now, unless it has been heard of again; the claims that follow
// find the outcome of what was under way unknown, as after any lease that ran out.
func (r *Relay) endLeases(ctx context.Context, owner string, alive bool) error {
	tx, err := r.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("ending the leases of a relay: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	gone, err := tx.Exec(ctx, `delete from outbox.relay where owner = $1 and ($2 or alive_until < clock_timestamp())`, owner, alive)
	if err != nil {
		return fmt.Errorf("ending the leases of a relay: %w", err)
	}
	if gone.RowsAffected() == 0 {
		return nil
	}
	// The lanes are locked in the order in which Publish locks them.
	if _, err := tx.Exec(ctx, `
with held as (
    select destination, key from outbox.lane where claimed_by = $1 order by destination, key for update)
update outbox.lane l set due = clock_timestamp(), claimed_until = least(l.claimed_until, clock_timestamp())
from held h where l.destination = h.destination and l.key = h.key`, owner); err != nil {
		return fmt.Errorf("ending the leases of a relay: %w", err)
	}
	if _, err := tx.Exec(ctx, `
update outbox.breaker set probe_lease_until = least(probe_lease_until, clock_timestamp()) where probe_by = $1`, owner); err != nil {
		return fmt.Errorf("ending the leases of a relay: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("ending the leases of a relay: %w", err)
	}
	return nil
}
