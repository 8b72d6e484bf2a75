package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// A crash between a send and its record sends the message again: at every point, many times. A receiver that recognises
// the key has one effect of it.
func TestBug06DuplicatesAreBoundedByWhatWasInFlight(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	f := newFleet(t)
	f.ordeal(provetest.Count(6, 10_000), 1, provetest.Count(2000, 200_000))
}

// What was acknowledged is durable: the database is stopped at once in the middle of the work, again and again.
func TestBug07AnAcknowledgementIsDurable(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	f := newFleet(t)
	stops := provetest.Count(3, 100)
	f.receiver.want(1 << 30)
	one, two := f.spawn(task{Publish: true}), f.spawn(task{Publish: true})
	for range stops {
		_, _, acked := f.receiver.count()
		f.keepUp(acked + 500)
		f.crashDatabase()
	}
	_, _, acked := f.receiver.count()
	f.receiver.want(acked + 1)
	f.settled()
	f.rest(one, two)
	effects, duplicates, acked := f.receiver.count()
	t.Logf("%d messages acknowledged and %d settled over %d stops; %d sent twice", acked, effects, stops, duplicates)
	if duplicates > stops*2*inFlight {
		t.Errorf("%d messages were sent twice", duplicates)
	}
	f.judge()
}

// publish stores messages, and says that they are acknowledged.
func (f *fleet) publish(msgs ...outbox.Message) {
	f.t.Helper()
	err := pgx.BeginFunc(f.t.Context(), f.pool, func(tx pgx.Tx) error { return outbox.Publish(f.t.Context(), tx, msgs...) })
	if err != nil {
		f.t.Fatal(err)
	}
}

func message(lane, key string) outbox.Message {
	return outbox.Message{Destination: destination, Lane: lane, Kind: "test", Key: key, Payload: []byte("{}")}
}

// A process stands still for longer than it may be silent while the receiver has its message. Another one sends the
// message again, and holds the lane for the next one, when the first wakes and hears that the message was refused: it
// changes nothing.
func TestBug08AZombieChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	type visit struct {
		key, owner string
		answer     chan int
	}
	visits := make(chan visit, 10)
	f.receiver.hold = func(ctx context.Context, key, owner string) int {
		v := visit{key, owner, make(chan int, 1)}
		visits <- v
		select {
		case status := <-v.answer:
			return status
		case <-ctx.Done(): // whoever sent it is no more
			return http.StatusServiceUnavailable
		}
	}
	next := func(key, owner string) visit {
		t.Helper()
		select {
		case v := <-visits:
			if v.key != key || v.owner != owner {
				t.Fatalf("%s came from %s, not %s from %s", v.key, v.owner, key, owner)
			}
			return v
		case <-time.After(patience):
			t.Fatalf("%s was not sent by %s", key, owner)
			panic("unreachable")
		}
	}
	zombie := f.spawn(task{Owner: "zombie"})
	for i := range provetest.Count(2, 20) {
		one, two, other := fmt.Sprint("one", i), fmt.Sprint("two", i), fmt.Sprint("other", i)
		f.publish(message("l", one), message("l", two))
		late := next(one, "zombie")
		f.signal(zombie, syscall.SIGSTOP)
		p := f.spawn(task{Owner: other})
		next(one, other).answer <- http.StatusOK
		second := next(two, other)
		late.answer <- http.StatusConflict
		f.signal(zombie, syscall.SIGCONT)
		f.eventually("the zombie has lost its lease", func() bool {
			if f.attempts(t, one, "refused") != 0 {
				t.Fatal("the zombie's outcome is recorded")
			}
			return f.receiver.lost.Load() == int64(i+1)
		})
		second.answer <- http.StatusOK
		f.eventually(two+" is settled", func() bool { return f.attempts(t, two, "delivered") == 1 })
		f.terminate(p)
	}
	f.terminate(zombie)
	var wrong int
	err := f.pool.QueryRow(t.Context(), `
select (select count(*) from outbox.message where state <> 'ready') + (select count(*) from outbox.dead) + (select count(*) from outbox.pending)
     + (select count(*) from outbox.attempt where result not in ('delivered', 'unknown') or result = 'unknown' and reason <> 'lease_expired')`).Scan(&wrong)
	if err != nil || wrong != 0 {
		t.Errorf("%d rows of the zombie, %v", wrong, err)
	}
}

// attempts counts the attempts of a message that ended so.
func (f *fleet) attempts(t *testing.T, key, result string) (n int) {
	t.Helper()
	err := f.pool.QueryRow(t.Context(), `select count(*) from outbox.attempt a join outbox.message m on m.id = a.message
		where m.key = $1 and a.result = $2`, key, result).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A message at which the sender panics, one that takes all memory and so kills the process, and one that never ends
// run out of attempts, over restarts; the messages of others go through.
func TestBug09PoisonIsQuarantined(t *testing.T) {
	t.Parallel()
	const attempts = 3
	f := newFleet(t)
	kinds := []string{"panics", "exhausts memory", "never ends"}
	healthy := provetest.Count(300, 20_000)
	var msgs []outbox.Message
	for i := range healthy {
		msgs = append(msgs, message(fmt.Sprint("healthy", i%100), fmt.Sprint("h", i)))
	}
	for _, kind := range kinds {
		m := message(kind, kind)
		m.Kind = kind
		msgs = append(msgs, m, message(kind, "behind what "+kind))
	}
	f.publish(msgs...)
	ctx, stop := context.WithCancel(t.Context())
	var supervised sync.WaitGroup
	for range 2 { // two processes, each started again when it dies
		supervised.Go(func() {
			for ctx.Err() == nil {
				p := f.spawn(task{Attempts: attempts, Lease: 2 * time.Second})
				select {
				case <-p.ended:
				case <-ctx.Done():
					f.terminate(p)
				}
			}
		})
	}
	f.eventually("all else has gone through", func() bool {
		effects, _, _ := f.receiver.count()
		return effects == healthy+len(kinds)
	})
	f.eventually("poison is dead", func() bool {
		var n int
		err := f.pool.QueryRow(t.Context(), `select count(*) from outbox.message where state = 'dead' and kind = any($1)`, kinds).Scan(&n)
		return err == nil && n == len(kinds)
	})
	stop()
	supervised.Wait()
	for _, kind := range kinds {
		var n int
		var reason string
		err := f.pool.QueryRow(t.Context(), `select attempt, reason from outbox.message where kind = $1`, kind).Scan(&n, &reason)
		if err != nil || n > attempts {
			t.Errorf("%s: %d attempts, %v", kind, n, err)
		}
		want := map[string]string{"panics": "panic", "exhausts memory": "lease_expired", "never ends": "never_ended"}[kind]
		if reason != want && reason != "lease_expired" { // the last attempt may have been under way when the process was killed
			t.Errorf("%s: dead because of %q", kind, reason)
		}
	}
}

// The database is restarted again and again: what works with it works on, loses nothing, and is soon as quick as before.
func TestBug23ADatabaseThatRestartsIsWaitedFor(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	f := newFleet(t)
	f.receiver.want(1 << 30)
	one, two := f.spawn(task{Publish: true}), f.spawn(task{Publish: true})
	f.keepUp(500)
	restarts, every := provetest.Count(2, 15), provetest.Sized(0, 20*time.Second)
	var rates []float64
	slow := 0
	for range restarts {
		before := f.rate(every - 8*time.Second)
		rates = append(rates, before)
		f.stopDatabase()
		f.startDatabase()
		best := 0.0
		for began := time.Now(); provetest.Long() && time.Since(began) < 5*time.Second; {
			best = max(best, f.rate(time.Second))
		}
		if best < 0.95*before {
			slow++
			t.Logf("%.0f messages a second within 5 s of a restart, %.0f before", best, before)
		}
	}
	_, _, acked := f.receiver.count()
	f.receiver.want(acked + 1)
	f.settled()
	f.rest(one, two)
	t.Logf("%d messages over %d restarts, %.0f a second between them", acked, restarts, slices.Max(rates))
	if slow > 0 {
		t.Errorf("not at 0.95 of the rate within 5 s after %d of %d restarts", slow, restarts)
	}
	f.judge()
}

// rate counts the messages that are settled in that time, per second.
func (f *fleet) rate(lasts time.Duration) float64 {
	before, _, _ := f.receiver.count()
	if lasts <= 0 {
		f.keepUp(before + 200)
		return 0
	}
	began := time.Now()
	pause(f.t.Context(), lasts)
	after, _, _ := f.receiver.count()
	return float64(after-before) / time.Since(began).Seconds()
}

// stopLimit is how long a process may take to stop, whatever it has to do.
const stopLimit = 10 * time.Second

// Under load processes are told to stop, and killed, in turn: the first ends in time and leaves nothing to be sent
// again, the second no more than was in flight.
func TestBug29StoppingIsGraceful(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	f := newFleet(t)
	times := provetest.Count(5, 100)
	f.receiver.want(1 << 30)
	longest := time.Duration(0)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_, before, _ := f.receiver.count()
		for range times {
			p := f.spawn(task{Publish: true})
			effects, _, _ := f.receiver.count()
			f.eventually("it works", func() bool { now, _, _ := f.receiver.count(); return now >= effects+30 })
			if signal == syscall.SIGKILL {
				f.kill(p.cmd.Process.Pid)
			} else {
				longest = max(longest, f.terminate(p))
			}
		}
		f.receiver.want(0)
		p := f.spawn(task{}) // it finds what the last one left
		f.settled()
		f.terminate(p)
		f.receiver.want(1 << 30)
		_, after, _ := f.receiver.count()
		most := 0
		if signal == syscall.SIGKILL {
			most = times * inFlight
		}
		if after-before > most {
			t.Errorf("%v: %d messages sent twice, want at most %d", signal, after-before, most)
		}
		t.Logf("%v, %d times: %d messages sent twice", signal, times, after-before)
	}
	if t.Logf("the longest stop took %s", longest); longest > stopLimit {
		t.Errorf("the longest stop took %s", longest)
	}
	f.judge()
}

// However much is waiting, a process that is told to stop does not work it off first.
func TestBug30ABacklogDoesNotKeepAProcessFromStopping(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	f := newFleet(t)
	waiting := provetest.Count(5000, 1_000_000)
	for n := 0; n < waiting; n += 1000 {
		msgs := make([]outbox.Message, 1000)
		for i := range msgs {
			msgs[i] = message(fmt.Sprint(n+i), fmt.Sprint(n+i))
		}
		f.publish(msgs...)
	}
	p := f.spawn(task{})
	f.eventually("it works", func() bool { effects, _, _ := f.receiver.count(); return effects >= 100 })
	took := f.terminate(p)
	effects, duplicates, _ := f.receiver.count()
	var pending int
	if err := f.pool.QueryRow(t.Context(), `select (select count(*) from outbox.pending) + (select count(*) from outbox.untaken)`).Scan(&pending); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped within %s with %d of %d waiting", took, pending, waiting)
	if took > stopLimit || pending == 0 || duplicates != 0 {
		t.Errorf("stopped within %s, %d waiting, %d sent, %d of them twice", took, pending, effects, duplicates)
	}
}
