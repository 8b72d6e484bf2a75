package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Relay sends messages to destinations. Any number of relays, in any number of processes, may serve the same ones.
type Relay struct {
	pool   *pgxpool.Pool
	o      Options
	dests  []*destination
	gates  map[string]*gateway // by name
	budget *budget
	asleep *sleepers

	started atomic.Bool
	running context.Context // of Run; not more is claimed or sent after its end
	sends   context.Context // of sends; ends when most of the drain time is over
	hard    context.Context // of recording; ends with the drain time
	workers sync.WaitGroup
}

// destination is a Destination as this relay serves it.
type destination struct {
	Destination
	kinds     map[string]*Policy // of the kinds that have one of their own
	retries   *retries
	gateway   *gateway // nil: none
	index     int
	wake      chan struct{}
	together  *together
	last      look              // of the dispatcher: what it saw last
	asleep    bool              // of the dispatcher: publishers notify
	session   int               // of the dispatcher: that of its sleep
	woken     bool              // of the dispatcher: it was; if not, what it finds may have been notified in vain
	claims    int               // of the dispatcher: made while there were bulk messages
	starved   bool              // of the dispatcher: all slots are taken, and one that becomes free wakes
	positions map[bool]*reading // of the dispatcher: how far the log has been read, bulk messages apart
	steps     int               // of the dispatcher
	ousted    bool              // of the dispatcher: another relay has become the owner
	overdue   time.Time         // of the dispatcher: when it last looked for sends that are overdue

	mu       sync.Mutex
	turn     *sync.Cond // some lane has been entered, or is not
	current  *gate
	gated    bool             // nothing may be sent now
	fence    int64            // of this relay's ownership; 0 while another one, or nobody, owns the destination
	lanes    map[string]*lane // of which a message from the log is being sent
	queued   int              // messages waiting in them
	rowed    map[string]bool  // lanes that got rows since the log was last read
	recorded []int64          // batches of which nothing is left to record
}

// NewRelay makes a relay for the destinations; Run starts it. Names must differ, and each needs a Sender.
func NewRelay(pool *pgxpool.Pool, dests []Destination, o Options) (*Relay, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Relay{pool: pool, o: o, gates: map[string]*gateway{}}
	known := map[string]bool{}
	most := make([]int, len(dests))
	for i, d := range dests {
		switch {
		case d.Name == "" || len(d.Name) > maxDestination || !storable(d.Name):
			return nil, fmt.Errorf("%w destination %d: its name must have 1 to %d bytes of text", ErrInvalid, i+1, maxDestination)
		case known[d.Name]:
			return nil, fmt.Errorf("%w destination %s: given twice", ErrInvalid, d.Name)
		case d.Sender == nil:
			return nil, fmt.Errorf("%w destination %s: no sender", ErrInvalid, d.Name)
		}
		known[d.Name] = true
		d.Policy = d.Policy.withDefaults()
		if err := d.Policy.validate(); err != nil {
			return nil, fmt.Errorf("destination %s: %w", d.Name, err)
		}
		most[i] = d.Policy.MaxInFlight
		served := &destination{Destination: d, index: i, wake: make(chan struct{}, 1), kinds: map[string]*Policy{}}
		served.turn, served.lanes = sync.NewCond(&served.mu), map[string]*lane{}
		if through := d.Gateway; through != nil {
			if r.gates[through.Name] == nil {
				if r.gates[through.Name], err = newGateway(through); err != nil {
					return nil, fmt.Errorf("destination %s: %w", d.Name, err)
				}
			}
			served.gateway = r.gates[through.Name]
			served.gateway.behind = append(served.gateway.behind, served)
		}
		served.retries = newRetries(d.Policy.RetryBudget, time.Now)
		for kind := range d.Policy.Kinds {
			p := d.Policy.of(kind)
			served.kinds[kind] = &p
		}
		served.together = &together{flush: func(recs []*record) ([]bool, error) { return r.recordTogether(served, recs) }}
		r.dests = append(r.dests, served)
	}
	for name := range r.gates {
		if known[name] {
			return nil, fmt.Errorf("%w gateway %s: a destination has its name", ErrInvalid, name)
		}
	}
	r.asleep = &sleepers{connect: func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, pool.Config().ConnConfig) }}
	r.budget = newBudget(o.Workers, most, func(i int) { r.dests[i].awaken() })
	return r, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Workers == 0 {
		o.Workers = 32
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Lease == 0 {
		o.Lease = 2 * time.Minute
	}
	if o.Alive == 0 {
		o.Alive = 10 * time.Second
	}
	if o.Drain == 0 {
		o.Drain = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	switch {
	case o.Owner == "" || !storable(o.Owner):
		return o, fmt.Errorf("%w relay: an owner is needed", ErrInvalid)
	case o.Workers < 0 || o.Poll < 0 || o.Lease < 0 || o.Alive < 0 || o.Drain < 0:
		return o, fmt.Errorf("%w relay: negative option", ErrInvalid)
	}
	return o, nil
}

// Run claims and sends until ctx ends. Then it claims no more, waits for what is in flight to be recorded, at most
// Options.Drain, and returns nil; sends are told to end when three quarters of that time have passed. It returns an
// error if a Sender has not returned by then, or an outcome could not be recorded: what was in flight then is taken up
// again when its lease ends. A database that is away is waited for. Run can be called once.
func (r *Relay) Run(ctx context.Context) error {
	if r.started.Swap(true) {
		return errors.New("relay has been run already")
	}
	var stopSends, stop context.CancelFunc
	r.running = ctx
	r.hard, stop = context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r.sends, stopSends = context.WithCancel(r.hard)
	defer stopSends()

	var parts sync.WaitGroup
	began, gone := make(chan struct{}), make(chan struct{})
	presence, absent := context.WithCancel(r.hard) // lasts as long as something is in flight
	defer func() { absent(); <-gone; r.asleep.close(ctx) }()
	go func() { defer close(gone); r.present(presence, began) }()
	select { // nothing is claimed before this relay is known to live
	case <-began:
	case <-ctx.Done():
	}
	parts.Go(func() { r.listen(ctx) })
	parts.Go(func() {
		r.resume(ctx)
		for _, g := range r.gates {
			parts.Go(func() { r.serveGateway(ctx, g) })
		}
		for _, d := range r.dests {
			parts.Go(func() { r.serve(ctx, d) })
		}
		parts.Go(func() { r.workBulks(ctx) })
		r.makeDays(ctx)
	})
	<-ctx.Done()
	idle := make(chan struct{})
	go func() {
		parts.Wait()
		r.workers.Wait()
		close(idle)
	}()
	for _, step := range []struct {
		after time.Duration
		then  func()
	}{{r.o.Drain * 3 / 4, stopSends}, {r.o.Drain / 4, stop}, {time.Second, func() {}}} {
		timer := time.NewTimer(step.after)
		select {
		case <-idle:
			timer.Stop()
			if r.hard.Err() != nil {
				return fmt.Errorf("relay stopped after %s with outcomes not recorded", r.o.Drain)
			}
			absent()
			<-gone
			r.leave(context.WithoutCancel(ctx))
			return nil
		case <-timer.C:
			step.then()
		}
	}
	return fmt.Errorf("relay stopped after %s with work that has not ended", r.o.Drain)
}

// resume calls Resume once the database is there.
func (r *Relay) resume(ctx context.Context) {
	for ctx.Err() == nil {
		moved, err := Resume(ctx, r.pool)
		if moved {
			r.o.Log.Warn("events or messages were restored from another database cluster: their order goes on")
		}
		if err == nil || !pauseFor(ctx, r.o.Poll) {
			return
		}
	}
}

// stopping says whether nothing more is to be sent.
func (r *Relay) stopping() bool { return r.running.Err() != nil }

func (r *Relay) observe(o Observation) {
	if r.o.Observe != nil {
		r.o.Observe(o)
	}
}

// awaken makes the destination's dispatcher look again soon.
func (d *destination) awaken() {
	select {
	case d.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// gate is the gate of a generation of the breaker row.
func (d *destination) gate(generation int64, opened int) *gate {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == nil || d.current.generation != generation {
		d.current = newGate(d.Name, d.Policy.Breaker, generation, opened, false, time.Now)
	}
	d.current.mu.Lock()
	d.current.opened = opened // fewer, when it has been closed for long
	d.current.mu.Unlock()
	return d.current
}
