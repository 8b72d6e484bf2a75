//go:build !race

package authority_test

// withRace tells that the race detector is on, which allocates for itself.
const withRace = false
