// Package bench measures the X-Road side of the hub against what others use
// today, on one machine and in one run: its SOAP call against zeep and
// node-soap, its path from JSON to a Security Server and back against
// httputil.ReverseProxy, the memory that large answers take, and how soon the
// program serves after it was started.
//
// Figures of one run can be compared with one another only: each measurement
// takes turns with its rival, the best of the rounds counts, and the load of the
// machine is printed beside them. Everything listens on loopback.
package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// Options of [XRoad]. All are needed.
type Options struct {
	Out io.Writer
	// Program is the path of ristmik itself, which is started for every
	// measurement in a process of its own.
	Program string
	// Rivals is the folder of the rivals' scripts and packages, and Python the
	// interpreter that has zeep. A rival that cannot run is named and left out.
	Rivals, Python string
	// Rounds is how often each measurement is made, and Calls how many calls
	// one has.
	Rounds, Calls int
	// Only names the parts to measure, calls, latency, large, huge, starts, sandbox; empty means all.
	Only []string
}

// parts are what can be measured, in the order of the table.
var parts = []struct {
	name    string
	measure func(context.Context, Options) ([]row, []string, error)
}{{"calls", calls}, {"latency", latency}, {"large", large}, {"huge", huge}, {"starts", starts}, {"sandbox", sandboxed}}

// row is one line of the table.
type row struct {
	what, ours, rival string
	ratio, goal       string
	met               bool
}

// XRoad makes all measurements and prints a table. The error says what could not
// be measured; a goal that is not met is no error.
func XRoad(ctx context.Context, o Options) error {
	before := load()
	var rows []row
	var notes []string
	for _, part := range parts {
		if len(o.Only) > 0 && !slices.Contains(o.Only, part.name) {
			continue
		}
		r, n, err := part.measure(ctx, o)
		if err != nil {
			return err
		}
		rows, notes = append(rows, r...), append(notes, n...)
	}
	fmt.Fprintf(o.Out, "%d cores, %s, load before %s, after %s; best of %d rounds of %d calls\n\n",
		runtime.NumCPU(), runtime.Version(), before, load(), o.Rounds, o.Calls)
	w := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tours\trival\tratio\tgoal\t")
	for _, r := range rows {
		verdict := ""
		switch {
		case r.goal != "" && r.met:
			verdict = "met"
		case r.goal != "":
			verdict = "MISSED"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.what, r.ours, r.rival, r.ratio, r.goal, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(o.Out, n)
	}
	return nil
}

// load is the machine's load average over one minute, or "unknown".
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return one
}

func micros(v float64) string { return fmt.Sprintf("%.0f µs", v) }

func times(v float64) string { return fmt.Sprintf("%.2f×", v) }
