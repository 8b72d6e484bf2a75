package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
)

// engine plays single steps of real relays on a real database whose clock stands still until it is moved on.
type engine struct {
	pool   *pgxpool.Pool // in which the clock is ours
	serial int
}

// modelClock stands in front of the database's own clock for every statement that does not name a schema. The numbers
// that it gives are those of the model, so that the two can be compared exactly.
const modelClock = `
create schema clock;
create table clock.at (t timestamptz not null);
insert into clock.at values ('2026-01-01 00:00:00Z');
create function clock.now() returns timestamptz language sql stable as 'select t from clock.at';
create function clock.clock_timestamp() returns timestamptz language sql stable as 'select t from clock.at';
do $$ declare d record; begin
    for d in select table_name, column_name from information_schema.columns where table_schema = 'outbox' and column_default = 'now()' loop
        execute format('alter table outbox.%I alter column %I set default clock.now()', d.table_name, d.column_name);
    end loop;
end $$;`

func newEngine(t testing.TB) *engine {
	t.Helper()
	plain := postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: Migrations})
	if _, err := plain.Exec(t.Context(), modelClock); err != nil {
		t.Fatal(err)
	}
	cfg := plain.Config()
	cfg.ConnConfig.RuntimeParams["search_path"] = "clock, pg_catalog"
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &engine{pool: pool}
}

// game is one history on the engine, with a destination of its own.
type game struct {
	*engine
	ctx         context.Context
	destination string
	policy      Policy
	relays      []*Relay
	held        [][]*claimed // by relay
	answer      Outcome      // of the next send
}

func (e *engine) newGame(ctx context.Context, relays int, policy Policy) (*game, error) {
	e.serial++
	g := &game{engine: e, ctx: ctx, destination: fmt.Sprint("d", e.serial), policy: policy,
		relays: make([]*Relay, relays), held: make([][]*claimed, relays)}
	for i := range relays {
		if err := g.start(i); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *game) owner(relay int) string { return fmt.Sprintf("%s-%d", g.destination, relay) }

// start makes a relay anew: one that was there before is dead, and what it held is in nobody's hands.
func (g *game) start(relay int) error {
	sender := SenderFunc(func(context.Context, Delivery) Outcome { return g.answer })
	r, err := NewRelay(g.pool, []Destination{{Name: g.destination, Sender: sender, Policy: g.policy}},
		Options{Owner: g.owner(relay), Lease: modelLease, Rand: func() float64 { return 0.5 }})
	if err != nil {
		return err
	}
	r.running, r.sends, r.hard = g.ctx, g.ctx, g.ctx
	// The model is of messages that have rows in pending, whoever claims them: all take themselves for the owner, and
	// nothing is left in the log.
	if _, err := g.pool.Exec(g.ctx, `insert into outbox.feed (destination, owner, fence) values ($1, $2, 7) on conflict (destination) do nothing`, g.destination, g.owner(relay)); err != nil {
		return err
	}
	passed := reading{seen: "1:1:", base: math.MaxInt64}
	r.dests[0].fence, r.dests[0].positions = 7, map[bool]*reading{false: &passed, true: &passed}
	g.relays[relay], g.held[relay] = r, nil
	return nil
}

// turn is one step of a relay's dispatcher, but that it keeps what it has claimed instead of sending it.
func (g *game) turn(relay, n int) ([]*claimed, error) {
	r := g.relays[relay]
	d := r.dests[0]
	l, _, err := r.look(g.ctx, d, 0)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, r.introduce(g.ctx, d)
	}
	if err != nil {
		return nil, err
	}
	if l.state == breakerClosed {
		if gate := d.gate(l.generation, l.opened); gate.tripped() {
			return nil, r.openTripped(g.ctx, d, gate)
		}
	}
	if !l.dueNow() || l.closedFor > 0 || l.heldFor > 0 {
		return nil, nil
	}
	var out []*claimed
	for _, bulk := range d.order(l, nil) {
		if n == len(out) {
			break
		}
		claims, err := r.claim(g.ctx, d, l, bulk, n-len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, claims...); len(claims) > 0 && l.state != breakerClosed {
			break
		}
	}
	g.held[relay] = append(g.held[relay], out...)
	return out, nil
}

// finish sends what a relay holds, hears the outcome, and records it.
func (g *game) finish(relay, i int, o modelOutcome) {
	r := g.relays[relay]
	c := g.held[relay][i]
	g.held[relay] = append(g.held[relay][:i:i], g.held[relay][i+1:]...)
	g.answer = Outcome{Result: o.Result, After: o.After, Reason: "why", CountsAgainst: o.Against}
	if o.Apply {
		g.answer.Apply = func(context.Context, pgx.Tx) error { return errors.New("no") }
	}
	r.record(r.dests[0], r.attempt(r.dests[0], c))
}

func (g *game) publish(msgs []modelPublish, commit bool) error {
	tx, err := g.pool.Begin(g.ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(g.ctx)) }()
	var out []Message
	for _, m := range msgs {
		out = append(out, Message{Destination: g.destination, Lane: m.Lane, Kind: "test", Key: m.Key, Delay: m.Delay, Expires: m.Expires, Bulk: m.Bulk})
	}
	if err := PublishBefore(g.ctx, tx, out...); err != nil || !commit {
		return err
	}
	return tx.Commit(g.ctx)
}

// silent makes a relay look dead, so that another one ends its leases.
func (g *game) silent(relay, other int) error {
	_, err := g.pool.Exec(g.ctx, `
insert into outbox.relay (owner, alive_until) values ($1, clock_timestamp() - interval '1 s'), ($2, clock_timestamp() + interval '1 s')
on conflict (owner) do update set alive_until = excluded.alive_until`, g.owner(relay), g.owner(other))
	if err == nil {
		_, err = g.relays[other].endLeases(g.ctx, g.pool, g.owner(relay))
	}
	return err
}

func (g *game) advance(d time.Duration) error {
	_, err := g.pool.Exec(g.ctx, `update clock.at set t = t + make_interval(secs => $1)`, d.Seconds())
	return err
}

func (g *game) now() (now time.Time, err error) {
	err = g.pool.QueryRow(g.ctx, `select now()`).Scan(&now)
	return now, err
}

// id is the id of a message.
func (g *game) id(key string) (id int64, err error) {
	err = g.pool.QueryRow(g.ctx, `select id from outbox.message where destination = $1 and key = $2`, g.destination, key).Scan(&id)
	return id, err
}

// modelRow and modelLaneRow are what is compared of messages and lanes.
type modelRow struct {
	Key, State, Reason string
	Pending, Dead      bool
	Due                time.Time
	Attempt, Tries     int
	Why                string
	Cut, Bulk          bool
	Expires            time.Time
}

type modelLaneRow struct {
	Key     string
	Ready   time.Time
	Blocked bool
	Bulk    bool
	Owner   string // of the claim
	Until   time.Time
}

func (g *game) rows() ([]modelRow, error) {
	rows, err := g.pool.Query(g.ctx, `
select m.key, case when m.state = 'ready' and p.id is null then 'delivered' else m.state end, case when m.state = 'dead' then m.reason else '' end,
       p.id is not null, coalesce(p.due = 'infinity', false),
       case when p.due < 'infinity' then p.due else 'epoch' end, coalesce(p.attempt, 0), coalesce(p.tries, 0), coalesce(p.reason, ''),
       p.fence is not null, coalesce(p.bulk, false), coalesce(p.expires_at, 'epoch')
from outbox.message m left join outbox.pending p on p.destination = m.destination and p.lane = m.lane and p.id = m.id
where m.destination = $1 order by m.id`, g.destination)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[modelRow])
}

func (g *game) laneRows() ([]modelLaneRow, error) {
	rows, err := g.pool.Query(g.ctx, `
select key, case when ready_at < 'infinity' then ready_at else 'epoch' end, ready_at = 'infinity', bulk, coalesce(claimed_by, ''), coalesce(claimed_until, 'epoch')
from outbox.lane where destination = $1 order by key`, g.destination)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[modelLaneRow])
}

func (g *game) attempts() ([]modelAttempt, error) {
	rows, err := g.pool.Query(g.ctx, `
select m.key, a.attempt, a.result, a.reason from outbox.attempt a join outbox.message m on m.id = a.message
where m.destination = $1 order by a.id`, g.destination)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[modelAttempt])
}

// breaker is the row, with generations counted from the history's beginning; false where there is none.
func (g *game) breaker() (modelBreaker, bool, error) {
	var b modelBreaker
	var open, probe, held *time.Time
	err := g.pool.QueryRow(g.ctx, `select state, generation, open_until, probe_lease_until, held_until from outbox.breaker where destination = $1`,
		g.destination).Scan(&b.State, &b.Generation, &open, &probe, &held)
	if errors.Is(err, pgx.ErrNoRows) {
		return modelBreaker{State: breakerClosed}, false, nil
	}
	for _, f := range []struct {
		from *time.Time
		to   *time.Time
	}{{open, &b.OpenUntil}, {probe, &b.ProbeUntil}, {held, &b.HeldUntil}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return b, true, err
}
