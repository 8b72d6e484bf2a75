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
		Command: func(ctx context.Context, args ...string) rounds.Command {
			cmd := exec.CommandContext(ctx, self, args...)
			cmd.Env = append(os.Environ(), asProgram+"=1")
			return cmd
		},
		Rounds: provetest.Sized(60, 10_000), Clients: 8, Kills: provetest.Sized(3, 50), Seed: 3,
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
