package outbox

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is taken and given back, nobody exceeds its maximum, and every destination always gets its own share.
func TestBudgetKeepsAShareForEveryDestination(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		workers := rapid.IntRange(1, 40).Draw(t, "workers")
		most := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 6).Draw(t, "most")
		b := newBudget(workers, most, func(int) {})
		used := make([]int, len(most))
		own := max(1, workers/2/len(most))
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, len(most)-1).Draw(t, "destination")
			if rapid.Bool().Draw(t, "take") {
				want := rapid.IntRange(1, 20).Draw(t, "n")
				got := b.take(i, want)
				if due := min(want, min(own, most[i])-used[i]); got < due || got > want {
					t.Fatalf("destination %d got %d of %d with %d in use", i, got, want, used[i])
				}
				used[i] += got
			} else if used[i] > 0 {
				n := rapid.IntRange(1, used[i]).Draw(t, "n")
				b.give(i, n, true)
				used[i] -= n
			}
			total := 0
			for i := range used {
				total += used[i]
				if used[i] > most[i] {
					t.Fatalf("destination %d has %d of at most %d", i, used[i], most[i])
				}
			}
			if total > max(workers, len(most)) {
				t.Fatalf("%d in flight with %d workers", total, workers)
			}
		}
	})
}

func TestWaitsGrowWithinTheirBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Base: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "base"))}
		p.Cap = p.Base + time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "more"))
		p.Breaker = BreakerPolicy{OpenFor: p.Base, MaxOpen: p.Cap}
		n := rapid.IntRange(1, 1000).Draw(t, "n")
		random := rapid.Float64Range(0, 0.999).Draw(t, "random")
		if w := p.backoff(n, random); w < 0 || w > p.Cap || n == 1 && w > p.Base {
			t.Fatalf("attempt %d waits %s", n, w)
		}
		if w := p.Breaker.openFor(n, random); w < p.Base*79/100 || w > p.Cap {
			t.Fatalf("opening %d lasts %s", n, w)
		}
		if p.backoff(n+1, random) < p.backoff(n, random) || p.Breaker.openFor(n+1, random) < p.Breaker.openFor(n, random) {
			t.Fatalf("shorter after %d", n)
		}
	})
}
