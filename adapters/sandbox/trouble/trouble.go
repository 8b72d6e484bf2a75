// Package trouble is what goes wrong in a sandbox on purpose: a clock that can
// be moved, and faults that are armed beforehand and hit the calls that they
// name.
//
// It stands around the Security Server and not in it: a call comes through
// [Troubles.Around], which may keep it from the server, call the server twice or
// change its answer, and through the hooks of package wire, which let it decide
// how the bytes of the answer leave. The server itself knows nothing of it.
package trouble

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ristmik/adapters/sandbox/securityserver"
)

// maxArmed is how many faults may be armed at once.
const maxArmed = 1000

// ErrTooMany is the error of arming one fault more than there may be.
var ErrTooMany = errors.New("too many faults are armed; delete some")

// Troubles holds the armed faults of one Security Server. It is safe for many
// goroutines.
type Troubles struct {
	server *securityserver.Server
	clock  *Clock
	calls  map[string]*atomic.Int64 // by protocol; never changed
	quiet  atomic.Bool              // nothing is armed

	mu     sync.Mutex
	armed  []*armed
	number int
	doors  []*Door
}

// armed is a fault with what became of it.
type armed struct {
	Armed
	begins   time.Time
	released chan struct{} // closed when the fault is deleted: nobody waits for it any more
	meeting  *meeting      // Reorder: the call that waits for a second one
}

// Armed is the state of an armed fault: Seen is how many calls matched since it
// is in force, Hit how many of them it struck, Spent that it will strike no more.
type Armed struct {
	ID        string
	Fault     Fault
	Seen, Hit int
	Spent     bool
}

// New returns what goes wrong around server: nothing until a fault is armed.
func New(server *securityserver.Server, clock *Clock) *Troubles {
	t := &Troubles{server: server, clock: clock, calls: map[string]*atomic.Int64{SOAP: {}, REST: {}, other: {}}}
	t.quiet.Store(true)
	return t
}

// Arm arms a fault that [ParseFault] has read; the error is [ErrTooMany].
func (t *Troubles) Arm(f Fault) (Armed, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.armed) >= maxArmed {
		return Armed{}, ErrTooMany
	}
	t.number++
	a := &armed{Armed: Armed{ID: strconv.Itoa(t.number), Fault: f}, begins: t.clock.Now().Add(f.After), released: make(chan struct{})}
	t.armed = append(t.armed, a)
	return a.Armed, t.settle()
}

// List returns the armed faults in the order of their arming, spent ones too.
func (t *Troubles) List() []Armed {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Armed, len(t.armed))
	for i, a := range t.armed {
		list[i] = a.Armed
	}
	return list
}

// Calls returns how many requests have come, by protocol: "soap", "rest" and
// "other", the metaservices with an address of their own.
func (t *Troubles) Calls() map[string]int64 {
	n := map[string]int64{}
	for protocol, count := range t.calls {
		n[protocol] = count.Load()
	}
	return n
}

// Disarm deletes the fault with that id, or every fault when id is "". Whoever
// waits because of it goes on at once. found says whether there was one; the
// error is that of a door which could not be opened again.
func (t *Troubles) Disarm(id string) (found bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = slices.DeleteFunc(t.armed, func(a *armed) bool {
		if id != "" && a.ID != id {
			return false
		}
		close(a.released)
		found = true
		return true
	})
	return found, t.settle()
}

// settle brings what lasts in line with the armed faults; mu is held.
func (t *Troubles) settle() error {
	t.quiet.Store(len(t.armed) == 0)
	shut := false
	var expiry time.Time
	for _, a := range t.armed {
		switch {
		case a.Fault.Kind == RefuseConnections:
			shut = true
		case a.Fault.Kind == Expire && a.Fault.What == GlobalConfiguration && (expiry.IsZero() || a.begins.Before(expiry)):
			expiry = a.begins
		}
	}
	t.server.SetGlobalConfExpiry(expiry)
	var errs []error
	for _, d := range t.doors {
		errs = append(errs, d.set(shut))
	}
	return errors.Join(errs...)
}

// take notes a call and returns the faults that strike it.
func (t *Troubles) take(strikes func(f *Fault) bool) []*armed {
	t.mu.Lock()
	defer t.mu.Unlock()
	var hits []*armed
	for _, a := range t.armed {
		if a.Spent || t.clock.Now().Before(a.begins) || !strikes(&a.Fault) {
			continue
		}
		a.Seen++
		if a.Seen < a.Fault.Nth {
			continue
		}
		a.Hit++
		a.Spent = a.Fault.Times > 0 && a.Hit >= a.Fault.Times
		hits = append(hits, a)
	}
	return hits
}

// wait lets d pass on the sandbox's clock. It ends early, without an error, when
// the fault is deleted, and with one when ctx ends.
func (t *Troubles) wait(ctx context.Context, a *armed, d time.Duration) error {
	fired, stop := t.clock.After(d)
	defer stop()
	select {
	case <-fired:
	case <-a.released:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// errCut closes a connection.
var errCut = errors.New("cut on purpose")

// Connected is the hook of wire.Options: it delays and cuts new connections.
func (t *Troubles) Connected(ctx context.Context, c net.Conn) error {
	if t.quiet.Load() {
		return nil
	}
	for _, a := range t.take(func(f *Fault) bool { return f.At == AtConnect }) {
		if a.Fault.Kind == Cut {
			return cut(c, a.Fault.Reset)
		}
		if err := t.wait(ctx, a, a.Fault.Delay); err != nil {
			return err
		}
	}
	return nil
}
