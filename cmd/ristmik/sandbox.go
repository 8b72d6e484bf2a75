package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
)

type sandboxCommand struct {
	Config   string `short:"c" type:"path" help:"The sandbox's world (members, services, rights); without it, the shipped one."`
	Listen   string `default:"127.0.0.1:8090" help:"Address of the Security Server."`
	TLS      string `name:"tls" placeholder:"ADDRESS" help:"Address of the Security Server's HTTPS side, for example 127.0.0.1:8443; without it, the world's tls.listen, if any."`
	Control  string `default:"127.0.0.1:8091" help:"Address of the control door."`
	Data     string `type:"path" help:"Directory in which the simulated authorities remember; without it they forget at the end."`
	Seed     uint64 `default:"1" help:"Chooses the synthetic population."`
	LogLevel string `default:"info" help:"debug, info, warn or error."`
}

// Run serves until the program is told to stop.
func (s sandboxCommand) Run(p *surroundings) (err error) {
	log, err := logger(p.err, s.LogLevel)
	if err != nil {
		return err
	}
	world, err := sandbox.LoadConfig(s.Config)
	if err != nil {
		return usage(err)
	}
	if s.TLS != "" {
		world.TLS.Listen = s.TLS
	}
	box, err := sandbox.Start(context.WithoutCancel(p.ctx), sandbox.Options{
		Listen: s.Listen, ControlListen: s.Control, Config: world, Contracts: configs.Contracts(),
		DataDir: s.Data, Seed: s.Seed, Now: time.Now, NewID: uuid.NewString, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(p.ctx))) }()
	fmt.Fprintf(p.out, "Security Server  %s\ncontrol          %s\n", box.URL(), box.ControlURL())
	if box.TLSURL() != "" {
		certificate, err := box.CertificatePEM()
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "HTTPS            %s, with this certificate:\n%s", box.TLSURL(), certificate)
	}
	<-p.ctx.Done()
	return nil
}
