// Command ristmik is the data-exchange hub of the migration information
// system: the one place where the migration core meets the other authorities
// over X-Road. This package holds a file for each command and the wiring, the
// only place that knows all rooms.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes: done, failed, wrong usage or configuration.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line.
type commands struct {
	Demo      demoCommand      `cmd:"" help:"Play one consultation end to end on this machine: private PostgreSQL, sandbox Security Server, hub."`
	Serve     serveCommand     `cmd:"" help:"Run the hub."`
	Call      callCommand      `cmd:"" help:"Call a service over X-Road, SOAP or REST, or list what there is."`
	Contract  contractCommand  `cmd:"" help:"Look at contracts: what they offer, samples, differences."`
	Sandbox   sandboxCommand   `cmd:"" help:"Run a development Security Server with simulated registers and authorities."`
	Jobs      jobsCommand      `cmd:"" help:"Scheduled jobs: how they stand, run, pause, cancel, fill in what was missed, rehearse."`
	Outbox    outboxCommand    `cmd:"" help:"Show and steer deliveries: what waits, what is dead, pauses."`
	Sent      sentCommand      `cmd:"" help:"What left for an authority with a question, to the byte."`
	Exchanges exchangesCommand `cmd:"" help:"The record of calls of registers: ids, hash, times, why, result."`
	Webhooks  webhooksCommand  `cmd:"" help:"Receivers of events: how they stand, disable, enable, tell again."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database to this program's version."`
	Check     checkCommand     `cmd:"" help:"Check a configuration file and print every problem at once."`
	Bench     benchCommand     `cmd:"" help:"Measure this program against others, on this machine."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// surroundings are what a command may use of the world around it.
type surroundings struct {
	ctx      context.Context
	out, err io.Writer
}

// errUsage marks an error that is the caller's: exit code 2.
var errUsage = errors.New("usage")

// gcPercent lets garbage grow to three times what is alive before it is
// collected. The program holds a few megabytes and makes tens of kilobytes a
// call, so that Go's own measure would collect every hundred calls, for a fifth
// of their CPU (ristmik bench xroad). GOGC in the environment overrides it.
const gcPercent = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run parses args, runs the command and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cli commands
	exited := -1
	parser, err := kong.New(&cli,
		kong.Name("ristmik"),
		kong.Description("Data-exchange hub over X-Road (X-tee): consultations with other authorities, registers kept in sync."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(errOut, "ristmik:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(errOut, "ristmik: %v\nristmik --help lists the commands\n", err)
		return exitUsage
	}
	err = parsed.Run(&surroundings{ctx, out, errOut})
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUsage):
		fmt.Fprintln(errOut, "ristmik:", err)
		return exitUsage
	default:
		fmt.Fprintln(errOut, "ristmik:", err)
		return exitFailed
	}
}

// usage marks err as the caller's fault without changing its words.
func usage(err error) error { return &usageError{err} }

type usageError struct{ error }

func (e *usageError) Unwrap() []error { return []error{e.error, errUsage} }

// logger writes JSON lines; level is one of slog's names.
func logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usage(fmt.Errorf("log level %q: debug, info, warn or error is needed", level))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}
