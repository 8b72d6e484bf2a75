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
	// A connection of its own, and no wait for a lock but its own row's: neither a pool that is used up nor a transaction
	// that a dead process has left open must make a relay that lives look dead.
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
		inTime, err := r.beat(ctx, &conn)
		switch {
		case err == nil:
			last = now
			if !inTime {
				since = now
			}
			if began != nil {
				close(began)
				began = nil
			}
			// When the database was away, everybody was silent: the others get the time to be heard first.
			if now.Sub(since) >= r.o.Alive {
				err = r.bury(ctx, conn)
			}
		case began != nil && ctx.Err() == nil:
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

// beat puts off the moment at which this relay counts as dead, and says whether that moment had not come yet by the
// database's clock. It makes the connection when there is none, and lets go of one that failed.
func (r *Relay) beat(ctx context.Context, conn **pgx.Conn) (inTime bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Alive/2)
	defer cancel()
	if *conn == nil || (*conn).IsClosed() {
		if *conn, err = pgx.ConnectConfig(ctx, r.pool.Config().ConnConfig); err != nil {
			*conn = nil
			return false, fmt.Errorf("telling that the relay lives: %w", err)
		}
	}
	err = (*conn).QueryRow(ctx, `
insert into outbox.relay (owner, alive_until) values ($1, clock_timestamp() + make_interval(secs => $2))
on conflict (owner) do update set alive_until = excluded.alive_until
returning coalesce((select b.alive_until >= clock_timestamp() from outbox.relay b where b.owner = $1), false)`,
		r.o.Owner, r.o.Alive.Seconds()).Scan(&inTime)
	if err != nil {
		_ = (*conn).Close(context.WithoutCancel(ctx))
		*conn = nil
		return false, fmt.Errorf("telling that the relay lives: %w", err)
	}
	return inTime, nil
}

// bury ends the leases of relays that are silent. It takes so little time that the next beat comes when it should.
func (r *Relay) bury(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.Alive/5)
	defer cancel()
	rows, err := conn.Query(ctx, `select owner from outbox.relay where owner <> $1 and alive_until < clock_timestamp()`, r.o.Owner)
	if err != nil {
		return fmt.Errorf("looking for silent relays: %w", err)
	}
	silent, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for silent relays: %w", err)
	}
	for _, owner := range silent {
		gone, err := r.endLeases(ctx, conn, owner)
		if err != nil {
			return err
		}
		if gone {
			r.o.Log.Warn("another relay fell silent: what it held is sent by others", "owner", owner)
		}
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
	if _, err := r.endLeases(ctx, r.pool, r.o.Owner); err != nil {
		r.o.Log.Debug("relay could not tell that it has stopped", "error", err)
	}
}

// endLeases makes everything that owner holds due now, if it is this relay, or has not been heard of again while this
// relay has; the claims that follow find the outcome of what was under way unknown, as after any lease that ran out.
// What is locked is left alone: its holder may be recording the outcome. Then owner stays listed, for another try; gone
// says that it does not.
func (r *Relay) endLeases(ctx context.Context, db interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, owner string) (gone bool, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
select from outbox.relay
where owner = $1 and ($1 = $2 or alive_until < clock_timestamp()
  and exists (select from outbox.relay own where own.owner = $2 and own.alive_until >= clock_timestamp()))
for update skip locked`, owner, r.o.Owner)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `
with held as (select destination, key from outbox.lane where claimed_by = $1 for update skip locked)
update outbox.lane l set claimed_until = least(l.claimed_until, clock_timestamp())
from held h where l.destination = h.destination and l.key = h.key`, owner); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
with held as (select destination from outbox.feed where owner = $1 for update skip locked), freed as (
    update outbox.feed f set owner = null from held h where f.destination = h.destination returning f.destination
)
select pg_notify('`+channelPrefix+`' || destination, '') from freed where exists (select from outbox.relay where owner <> $1)`, owner); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
with held as (select destination from outbox.breaker where probe_by = $1 for update skip locked)
update outbox.breaker b set probe_lease_until = least(b.probe_lease_until, clock_timestamp())
from held h where b.destination = h.destination`, owner); err != nil {
			return err
		}
		tag, err = tx.Exec(ctx, `
delete from outbox.relay
where owner = $1
  and not exists (select from outbox.feed where owner = $1)
  and not exists (select from outbox.lane where claimed_by = $1 and claimed_until > clock_timestamp())
  and not exists (select from outbox.breaker where probe_by = $1 and probe_lease_until > clock_timestamp())`, owner)
		gone = err == nil && tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ending the leases of a relay: %w", err)
	}
	return gone, nil
}
