// Package provetest sizes tests that have two forms: a short one that CI runs, and a long one with the numbers that the
// references ask for, which make prove runs (RISTMIK_PROVE=1; RISTMIK_PROVE=0.1 is a tenth of its counts).
package provetest

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"
)

const variable = "RISTMIK_PROVE"

// Long says whether tests run in their long form.
func Long() bool { return os.Getenv(variable) != "" }

// Sized is short in CI and long in the long form.
func Sized[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}

// Count is short in CI and, in the long form, as large a share of long as is asked for, but never less than short.
func Count(short, long int) int {
	share, err := strconv.ParseFloat(os.Getenv(variable), 64)
	if err != nil {
		return Sized(short, long)
	}
	return max(short, int(share*float64(long)))
}

// Context ends after short, or long in the long form; only a test that fails gets there.
func Context(t testing.TB, short, long time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Sized(short, long))
	t.Cleanup(cancel)
	return ctx
}
