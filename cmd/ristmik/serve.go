package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"ristmik/adapters/web"
)

type serveCommand struct {
	Config   string `short:"c" type:"path" help:"Configuration file; without it, the shipped default (loopback, a private PostgreSQL in ./ristmik-data)."`
	LogLevel string `default:"info" help:"debug, info, warn or error."`
}

// settled is how long after its start the program is no longer busy with it.
const settled = time.Second

// Run serves until the program is told to stop.
func (s serveCommand) Run(p *surroundings) (err error) {
	lines := web.NewLogWriter(p.err)
	defer lines.Close() // there is nobody else to tell
	log, err := logger(lines, s.LogLevel)
	if err != nil {
		return err
	}
	go readAhead()
	cfg, err := loadConfig(s.Config)
	if err != nil {
		return err
	}
	db, err := openDatabase(p.ctx, cfg.Database, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(p.ctx))) }()
	// Contracts and tables are read while the database's tables are looked at:
	// a program that has been stopped for an update shall be back soon.
	db.prepareBeside(p.ctx)
	h, err := newHub(p.ctx, cfg, db, log, time.Now)
	if failed := db.prepared(); failed != nil && !errors.Is(err, failed) {
		err = errors.Join(failed, err)
	}
	if err != nil {
		if h != nil {
			h.closeDoors()
		}
		return err
	}
	log.Info("started", "version", version(), "security_servers", len(cfg.XRoad.SecurityServers()), "client", cfg.XRoad.Client,
		"private_database", db.private != nil, "authorities", len(cfg.Authorities), "schedules", len(cfg.Schedules))
	fmt.Fprintf(p.out, "core API   %s/\nX-Road     %s/soap?wsdl\nconsole    %s/\n",
		h.doors[doorCore].url(), h.doors[doorXRoad].url(), h.doors[doorConsole].url())
	started := time.AfterFunc(settled, debug.FreeOSMemory)
	defer started.Stop()
	return h.run(p.ctx)
}
