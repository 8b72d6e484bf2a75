package outbox

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the rate and however late those who send wake up, no second sees more than a rate and the few that may be made
// up for; and who wakes up in time loses nothing.
func TestThePaceIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.5, 500).Draw(t, "rate")
		punctual := rapid.Bool().Draw(t, "punctual")
		each := time.Duration(float64(time.Second) / rate)
		var now, next time.Duration
		var left []time.Duration
		for len(left) < 200 {
			late := time.Duration(rapid.Int64Range(0, int64(each)).Draw(t, "late"))
			if !punctual {
				late *= time.Duration(rapid.IntRange(1, 50).Draw(t, "times"))
			}
			now += untilToken(now-next, rate) + late
			n := tokens(now-next, rate)
			if n == 0 {
				if late == 0 {
					now++ // what rounding leaves
				}
				continue
			}
			next = now - min(now-next, window(rate)) + time.Duration(n)*each
			for range n {
				left = append(left, now)
			}
		}
		most := int(rate+window(rate).Seconds()*rate+1e-6) + 1
		for i := range left {
			if i+most < len(left) && left[i+most]-left[i] < time.Second {
				t.Fatalf("%d in %s at %v a second", most+1, left[i+most]-left[i], rate)
			}
		}
		if took, ideal := left[len(left)-1], time.Duration(200/rate*float64(time.Second)); punctual && took > ideal+2*each {
			t.Fatalf("200 took %s instead of %s", took, ideal)
		}
	})
}

func TestARampBeginsWithATenth(t *testing.T) {
	t.Parallel()
	p := BreakerPolicy{Ramp: 10 * time.Second}
	for left, want := range map[time.Duration]float64{0: 1, -time.Second: 1, time.Second: 0.9, 5 * time.Second: 0.5, 10 * time.Second: 0.1, time.Hour: 0.1} {
		if got := p.ramp(left); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%s before its end: %v, want %v", left, got, want)
		}
	}
	if got := (BreakerPolicy{}).ramp(time.Hour); got != 1 {
		t.Errorf("without a ramp: %v", got)
	}
}
