// Package simulated holds the information systems that stand behind the sandbox's
// Security Server: an employment register and a register of permit notices at
// the tax board, the Labour Inspectorate, and the Internal Security Service.
// Each has a listener of its own and is reached over real HTTP. What a real
// authority would remember is in a journal on the disk before anything is
// acknowledged.
package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"ristmik/adapters/sandbox/journal"
	"ristmik/adapters/sandbox/population"
	"ristmik/soap"
)

// The names of the simulated systems.
const (
	EmploymentRegister = "employment-register"
	LabourInspectorate = "labour-inspectorate"
	SecurityService    = "security-service"
	TaxPermits         = "tax-permits"
)

// Names lists the simulated systems.
func Names() []string {
	return []string{EmploymentRegister, LabourInspectorate, SecurityService, TaxPermits}
}

// Authorities lists those of them that are consulted and have a character.
func Authorities() []string { return []string{LabourInspectorate, SecurityService} }

// Options of a [World]. SetURL tells the Security Server where a service lives.
// After is the timer that belongs to Now: its channel is closed when d has
// passed, and stop has to be called in any case.
type Options struct {
	SecurityServer string                                    // its base URL, where answers are sent
	Hub            soap.ClientID                             // whose services authorities call that were not asked yet
	Authorities    map[string]Consulted                      // who is consulted, by name
	Services       map[string][]soap.ServiceID               // by system: what it offers
	SetURL         func(id soap.ServiceID, url string) error // the Security Server's table
	Contracts      fs.FS
	Journal        string // the path of the journal; "" keeps everything in memory
	Seed           uint64
	Zone           *time.Location // in which a register's day begins
	Limits         soap.Limits
	Now            func() time.Time
	After          func(d time.Duration) (fired <-chan struct{}, stop func())
	NewID          func() string
	Log            *slog.Logger
}

// World is all simulated systems with their memory. It is safe for many
// goroutines.
type World struct {
	o         Options
	contracts contracts
	client    *http.Client
	journal   *journal.Journal
	ctx       context.Context
	cancel    context.CancelFunc
	work      sync.WaitGroup

	// switching keeps two switches of one system apart; it is never taken while
	// mu is held.
	switching sync.Mutex

	mu          sync.Mutex
	ended       bool // no more work may begin
	replaying   bool // the journal is being read: nothing begins yet
	persons     []population.Person
	systems     map[string]*system
	authorities map[string]*authority
	notices     map[string]*notices
	registered  map[string]string // service -> URL, as told by the control API
}

// Start replays the journal, opens the systems that are not down, and goes on
// with the answers that are still to be given.
func Start(ctx context.Context, o Options) (*World, error) {
	w := &World{
		o: o, persons: population.Generate(o.Seed), registered: map[string]string{},
		client:      &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 15 * time.Second}, Timeout: time.Minute, CheckRedirect: noRedirect},
		systems:     map[string]*system{},
		authorities: map[string]*authority{},
		notices:     map[string]*notices{TaxPermits: newNotices(), LabourInspectorate: newNotices()},
	}
	w.ctx, w.cancel = context.WithCancel(ctx)
	for name, a := range o.Authorities {
		w.authorities[name] = newAuthority(name, a)
	}
	var err error
	if w.contracts, err = loadContracts(o.Contracts); err != nil {
		return nil, err
	}
	for _, name := range w.names() {
		if len(o.Services[name]) == 0 && w.authorities[name] == nil {
			continue
		}
		sys := &system{name: name, services: o.Services[name]}
		if sys.handler, err = w.handler(sys); err != nil {
			return nil, err
		}
		w.systems[name] = sys
	}
	if o.Journal != "" {
		w.replaying = true
		if w.journal, err = journal.Open(o.Journal, w.replay); err != nil {
			return nil, err
		}
		w.replaying = false
	}
	if err := w.open(); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// open brings the world to where the journal left it.
func (w *World) open() error {
	for service, url := range w.registered {
		id, err := soap.ParseServiceID(service)
		if err == nil {
			err = w.o.SetURL(id, url)
		}
		if err != nil {
			// The configuration may have lost the service since.
			w.o.Log.Warn("an address registered earlier is not used", "service", service, "error", err)
		}
	}
	for _, name := range w.names() {
		if sys := w.systems[name]; sys != nil {
			if err := w.openSystem(sys, sys.down); err != nil {
				return err
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.authorities {
		w.resume(a, a.list...)
		w.listen(a)
		for _, d := range a.planned {
			if d.Until.After(w.o.Now()) || w.systems[a.name].down {
				w.carryOut(a, d)
			}
		}
	}
	return nil
}

// names are those of all systems that there can be, sorted.
func (w *World) names() []string {
	names := Names()
	for name := range w.authorities {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (w *World) replay(line json.RawMessage) error {
	var r record
	if err := r.read(line); err != nil {
		return err
	}
	return w.apply(r)
}

// commit applies r and hands it to the journal; the caller holds mu, so that
// memory and journal have one order, and waits for the ticket after letting go.
func (w *World) commit(r record) (journal.Ticket, error) {
	if err := w.apply(r); err != nil {
		return journal.Ticket{}, err
	}
	return w.journal.Append(r), nil
}

// keep commits r on its own and waits until it is on the disk.
func (w *World) keep(r record) error {
	w.mu.Lock()
	t, err := w.commit(r)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return t.Wait()
}

// apply is the only place where what is remembered changes. The caller holds mu
// or is alone.
func (w *World) apply(r record) error {
	switch {
	case r.Consultation != nil:
		return w.applyConsultation(r.At, *r.Consultation)
	case r.Decided != nil:
		return w.applyDecided(*r.Decided)
	case r.Delivered != nil:
		return w.applyDelivered(*r.Delivered)
	case r.Notice != nil:
		return w.applyNotice(*r.Notice)
	case r.Ended != nil:
		return w.applyEnded(r.At, *r.Ended)
	case r.Switched != nil:
		if sys := w.systems[r.Switched.System]; sys != nil {
			sys.down = r.Switched.Down
			w.wake(r.Switched.System)
		}
		return nil
	case r.Character != nil:
		a := w.authorities[r.Character.System]
		if a == nil {
			return fmt.Errorf("no authority is called %q", r.Character.System)
		}
		a.character = r.Character.Character
		a.wake()
		if !w.replaying {
			w.resume(a, a.list...)
		}
		return nil
	case r.Stepped != nil:
		return w.applyStepped(r.At, *r.Stepped)
	case r.Planned != nil:
		if a := w.authorities[r.Planned.System]; a != nil {
			a.planned = append(a.planned, *r.Planned)
		}
		return nil
	case r.Told != nil:
		return w.applyTold(*r.Told)
	case r.Heard != nil:
		return w.applyHeard(*r.Heard)
	case r.Registered != nil:
		w.registered[r.Registered.Service] = r.Registered.URL
		return nil
	default:
		return errors.New("a record of nothing")
	}
}

// wake lets the pending answers of a system look again whether they may go.
func (w *World) wake(name string) {
	if a := w.authorities[name]; a != nil {
		a.wake()
	}
}

// Register tells the Security Server where a service of the hub lives and
// remembers it. The error is what SetURL says.
func (w *World) Register(id soap.ServiceID, url string) error {
	if err := w.o.SetURL(id, url); err != nil {
		return err
	}
	if err := w.keep(record{At: w.o.Now(), Registered: &registeredRecord{Service: id.String(), URL: url}}); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.authorities {
		a.wake()
	}
	return nil
}

// Halt ends what runs on its own and lets nothing new begin; what comes from
// outside is still answered.
func (w *World) Halt() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.cancel()
}

// Close stops answering, lets what is under way end until ctx does, and closes
// the journal.
func (w *World) Close(ctx context.Context) error {
	w.Halt()
	var errs []error
	for _, sys := range w.systems {
		errs = append(errs, sys.shutdown(ctx))
	}
	w.work.Wait()
	w.client.CloseIdleConnections()
	return errors.Join(append(errs, w.journal.Close())...)
}

// Abort stops everything at once without bringing anything to an end, as the
// death of the process would.
func (w *World) Abort() {
	w.Halt()
	for _, sys := range w.systems {
		sys.abort()
	}
	w.journal.Abort()
	w.work.Wait()
	w.client.CloseIdleConnections()
}
