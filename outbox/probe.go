package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	reasonProbe  = "probe"           // of a breaker that is half open
	reasonProbed = "probe succeeded" // of one that has closed
	reasonUnused = "probe not sent"  // of a breaker whose probe was not sent
	probeFor     = 30 * time.Second  // for Destination.Probe
)

// winProbe makes this relay the one that probes; errNothing if another one does. A relay that has won already, with
// Destination.Probe, keeps its turn for the message.
func (r *Relay) winProbe(ctx context.Context, tx pgx.Tx, d *destination, l look) (generation int64, err error) {
	err = tx.QueryRow(ctx, `
with won as (
    update outbox.breaker
    set state = 'half_open', generation = generation + 1, since = case when state = 'open' then now() else since end,
        probe_by = $3, probe_lease_until = now() + make_interval(secs => $4)
    where destination = $1 and generation = $2 and state in ('open', 'half_open')
      and (greatest(open_until, probe_lease_until) <= now() or $7 and probe_by = $3)
    returning destination, generation, open_until
), kept as (
    insert into outbox.breaker_change (destination, state, open_until, reason, by)
    select destination, 'half_open', open_until, $5, $3 from won where $6
)
select generation from won`, d.Name, l.generation, r.o.Owner, r.o.Lease.Seconds(), reasonProbe, l.state == breakerOpen, l.probing).Scan(&generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, errNothing
	}
	return generation, err
}

// probe asks the destination, with Destination.Probe, whether it is there, and says whether a message may be tried now. It
// runs in the dispatcher, which has nothing else to do while the breaker is not closed.
func (r *Relay) probe(d *destination, l *look) (bool, error) {
	ctx, cancel := context.WithTimeout(r.hard, statementFor+probeFor)
	defer cancel()
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		generation, err := r.winProbe(ctx, tx, d, *l)
		if err == nil && l.state == breakerOpen {
			r.observe(Observation{Event: ObservedBreaker, Destination: d.Name, State: breakerHalfOpen, Reason: reasonProbe})
		}
		l.generation = generation
		return err
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("winning the probe of %s: %w", d.Name, err)
	}
	l.state, l.probing = breakerHalfOpen, true
	asking, done := context.WithTimeout(r.running, probeFor) // a relay that stops does not wait for it
	defer done()
	o := r.ask(asking, d)
	g := newGate(d.Name, d.Policy.Breaker, l.generation, l.opened, true, time.Now)
	verdict := d.Policy.Breaker.health(o, asking.Err())
	g.end(verdict, clip(o.Reason))
	if verdict == nil {
		return true, nil
	}
	return false, r.changeAlone(ctx, d, d.changeAfter(g, verdict, r.o.Rand))
}

// ask calls Destination.Probe and survives its panic.
func (r *Relay) ask(ctx context.Context, d *destination) (o Outcome) {
	err := survive(func() error {
		o = d.Probe(ctx)
		return nil
	})
	if err != nil {
		r.o.Log.Error("probe panicked", "destination", d.Name, "error", err)
		return Outcome{Result: ResultUnknown, Reason: reasonPanic}
	}
	return o
}

// endProbe gives the turn of a probe back for which there was no message.
func (r *Relay) endProbe(ctx context.Context, d *destination, l look) error {
	_, err := r.pool.Exec(ctx, `
update outbox.breaker set probe_lease_until = clock_timestamp() where destination = $1 and generation = $2 and state = 'half_open'`,
		d.Name, l.generation)
	if err != nil {
		return fmt.Errorf("ending the probe of %s: %w", d.Name, err)
	}
	return nil
}
