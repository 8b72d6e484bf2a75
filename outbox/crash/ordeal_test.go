package crash_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/provetest"
)

// Processes that publish and relay are killed at every point between two durable steps and at random, and the database
// is stopped at once again and again. Nothing that was acknowledged is lost, every message takes effect once at a
// receiver that recognises duplicates, in the order of its lane, and no more is sent twice than was in flight.
func TestCrashesLoseAndDoubleNothing(t *testing.T) {
	f := newFleet(t)
	f.ordeal(provetest.Count(20, 1000), provetest.Count(3, 100), provetest.Count(5000, 1_000_000))
}

// survey is the points that a process passes which nobody kills.
func (f *fleet) survey() []string {
	f.t.Helper()
	f.receiver.want(1500)
	p := f.spawn(task{Publish: true, Tell: true})
	f.settled()
	f.terminate(p)
	points := f.receiver.known()
	for _, want := range []string{"before the send", "after the send", "published, not acknowledged"} {
		if !slices.Contains(points, want) {
			f.t.Fatalf("nothing was told of %q: %q", want, points)
		}
	}
	return points
}

// settled waits until as many messages as wanted are published, and all that are published are settled.
func (f *fleet) settled() {
	f.t.Helper()
	f.eventually("all that is acknowledged has taken effect", func() bool {
		effects, _, acked := f.receiver.count()
		if acked < f.receiver.target || effects < acked {
			return false
		}
		var pending int
		err := f.pool.QueryRow(f.t.Context(), `select (select count(*) from outbox.pending) + (select count(*) from outbox.untaken) + (select count(*) from outbox.taken)`).Scan(&pending)
		return err == nil && pending == 0
	})
}

// rest ends processes that publish, and delivers what they have published and not acknowledged in their last moment.
func (f *fleet) rest(publishers ...*process) {
	f.t.Helper()
	for _, p := range publishers {
		f.terminate(p)
	}
	p := f.spawn(task{})
	f.settled()
	f.kill(p.cmd.Process.Pid) // there may have been nothing to do before it was there
}

// ordeal plays kills and stops of the database over at least so many messages.
func (f *fleet) ordeal(kills, stops, messages int) {
	f.t.Helper()
	points := f.survey()
	_, before, published := f.receiver.count()
	if before != 0 {
		f.t.Errorf("%d duplicates before anything was killed", before)
	}
	rand.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	at, random, hit := map[string]bool{}, 0, 0
	stopEvery := max(1, kills/stops)
	stopped := 0
	steady := f.spawn(task{Publish: true})
	for i := range kills {
		// So many more messages until the next kill that all of them are spread over the ordeal.
		f.receiver.want(published + 200 + (messages-published)*(i+1)/kills)
		f.kill(steady.cmd.Process.Pid) // one process sends: the next one is it
		switch how := i % 4; {
		case how < 2:
			point := points[(i/4*2+how)%len(points)]
			if f.killAt(task{Publish: true, KillAt: point, KillOn: 1 + rand.IntN(4)}) {
				at[point] = true
			} else {
				random++
			}
		case how == 2:
			f.killAtReceiver()
			hit++
		default:
			f.killLater(time.Duration(int(time.Second) + rand.IntN(int(time.Second))))
			random++
		}
		steady = f.spawn(task{Publish: true})
		if (i+1)%stopEvery == 0 && stopped < stops {
			f.crashDatabase()
			stopped++
		}
		if f.t.Failed() {
			break
		}
		f.keepUp(published + (messages-published)*(i+1)/kills)
	}
	f.receiver.want(messages)
	if steady.over() {
		steady = f.spawn(task{Publish: true})
	}
	f.settled()
	f.rest(steady)
	effects, duplicates, acked := f.receiver.count()
	crashes := 2 * kills
	f.t.Logf("%d messages acknowledged, %d settled; killed at %d of %d points, %d times at random, %d times while the receiver had the message; database stopped %d times; %d sent twice",
		acked, effects, len(at), len(points), random, hit, stopped, duplicates)
	if most := (crashes + 2*stopped) * inFlight; duplicates > most {
		f.t.Errorf("%d messages were sent twice, and at most %d were in flight", duplicates, most)
	}
	f.judge()
}

// keepUp waits until about so many messages are published.
func (f *fleet) keepUp(n int) {
	f.t.Helper()
	f.eventually("messages go on", func() bool {
		_, _, acked := f.receiver.count()
		return acked >= n
	})
}

// killAt starts a process that kills itself at a point. Where it does not get there it is killed all the same.
func (f *fleet) killAt(t task) bool {
	p := f.spawn(t)
	select {
	case <-p.ended:
		return true
	case <-time.After(4 * time.Second):
		f.kill(p.cmd.Process.Pid)
		return false
	}
}

func (f *fleet) killLater(after time.Duration) {
	p := f.spawn(task{Publish: true})
	select {
	case <-p.ended:
		f.t.Errorf("%s ended by itself: %v\n%s", p.owner, p.err, p.said)
	case <-time.After(after):
		f.kill(p.cmd.Process.Pid)
	}
}

// killAtReceiver kills whichever process sends next, while the receiver has its message and has not answered.
func (f *fleet) killAtReceiver() {
	p := f.spawn(task{Publish: true})
	f.receiver.mu.Lock()
	f.receiver.killNext = true
	f.receiver.mu.Unlock()
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second): // it has sent nothing
		f.kill(p.cmd.Process.Pid)
	}
	f.receiver.mu.Lock()
	f.receiver.killNext = false
	f.receiver.mu.Unlock()
}

// judge compares what the receiver has with what the database says was published.
func (f *fleet) judge() {
	f.t.Helper()
	r := f.receiver
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := f.pool.Query(f.t.Context(), `select lane, array_agg(key order by id) from outbox.message group by lane`)
	if err != nil {
		f.t.Fatal(err)
	}
	published := map[string]bool{}
	var lane string
	var keys []string
	_, err = pgx.ForEachRow(rows, []any{&lane, &keys}, func() error {
		var want []string
		for _, key := range keys {
			published[key] = true
			if !r.refused[key] {
				want = append(want, key)
			}
		}
		if !slices.Equal(want, r.arrivals[lane]) {
			f.t.Errorf("lane %s: %d messages arrived of %d, or in another order", lane, len(r.arrivals[lane]), len(want))
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for key := range r.acked {
		if r.effects[key] == 0 && !r.refused[key] {
			f.t.Errorf("%s was acknowledged and is lost", key)
		}
	}
	for key, n := range r.effects {
		if n != 1 || !published[key] {
			f.t.Errorf("%s: %d effects, published %v", key, n, published[key])
		}
	}
	for name, sql := range map[string]string{
		"lanes":            `select count(*) from outbox.lane`,
		"messages pending": `select count(*) from outbox.pending`,
		"messages untaken": `select count(*) from outbox.untaken`,
		"messages taken":   `select count(*) from outbox.taken`,
		"messages not delivered": `select count(*) from outbox.message m where m.state not in ('dead', 'delivered') and not exists
			(select from outbox.attempt a where a.message = m.id and a.result = 'delivered')`,
	} {
		var n int
		if err := f.pool.QueryRow(f.t.Context(), sql).Scan(&n); err != nil || n != 0 {
			f.t.Errorf("%d %s left, %v", n, name, err)
		}
	}
}

// Killing is not what a point is for: each is where a process has done one durable step and not the next.
func TestPointsAreNamedByTheirStatements(t *testing.T) {
	t.Parallel()
	p := &points{last: map[*pgx.Conn]string{}}
	conn := &pgx.Conn{}
	if got := p.named(conn, "\n  insert into x\n values (1)"); got != "insert into x values (1)" {
		t.Error(got)
	}
	if got := p.named(conn, "commit"); got != "commit of: insert into x values (1)" {
		t.Error(got)
	}
	if got := p.named(conn, strings.Repeat("x", 100)); len(got) != 70 {
		t.Error(got)
	}
}
