package main

import (
	"os"

	"ristmik/cmd/ristmik/bench"
)

type benchCommand struct {
	XRoad         benchXRoadCommand         `cmd:"" name:"xroad" help:"The X-Road side against zeep, node-soap and httputil.ReverseProxy."`
	Outbox        benchOutboxCommand        `cmd:"" help:"The outbox against the least that any queue in PostgreSQL does, and against River."`
	Consultations benchConsultationsCommand `cmd:"" help:"Rounds of consultations through the whole hub: opening, fan-out, timers, and a recount."`
	OutboxRelay   benchOutboxRelayCommand   `cmd:"" hidden:"" help:"Deliver what waits, and print how fast."`
	Child         benchChildCommand         `cmd:"" hidden:"" help:"One role of a measurement, in a process of its own."`
}

type benchXRoadCommand struct {
	Rivals string   `type:"path" default:"adapters/authority/interop/testdata" help:"Folder of the rivals' scripts and packages (make interop fills it)."`
	Python string   `default:"/usr/bin/python3" help:"The interpreter that has zeep."`
	Rounds int      `default:"3" help:"How often each measurement is made; the best counts."`
	Only   []string `enum:"calls,latency,large,huge,starts,sandbox" help:"Measure only these parts: ${enum}."`
	Calls  int      `default:"2000" help:"Calls of one measurement."`
}

// Run measures and prints a table.
func (b benchXRoadCommand) Run(p *surroundings) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return bench.XRoad(p.ctx, bench.Options{
		Out: p.out, Program: program, Rivals: b.Rivals, Python: b.Python, Rounds: max(1, b.Rounds), Calls: max(10, b.Calls), Only: b.Only,
	})
}

type benchChildCommand struct {
	Role     string `arg:""`
	Upstream string `required:""`
	Calls    int    `default:"1"`
	Records  int    `default:"1"`
}

// Run plays the role.
func (b benchChildCommand) Run(p *surroundings) error {
	return bench.Child(p.ctx, b.Role, b.Upstream, b.Calls, b.Records, os.Stdin, p.out)
}
