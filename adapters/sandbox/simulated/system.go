package simulated

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"ristmik/adapters/web"
	"ristmik/soap"
)

// system is one simulated information system with a listener of its own.
type system struct {
	name     string
	services []soap.ServiceID
	handler  http.Handler
	down     bool // guarded by World.mu

	mu     sync.Mutex
	server *http.Server
	served chan struct{} // closed when the server's loop has ended
}

// openSystem opens a listener for sys, tells the Security Server its address, and
// serves it, unless the system is down: then the address is one that refuses
// connections.
func (w *World) openSystem(sys *system, down bool) error {
	if len(sys.services) == 0 {
		return nil // one that only fetches
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening %s: %w", sys.name, err)
	}
	if down {
		ln.Close()
	}
	for _, id := range sys.services {
		if err := w.o.SetURL(id, "http://"+ln.Addr().String()+"/"); err != nil {
			ln.Close()
			return fmt.Errorf("registering %s: %w", sys.name, err)
		}
	}
	if down {
		return nil
	}
	server, served := web.Server(web.Recover(w.o.Log, sys.handler), w.o.Log), make(chan struct{})
	sys.mu.Lock()
	sys.server, sys.served = server, served
	sys.mu.Unlock()
	go func() {
		defer close(served)
		server.Serve(ln)
	}()
	return nil
}

// abort closes the listener and cuts every connection.
func (s *system) abort() {
	s.mu.Lock()
	server, served := s.server, s.served
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		server.Close()
		<-served
	}
}

// shutdown closes the listener and lets requests under way end until ctx does.
func (s *system) shutdown(ctx context.Context) error {
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	// Connections on which nothing was ever asked would hold a shutdown for
	// seconds, while no request here takes long.
	brief, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	server.Shutdown(brief)
	s.abort()
	return ctx.Err()
}

// UnknownSystemError says that no simulated system has that name; Known lists
// those that have one.
type UnknownSystemError struct {
	Name  string
	Known []string
}

// Error names the system and the known ones.
func (e *UnknownSystemError) Error() string {
	return fmt.Sprintf("no simulated system is called %q (known: %v)", e.Name, e.Known)
}

// Switch takes a system down, which closes its listener so that connections are
// refused, or brings it up again on a new port. Switching to the state that it
// has changes nothing. The error may be an *[UnknownSystemError].
func (w *World) Switch(name string, down bool) error {
	sys := w.systems[name]
	if sys == nil {
		return &UnknownSystemError{Name: name, Known: w.known()}
	}
	w.switching.Lock()
	defer w.switching.Unlock()
	w.mu.Lock()
	same := sys.down == down
	w.mu.Unlock()
	if same {
		return nil
	}
	if down {
		// Journal first: a system that refused somebody must not be up after a crash.
		if err := w.keep(record{At: w.o.Now(), Switched: &switchedRecord{System: name, Down: true}}); err != nil {
			return err
		}
		sys.abort()
		return nil
	}
	if err := w.openSystem(sys, false); err != nil {
		return err
	}
	return w.keep(record{At: w.o.Now(), Switched: &switchedRecord{System: name}})
}

// known lists the systems of this world in the order of their names.
func (w *World) known() []string {
	var names []string
	for _, name := range w.names() {
		if w.systems[name] != nil {
			names = append(names, name)
		}
	}
	return names
}
