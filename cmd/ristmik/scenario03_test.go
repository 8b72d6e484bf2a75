package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"ristmik/adapters/provetest"
	"ristmik/cmd/ristmik/bench/rounds"
)

// The process of the hub is killed at random while rounds are opened. Whatever
// was acknowledged is with its authorities and is answered once in effect.
func TestScenario03CrashAfterAccept(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := rounds.Run(provetest.Context(t, 5*time.Minute, 2*time.Hour), rounds.Options{
		Command: itself(self), Rounds: provetest.Sized(60, 10_000), Clients: 8, Kills: provetest.Sized(3, 50), Seed: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Wrong {
		t.Error(w)
	}
	if want := provetest.Sized(3, 50); r.Kills != want {
		t.Errorf("%d of %d kills struck", r.Kills, want)
	}
}

// itself starts this test binary as the program.
func itself(path string) func(context.Context, ...string) rounds.Command {
	return func(ctx context.Context, args ...string) rounds.Command {
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		return cmd
	}
}

// What the measurement puts into the database beside its rounds is as the hub
// would have put it there: terms that end are noted.
func TestTermsOfManyOpenLegsEnd(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := rounds.Run(provetest.Context(t, 5*time.Minute, time.Hour), rounds.Options{
		Command: itself(self), Rounds: 3, Clients: 1, Open: provetest.Sized(500, 200_000), Due: provetest.Sized(60, 2000), Seed: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Wrong) > 0 || len(r.Late) != provetest.Sized(60, 2000) || len(r.Opening) != 3 || len(r.FanOut) != 3 {
		t.Errorf("%d terms have ended, %d openings, %d rounds; wrong: %v", len(r.Late), len(r.Opening), len(r.FanOut), r.Wrong)
	}
}
