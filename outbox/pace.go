package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// paceWindow is how far a destination's pace may lag behind and be made up for: never more than this times the rate leaves
// at once, so that no second sees more than the rate and a twentieth.
const paceWindow = 50 * time.Millisecond

// leastRamp is with which part of its pace, or of the messages under way, a destination begins after an outage.
const leastRamp = 0.1

// ramp is which part of the pace a destination gets, when its ramp ends after left.
func (p BreakerPolicy) ramp(left time.Duration) float64 {
	if left <= 0 || p.Ramp <= 0 {
		return 1
	}
	return max(leastRamp, 1-float64(left)/float64(p.Ramp))
}

// window is how far behind the pace may be made up for; at least two messages, so that a wake-up that comes late loses
// nothing.
func window(rate float64) time.Duration {
	return max(paceWindow, time.Duration(2/rate*float64(time.Second)))
}

// tokens is how many messages may leave now when the next one was due elapsed ago, at a rate per second.
func tokens(elapsed time.Duration, rate float64) int {
	return int(math.Floor(min(elapsed, window(rate)).Seconds()*rate + 1e-6))
}

// untilToken is how long it is until the next message may leave.
func untilToken(elapsed time.Duration, rate float64) time.Duration {
	if tokens(elapsed, rate) >= 1 {
		return 0
	}
	return time.Duration(float64(time.Second)/rate) - elapsed
}

// turn is a claim's part of a destination's pace, in the claim's transaction: the row stays locked until its end, and what
// is not used is given back.
type turn struct {
	n    int // messages that may leave
	next time.Time
	each time.Duration // from one message to the next
}

// takeTurn takes up to n messages' worth of the destination's pace; errNothing if not even one may leave.
func (r *Relay) takeTurn(ctx context.Context, tx pgx.Tx, d *destination, n int) (turn, error) {
	var behind, left float64 // seconds
	var now time.Time
	err := tx.QueryRow(ctx, `
select least(extract(epoch from w.now - p.next_at), 3600)::float8, coalesce(extract(epoch from b.ramp_until - w.now), 0)::float8, w.now
from outbox.pace p join outbox.breaker b on b.destination = p.destination cross join (select clock_timestamp() as now) w
where p.destination = $1 for update of p`, d.Name).Scan(&behind, &left, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return turn{}, errNothing // introduced by the next look
	}
	if err != nil {
		return turn{}, fmt.Errorf("reading the pace: %w", err)
	}
	rate := d.Policy.Rate * d.Policy.Breaker.ramp(seconds(left))
	elapsed := time.Duration(behind * float64(time.Second))
	t := turn{n: min(n, tokens(elapsed, rate)), each: time.Duration(float64(time.Second) / rate)}
	if t.n < 1 {
		return turn{}, errNothing
	}
	t.next = now.Add(-min(elapsed, window(rate)))
	return t, nil
}

// use says how many of the turn's messages leave.
func (t turn) use(ctx context.Context, tx pgx.Tx, d *destination, used int) error {
	_, err := tx.Exec(ctx, `update outbox.pace set next_at = $2 where destination = $1`, d.Name, t.next.Add(time.Duration(used)*t.each))
	if err != nil {
		return fmt.Errorf("keeping the pace: %w", err)
	}
	return nil
}

// room is how many of the slots that the dispatcher has got it may fill now, and how long it has to wait if none: while
// failures in a row have not lasted, and while a destination is only beginning again, fewer are sent.
func (r *Relay) room(d *destination, g *gate, l look, slots int) (keep int, wait time.Duration) {
	keep = slots
	if suspects, wait := g.suspects(); suspects {
		if wait > 0 {
			return 0, wait
		}
		keep = min(keep, 1)
	}
	if left := l.rampFor - time.Since(l.seen); left > 0 && d.Policy.Rate == 0 {
		most := max(1, int(d.Policy.Breaker.ramp(left)*float64(d.Policy.MaxInFlight)))
		keep = min(keep, max(0, most-(r.budget.used(d.index)-slots)))
	}
	if keep == 0 {
		return 0, again
	}
	return keep, 0
}
