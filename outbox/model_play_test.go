package outbox

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ristmik/adapters/provetest"
)

// Random histories of publishers, relays, crashes, lost leases, breakers and people are played on the outbox and on the
// model, and both come to the same state.
func TestModelOfMessagesLanesAndBreakers(t *testing.T) {
	t.Parallel()
	const players, round = 2, 100 // histories of one rapid.Check
	rounds := int64(provetest.Count(3, 1000))
	var played atomic.Int64
	var all sync.WaitGroup
	for range players {
		e := newEngine(t)
		all.Go(func() {
			for !t.Failed() && played.Add(1) <= rounds {
				if _, err := e.pool.Exec(t.Context(), `truncate outbox.message, outbox.pending, outbox.lane, outbox.attempt, outbox.dead, outbox.breaker, outbox.intervention, outbox.feed`); err != nil {
					t.Error(err)
				}
				rapid.Check(t, e.play)
			}
		})
	}
	all.Wait()
	if !t.Failed() {
		t.Logf("%d histories", rounds*round)
	}
}

// player is one history, on both.
type player struct {
	*rapid.T
	g    *game
	m    *model
	held [][]*modelClaim // by relay, as in the game
}

func (e *engine) play(t *rapid.T) {
	const relays = 2
	idempotent, skip := rapid.Bool().Draw(t, "idempotent"), rapid.Bool().Draw(t, "skip")
	policy := Policy{
		Base: modelBase, Cap: modelCap, MaxAttempts: modelAttempts, MaxInFlight: 100, Idempotent: idempotent,
		Breaker: BreakerPolicy{Failures: modelFailures, OpenFor: time.Minute, MaxOpen: time.Hour},
	}
	if skip {
		policy.OnDead = Skip
	}
	g, err := e.newGame(t.Context(), relays, policy)
	if err != nil {
		t.Fatal(err)
	}
	now, err := g.now()
	if err != nil {
		t.Fatal(err)
	}
	p := &player{T: t, g: g, m: newModel(now, relays, idempotent, skip), held: make([][]*modelClaim, relays)}
	moves := []struct {
		name   string
		weight int
		do     func()
	}{
		{"publish", 4, p.publish}, {"claim", 12, p.turn}, {"end", 12, p.finish}, {"time", 6, p.advance}, {"crash", 1, p.crash},
		{"silence", 2, p.silent}, {"person", 4, p.decide}, {"control", 1, p.control},
	}
	var deck []int
	for i, move := range moves {
		for range move.weight {
			deck = append(deck, i)
		}
	}
	p.publish()
	for range rapid.IntRange(1, 40).Draw(t, "length") {
		move := moves[rapid.SampledFrom(deck).Draw(t, "move")]
		t.Log(move.name)
		move.do()
		p.agreeOnBreaker()
	}
	p.agree()
}

func (p *player) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *player) publish() {
	var msgs []modelPublish
	for range rapid.IntRange(1, 3).Draw(p.T, "messages") {
		msgs = append(msgs, modelPublish{
			Lane: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(p.T, "lane"), Key: fmt.Sprint(rapid.IntRange(1, 9).Draw(p.T, "key")),
			Delay:   rapid.SampledFrom([]time.Duration{0, 0, 0, 0, 0, 5 * time.Second, time.Minute}).Draw(p.T, "delay"),
			Expires: rapid.SampledFrom([]time.Duration{0, 0, 0, 0, 0, 30 * time.Second}).Draw(p.T, "expires"),
			Bulk:    rapid.SampledFrom([]bool{false, false, true}).Draw(p.T, "bulk"),
		})
	}
	commit := rapid.SampledFrom([]bool{true, true, true, true, false}).Draw(p.T, "commit")
	p.must(p.g.publish(msgs, commit))
	if commit {
		p.m.publish(msgs)
	}
}

func (p *player) turn() {
	relay, n := p.relay(), rapid.IntRange(1, 3).Draw(p.T, "most")
	got, err := p.g.turn(relay, n)
	p.must(err)
	m := p.m
	plain, bulk := m.claimable()
	switch {
	case !m.known:
		m.known = true
		n = 0
	case m.breaker.State == breakerClosed && m.gate(relay).tripped:
		m.breaker.State, m.breaker.OpenUntil, m.breaker.ProbeUntil = breakerOpen, time.Time{}, time.Time{}
		m.breaker.Generation++
		n = 0
	case m.closed() || len(plain)+len(bulk) == 0:
		n = 0
	}
	if n == 0 {
		if len(got) != 0 {
			p.Fatalf("claimed %d where nothing may be claimed", len(got))
		}
		return
	}
	gate, probe := m.gate(relay), m.breaker.State != breakerClosed
	if probe {
		n, gate = 1, &modelGate{}
		m.breaker.State, m.breaker.ProbeUntil = breakerHalfOpen, m.now.Add(modelLease)
		m.breaker.Generation++
	}
	var taken []string
	for _, c := range got {
		taken = append(taken, c.Lane)
	}
	order := [][]string{plain, bulk}
	if m.bulkWaits() {
		if m.claims[relay]++; m.claims[relay]%bulkShare == 0 {
			order = [][]string{bulk, plain}
		}
	}
	for _, class := range order {
		n -= p.tookFirst(class, taken, n)
	}
	for _, c := range got {
		want := m.claim(relay, c.Lane, gate, probe)
		p.held[relay] = append(p.held[relay], want)
		if c.Key != want.message.Key || c.Attempt != want.attempt || c.tries != want.tries || c.abandoned != want.abandoned ||
			c.expired != want.expired || c.reason != want.why {
			p.Fatalf("claimed %+v, want %+v of %+v", c, want, want.message)
		}
	}
}

// bulkWaits says whether a bulk message waits that nobody holds and that no dead one blocks.
func (m *model) bulkWaits() bool {
	for _, l := range m.lanes {
		if l.Bulk && !l.Blocked && (l.Claim == nil || !l.Until.After(m.now)) {
			return true
		}
	}
	return false
}

// tookFirst checks that of the lanes of a class as many were taken as may be, those that had waited longest.
func (p *player) tookFirst(class, taken []string, most int) int {
	p.Helper()
	slices.SortFunc(class, func(a, b string) int { return p.m.lanes[a].Ready.Compare(p.m.lanes[b].Ready) })
	n := min(len(class), most)
	var last time.Time
	for _, lane := range class {
		if slices.Contains(taken, lane) {
			last = p.m.lanes[lane].Ready
			n--
		}
	}
	for _, lane := range class {
		if !slices.Contains(taken, lane) && !last.IsZero() && p.m.lanes[lane].Ready.Before(last) {
			p.Fatalf("lane %s has waited longer than one that was claimed", lane)
		}
	}
	if n != 0 {
		p.Fatalf("claimed lanes %q of %q, at most %d", taken, class, most)
	}
	return min(len(class), most)
}

func (p *player) finish() {
	relay := p.relay()
	if len(p.held[relay]) == 0 {
		relay = 1 - relay
	}
	if len(p.held[relay]) == 0 {
		return
	}
	i := rapid.IntRange(0, len(p.held[relay])-1).Draw(p.T, "which")
	o := modelOutcome{
		Result: rapid.SampledFrom([]Result{ResultDelivered, ResultDelivered, ResultDelivered, ResultRetry, ResultRetry, ResultWait,
			ResultRefused, ResultUnknown, ResultDead}).Draw(p.T, "result"),
		After: rapid.SampledFrom([]time.Duration{0, 0, 7 * time.Second}).Draw(p.T, "after"),
		Apply: rapid.SampledFrom([]bool{false, false, false, false, true}).Draw(p.T, "apply"),
	}
	if o.Result == ResultRetry || o.Result == ResultUnknown {
		o.Against = rapid.Bool().Draw(p.T, "against")
	}
	p.g.finish(relay, i, o)
	c := p.held[relay][i]
	p.held[relay] = slices.Delete(p.held[relay], i, i+1)
	p.m.finish(c, o)
}

func (p *player) advance() {
	d := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 20 * time.Second, 2 * time.Minute, 2 * time.Hour}).Draw(p.T, "on")
	p.must(p.g.advance(d))
	p.m.now = p.m.now.Add(d)
}

// crash ends a process and starts it again: what it held is forgotten, and what it counted.
func (p *player) crash() {
	relay := p.relay()
	p.must(p.g.start(relay))
	p.held[relay], p.m.gates[relay], p.m.claims[relay] = nil, nil, 0
}

func (p *player) silent() {
	relay := p.relay()
	p.must(p.g.silent(relay, 1-relay))
	p.m.silent(relay)
	if p.m.breaker.ProbeUntil.After(p.m.now) && p.probing() == relay {
		p.m.breaker.ProbeUntil = p.m.now
	}
}

// probing is the relay that the breaker's row names.
func (p *player) probing() int {
	var by string
	p.must(p.g.pool.QueryRow(p.g.ctx, `select coalesce(probe_by, '') from outbox.breaker where destination = $1`, p.g.destination).Scan(&by))
	return slices.Index([]string{p.g.owner(0), p.g.owner(1)}, by)
}

// decide is a person who looks at a dead message.
func (p *player) decide() {
	var dead []*modelMessage
	for _, msg := range p.m.messages {
		if msg.State == stateDead {
			dead = append(dead, msg)
		}
	}
	if len(dead) == 0 {
		return
	}
	msg := rapid.SampledFrom(dead).Draw(p.T, "dead")
	id, err := p.g.id(msg.Key)
	p.must(err)
	if rapid.Bool().Draw(p.T, "retry") {
		p.must(Retry(p.g.ctx, p.g.pool, id, "mari", "why"))
		p.m.retry(msg)
	} else {
		p.must(Discard(p.g.ctx, p.g.pool, id, "mari", "why"))
		p.m.discard(msg)
	}
}

// control is a person who looks at the destination.
func (p *player) control() {
	lasts := rapid.SampledFrom([]time.Duration{10 * time.Second, 10 * time.Minute}).Draw(p.T, "lasts")
	b := &p.m.breaker
	switch rapid.IntRange(0, 3).Draw(p.T, "control") {
	case 0:
		p.must(Pause(p.g.ctx, p.g.pool, p.g.destination, "mari", "why", lasts))
		b.HeldUntil = p.m.now.Add(lasts)
	case 1:
		p.must(Unpause(p.g.ctx, p.g.pool, p.g.destination, "mari", "why"))
		b.HeldUntil = time.Time{}
	case 2:
		p.must(Trip(p.g.ctx, p.g.pool, p.g.destination, "mari", "why", lasts))
		b.State, b.OpenUntil, b.ProbeUntil = breakerOpen, p.m.now.Add(lasts), time.Time{}
	default:
		p.must(Reset(p.g.ctx, p.g.pool, p.g.destination, "mari", "why"))
		b.State, b.OpenUntil, b.ProbeUntil = breakerClosed, time.Time{}, time.Time{}
	}
	b.Generation++
	p.m.known = true
}

func (p *player) relay() int { return rapid.IntRange(0, 1).Draw(p.T, "relay") }

// agreeOnBreaker compares the breakers. For how long one opens by itself the model takes from the row, within bounds.
func (p *player) agreeOnBreaker() {
	p.Helper()
	got, known, err := p.g.breaker()
	p.must(err)
	want := p.m.breaker
	if want.State == breakerOpen && want.OpenUntil.IsZero() {
		if got.OpenUntil.Before(p.m.now) || got.OpenUntil.After(p.m.now.Add(p.g.policy.Breaker.MaxOpen)) {
			p.Fatalf("opened until %s, now is %s", got.OpenUntil, p.m.now)
		}
		p.m.breaker.OpenUntil = got.OpenUntil
		want.OpenUntil = got.OpenUntil
	}
	if diff := gocmp.Diff(want, got); diff != "" || known != p.m.known {
		p.Fatalf("breaker, known %v (-model +outbox):\n%s", known, diff)
	}
}

// agree compares all the rest.
func (p *player) agree() {
	p.Helper()
	var want []modelRow
	for _, m := range p.m.messages {
		row := modelRow{Key: m.Key, State: m.State, Pending: m.Pending, Dead: m.Dead}
		if m.State == stateDead {
			row.Reason = m.Reason
		}
		epoch := time.Unix(0, 0).UTC()
		row.Due, row.Expires = epoch, epoch
		if m.Pending {
			row.Attempt, row.Tries, row.Why, row.Cut, row.Bulk = m.Attempt, m.Tries, m.Why, m.Cut, m.Bulk
			if !m.Dead {
				row.Due = m.Due
			}
			if !m.Expires.IsZero() {
				row.Expires = m.Expires
			}
		}
		want = append(want, row)
	}
	got, err := p.g.rows()
	p.must(err)
	if diff := gocmp.Diff(want, got, gocmp.Comparer(time.Time.Equal), cmpopts.EquateEmpty()); diff != "" {
		p.Errorf("messages (-model +outbox):\n%s", diff)
	}
	var wantLanes []modelLaneRow
	for key, l := range p.m.lanes {
		row := modelLaneRow{Key: key, Ready: l.Ready, Blocked: l.Blocked, Bulk: l.Bulk, Until: time.Unix(0, 0)}
		if l.Blocked {
			row.Ready = time.Unix(0, 0)
		}
		if l.Claim != nil {
			row.Owner, row.Until = p.g.owner(l.Claim.relay), l.Until
		}
		wantLanes = append(wantLanes, row)
	}
	slices.SortFunc(wantLanes, func(a, b modelLaneRow) int { return cmp.Compare(a.Key, b.Key) })
	lanes, err := p.g.laneRows()
	p.must(err)
	if diff := gocmp.Diff(wantLanes, lanes, gocmp.Comparer(time.Time.Equal), cmpopts.EquateEmpty()); diff != "" {
		p.Errorf("lanes (-model +outbox):\n%s", diff)
	}
	attempts, err := p.g.attempts()
	p.must(err)
	byKey := func(a, b modelAttempt) int { return cmp.Compare(a.Key, b.Key) }
	slices.SortStableFunc(attempts, byKey)
	slices.SortStableFunc(p.m.attempts, byKey)
	if diff := gocmp.Diff(p.m.attempts, attempts, cmpopts.EquateEmpty()); diff != "" {
		p.Errorf("attempts (-model +outbox):\n%s", diff)
	}
}
