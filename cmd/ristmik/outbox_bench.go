package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/cmd/ristmik/bench/queue"
	"ristmik/outbox"
)

// benchConnections is how large the pool of a measurement is, on either side.
const benchConnections = 32

type benchOutboxCommand struct {
	Messages int           `default:"100000" help:"Messages of one measurement."`
	Rounds   int           `default:"3" help:"How often each measurement is made; the best counts."`
	For      time.Duration `default:"6s" help:"How long measurements of steady work last."`
	Snapshot time.Duration `default:"60s" help:"How long the foreign snapshot is held."`
	Backlogs []int         `default:"1000,10000,100000,1000000" help:"Sizes for the rate over the backlog."`
	Waiting  int           `default:"1500" help:"Messages that wait for a partner that recovers and takes 50 a second; 100000 take half an hour."`
	Restart  int           `default:"1000000" help:"Messages that wait when a process is killed and another one started."`
	Plot     string        `type:"path" placeholder:"FILE" help:"Draw the rate over the backlog into this SVG."`
	River    string        `type:"path" default:"cmd/ristmik/bench/river" help:"Folder of the module that measures River, or its program; without it River is left out."`
	Only     []string      `help:"Measure only these parts: drain, both, caller, latency, backlog, snapshot, partners, recovering, restart."`
}

// Run measures on a private PostgreSQL that is thrown away, with fsync on, and prints a table.
func (b benchOutboxCommand) Run(p *surroundings) (err error) {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ristmik-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // the database runs as somebody else
		return err
	}
	river, err := b.buildRiver(p, dir)
	if err != nil {
		return err
	}
	private, err := postgres.StartPrivate(p.ctx, postgres.PrivateOptions{Dir: filepath.Join(dir, "data"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, private.Stop(context.WithoutCancel(p.ctx))) }()
	url := private.URL("ristmik")
	pool, err := benchPool(p.ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := postgres.Migrate(p.ctx, pool, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations}); err != nil {
		return err
	}
	return queue.Run(p.ctx, queue.Options{
		Out: p.out, Pool: pool, URL: url, Program: program, River: river, Messages: max(1000, b.Messages), Rounds: max(1, b.Rounds),
		For: b.For, Snapshot: b.Snapshot, Backlogs: b.Backlogs, Waiting: max(100, b.Waiting), Restart: max(1000, b.Restart), Plot: b.Plot, Only: b.Only,
	})
}

// buildRiver makes the program that measures River; "" says that River is not to be had.
func (b benchOutboxCommand) buildRiver(p *surroundings, dir string) (string, error) {
	info, err := os.Stat(b.River)
	switch {
	case err != nil:
		fmt.Fprintln(p.err, "River is left out:", err)
		return "", nil
	case !info.IsDir():
		return b.River, nil
	}
	program := filepath.Join(dir, "river")
	build := exec.CommandContext(p.ctx, "go", "build", "-o", program, ".")
	build.Dir = b.River
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building what measures River: %w: %s", err, out)
	}
	return program, nil
}

func benchPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = benchConnections
	return pgxpool.NewWithConfig(ctx, config)
}

type benchOutboxRelayCommand struct {
	URL      string `required:""`
	Messages int    `required:""`
}

// Run delivers what waits, in a process of its own, and prints how fast.
func (b benchOutboxRelayCommand) Run(p *surroundings) error {
	pool, err := benchPool(p.ctx, b.URL)
	if err != nil {
		return err
	}
	defer pool.Close()
	return queue.Relay(p.ctx, pool, b.Messages, p.out)
}
