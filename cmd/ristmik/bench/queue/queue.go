// Package queue measures the outbox against the least that any queue in PostgreSQL's tables must do, and against River,
// on one database, in one run, in turns: figures of different runs cannot be compared. The database keeps what it
// acknowledges (fsync and synchronous_commit are checked). Each measurement is made several times and the best counts,
// for both sides; the load of the machine is printed beside the table.
package queue

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options of [Run]. All but River, Plot and Only are needed.
type Options struct {
	Out io.Writer
	// Pool and URL are of a database that has the schema "outbox" and nothing else of use: it is emptied.
	Pool *pgxpool.Pool
	URL  string
	// Program is the path of ristmik itself; River that of the program in the module cmd/ristmik/bench/river, "" if it
	// is to be left out.
	Program, River string
	// Messages is how many one measurement delivers, Rounds how often it is made.
	Messages, Rounds int
	// For is how long measurements of steady work last; Snapshot how long the foreign snapshot is held.
	For, Snapshot time.Duration
	// Backlogs are the sizes for the rate over the backlog, the first one being what the others are compared with.
	Backlogs []int
	// Waiting is how many messages wait for the partner that recovers.
	Waiting int
	// Restart is how many messages wait when a process is killed and another one started.
	Restart int
	// Plot is the file for the plot of that rate; "" for none.
	Plot string
	// Only names the parts to measure: drain, both, caller, latency, backlog, snapshot, partners, recovering, restart; empty for all.
	Only []string
}

// row is one line of the table.
type row struct {
	what, ours, than, ratio, goal string
	met                           bool
}

type part struct {
	name    string
	measure func(context.Context, Options) ([]row, error)
}

var parts = []part{
	{"drain", drain}, {"both", both}, {"caller", caller}, {"latency", latency},
	{"backlog", backlog}, {"snapshot", snapshot}, {"partners", partners}, {"recovering", recovering}, {"restart", restart},
}

// Run makes the measurements and prints a table. The error says what could not be measured; a goal that is not met is
// no error.
func Run(ctx context.Context, o Options) error {
	var server, fsync, commit string
	err := o.Pool.QueryRow(ctx, `select current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')`).
		Scan(&server, &fsync, &commit)
	if err != nil {
		return err
	}
	if fsync != "on" || commit != "on" {
		return fmt.Errorf("the database has fsync %s and synchronous_commit %s: both must be on", fsync, commit)
	}
	before := load()
	var rows []row
	for _, p := range parts {
		if len(o.Only) > 0 && !slices.Contains(o.Only, p.name) {
			continue
		}
		r, err := p.measure(ctx, o)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", p.name, err)
		}
		rows = append(rows, r...)
	}
	fmt.Fprintf(o.Out, "%d cores, %s, PostgreSQL %s, fsync and synchronous_commit on, load before %s, after %s; best of %d rounds of %d messages of 512 bytes\n",
		runtime.NumCPU(), runtime.Version(), server, before, load(), o.Rounds, o.Messages)
	if o.River != "" {
		fmt.Fprintln(o.Out, "River with the settings of its own benchmark: 2,000 workers, fetch cooldown 2 ms, poll interval 20 ms, InsertManyFast")
	}
	fmt.Fprintln(o.Out)
	w := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tours\tagainst\tratio\tgoal\t")
	for _, r := range rows {
		verdict := ""
		switch {
		case r.goal != "" && r.met:
			verdict = "met"
		case r.goal != "":
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.ours, r.than, r.ratio, r.goal, verdict)
	}
	return w.Flush()
}

// ratio is a row that compares two rates, of which the first should be at least goal times the second.
func ratio(what string, ours, than, goal float64) row {
	r := ours / than
	return row{what, perSecond(ours), perSecond(than), fmt.Sprintf("%.2f×", r), fmt.Sprintf("≥ %.4g×", goal), r >= goal}
}

// below is a row for times that should not be more than the goal.
func below(what string, ours, goal time.Duration) row {
	return row{what, ours.Round(10 * time.Microsecond).String(), "", "", "≤ " + goal.String(), ours <= goal}
}

func perSecond(v float64) string { return fmt.Sprintf("%.0f/s", v) }

// load is the machine's load average over one minute, or "unknown".
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return one
}
