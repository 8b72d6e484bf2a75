package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"text/tabwriter"
	"time"

	"ristmik/cmd/ristmik/bench/rounds"
)

type benchConsultationsCommand struct {
	Rounds  int     `default:"10000" help:"Consultations of five legs that are opened."`
	Rate    float64 `default:"25" help:"How many of them in a second; 0 is as fast as the clients can."`
	Clients int     `default:"16" help:"Clients that open them."`
	Kills   int     `help:"How often the hub is killed meanwhile, at random."`
	Open    int     `default:"200000" help:"Legs that are open beside them; 0 leaves their timers out."`
	Due     int     `default:"2000" help:"How many of those have terms that end while it is watched."`
	Seed    uint64  `default:"1" help:"Chooses the answers and the moments of the kills."`
}

// errMiscounted is a recount that found something else than the hub says.
var errMiscounted = errors.New("the recount differs from what the hub says")

// Run measures and prints a table.
func (b benchConsultationsCommand) Run(p *surroundings) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := rounds.Run(p.ctx, rounds.Options{
		Command: func(ctx context.Context, args ...string) rounds.Command {
			return exec.CommandContext(ctx, program, args...)
		},
		Rounds: max(1, b.Rounds), Rate: b.Rate, Clients: max(1, b.Clients), Kills: b.Kills, Open: b.Open, Due: min(b.Due, b.Open), Seed: b.Seed, Progress: p.err,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%d consultations of five legs, %d kills, %.0f s: %.0f a second\n\n", r.Opened, r.Kills, r.Took.Seconds(), float64(r.Opened)/r.Took.Seconds())
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tp50\tp99\tmost\tgoal\t")
	line := func(what string, list []time.Duration, goal string, met bool) {
		if len(list) == 0 {
			return
		}
		verdict := map[bool]string{true: "met", false: "MISSED"}[met]
		if goal == "" {
			verdict = ""
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", what, millis(rounds.At(list, 0.5)), millis(rounds.At(list, 0.99)), millis(rounds.At(list, 1)), goal, verdict)
	}
	line("opening call", r.Opening, "p99 ≤ 25 ms beyond the commit", rounds.At(r.Opening, 0.99)-rounds.At(r.Commits, 0.99) <= 25*time.Millisecond)
	line("the database's own commit of as many bytes, by the same clients", r.Commits, "", true)
	line("from the opening until all five authorities have it", r.FanOut, "most ≤ 5 s", rounds.At(r.FanOut, 1) <= 5*time.Second)
	line(fmt.Sprintf("timers, with %d legs open: how late", b.Open), r.Late, "most ≤ 5 s", rounds.At(r.Late, 1) <= 5*time.Second)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, w := range r.Wrong {
		fmt.Fprintln(p.out, "WRONG:", w)
	}
	if len(r.Wrong) > 0 {
		return errMiscounted
	}
	fmt.Fprintln(p.out, "\nThe recount by SQL and at the authorities agrees: nothing lost, nothing doubled, every outcome right.")
	return nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
