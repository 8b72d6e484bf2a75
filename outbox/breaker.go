package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// changeBreaker carries a transition out, unless the row has changed since, and says whether it did. Relays are woken
// when the breaker closes.
//
// A breaker that closes remembers how often it had opened, and counts on if it opens again within MaxOpen. It opens for so
// long that no seven changes come within Calm: the next change but three before this one is that far away, and each
// opening waits for its own.
func (r *Relay) changeBreaker(ctx context.Context, tx pgx.Tx, d *destination, c *change) (bool, error) {
	tag, err := tx.Exec(ctx, `
with changed as (
    update outbox.breaker
    set state = $3, generation = generation + 1, since = clock_timestamp(),
        open_until = case when $3 = 'open' then greatest(clock_timestamp() + make_interval(secs => $4),
            (select c.at + make_interval(secs => $8) from outbox.breaker_change c
             where c.destination = $1 and $4 > 0 order by c.id desc offset 2 limit 1)) end,
        opened_reason = case when $3 = 'closed' then '' when $5 and state = 'closed' then $6 else opened_reason end,
        probe_reason = case when $3 = 'closed' or state = 'closed' then '' when $5 then $6 else probe_reason end,
        ramp_until = case when $3 = 'closed' then clock_timestamp() + make_interval(secs => $10) end,
        open_count = case when not $5 then open_count when state = 'closed' and since < clock_timestamp() - make_interval(secs => $9) then 1 else open_count + 1 end,
        probe_by = null, probe_lease_until = null
    where destination = $1 and generation = $2 and state in ('closed', 'half_open')
    returning destination, state, open_until
)
insert into outbox.breaker_change (destination, state, at, open_until, reason, by)
select destination, state, clock_timestamp(), open_until, $6, $7 from changed`,
		d.Name, c.generation, c.state, c.wait.Seconds(), c.failed, c.reason, r.o.Owner, d.Policy.Breaker.Calm.Seconds(), d.Policy.Breaker.MaxOpen.Seconds(), d.Policy.Breaker.Ramp.Seconds())
	if err != nil {
		return false, fmt.Errorf("changing the breaker of %s: %w", d.Name, err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	if c.state == breakerClosed {
		if _, err := tx.Exec(ctx, notify, channels(map[string]bool{d.Name: true})); err != nil {
			return false, fmt.Errorf("waking relays of %s: %w", d.Name, err)
		}
	}
	return true, nil
}

// openTripped opens the row for a gate that has tripped, in case the attempt that tripped it could not be recorded.
func (r *Relay) openTripped(ctx context.Context, d *destination, g *gate) error {
	return r.changeAlone(ctx, d, d.changeAfter(g, errAgainst, r.o.Rand))
}

// changeAlone carries a transition out in a transaction of its own; nil is none.
func (r *Relay) changeAlone(ctx context.Context, d *destination, c *change) error {
	if c == nil {
		return nil
	}
	var changed bool
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		var err error
		changed, err = r.changeBreaker(ctx, tx, d, c)
		return err
	})
	if err == nil && changed {
		r.observe(Observation{Event: ObservedBreaker, Destination: d.Name, State: c.state, Reason: c.reason})
	}
	return err
}

// Breaker is whether a destination is left alone.
type Breaker struct {
	// Destination is the destination's name.
	Destination string
	// State is "closed" (messages are sent), "open" (none is) or "half_open" (one is being tried).
	State string
	// Since is when the state began.
	Since time.Time
	// OpenUntil is when the next trial may come; zero while closed.
	OpenUntil time.Time
	// Reason is the reason of the failure that opened it, ProbeReason that of the last trial that failed since; empty while
	// closed.
	Reason, ProbeReason string
	// Gateway is the name of what the destination is reached through; empty where there is none.
	Gateway string
	// RampUntil is when the destination gets all of its pace again, after an outage; zero when it does.
	RampUntil time.Time
	// Openings is how often in a row it has opened without a success in between.
	Openings int
	// ProbeBy is the owner that tries a message now; empty unless half open.
	ProbeBy string
	// HeldBy is who has paused the destination, and HeldReason why; empty while it is not paused. HeldUntil is when the
	// pause ends by itself.
	HeldBy, HeldReason string
	HeldUntil          time.Time
	// RetriesOffBy is who has switched off that failed messages are tried again, and RetriesOffReason why; empty while they are.
	RetriesOffBy, RetriesOffReason string
	// ShutUntil is when the destination's opening hours begin again; zero within them.
	ShutUntil time.Time
	// DownFrom and DownUntil are the bounds of the outage that the destination has announced and that lasts now (Down) or
	// is the next one; DownBy has announced it, for DownReason. Zero and empty where there is none.
	DownFrom, DownUntil time.Time
	Down                bool
	DownBy, DownReason  string
}

// Breakers lists the breakers of all destinations that a relay has ever served, by name.
func Breakers(ctx context.Context, db DB) ([]Breaker, error) {
	rows, err := db.Query(ctx, `
select destination, state, since, coalesce(open_until, 'epoch'), open_until is not null, opened_reason,
       case when state = 'closed' then 0 else open_count end, coalesce(probe_by, ''),
       case when held_until > now() then held_by else '' end, case when held_until > now() then held_reason else '' end,
       coalesce(held_until, 'epoch'), case when shut_until > now() then shut_until end,
       case when ramp_until > now() then ramp_until end, probe_reason, coalesce(gateway, ''),
       coalesce(retries_off_by, ''), coalesce(retries_off_reason, ''),
       d.starts, d.ends, coalesce(d.starts <= now(), false), coalesce(d.by, ''), coalesce(d.reason, '')
from outbox.breaker b left join lateral (
    select starts, ends, by, reason from outbox.downtime d
    where d.destination = b.destination and d.withdrawn_at is null and d.ends > now() order by d.starts limit 1) d on true
order by destination`)
	if err != nil {
		return nil, fmt.Errorf("listing breakers: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Breaker, error) {
		var b Breaker
		var waits bool
		var shut, ramp, from, until *time.Time
		err := row.Scan(&b.Destination, &b.State, &b.Since, &b.OpenUntil, &waits, &b.Reason, &b.Openings, &b.ProbeBy, &b.HeldBy, &b.HeldReason, &b.HeldUntil, &shut, &ramp, &b.ProbeReason, &b.Gateway, &b.RetriesOffBy, &b.RetriesOffReason,
			&from, &until, &b.Down, &b.DownBy, &b.DownReason)
		if from != nil {
			b.DownFrom, b.DownUntil = *from, *until
		}
		if ramp != nil {
			b.RampUntil = *ramp
		}
		if shut != nil {
			b.ShutUntil = *shut
		}
		if b.HeldBy == "" {
			b.HeldUntil = time.Time{}
		}
		if !waits {
			b.OpenUntil = time.Time{}
		}
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing breakers: %w", err)
	}
	return list, nil
}

// BreakerChange is one change of a breaker.
type BreakerChange struct {
	Destination string
	// State is what it became: "closed", "open" or "half_open".
	State string
	At    time.Time
	// OpenUntil is when the next trial was allowed; zero when it closed.
	OpenUntil time.Time
	Reason    string
	// By is the owner of the relay that changed it.
	By string
}

// BreakerHistory lists the last changes of all breakers, the newest first, at most limit.
func BreakerHistory(ctx context.Context, db DB, limit int) ([]BreakerChange, error) {
	rows, err := db.Query(ctx, `
select destination, state, at, coalesce(open_until, 'epoch'), open_until is not null, reason, by
from outbox.breaker_change order by id desc limit $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("listing breaker changes: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (BreakerChange, error) {
		var c BreakerChange
		var waits bool
		err := row.Scan(&c.Destination, &c.State, &c.At, &c.OpenUntil, &waits, &c.Reason, &c.By)
		if !waits {
			c.OpenUntil = time.Time{}
		}
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing breaker changes: %w", err)
	}
	return list, nil
}
