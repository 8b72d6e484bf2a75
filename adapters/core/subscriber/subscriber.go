// Package subscriber tells systems of the hub's events where they do not read
// the feed themselves: by webhooks, or through a broker.
//
// A subscription is a name, a filter and a [Sink]. For each, a row in
// core.subscription remembers how far the record of events has been handed over
// to the outbox; events and cursor move in one transaction, in whichever
// process is first. The outbox then delivers them as it delivers everything:
// one lane for each subject, so that the events of one case come in exactly the
// order in which they were committed and no case waits for another, with
// retries, a breaker and dead letters.
//
// A subscription that has taken nothing for long is disabled, with an event
// that says so: its events stay in the record, and when it is enabled again
// they are told from where it stopped. [Replay] tells from any position again.
package subscriber

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/core"
	"ristmik/outbox"
)

// prefix and a subscription's name are the name of its outbox destination.
const prefix = "events."

// Destination names the outbox destination of a subscription.
func Destination(name string) string { return prefix + name }

// Event is what a sink is given.
type Event struct {
	// ID is the event's own; the same over all attempts and replays.
	ID string
	// Key is the same over all attempts to tell it, and another one when it is
	// told again after a replay.
	Key string
	// Type and Subject are those of the event.
	Type, Subject string
	// Body is the CloudEvent in JSON.
	Body []byte
	// TraceParent is the W3C trace context, perhaps "".
	TraceParent string
}

// ReasonGone is the reason of an outcome by which a receiver says that it will
// never take anything again.
const ReasonGone = "gone"

// Sink takes events to one receiver. Deliver is called from many goroutines at
// once, never for two events of one subject at a time; the same event may come
// more than once, and the receiver recognises it by its ID. Its outcome says
// what the outbox does next; Apply stays empty.
type Sink interface {
	Deliver(ctx context.Context, e Event) outbox.Outcome
}

// Start says where a subscription begins to read when it is there for the
// first time.
type Start string

// The places to begin at.
const (
	StartNow       Start = "now"
	StartBeginning Start = "beginning"
)

// Subscription is one receiver of events.
type Subscription struct {
	// Name is unique and lasting; it names the rows and the destination.
	Name string
	// Types are the event types it is told of; none means all.
	Types core.Types
	// Rights, when not nil, bound Types by what the client may read.
	Rights core.Types
	// Neutral leaves out who is asked in consultations, as for a client that may
	// not know it.
	Neutral bool
	// From is StartNow when empty.
	From Start
	// DisableAfter is for how long it may take nothing before it is disabled; 0
	// means five days.
	DisableAfter time.Duration
	Sink         Sink
}

// wants tells whether the subscription is told of events of a type. Its own
// notices are for those who read the feed.
func (s Subscription) wants(kind string) bool {
	return (len(s.Types) == 0 || s.Types.Match(kind)) && (s.Rights == nil || s.Rights.Match(kind))
}

// Options are what a [Hub] is made of; Pool is needed.
type Options struct {
	Pool *pgxpool.Pool
	// Poll is how often the rows are looked at for what people have changed, and
	// how long one wait for events lasts; 2 seconds by default.
	Poll time.Duration
	Log  *slog.Logger
	Now  func() time.Time
	// NewID makes ids of the notices' events; a random one by default.
	NewID func() string
}

// Hub serves subscriptions. Its [Hub.Destinations] go to the outbox's relay, and
// [Hub.Run] hands events over.
type Hub struct {
	o    Options
	subs []*subscription
}

// subscription is a Subscription as this process serves it.
type subscription struct {
	Subscription
	hub   *Hub
	state state
}

// New checks the subscriptions; the error names everything that is wrong.
func New(o Options, subs ...Subscription) (*Hub, error) {
	if o.Poll <= 0 {
		o.Poll = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{o: o}
	var errs []error
	seen := map[string]bool{}
	for _, s := range subs {
		if s.From == "" {
			s.From = StartNow
		}
		if s.DisableAfter == 0 {
			s.DisableAfter = 5 * 24 * time.Hour
		}
		switch {
		case s.Name == "" || seen[s.Name]:
			errs = append(errs, fmt.Errorf("subscription %q: the name is missing or there twice", s.Name))
		case s.Sink == nil:
			errs = append(errs, fmt.Errorf("subscription %s: no sink", s.Name))
		case s.From != StartNow && s.From != StartBeginning:
			errs = append(errs, fmt.Errorf("subscription %s: it begins at %q, want now or beginning", s.Name, s.From))
		}
		seen[s.Name] = true
		h.subs = append(h.subs, &subscription{Subscription: s, hub: h})
	}
	if o.Pool == nil || o.Now == nil || o.NewID == nil {
		errs = append(errs, errors.New("subscriptions: a pool, a clock and a source of ids are needed"))
	}
	return h, errors.Join(errs...)
}

// Destinations are the outbox destinations of the subscriptions, with the
// policy that each has by its name.
func (h *Hub) Destinations(policy func(destination string) outbox.Policy) []outbox.Destination {
	var list []outbox.Destination
	for _, s := range h.subs {
		list = append(list, outbox.Destination{Name: Destination(s.Name), Sender: s, Policy: policy(Destination(s.Name))})
	}
	return list
}
