package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// OnDead says what becomes of a lane whose head is dead.
type OnDead string

const (
	// Block keeps the messages behind a dead one until a person retries or discards it.
	Block OnDead = "block"
	// Skip goes on with the next message.
	Skip OnDead = "skip"
)

// Policy says how a destination is served. The zero value of a number or duration means the one of DefaultPolicy.
type Policy struct {
	// Base is the bound of the first wait between attempts; each further bound is twice the one before, up to Cap.
	// The wait is drawn evenly between zero and the bound ("full jitter").
	Base, Cap time.Duration
	// MaxAttempts is how many counted attempts a message has before it is dead; a person's retry gives as many again.
	MaxAttempts int
	// MaxAge is how long after it was published a failed message is tried again; one whose next attempt would come later
	// is dead. A person's retry gives it as long again. 0 means without end.
	MaxAge time.Duration
	// MaxInFlight is how many messages one relay sends to the destination at a time.
	MaxInFlight int
	// Idempotent says that the receiver recognises a repeated message, so that an unknown result may be repeated.
	// An attempt cut off by a crash has an unknown result.
	Idempotent bool
	// OnDead says what becomes of the lane of a dead message; empty means Block.
	OnDead OnDead
	// Rate is how many messages a second leave for the destination, over all relays together; 0 means as many as it takes.
	// A destination with a rate is looked at for every few messages: it is meant for rates up to some hundreds.
	Rate float64
	// Kinds are what differs for messages of single kinds.
	Kinds map[string]KindPolicy
	// Hours are when the destination is sent to; nil means always.
	Hours *Hours
	// RetryBudget bounds repeated attempts while many fail: their share of the first attempts of the last minute, for
	// each relay, though ten are always allowed. What is over it waits and counts no attempt. 0 means no bound.
	RetryBudget float64
	// Breaker says when the destination is left alone.
	Breaker BreakerPolicy
}

// KindPolicy is what differs for messages of one kind; a zero value means that of the destination.
type KindPolicy struct {
	Base, Cap   time.Duration
	MaxAttempts int
	MaxAge      time.Duration
	OnDead      OnDead
}

// BreakerPolicy says when a destination is left alone and for how long. The zero value of a field means the one of
// DefaultPolicy.
type BreakerPolicy struct {
	// Failures is how many failures in a row that count against the destination open the breaker, once the row has lasted
	// for Lasting. Until then single messages find out whether it goes on.
	Failures uint32
	Lasting  time.Duration
	// Share of the attempts that ended within Window opens the breaker too, when there were at least Least of them.
	Share  float64
	Least  uint32
	Window time.Duration
	// Reasons are the only ones, by the first word of [Outcome.Reason], that count where [Outcome.CountsAgainst] says so;
	// empty means all. Refusals and cancelled sends never count.
	Reasons []string
	// OpenFor is about how long (±20 %) the breaker stays open before one message is tried; it doubles with every
	// failed trial, and with every opening that comes within MaxOpen of a closing, up to MaxOpen.
	OpenFor, MaxOpen time.Duration
	// Ramp is how long it takes from closing until the destination gets all of its Rate again, or MaxInFlight where it has
	// none; it begins with a tenth.
	Ramp time.Duration
	// Calm is the time in which the breaker changes its state six times at most: it stays open for longer instead.
	Calm time.Duration
}

// DefaultPolicy is the policy that fills the zero values of others.
func DefaultPolicy() Policy {
	return Policy{
		Base: 2 * time.Second, Cap: 15 * time.Minute, MaxAttempts: 20, MaxInFlight: 8, OnDead: Block,
		Breaker: BreakerPolicy{
			Failures: 5, Share: 0.5, Least: 20, Window: 20 * time.Second, OpenFor: 30 * time.Second, MaxOpen: 15 * time.Minute, Ramp: 10 * time.Second,
			Calm: time.Minute,
		},
	}
}

// Destination is a receiver of messages, and how it is served.
type Destination struct {
	// Name is what messages call it.
	Name string
	// Sender sends to it.
	Sender Sender
	// Policy says how it is served.
	Policy Policy
	// Probe, when set, asks whether the destination is there, without a message; it is called by one relay at a time while
	// the breaker is not closed, before a message is tried, and must return soon after its context has ended.
	Probe func(ctx context.Context) Outcome
	// Gateway, when set, is what the destination is reached through, together with others; those with the name of the first
	// one share it.
	Gateway *Gateway
	// Check, when set, says whether a message that a person has edited is one that Sender can send; was is what it was. Its
	// error tells the person what is wrong, and holds no data of the message. For [Edit].
	Check func(was, will Message) error
	// Knows, when set, says whether the Sender knows what messages of a kind are. Others wait, with the reason
	// "unknown_kind" and no attempt counted: while a new version is rolled out, an older process may find messages of it.
	Knows func(kind string) bool
	// OnDead, when set, runs in the transaction that records a message as dead. If it fails, the message is not yet
	// dead: the recording is tried again later, without sending.
	OnDead func(ctx context.Context, tx pgx.Tx, d Delivery, reason string) error
}

// Options configure a Relay. Zero values mean the defaults.
type Options struct {
	// Owner names this process in leases and attempts; needed, and different in every process.
	Owner string
	// Workers bounds the sends in flight over all destinations (default 32). Half of them are kept apart in equal
	// shares, at least one per destination, so that a slow destination cannot take all.
	Workers int
	// Poll is how often each destination is looked at without any wake-up (default 1 s).
	Poll time.Duration
	// Lease is how long a claimed lane belongs to this relay (default 2 min); a send may take four fifths of it.
	Lease time.Duration
	// Alive is how long this relay may be silent before others take over what it holds, however long its leases are
	// (default 10 s).
	Alive time.Duration
	// Drain bounds how long Run waits for what is in flight after its context has ended (default 10 s).
	Drain time.Duration
	// Log gets what goes wrong (default: nothing is logged).
	Log *slog.Logger
	// Rand gives numbers in [0,1) for jitter; called from many goroutines at once (default math/rand/v2).
	Rand func() float64
	// Observe, when set, is told about every recorded attempt and breaker change; called from many goroutines at once.
	Observe func(Observation)
}

// Observed says what an Observation is about.
type Observed string

const (
	// ObservedAttempt is an attempt whose outcome has been recorded.
	ObservedAttempt Observed = "attempt"
	// ObservedLost is an attempt whose outcome was not recorded, because the lane has been given to somebody else.
	ObservedLost Observed = "lost"
	// ObservedBreaker is a breaker that has changed its state.
	ObservedBreaker Observed = "breaker"
)

// Observation is one thing that happened, for metrics. It holds no data of the message.
type Observation struct {
	// Event says what happened.
	Event Observed
	// Destination is the destination's name.
	Destination string
	// Kind is the message's kind; empty for ObservedBreaker.
	Kind string
	// Result is how the attempt ended; Reason is why, or why the breaker changed.
	Result Result
	Reason string
	// State is what the message is now (ready, delivered, dead), or the breaker (closed, open, half_open).
	State string
	// Took is how long the send took; Age is the time from publishing to the record of the outcome.
	Took, Age time.Duration
}

func (p Policy) withDefaults() Policy {
	d := DefaultPolicy()
	if p.Base == 0 {
		p.Base = d.Base
	}
	if p.Cap == 0 {
		p.Cap = max(d.Cap, p.Base)
	}
	if p.MaxAttempts == 0 {
		p.MaxAttempts = d.MaxAttempts
	}
	if p.MaxInFlight == 0 {
		p.MaxInFlight = d.MaxInFlight
	}
	if p.OnDead == "" {
		p.OnDead = d.OnDead
	}
	if p.Breaker.Failures == 0 {
		p.Breaker.Failures = d.Breaker.Failures
	}
	if p.Breaker.Share == 0 {
		p.Breaker.Share = d.Breaker.Share
	}
	if p.Breaker.Least == 0 {
		p.Breaker.Least = d.Breaker.Least
	}
	if p.Breaker.Window == 0 {
		p.Breaker.Window = d.Breaker.Window
	}
	if p.Breaker.Ramp == 0 {
		p.Breaker.Ramp = d.Breaker.Ramp
	}
	if p.Breaker.Calm == 0 {
		p.Breaker.Calm = d.Breaker.Calm
	}
	if p.Breaker.OpenFor == 0 {
		p.Breaker.OpenFor = d.Breaker.OpenFor
	}
	if p.Breaker.MaxOpen == 0 {
		p.Breaker.MaxOpen = max(d.Breaker.MaxOpen, p.Breaker.OpenFor)
	}
	return p
}

// of is the policy for messages of a kind.
func (p Policy) of(kind string) Policy {
	k, ok := p.Kinds[kind]
	if !ok {
		return p
	}
	if k.Base != 0 {
		p.Base = k.Base
	}
	if k.Cap != 0 {
		p.Cap = k.Cap
	}
	p.Cap = max(p.Cap, p.Base)
	if k.MaxAttempts != 0 {
		p.MaxAttempts = k.MaxAttempts
	}
	if k.MaxAge != 0 {
		p.MaxAge = k.MaxAge
	}
	if k.OnDead != "" {
		p.OnDead = k.OnDead
	}
	return p
}

func (p Policy) validate() error {
	for kind, k := range p.Kinds {
		whole := p.of(kind)
		whole.Kinds = nil
		if k.Cap != 0 && k.Cap < whole.Base {
			return fmt.Errorf("%w policy: kind %q: base %s, cap %s", ErrInvalid, kind, whole.Base, k.Cap)
		}
		if err := whole.validate(); err != nil {
			return fmt.Errorf("kind %q: %w", kind, err)
		}
	}
	if err := p.Hours.validate(); err != nil {
		return err
	}
	switch {
	case p.MaxAge < 0 || p.RetryBudget < 0 || p.Rate < 0 || p.Breaker.Ramp < 0:
		return fmt.Errorf("%w policy: at most %s old, retry budget %v, rate %v, ramp %s", ErrInvalid, p.MaxAge, p.RetryBudget, p.Rate, p.Breaker.Ramp)
	case p.Base < 0 || p.Cap < p.Base:
		return fmt.Errorf("%w policy: base %s, cap %s", ErrInvalid, p.Base, p.Cap)
	case p.MaxAttempts < 0 || p.MaxInFlight < 0:
		return fmt.Errorf("%w policy: %d attempts, %d in flight", ErrInvalid, p.MaxAttempts, p.MaxInFlight)
	case p.OnDead != Block && p.OnDead != Skip:
		return fmt.Errorf("%w policy: on dead %q, want %q or %q", ErrInvalid, p.OnDead, Block, Skip)
	case p.Breaker.Share < 0 || p.Breaker.Share > 1 || p.Breaker.Window < 0 || p.Breaker.Lasting < 0 || p.Breaker.Calm < 0:
		return fmt.Errorf("%w policy: breaker opens at a share of %v within %s, or after %s in a row, %s calm", ErrInvalid, p.Breaker.Share, p.Breaker.Window, p.Breaker.Lasting, p.Breaker.Calm)
	case p.Breaker.OpenFor < 0 || p.Breaker.MaxOpen < p.Breaker.OpenFor:
		return fmt.Errorf("%w policy: breaker open for %s, at most %s", ErrInvalid, p.Breaker.OpenFor, p.Breaker.MaxOpen)
	}
	return nil
}

// backoff is the wait before the attempt after the given number of counted tries: full jitter, so that messages that
// failed together do not come back together.
func (p Policy) backoff(tries int, random float64) time.Duration {
	bound := doubled(p.Base, tries-1, p.Cap)
	return time.Duration(random * float64(bound))
}

// openFor is how long the breaker stays open when it opens for the given time in a row.
func (p BreakerPolicy) openFor(opened int, random float64) time.Duration {
	d := doubled(p.OpenFor, opened-1, p.MaxOpen)
	return min(time.Duration((0.8+0.4*random)*float64(d)), p.MaxOpen)
}

// doubled is d doubled n times, at most most.
func doubled(d time.Duration, n int, most time.Duration) time.Duration {
	for ; n > 0 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}
