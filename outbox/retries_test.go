package outbox

import (
	"testing"
	"time"
)

func TestRepeatsAreBoundedOnlyWhileManyFail(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	r := newRetries(0.1, func() time.Time { return now })
	granted := func() (n int) {
		for range 1000 {
			if r.repeat() {
				n++
			}
		}
		return n
	}
	attempts := func(n int, failed bool) {
		for range n {
			r.first()
			r.end(failed)
		}
	}
	attempts(500, true)
	if n := granted(); n != 50 {
		t.Errorf("%d repeats of 500 that failed", n)
	}
	now = now.Add(59 * time.Second)
	if n := granted(); n != 0 {
		t.Errorf("%d more within the minute", n)
	}
	now = now.Add(time.Minute)
	attempts(5, true)
	if n := granted(); n != retryReserve {
		t.Errorf("%d repeats with little traffic", n)
	}
	now = now.Add(time.Minute)
	attempts(100, false)
	attempts(5, true)
	if n := granted(); n != 1000 {
		t.Errorf("%d repeats where few fail", n)
	}
	now = now.Add(time.Hour)
	r.share = 0
	attempts(1000, true)
	if n := granted(); n != 1000 {
		t.Errorf("%d repeats without a bound", n)
	}
}
