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
	"crypto/tls"
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
	"ristmik/adapters/sandbox/trouble"
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

// maxBody is the longest body that is taken, in bytes: more than the loggable
// limit lets through, so that a message which is too long gets its own error.
const maxBody = 64 << 20

// journalName is the file in DataDir.
const journalName = "sandbox.jsonl"

// Sandbox is a running sandbox. It is safe for many goroutines.
type Sandbox struct {
	url, controlURL string
	tlsURL          string
	own             func() (*tls.Certificate, error)
	server          *securityserver.Server
	wires           []*wire.Server // plain, and TLS where there is such a side
	world           *simulated.World
	clock           *trouble.Clock
	troubles        *trouble.Troubles
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
	clock := trouble.NewClock(o.Now)
	o.Now = clock.Now
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		return nil, fmt.Errorf("sandbox: loading the registers' time zone: %w", err)
	}
	// Making a key takes a while: only where somebody asks for it.
	own := sync.OnceValues(func() (*tls.Certificate, error) {
		return securityserver.InternalCertificate(o.Config.path(o.Config.TLS.Directory), o.Now())
	})
	server, systems, err := newServer(o, own)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	authorities, err := o.Config.authorities(systems)
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
	var tlsLn net.Listener
	var tlsConfig *tls.Config
	if o.Config.TLS.Listen != "" {
		if tlsLn, tlsConfig, err = listenTLS(o.Config.TLS.Listen, own); err != nil {
			ln.Close()
			controlLn.Close()
			return nil, fmt.Errorf("sandbox: opening the Security Server's HTTPS side: %w", err)
		}
	}
	s := &Sandbox{own: own, url: "http://" + ln.Addr().String(), controlURL: "http://" + controlLn.Addr().String(), server: server, clock: clock, troubles: trouble.New(server, clock), controlServed: make(chan struct{}), ctx: ctx}
	// The Security Server is open before the authorities are: those that have an
	// answer left over send it at once.
	wo := wire.Options{MaxBody: maxBody, MaxLong: securityserver.MaxLong, Idle: 2 * time.Minute, Read: 30 * time.Second, Connected: s.troubles.Connected, Now: o.Now, Log: o.Log}
	s.serve(ctx, ln, nil, wo)
	if tlsLn != nil {
		s.tlsURL = "https://" + tlsLn.Addr().String()
		s.serve(ctx, tlsLn, tlsConfig, wo)
	}
	journal := ""
	if o.DataDir != "" {
		journal = filepath.Join(o.DataDir, journalName)
	}
	s.world, err = simulated.Start(ctx, simulated.Options{
		SecurityServer: s.url, Hub: o.Config.hub(), Authorities: authorities, Services: systems, SetURL: server.SetURL, Contracts: o.Contracts, Journal: journal,
		Seed: o.Seed, Zone: zone, Limits: soap.DefaultLimits(), Now: o.Now, After: clock.After, NewID: o.NewID, Log: o.Log,
	})
	if err != nil {
		s.abortWires()
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

// listenTLS opens the HTTPS side; the configuration goes over the listener.
func listenTLS(address string, own func() (*tls.Certificate, error)) (net.Listener, *tls.Config, error) {
	c, err := own()
	if err != nil {
		return nil, nil, err
	}
	ln, err := listen(address)
	return ln, securityserver.TLSConfig(c), err
}

// serve answers the connections of ln, over TLS with a configuration, with
// everything between that can go wrong.
func (s *Sandbox) serve(ctx context.Context, ln net.Listener, config *tls.Config, o wire.Options) {
	door := s.troubles.Door(ln)
	ln = door
	if config != nil {
		ln = tls.NewListener(door, config)
	}
	w := wire.Serve(ctx, ln, s.troubles.Around(s.server.Handle), o)
	door.OnShut(w.DropIdle)
	s.wires = append(s.wires, w)
}

// URL is the base address of the Security Server.
func (s *Sandbox) URL() string { return s.url }

// TLSURL is the base address of the Security Server over HTTPS, "" where the
// configuration has no such side.
func (s *Sandbox) TLSURL() string { return s.tlsURL }

// CertificatePEM is the Security Server's own certificate, for those who pin it.
func (s *Sandbox) CertificatePEM() ([]byte, error) {
	c, err := s.own()
	if err != nil {
		return nil, err
	}
	return securityserver.CertificatePEM(c), nil
}

// ControlURL is the base address of the control API.
func (s *Sandbox) ControlURL() string { return s.controlURL }

// Now is the time by the sandbox's clock.
func (s *Sandbox) Now() time.Time { return s.clock.Now() }

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
		s.troubles.Disarm("") // who waits on purpose goes on
		for _, w := range s.wires {
			errs = append(errs, w.Close(ctx))
		}
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
		s.abortWires()
		s.server.Close()
	})
}

func (s *Sandbox) abortWires() {
	for _, w := range s.wires {
		w.Abort()
	}
}
