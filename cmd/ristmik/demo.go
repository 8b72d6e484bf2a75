package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/authority"
	"ristmik/adapters/sandbox"
	"ristmik/cmd/ristmik/story"
	"ristmik/configs"
	"ristmik/soap"
)

type demoCommand struct {
	Once     bool    `help:"End after the story; exit code 1 if any step differs."`
	Data     string  `type:"path" help:"Directory that keeps the database and the story; a story cut off by a crash goes on from there."`
	Seed     *uint64 `help:"Chooses the person, the employer and the answers; without it, that of the story in --data, or 1."`
	Log      string  `type:"path" help:"File for the hub's own log (JSON lines); without it, none is kept."`
	LogLevel string  `default:"info" help:"debug, info, warn or error."`
}

// errDiffers is a story that did not go as expected.
var errDiffers = errors.New("a step of the story differs from what was expected")

// Run plays the story and, without --once, stays up for a look around.
func (d demoCommand) Run(p *surroundings) (err error) {
	log, closeLog, err := d.logFile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	if err := d.makeData(); err != nil {
		return err
	}
	seed, err := d.seed()
	if err != nil {
		return err
	}
	stage, err := d.setUp(p.ctx, seed, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.tearDown(context.WithoutCancel(p.ctx))) }()
	fmt.Fprintf(p.out, "Ristmik %s: PostgreSQL, sandbox Security Server and hub are up after %.1f s\n\n", version(), stage.took.Seconds())
	steps, err := stage.play(p.ctx, seed, d.in("story.json"), p.out)
	if err != nil {
		return err
	}
	differs := printTable(p.out, steps)
	if d.Once {
		if differs > 0 {
			return errDiffers
		}
		return nil
	}
	stage.printAddresses(p.out)
	select {
	case <-p.ctx.Done():
		return nil
	case <-stage.done:
		return stage.ended
	}
}

// seed is the one that was asked for, else that of the story in the data
// directory, else 1. Another seed than the story's is refused before anything
// starts.
func (d demoCommand) seed() (uint64, error) {
	begun, known, err := story.SeedOf(d.in("story.json"))
	switch {
	case err != nil:
		return 0, err
	case !known && d.Seed == nil:
		return 1, nil
	case !known:
		return *d.Seed, nil
	case d.Seed != nil && *d.Seed != begun:
		return 0, usage(fmt.Errorf("%s holds the story of seed %d: go on with --seed %d, or use another directory", d.Data, begun, begun))
	}
	return begun, nil
}

func (d demoCommand) logFile() (*slog.Logger, func() error, error) {
	if d.Log == "" {
		log, err := logger(io.Discard, d.LogLevel)
		return log, func() error { return nil }, err
	}
	f, err := os.OpenFile(d.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, usage(fmt.Errorf("opening the log: %w", err))
	}
	log, err := logger(f, d.LogLevel)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return log, f.Close, nil
}

func (d demoCommand) makeData() error {
	if d.Data == "" {
		return nil
	}
	// As root, PostgreSQL runs under another user, who must be able to pass
	// through; what lies inside is closed by its own modes.
	if err := os.MkdirAll(d.Data, 0o711); err != nil {
		return usage(fmt.Errorf("making the data directory: %w", err))
	}
	return nil
}

// in is a place in the data directory, or "" when nothing is kept.
func (d demoCommand) in(name string) string {
	if d.Data == "" {
		return ""
	}
	return filepath.Join(d.Data, name)
}

// stage is everything that runs during the story.
type stage struct {
	db    *database
	box   *sandbox.Sandbox
	hub   *hub
	stop  context.CancelFunc
	done  chan struct{} // closed when the hub has stopped
	ended error         // how; read it after done
	took  time.Duration
}

// setUp starts the database, the sandbox and the hub, all on free loopback
// ports, and registers the hub's services with the sandbox as an administrator
// of a Security Server would.
func (d demoCommand) setUp(ctx context.Context, seed uint64, log *slog.Logger) (s *stage, err error) {
	began := time.Now()
	s = &stage{done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.tearDown(context.WithoutCancel(ctx)))
		}
	}()
	if s.db, err = startDatabase(ctx, d.in("postgres"), log); err != nil {
		return s, err
	}
	if err = s.db.prepare(ctx); err != nil {
		return s, err
	}
	world, err := sandbox.LoadConfig("")
	if err != nil {
		return s, err
	}
	// The sandbox ends when it is closed, after the hub: a hub that finishes what
	// it has begun must still reach it.
	s.box, err = sandbox.Start(context.WithoutCancel(ctx), sandbox.Options{
		Listen: "127.0.0.1:0", ControlListen: "127.0.0.1:0", Config: world, Contracts: configs.Contracts(),
		DataDir: d.in("sandbox"), Seed: seed, Now: time.Now, NewID: uuid.NewString, Log: log.With("room", "sandbox"),
	})
	if err != nil {
		return s, err
	}
	cfg, err := demoConfig(s.box.URL())
	if err != nil {
		return s, err
	}
	if s.hub, err = newHub(ctx, cfg, s.db, log, time.Now); err != nil {
		return s, err
	}
	if err = register(s.box, cfg, s.hub.doors[doorXRoad].url()); err != nil {
		return s, err
	}
	runCtx, stop := context.WithCancel(ctx)
	s.stop = stop
	go func() {
		defer close(s.done)
		s.ended = s.hub.run(runCtx)
	}()
	s.took = time.Since(began)
	return s, nil
}

// demoConfig is the shipped configuration on free ports, with a pace at which
// a person can watch a breaker open and close.
func demoConfig(securityServer string) (*configs.Config, error) {
	cfg, err := loadConfig("")
	if err != nil {
		return nil, err
	}
	quicken(cfg, securityServer)
	return cfg, nil
}

// quicken puts a configuration on free ports before a sandbox, with short waits.
func quicken(cfg *configs.Config, securityServer string) {
	cfg.Listeners.Core.Address = "127.0.0.1:0"
	cfg.Listeners.XRoad.Address = "127.0.0.1:0"
	cfg.Listeners.Console.Address = "127.0.0.1:0"
	cfg.XRoad.SecurityServer = securityServer
	cfg.Delivery.Takeover = 3 * time.Second
	cfg.Delivery.Default.Base = 200 * time.Millisecond
	cfg.Delivery.Default.Cap = 2 * time.Second
	cfg.Delivery.Default.Attempts = 1000
	b := &cfg.Delivery.Default.Breaker
	b.Failures, b.Lasting, b.OpenFor, b.MaxOpen, b.Calm = 3, time.Millisecond, time.Second, 2*time.Second, time.Second
}

// register tells the Security Server where the hub's own services live.
func register(box *sandbox.Sandbox, cfg *configs.Config, provider string) error {
	self, err := soap.ParseClientID(cfg.XRoad.Client)
	if err != nil {
		return err
	}
	problems := []error{box.SetService(soap.ServiceID{Provider: self, Code: cfg.XRoad.RESTService}, provider+"/rest/v1")}
	for _, code := range authority.SOAPServices() {
		problems = append(problems, box.SetService(soap.ServiceID{Provider: self, Code: code, Version: "v1"}, provider+"/soap"))
	}
	return errors.Join(problems...)
}

func (s *stage) play(ctx context.Context, seed uint64, notebook string, out io.Writer) ([]story.Step, error) {
	told, err := story.New(story.Options{
		Core: s.hub.doors[doorCore].url(), Console: s.hub.doors[doorConsole].url(), Control: s.box.ControlURL(),
		Notebook: notebook, Seed: seed, Out: out, Now: time.Now,
	})
	if err != nil {
		return nil, usage(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-s.done: // the hub must not end before the story does
			cancel(errors.Join(errors.New("the hub stopped"), s.ended))
		case <-ctx.Done():
		}
	}()
	steps, err := told.Play(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return steps, err
}

// tearDown stops what was started, in the opposite order.
func (s *stage) tearDown(ctx context.Context) error {
	var errs []error
	if s.stop != nil {
		s.stop()
		<-s.done
		errs = append(errs, s.ended)
	} else if s.hub != nil {
		s.hub.closeDoors()
	}
	if s.box != nil {
		errs = append(errs, s.box.Close(ctx))
	}
	if s.db != nil {
		errs = append(errs, s.db.close(ctx))
	}
	return errors.Join(errs...)
}

func (s *stage) printAddresses(out io.Writer) {
	fmt.Fprintf(out, `
The hub stays up until Ctrl-C:
  core API, with its OpenAPI page   %s/
  X-Road provider, WSDL             %s/soap?wsdl
  console, metrics, health          %s/
  sandbox Security Server           %s
  sandbox control                   %s
`, s.hub.doors[doorCore].url(), s.hub.doors[doorXRoad].url(), s.hub.doors[doorConsole].url(), s.box.URL(), s.box.ControlURL())
}
