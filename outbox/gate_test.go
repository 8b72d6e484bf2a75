package outbox

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

var failed = Outcome{Result: ResultRetry, Reason: "partner_down", CountsAgainst: true}

func testGate(p BreakerPolicy) *gate {
	return newGate("tax", Policy{Breaker: p}.withDefaults().Breaker, 1, 0, false, time.Now)
}

func (g *gate) tell(o Outcome) { g.end(g.policy.health(o, nil), o.Reason) }

// A partner that fails everything for one second of every ten, at a hundred calls a second, is never left alone; one that
// fails for good is, after the time that a row must last.
func TestAPartnerThatComesBackByItselfOpensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := testGate(BreakerPolicy{Failures: 5, Lasting: 2 * time.Second})
		good := Outcome{Result: ResultDelivered}
		held := 0
		for i := range 6000 {
			if suspects, wait := g.suspects(); suspects && wait > 0 {
				held++
			} else if i/100%10 == 9 {
				g.tell(failed)
			} else {
				g.tell(good)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if g.tripped() {
			t.Fatal("open")
		}
		if held == 0 || held > 6*135 { // no healthy call waits for longer than the next single one
			t.Errorf("%d of 6000 calls held back", held)
		}
		g.tell(good)
		began := time.Now()
		sent := 0
		for !g.tripped() {
			if suspects, wait := g.suspects(); !suspects || wait == 0 {
				g.tell(failed)
				sent++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(began); took < 2*time.Second || took > 3*time.Second || sent > 12 {
			t.Errorf("open after %s and %d calls", took, sent)
		}
	})
}

// Where every other call fails no row is long, but their share is.
func TestALargeShareOfFailuresOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := testGate(BreakerPolicy{Failures: 5})
		for i := 0; !g.tripped(); i++ {
			if i == 40 {
				t.Fatal("closed")
			}
			if i%2 == 0 {
				g.tell(Outcome{Result: ResultDelivered})
			} else {
				g.tell(failed)
			}
		}
	})
}

// A quiet destination is left alone as well: a row is not forgotten when the window has left it, nor is an attempt that
// took longer than the window.
func TestASlowRowOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := testGate(BreakerPolicy{Failures: 5, Lasting: time.Second, Window: 10 * time.Second})
		for i := range 5 {
			if g.tripped() {
				t.Fatalf("open after %d", i)
			}
			time.Sleep(time.Minute)
			g.tell(failed)
		}
		if !g.tripped() {
			t.Error("closed")
		}
	})
}

// A thousand faults of our own requests, refusals, waits and cancelled sends, and failures that the policy leaves out, open
// nothing.
func TestWhatIsNotThePartnersFaultNeverCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := testGate(BreakerPolicy{Reasons: []string{"partner_down"}})
		for range 1000 {
			g.tell(Outcome{Result: ResultRefused, Reason: "fix_data client.bad_request"})
			g.tell(Outcome{Result: ResultRefused, Reason: "business"})
		}
		for range 1000 {
			g.tell(Outcome{Result: ResultWait, Reason: "wait"})
			g.end(g.policy.health(failed, context.Canceled), failed.Reason)
			g.tell(Outcome{Result: ResultUnknown, Reason: "unknown_result time_out", CountsAgainst: true})
		}
		if g.tripped() {
			t.Error("open")
		}
	})
}
