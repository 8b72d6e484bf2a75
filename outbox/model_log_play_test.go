package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ristmik/adapters/provetest"
)

// Random histories of publishers with open transactions, owners that change, die and stand still, breakers and people are
// played on the log of a real database; what the model promises holds at each step, and in the end all is settled.
func TestModelOfTheLog(t *testing.T) {
	t.Parallel()
	const players, round = 2, 100 // histories of one rapid.Check
	rounds := int64(provetest.Count(3, 1000))
	var played, sent, cut, zombies atomic.Int64
	var all sync.WaitGroup
	for range players {
		e := newEngine(t)
		all.Go(func() {
			for !t.Failed() && played.Add(1) <= rounds {
				if _, err := e.pool.Exec(t.Context(), `truncate outbox.message, outbox.pending, outbox.lane, outbox.attempt, outbox.dead, outbox.breaker, outbox.breaker_change,
outbox.intervention, outbox.control, outbox.feed, outbox.feed_position, outbox.held, outbox.relay`); err != nil {
					t.Error(err)
				}
				rapid.Check(t, func(r *rapid.T) {
					p := e.playLog(r)
					sent.Add(p.sent)
					cut.Add(p.cut)
					zombies.Add(p.zombies)
				})
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d histories: %d sends from the log, %d cut off, %d outcomes of relays that were not the owner any more", rounds*round, sent.Load(), cut.Load(), zombies.Load())
	if sent.Load() == 0 || cut.Load() == 0 || zombies.Load() == 0 {
		t.Error("the histories miss what they are for")
	}
}

// logPlayer is one history.
type logPlayer struct {
	*rapid.T
	g                  *game
	m                  *logModel
	open               []*openTx
	flights            [][]*flight  // by relay, as the game's held
	claims             [][]*claimed // by relay
	serial             int
	sent, cut, zombies int64
}

// openTx is a publisher that has not committed.
type openTx struct {
	tx   pgx.Tx
	msgs []*promised
}

func (e *engine) playLog(t *rapid.T) *logPlayer {
	const relays = 2
	p := &logPlayer{T: t, m: &logModel{idempotent: rapid.Bool().Draw(t, "idempotent"), skip: rapid.Bool().Draw(t, "skip"), lanes: map[string][]*promised{}},
		flights: make([][]*flight, relays), claims: make([][]*claimed, relays)}
	policy := Policy{
		Base: modelBase, Cap: modelCap, MaxAttempts: modelAttempts, MaxInFlight: 100, Idempotent: p.m.idempotent,
		Breaker: BreakerPolicy{Failures: modelFailures, OpenFor: time.Minute, MaxOpen: time.Hour},
	}
	if p.m.skip {
		policy.OnDead = Skip
	}
	e.serial++
	p.g = &game{engine: e, ctx: t.Context(), destination: fmt.Sprint("log", e.serial), policy: policy, relays: make([]*Relay, relays)}
	defer func() {
		for _, o := range p.open {
			_ = o.tx.Rollback(context.Background())
		}
	}()
	for k := range relays {
		p.restart(k)
	}
	moves := []struct {
		weight int
		do     func()
	}{
		{4, p.publish}, {3, p.commit}, {10, func() { p.turn(p.relay(), rapid.IntRange(1, 4).Draw(t, "most")) }}, {10, func() { p.finish(p.relay()) }},
		{2, p.advance}, {2, func() { p.crash(p.relay()) }}, {3, func() { p.silent(p.relay()) }}, {2, p.decide}, {1, p.control},
	}
	var deck []int
	for i, move := range moves {
		for range move.weight {
			deck = append(deck, i)
		}
	}
	p.publish()
	p.turn(0, 1)
	for range rapid.IntRange(5, 50).Draw(t, "length") {
		moves[rapid.SampledFrom(deck).Draw(t, "move")].do()
	}
	p.end()
	return p
}

func (p *logPlayer) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *logPlayer) now() time.Time {
	now, err := p.g.now()
	p.must(err)
	return now
}

func (p *logPlayer) relay() int { return rapid.IntRange(0, 1).Draw(p.T, "relay") }

// restart makes a relay anew. One that was there before is abandoned as it is.
func (p *logPlayer) restart(k int) {
	sender := SenderFunc(func(context.Context, Delivery) Outcome { return p.g.answer })
	r, err := NewRelay(p.g.pool, []Destination{{Name: p.g.destination, Sender: sender, Policy: p.g.policy}},
		Options{Owner: p.g.owner(k), Lease: modelLease, Rand: func() float64 { return 0.5 }})
	p.must(err)
	r.running, r.sends, r.hard = p.g.ctx, p.g.ctx, p.g.ctx
	p.g.relays[k] = r
}

// publish begins a transaction that publishes; it stays open for a while, or ends at once. Nobody publishes into a lane
// that another one has locked, since he would wait.
func (p *logPlayer) publish() {
	locked := map[string]bool{}
	for _, o := range p.open {
		for _, m := range o.msgs {
			locked[m.lane] = true
		}
	}
	var msgs []Message
	var own []*promised
	before := rapid.IntRange(0, 5).Draw(p.T, "as the version before") == 0
	for range rapid.IntRange(1, 4).Draw(p.T, "messages") {
		lane := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(p.T, "lane")
		if locked[lane] {
			continue
		}
		p.serial++
		key := fmt.Sprint(p.serial)
		if len(p.m.all) > 0 && rapid.IntRange(0, 9).Draw(p.T, "known") == 0 { // it changes nothing
			known := rapid.SampledFrom(p.m.all).Draw(p.T, "which one")
			key, lane = known.key, known.lane
			if locked[lane] {
				continue
			}
		}
		m := Message{Destination: p.g.destination, Lane: lane, Kind: "test", Key: key,
			Delay: rapid.SampledFrom([]time.Duration{0, 0, 0, 0, modelDelay}).Draw(p.T, "delay"), Bulk: rapid.IntRange(0, 3).Draw(p.T, "bulk") == 0}
		msgs, own = append(msgs, m), append(own, &promised{key: key, lane: lane, state: stateReady, due: p.now().Add(m.Delay)})
	}
	tx, err := p.g.pool.Begin(p.g.ctx)
	p.must(err)
	o := &openTx{tx, own}
	p.open = append(p.open, o)
	if before { // it locks rows of lanes, which relays would wait for
		p.must(PublishBefore(p.g.ctx, tx, msgs...))
		p.close(o, true)
		return
	}
	p.must(Publish(p.g.ctx, tx, msgs...))
	if len(p.open) > 3 || rapid.Bool().Draw(p.T, "at once") {
		p.close(o, rapid.IntRange(0, 4).Draw(p.T, "rollback") > 0)
	}
}

// commit ends one of the open transactions.
func (p *logPlayer) commit() {
	if len(p.open) > 0 {
		p.close(rapid.SampledFrom(p.open).Draw(p.T, "publisher"), rapid.IntRange(0, 4).Draw(p.T, "rollback") > 0)
	}
}

func (p *logPlayer) close(o *openTx, commit bool) {
	p.open = slices.DeleteFunc(p.open, func(other *openTx) bool { return other == o })
	if !commit {
		p.must(o.tx.Rollback(p.g.ctx))
		return
	}
	p.must(o.tx.Commit(p.g.ctx))
	p.m.committed(o.msgs)
}

// turn is one step of a relay's dispatcher, but that it keeps what it has claimed and taken instead of sending it.
func (p *logPlayer) turn(k, n int) {
	r := p.g.relays[k]
	d := r.dests[0]
	if d.fence == 0 {
		owns, err := r.own(p.g.ctx, d)
		if p.must(err); owns {
			p.tookOver()
		}
		return
	}
	l, pages, err := r.look(p.g.ctx, d, n)
	if errors.Is(err, pgx.ErrNoRows) {
		p.must(r.introduce(p.g.ctx, d))
		return
	}
	p.must(err)
	d.see(l)
	if l.fence != d.fence {
		d.disown(true)
		return
	}
	p.must(r.keepUp(p.g.ctx, d, l))
	if l.state == breakerClosed {
		if gate := d.gate(l.generation, l.opened); gate.tripped() {
			p.must(r.openTripped(p.g.ctx, d, gate))
			return
		}
	}
	if l.closedFor > 0 || l.heldFor > 0 {
		return
	}
	if l.state != breakerClosed {
		n = 1
	}
	locked := map[string]bool{}
	for _, bulk := range d.order(l, pages) {
		if in, due := l.dueIn[bulk]; due && in <= 0 && n > 0 {
			list, err := r.claim(p.g.ctx, d, l, bulk, n)
			p.must(err)
			for _, c := range list {
				locked[c.Lane] = true
				p.begun(k, c)
			}
			n -= len(list)
		}
		if n == 0 {
			continue
		}
		list, _, err := r.take(p.g.ctx, d, l, pages[bulk], n, locked)
		if err != nil && !errors.Is(err, errNothing) {
			p.Fatal(err)
		}
		for _, c := range list {
			p.begun(k, c)
		}
		n -= len(list)
	}
}

// begun is that a relay is sending a message now.
func (p *logPlayer) begun(k int, c *claimed) {
	p.Helper()
	msg := p.m.find(c.Key)
	if msg == nil {
		p.Fatalf("%s is sent and has not committed", c.Key)
	}
	f := &flight{message: msg, relay: k, fresh: c.fed, fence: c.fence}
	p.flights[k], p.claims[k] = append(p.flights[k], f), append(p.claims[k], c)
	if !c.fed {
		if old := msg.flight; old != nil { // its lease had run out
			p.m.cutOff(old)
			p.cut++
		}
		if c.early || p.g.relays[k].dests[0].sendingFromLog(c.Lane) {
			f.early, msg.flight = true, f
			return
		}
	}
	p.must(p.m.starts(f, p.now()))
}
