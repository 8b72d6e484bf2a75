// Package provetest sizes tests that have two forms: a short one that CI runs, and a long one with the numbers that the
// references ask for, which make prove runs (RISTMIK_PROVE=1).
package provetest

import (
	"context"
	"os"
	"testing"
	"time"
)

// Long says whether tests run in their long form.
func Long() bool { return os.Getenv("RISTMIK_PROVE") != "" }

// Sized is short in CI and long in the long form.
func Sized[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}

// Context ends after short, or long in the long form; only a test that fails gets there.
func Context(t testing.TB, short, long time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Sized(short, long))
	t.Cleanup(cancel)
	return ctx
}
