package outbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// tookOver is that the destination has another owner, or the same one anew: of each lane the message that was being sent has
// an unknown result.
func (p *logPlayer) tookOver() {
	for _, msg := range p.m.all {
		if msg.flight != nil && msg.flight.fresh {
			p.m.cutOff(msg.flight)
			p.cut++
		}
	}
}

// valid says whether what a flight brings still counts.
func (p *logPlayer) valid(f *flight) bool {
	var fence int64
	sql, args := `select fence from outbox.feed where destination = $1`, []any{p.g.destination}
	if !f.fresh {
		sql, args = `select coalesce(fence, 0) from outbox.lane where destination = $1 and key = $2`, append(args, f.message.lane)
	}
	err := p.g.pool.QueryRow(p.g.ctx, sql, args...).Scan(&fence)
	if errors.Is(err, pgx.ErrNoRows) {
		return false
	}
	p.must(err)
	return fence == f.fence
}

// finish ends a send of a relay, and begins the one that follows in its lane.
func (p *logPlayer) finish(k int) {
	if len(p.flights[k]) == 0 {
		return
	}
	i := rapid.IntRange(0, len(p.flights[k])-1).Draw(p.T, "which")
	o := modelOutcome{
		Result: rapid.SampledFrom([]Result{ResultDelivered, ResultDelivered, ResultDelivered, ResultRetry, ResultWait, ResultRefused, ResultUnknown, ResultDead}).Draw(p.T, "result"),
		Apply:  rapid.IntRange(0, 5).Draw(p.T, "apply") == 0,
	}
	if o.Result == ResultRetry || o.Result == ResultUnknown {
		o.Against = rapid.Bool().Draw(p.T, "against")
	}
	p.finishAs(k, i, o)
}

func (p *logPlayer) finishAs(k, i int, o modelOutcome) {
	f, c := p.flights[k][i], p.claims[k][i]
	p.flights[k], p.claims[k] = slices.Delete(p.flights[k], i, i+1), slices.Delete(p.claims[k], i, i+1)
	r := p.g.relays[k]
	d := r.dests[0]
	counts := p.valid(f)
	before := ""
	if !counts {
		before = p.everything()
		p.zombies++
	}
	sends := false
	p.g.answer = Outcome{Result: o.Result, Reason: "why", CountsAgainst: o.Against}
	if o.Apply {
		p.g.answer.Apply = func(context.Context, pgx.Tx) error { return errors.New("no") }
	}
	var rec *record
	if c.fed {
		rec = r.attempt(d, c)
	} else {
		rec = r.attemptRowed(d, c)
	}
	sends = rec.sent
	dies := !sends && rec.state == stateDead
	r.record(d, rec)
	switch {
	case !counts:
		if after := p.everything(); after != before {
			p.Fatalf("%s of a relay that does not hold %s any more has changed\n%s\nto\n%s", o.Result, c.Key, before, after)
		}
	case f.early && sends && (c.early || f.message.flight != f):
		p.Fatalf("%s was sent before what goes first", c.Key)
	case sends:
		if c.fed {
			p.sent++
		}
		p.m.ends(f, c.tries, o)
	case dies: // its last attempt was cut off, or was the last one
		if c.tries <= modelAttempts && (!c.abandoned || p.m.idempotent) {
			p.Fatalf("%s died without a send at its attempt %d", c.Key, c.tries)
		}
		p.m.settle(f, stateDead, false)
	default:
		p.m.settle(f, stateReady, false)
	}
	if counts {
		p.agreeOn(f.message)
	}
	if c.fed {
		if next := r.following(d, c.lane); next != nil {
			p.begun(k, next)
		}
	}
}

// agreeOn compares a message that nobody is sending.
func (p *logPlayer) agreeOn(msg *promised) {
	p.Helper()
	var state string
	var attempts int
	err := p.g.pool.QueryRow(p.g.ctx, `
select case when m.state = 'ready' and p.id is null and exists (select from outbox.attempt a where a.message = m.id and a.result = 'delivered') then 'delivered' else m.state end,
       (select count(*) from outbox.attempt a where a.message = m.id and a.result <> 'wait')
from outbox.message m left join outbox.pending p on p.destination = m.destination and p.lane = m.lane and p.id = m.id
where m.destination = $1 and m.key = $2`, p.g.destination, msg.key).Scan(&state, &attempts)
	p.must(err)
	if state != msg.state || attempts != msg.attempts {
		p.Fatalf("%s of lane %s is %s after %d attempts, and %s after %d by the model", msg.key, msg.lane, state, attempts, msg.state, msg.attempts)
	}
}

// everything is all that an outcome could change.
func (p *logPlayer) everything() (text string) {
	p.must(p.g.pool.QueryRow(p.g.ctx, `
select concat_ws(E'\n', (select string_agg(m::text, E'\n' order by id) from outbox.message m where destination = $1),
    (select string_agg(q::text, E'\n' order by id) from outbox.pending q where destination = $1),
    (select string_agg(l::text, E'\n' order by key) from outbox.lane l where destination = $1),
    (select string_agg(a.id::text, ' ' order by a.id) from outbox.attempt a join outbox.message m on m.id = a.message where m.destination = $1))`,
		p.g.destination).Scan(&text))
	return text
}

func (p *logPlayer) advance() {
	p.must(p.g.advance(rapid.SampledFrom([]time.Duration{time.Second, modelDelay, time.Minute, 2 * time.Hour}).Draw(p.T, "on")))
}

// crash abandons a process and starts it again: nobody hears of what it held.
func (p *logPlayer) crash(k int) {
	p.restart(k)
	p.flights[k], p.claims[k] = nil, nil
}

// silent makes a relay look dead, so that another one may own what it owned; it goes on as a zombie.
func (p *logPlayer) silent(k int) { p.must(p.g.silent(k, 1-k)) }

// decide is a person who looks at a dead message.
func (p *logPlayer) decide() {
	var dead []*promised
	for _, msg := range p.m.all {
		if msg.state == stateDead {
			dead = append(dead, msg)
		}
	}
	if len(dead) > 0 {
		p.decideAbout(rapid.SampledFrom(dead).Draw(p.T, "dead"), rapid.Bool().Draw(p.T, "retry"))
	}
}

func (p *logPlayer) decideAbout(msg *promised, retry bool) {
	id, err := p.g.id(msg.key)
	p.must(err)
	do := Discard
	if retry {
		do = Retry
	}
	p.must(do(p.g.ctx, p.g.pool, id, "mari", "why"))
	p.m.decided(msg, retry)
}

// control is a person who looks at the destination.
func (p *logPlayer) control() {
	ctx, db, name := p.g.ctx, p.g.pool, p.g.destination
	p.must([]func() error{
		func() error { return Pause(ctx, db, name, "mari", "why", time.Minute) },
		func() error { return Unpause(ctx, db, name, "mari", "why") },
		func() error { return Trip(ctx, db, name, "mari", "why", time.Minute) },
		func() error { return Reset(ctx, db, name, "mari", "why") },
	}[rapid.IntRange(0, 3).Draw(p.T, "control")]())
}

// end lets everything come to its end: all that has committed is delivered, or a person has given it up.
func (p *logPlayer) end() {
	for len(p.open) > 0 {
		p.close(p.open[0], true)
	}
	ctx, db, name := p.g.ctx, p.g.pool, p.g.destination
	p.must(Unpause(ctx, db, name, "mari", "why"))
	p.must(Reset(ctx, db, name, "mari", "why"))
	for round := 0; p.m.unsettled() > 0; round++ {
		if round == 200 {
			p.Fatalf("%d messages are never settled:\n%s", p.m.unsettled(), p.everything())
		}
		for k := range p.g.relays {
			for len(p.flights[k]) > 0 {
				p.finishAs(k, 0, modelOutcome{Result: ResultDelivered})
			}
			p.turn(k, 10)
		}
		for _, msg := range p.m.all {
			if msg.state == stateDead {
				p.decideAbout(msg, false)
			}
		}
		p.must(p.g.advance(2 * modelLease))
	}
	for _, msg := range p.m.all {
		p.agreeOn(msg)
	}
	var n, twice int
	p.must(db.QueryRow(ctx, `select (select count(*) from outbox.message where destination = $1),
    (select count(*) from (select from outbox.attempt a join outbox.message m on m.id = a.message where m.destination = $1 and a.result = 'delivered' group by m.id having count(*) > 1) t)`,
		name).Scan(&n, &twice))
	if n != len(p.m.all) || twice > 0 {
		p.Fatalf("%d messages, %d by the model; %d were delivered twice", n, len(p.m.all), twice)
	}
}
