package population

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// firstWeights and secondWeights are the two rows of the check digit of a
// personal code; a registry code uses the first seven of each.
var (
	firstWeights  = [10]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}
	secondWeights = [10]int{3, 4, 5, 6, 7, 8, 9, 1, 2, 3}
)

// check returns the check digit and which of the three rules gave it: the first
// weights, the second where the first leave ten, zero where the second do too.
func check(digits string) (digit, rule int) {
	for i, weights := range [2][10]int{firstWeights, secondWeights} {
		sum := 0
		for j, c := range digits {
			sum += int(c-'0') * weights[j]
		}
		if sum%11 < 10 {
			return sum % 11, i + 1
		}
	}
	return 0, 3
}

// personalCode makes a code of a birth date whose check digit comes from rule.
// Every day has serials of all three rules, so the search ends.
func personalCode(r *rand.Rand, born time.Time, rule int) string {
	first := 7 + r.IntN(2)
	for {
		digits := fmt.Sprintf("%d%s%03d", first, born.Format("060102"), r.IntN(1000))
		if digit, got := check(digits); got == rule {
			return digits + fmt.Sprint(digit)
		}
	}
}

// registryCode makes a valid code in a range that the commercial register has
// not reached.
func registryCode(r *rand.Rand) string {
	digits := fmt.Sprintf("199%04d", r.IntN(10_000))
	digit, _ := check(digits)
	return digits + fmt.Sprint(digit)
}
