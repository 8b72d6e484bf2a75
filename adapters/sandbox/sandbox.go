// Package sandbox is a development X-Road: a Security Server that is consumer
// side and provider side in one, and behind it simulated registers and
// authorities that answer as real ones would. Everything listens on loopback.
//
// It is for developing and testing information systems that speak X-Road. It
// does not sign, time-stamp or keep evidence, and every person in it is made
// up.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/simulated"
	"ristmik/adapters/sandbox/wire"
	"ristmik/adapters/web"
	"ristmik/soap"
)

// Options of a [Sandbox]. Listen and ControlListen are loopback addresses; ""
// is "127.0.0.1:0", any free port. Contracts holds the WSDL files of the simulated services.
// With DataDir "" everything is forgotten at the end; else what a real
// authority would remember is kept there. Seed chooses the population. Now,
// NewID and Log are needed.
type Options struct {
	Listen        string
	ControlListen string
	Config        Config
	Contracts     fs.FS
	DataDir       string
	Seed          uint64
	Now           func() time.Time
	NewID         func() string
	Log           *slog.Logger
}

// journalName is the file in DataDir.
const journalName = "sandbox.jsonl"

// Sandbox is a running sandbox. It is safe for many goroutines.
type Sandbox struct {
	url, controlURL string
	server          *securityserver.Server
	wire            *wire.Server
	world           *simulated.World
	control         *http.Server
	controlServed   chan struct{}
	ctx             context.Context
	stop            func() bool
	once            sync.Once
}

// Start opens the sandbox. When ctx ends it stops at once, as if the process
// had died; [Sandbox.Close] is the orderly end.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	if o.Now == nil || o.NewID == nil || o.Log == nil || o.Contracts == nil {
		return nil, errors.New("sandbox: the clock, the source of ids, the log and the contracts are needed")
	}
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		return nil, fmt.Errorf("sandbox: loading the registers' time zone: %w", err)
	}
	server, systems, err := newServer(o)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	ln, err := listen(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("sandbox: opening the Security Server: %w", err)
	}
	controlLn, err := listen(o.ControlListen)
	if err != nil {
		ln.Close()
		return nil, fmt.Errorf("sandbox: opening the control API: %w", err)
	}
	s := &Sandbox{url: "http://" + ln.Addr().String(), controlURL: "http://" + controlLn.Addr().String(), server: server, controlServed: make(chan struct{}), ctx: ctx}
	// The Security Server is open before the authorities are: those that have an
	// answer left over send it at once.
	s.wire = wire.Serve(ctx, ln, server.Handle, wire.Options{MaxBody: int64(soap.DefaultLimits().Bytes), Idle: 2 * time.Minute, Read: 30 * time.Second, Now: o.Now, Log: o.Log})
	journal := ""
	if o.DataDir != "" {
		journal = filepath.Join(o.DataDir, journalName)
	}
	s.world, err = simulated.Start(ctx, simulated.Options{
		SecurityServer: s.url, Services: systems, SetURL: server.SetURL, Contracts: o.Contracts, Journal: journal,
		Seed: o.Seed, Zone: zone, Limits: soap.DefaultLimits(), Now: o.Now, NewID: o.NewID, Log: o.Log,
	})
	if err != nil {
		s.wire.Abort()
		controlLn.Close()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.control = web.Server(web.Recover(o.Log, web.LocalHost(s.controlHandler())), o.Log)
	go func() {
		defer close(s.controlServed)
		s.control.Serve(controlLn)
	}()
	s.stop = context.AfterFunc(ctx, s.abort)
	return s, nil
}

// listen opens a loopback address; the sandbox knows nobody, so nobody else may
// reach it.
func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	if web.RequireLoopbackOrAuth(address, false) != nil {
		return nil, fmt.Errorf("the sandbox listens on loopback only, not on %s", address)
	}
	return net.Listen("tcp", address)
}

// newServer makes the Security Server of a configuration and lists what each
// simulated system offers.
func newServer(o Options) (*securityserver.Server, map[string][]soap.ServiceID, error) {
	so := securityserver.Options{
		Instance: o.Config.Instance, Server: o.Config.Server, Spelling: o.Config.Spelling,
		Limits: soap.DefaultLimits(), NewID: o.NewID, Now: o.Now, Log: o.Log,
	}
	systems := map[string][]soap.ServiceID{}
	for _, m := range o.Config.Members {
		member := soap.ClientID{Instance: o.Config.Instance, Class: string(m.Class), Member: m.Code}
		so.Subsystems = append(so.Subsystems, securityserver.Subsystem{ID: member, MemberName: m.Name.ET})
		for _, sub := range m.Subsystems {
			id := member
			id.Subsystem = sub.Code
			so.Subsystems = append(so.Subsystems, securityserver.Subsystem{ID: id, MemberName: m.Name.ET, SubsystemName: sub.Name.ET})
			for _, v := range sub.Services {
				service := soap.ServiceID{Provider: id, Code: v.Code, Version: v.Version}
				so.Services = append(so.Services, securityserver.Service{ID: service, Kind: v.Type, URL: v.URL, Timeout: v.Timeout, Clients: v.clients(), Disabled: v.Disabled})
				if v.Simulated != "" {
					systems[string(v.Simulated)] = append(systems[string(v.Simulated)], service)
				}
			}
		}
	}
	server, err := securityserver.New(so)
	return server, systems, err
}

// URL is the base address of the Security Server.
func (s *Sandbox) URL() string { return s.url }

// ControlURL is the base address of the control API.
func (s *Sandbox) ControlURL() string { return s.controlURL }

// SetService registers where a service of the hub lives; it is remembered in
// DataDir. The error says that the configuration has no such service, or what is
// wrong with the address.
func (s *Sandbox) SetService(service soap.ServiceID, url string) error {
	return s.world.Register(service, url)
}

// Close ends the sandbox in order: what is under way may end until ctx does.
// Closing twice is no error; after the end of Start's context it only waits
// until everything has stopped.
func (s *Sandbox) Close(ctx context.Context) error {
	if s.ctx.Err() != nil {
		s.abort()
		return nil
	}
	var errs []error
	s.once.Do(func() {
		s.stop()
		// Connections on which nothing was ever asked would hold a shutdown for
		// seconds, while no request to the control API takes long.
		brief, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		s.control.Shutdown(brief)
		s.control.Close()
		<-s.controlServed
		s.world.Halt()
		errs = append(errs, s.wire.Close(ctx))
		s.server.Close()
		errs = append(errs, s.world.Close(ctx))
	})
	return errors.Join(errs...)
}

// abort ends everything at once.
func (s *Sandbox) abort() {
	s.once.Do(func() {
		s.control.Close()
		<-s.controlServed
		s.world.Abort()
		s.wire.Abort()
		s.server.Close()
	})
}
