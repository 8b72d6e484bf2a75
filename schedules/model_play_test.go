package schedules

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/provetest"
)

// modelClock stands in front of the database's own clock for every statement that does not name a schema, and stands
// still until it is moved on.
const modelClock = `
create schema clock;
create table clock.at (t timestamptz not null);
insert into clock.at values ('2026-01-01 00:00:00Z');
create function clock.now() returns timestamptz language sql stable as 'select t from clock.at';
create function clock.clock_timestamp() returns timestamptz language sql stable as 'select t from clock.at';`

// Random histories of due times, processes, crashes, lost leases and people are played on the rows and on the model, and
// both come to the same state.
func TestModelOfSchedules(t *testing.T) {
	t.Parallel()
	const players, round = 2, 100 // histories of one rapid.Check
	rounds := int64(provetest.Count(3, 1000))
	var played atomic.Int64
	var all sync.WaitGroup
	for range players {
		plain := postgrestest.Pool(t, postgres.MigrationSet{Name: "schedules", FS: Migrations})
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
		all.Go(func() {
			for !t.Failed() && played.Add(1) <= rounds {
				rapid.Check(t, func(t *rapid.T) { play(t, pool) })
			}
		})
	}
	all.Wait()
	if !t.Failed() {
		t.Logf("%d histories", rounds*round)
	}
}

// player is one history, on the rows and on the model.
type player struct {
	*rapid.T
	pool    *pgxpool.Pool
	m       *model
	job     Job
	runners []*Runner
	held    []*Run // by runner
	holds   []*modelHold
}

func play(t *rapid.T, pool *pgxpool.Pool) {
	const runners = 3
	p := &player{T: t, pool: pool, holds: make([]*modelHold, runners), held: make([]*Run, runners), runners: make([]*Runner, runners)}
	_, err := pool.Exec(t.Context(), `truncate schedules.run, schedules.schedule, schedules.missed`)
	p.must(err)
	p.job = Job{
		Name: "tick", Cron: "* * * * *",
		CatchUp:       rapid.SampledFrom([]CatchUp{CatchUpAll, CatchUpLast, CatchUpNone}).Draw(t, "catch up"),
		CatchUpWithin: rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Minute}).Draw(t, "within"),
		Overlap:       rapid.SampledFrom([]Overlap{OverlapQueue, OverlapSkip, OverlapCancel}).Draw(t, "overlap"),
		Run:           func(context.Context, *Run) error { return nil },
	}
	for i := range runners {
		p.start(i)
	}
	p.must(p.runners[0].register(t.Context()))
	p.m = &model{catchUp: p.job.CatchUp, within: p.job.CatchUpWithin, overlap: p.job.Overlap}
	p.must(pool.QueryRow(t.Context(), `select now(), since from schedules.schedule`).Scan(&p.m.now, &p.m.since))
	p.m.now, p.m.since = p.m.now.UTC(), p.m.since.UTC()
	moves := []struct {
		name   string
		weight int
		do     func()
	}{
		{"turn", 14, p.turn}, {"time", 10, p.advance}, {"end", 8, p.finish}, {"sign of life", 4, p.renew}, {"crash", 2, p.crash},
		{"pause or resume", 2, p.pause}, {"run now", 1, p.runNow}, {"backfill", 2, p.backfill}, {"cancel", 1, p.cancel},
	}
	var deck []int
	for i, move := range moves {
		for range move.weight {
			deck = append(deck, i)
		}
	}
	for range rapid.IntRange(1, 40).Draw(t, "length") {
		move := moves[rapid.SampledFrom(deck).Draw(t, "move")]
		t.Log(move.name)
		move.do()
	}
	p.agree()
}

func (p *player) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func owner(runner int) string { return fmt.Sprint("p", runner) }

// start makes a runner anew; what one before it ran is in nobody's hands.
func (p *player) start(i int) {
	r, err := NewRunner(p.pool, []Job{p.job}, Options{Owner: owner(i), Lease: modelLease})
	p.must(err)
	p.runners[i], p.held[i], p.holds[i] = r, nil, nil
}

func (p *player) any() int { return rapid.IntRange(0, len(p.runners)-1).Draw(p.T, "runner") }

// turn is one look of a runner, and what it does about what it sees.
func (p *player) turn() {
	i := p.any()
	r := p.runners[i]
	found, err := r.look(p.Context())
	p.must(err)
	due, overlapping := p.m.sees()
	if (len(found.due) > 0) != due || (len(found.overlapping) > 0) != overlapping {
		p.Fatalf("due %v, overlapping %v; want %v, %v", found.due, found.overlapping, due, overlapping)
	}
	if overlapping {
		p.must(r.overlap(p.Context(), r.jobs["tick"]))
		p.m.overlaps()
	}
	if !due || p.held[i] != nil {
		return
	}
	got, err := r.claim(p.Context(), r.jobs["tick"])
	p.must(err)
	want := p.m.claim(owner(i))
	switch {
	case (got == nil) != (want == nil):
		p.Fatalf("claimed %+v, want %+v", got, want)
	case got == nil:
		return
	case !got.Due.Equal(want.run.Due) || got.Trigger != want.run.Trigger || got.Attempt != want.run.Attempt || got.fence != want.fence:
		p.Fatalf("claimed %+v, want %+v", got, want.run)
	}
	p.held[i], p.holds[i] = got, want
}

func (p *player) advance() {
	d := rapid.SampledFrom([]time.Duration{5 * time.Second, 20 * time.Second, 45 * time.Second, time.Minute, 5 * time.Minute}).Draw(p.T, "on")
	_, err := p.pool.Exec(p.Context(), `update clock.at set t = t + make_interval(secs => $1)`, d.Seconds())
	p.must(err)
	p.m.now = p.m.now.Add(d)
}

func (p *player) finish() {
	i := p.any()
	if p.held[i] == nil {
		return
	}
	state := rapid.SampledFrom([]State{StateSucceeded, StateSucceeded, StateFailed, StateWaiting, StateCancelled}).Draw(p.T, "state")
	text := ""
	if state == StateFailed {
		text = "why"
	}
	err := p.runners[i].record(p.Context(), p.held[i], state, text)
	if err != nil && !errors.Is(err, ErrLost) {
		p.Fatal(err)
	}
	if held := p.holds[i].finish(state); held != (err == nil) {
		p.Fatalf("recorded: %v; want %v", err, held)
	}
	p.held[i], p.holds[i] = nil, nil
}

// renew gives a sign of life; a runner that hears that its run is somebody else's lets go of it.
func (p *player) renew() {
	i := p.any()
	if p.held[i] == nil {
		return
	}
	held, err := p.runners[i].extend(p.Context(), p.held[i])
	p.must(err)
	if want := p.holds[i].holds(); held != want {
		p.Fatalf("the lease is held: %v, want %v", held, want)
	}
	if held {
		p.holds[i].run.Lease = p.m.now.Add(modelLease)
	} else {
		p.held[i], p.holds[i] = nil, nil
	}
}

func (p *player) crash() { p.start(p.any()) }

func (p *player) pause() {
	if rapid.Bool().Draw(p.T, "pause") {
		p.must(Pause(p.Context(), p.pool, "tick", "mari", "why"))
		p.m.pause()
	} else {
		p.must(p.runners[0].Resume(p.Context(), "tick"))
		p.m.resume()
	}
}

func (p *player) runNow() {
	ticket, err := p.runners[0].RunNow(p.Context(), "tick", "mari")
	p.must(err)
	if want := p.m.runNow(); !ticket.Due.Equal(want) {
		p.Fatalf("ticket for %s, want %s", ticket.Due, want)
	}
}

func (p *player) backfill() {
	from := p.m.now.Add(-time.Duration(rapid.IntRange(1, 5).Draw(p.T, "minutes")) * time.Minute)
	got, err := Backfill(p.Context(), p.pool, "tick", "mari", from, p.m.now)
	p.must(err)
	if want := p.m.backfill(from, p.m.now); got.Asked != want {
		p.Fatalf("%+v are to be filled in, want %d", got, want)
	}
}

func (p *player) cancel() {
	waiting := rapid.Bool().Draw(p.T, "those that wait too")
	got, err := Cancel(p.Context(), p.pool, "tick", "mari", "why", waiting)
	if err != nil && !errors.Is(err, ErrNothingToCancel) {
		p.Fatal(err)
	}
	if want := p.m.cancel(waiting); got != want {
		p.Fatalf("cancelled %+v, want %+v", got, want)
	}
}

// agree compares the rows with the model.
func (p *player) agree() {
	p.Helper()
	rows, err := p.pool.Query(p.Context(), `
select due, trigger, state, coalesce(owner, ''), coalesce(lease_until, '0001-01-01 00:00:00Z'), fence, attempt, coalesce(begun_at, '0001-01-01 00:00:00Z'),
       cancel_by is not null
from schedules.run order by due`)
	p.must(err)
	got, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[modelRun])
	p.must(err)
	if diff := cmp.Diff(p.m.runs, got, cmp.Comparer(time.Time.Equal), cmpopts.EquateEmpty()); diff != "" {
		p.Errorf("runs (-model +rows):\n%s", diff)
	}
	var since time.Time
	var paused bool
	var fence int64
	p.must(p.pool.QueryRow(p.Context(), `select since, paused_at is not null, fence from schedules.schedule`).Scan(&since, &paused, &fence))
	if !since.Equal(p.m.since) || paused != p.m.paused || fence != p.m.fence {
		p.Errorf("since %s, paused %v, fence %d; want %s, %v, %d", since, paused, fence, p.m.since, p.m.paused, p.m.fence)
	}
}
