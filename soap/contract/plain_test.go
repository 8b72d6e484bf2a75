package contract

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// The short ways for plain values say yes only where the long ways do.
func TestShortWaysAgreeWithTheLong(t *testing.T) {
	t.Parallel()
	long, ok := builtinSimple("int")
	if !ok {
		t.Fatal("there is no int")
	}
	rapid.Check(t, func(t *rapid.T) {
		date := []byte("2026-02-28")
		clock := []byte(rapid.SampledFrom([]string{"09:30:00Z", "23:59:59+02:00", "00:00:00-13:59", "24:00:00Z", "12:00:00+14:00"}).Draw(t, "clock"))
		for _, text := range [][]byte{date, clock} {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("0123456789-+:TZ x")).Draw(t, "to")
			}
		}
		d, c := string(date), string(clock)
		m := reDate.FindStringSubmatch(d)
		if plainDate(d) && (m == nil || !isRealDay(m[1], m[2], m[3])) {
			t.Fatalf("%q is taken for a date", d)
		}
		if plainTime(c) && !reTime.MatchString(c) {
			t.Fatalf("%q is taken for a time", c)
		}
		n := rapid.StringMatching(`[+-]?[0-9]{1,12}`).Draw(t, "number")
		value, _ := new(big.Rat).SetString(n)
		within := value.Cmp(long.bounds[0].limit) >= 0 && value.Cmp(long.bounds[1].limit) <= 0
		if long.smallInteger(n) && !within || (long.Check(n) == nil) != within {
			t.Fatalf("%s is taken for an int", n)
		}
	})
	for text, want := range map[string]bool{"": false, "+": false, "-1": true, "1.0": false, "١": false, "00": true} {
		if isInteger(text) != want {
			t.Errorf("isInteger(%q) is %v", text, !want)
		}
	}
}
