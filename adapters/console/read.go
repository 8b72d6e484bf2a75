package console

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
)

// shownDead and shownChanges are how many rows the page shows; the API has the
// rest. More are looked at, to tell since when something is wrong.
const (
	shownDead      = 50
	shownGroups    = 20
	lookedAtDead   = 500
	lookedAtUnsent = 500
	shownChanges   = 12
)

// delivery is how many messages to one destination are in which state.
type delivery struct {
	Destination string  `json:"destination"`
	Title       *titles `json:"title,omitempty"`
	Ready       int64   `json:"ready"`
	Sending     int64   `json:"sending"`
	Waiting     int64   `json:"waiting"`
	Blocked     int64   `json:"blocked"` // behind a dead one
	Parked      int64   `json:"parked"`  // behind an open breaker
	Delivered   int64   `json:"delivered"`
	Dead        int64   `json:"dead"`
	Discarded   int64   `json:"discarded"`
	OldestSec   float64 `json:"oldest_unsent_seconds"` // 0 when nothing is unsent

	nextDue time.Time // of what is not blocked; zero when there is none
}

type titles struct {
	ET string `json:"et"`
	EN string `json:"en"`
}

func (d delivery) unsent() int64         { return d.Ready + d.Sending + d.Waiting + d.Blocked + d.Parked }
func (d delivery) oldest() time.Duration { return time.Duration(d.OldestSec * float64(time.Second)) }

// deadMessage is a message that waits for a person.
type deadMessage struct {
	ID          int64     `json:"id"`
	Destination string    `json:"destination"`
	Kind        string    `json:"kind"`
	Key         string    `json:"key"`
	Reason      string    `json:"reason"`
	Attempts    int       `json:"attempts"`
	Published   time.Time `json:"published_at"`
	Since       time.Time `json:"since"`
}

// breaker is whether a destination is being sent to, now or after one change.
type breaker struct {
	Destination string    `json:"destination"`
	State       string    `json:"state"` // "closed", "open" or "half_open"
	Since       time.Time `json:"since"`
	OpenUntil   time.Time `json:"open_until,omitzero"`
	Reason      string    `json:"reason,omitempty"`       // what opened it
	ProbeReason string    `json:"probe_reason,omitempty"` // why the last trial failed since
	RampUntil   time.Time `json:"ramp_until,omitzero"`    // when it gets all of its pace again
	ShutUntil   time.Time `json:"shut_until,omitzero"`    // outside its opening hours
	DownFrom    time.Time `json:"downtime_from,omitzero"` // of the announced outage that lasts, or is the next
	DownUntil   time.Time `json:"downtime_until,omitzero"`
	Down        bool      `json:"downtime,omitempty"` // it lasts
	DownBy      string    `json:"downtime_by,omitempty"`
	DownWhy     string    `json:"downtime_reason,omitempty"`
	PausedBy    string    `json:"paused_by,omitempty"` // by a person
	PausedFor   string    `json:"paused_reason,omitempty"`
	PausedUntil time.Time `json:"paused_until,omitzero"` // none: until a person ends it
	Gateway     string    `json:"gateway,omitempty"`
	RetriesOff  string    `json:"retries_off_by,omitempty"` // failed messages are not tried again
	RetriesWhy  string    `json:"retries_off_reason,omitempty"`
}

// endless is how far ahead the end of a pause without an end lies at least.
const endless = 10 * 365 * 24 * time.Hour

// job is one schedule with the run that goes on and the one that ended last.
type job struct {
	Name      string    `json:"name"`
	Cron      string    `json:"cron"`
	Zone      string    `json:"zone"`
	PausedBy  string    `json:"paused_by,omitempty"`
	PausedFor string    `json:"paused_reason,omitempty"`
	Missed    time.Time `json:"missed,omitzero"` // the due time at which it should have begun
	Waiting   int       `json:"waiting"`         // runs that wait for their turn
	Running   *run      `json:"running,omitempty"`
	Last      *run      `json:"last,omitempty"`
	Next      time.Time `json:"next,omitzero"`
}

type run struct {
	State       string         `json:"state"` // "running", "succeeded", "failed" or "cancelled"
	Trigger     string         `json:"trigger"`
	RequestedBy string         `json:"requested_by,omitempty"`
	Due         time.Time      `json:"due"`
	Started     time.Time      `json:"started,omitzero"`
	Finished    time.Time      `json:"finished,omitzero"`
	Summary     map[string]int `json:"summary,omitempty"`
	Error       string         `json:"error,omitempty"`
}

// snapshot is the state of the hub at one moment.
type snapshot struct {
	gateway    string
	groups     []outbox.DeadGroup
	bulks      []outbox.Bulk
	deliveries []delivery
	dead       []deadMessage
	stuck      stuck
	breakers   []breaker
	changes    []breaker
	jobs       []job
	contracts  []Contract
}

// stuck are messages that wait for our own Security Server. No breaker tells of
// them, because no partner is at fault.
type stuck struct {
	count  int
	since  time.Time // when the first of them was published
	reason string    // of the latest
}

func (s snapshot) deadTotal() int {
	var n int64
	for _, d := range s.deliveries {
		n += d.Dead
	}
	return int(n)
}

// nextProbe is when an open breaker lets a message through to test whether the
// other side works. It is zero for one that would do so now and has none to do
// it with: nobody waits for it, and it waits for the next message.
func (s snapshot) nextProbe(b breaker, now time.Time) time.Time {
	var due time.Time
	for _, d := range s.deliveries {
		if d.Destination == b.Destination {
			due = d.nextDue
		}
	}
	if b.Destination == s.gateway {
		return b.OpenUntil // it is asked without a message
	}
	switch {
	case b.OpenUntil.After(now) || due.Before(b.OpenUntil) && !due.IsZero():
		return b.OpenUntil
	default:
		return due
	}
}

// read takes one snapshot. All of it but the contracts comes from one transaction,
// so that the counts of one page agree with one another.
func (c *Console) read(ctx context.Context) (s snapshot, err error) {
	err = pgx.BeginTxFunc(ctx, c.o.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		s.gateway = c.o.Gateway
		if s.deliveries, err = c.readDeliveries(ctx, tx); err != nil {
			return err
		}
		if s.stuck, err = readOwnServer(ctx, tx); err != nil {
			return err
		}
		if s.dead, err = readDead(ctx, tx, outbox.Filter{Limit: lookedAtDead}); err != nil {
			return err
		}
		if s.groups, err = outbox.DeadGroups(ctx, tx, shownGroups); err != nil {
			return err
		}
		if s.bulks, err = outbox.Bulks(ctx, tx, shownBulks); err != nil {
			return err
		}
		if s.breakers, err = readBreakers(ctx, tx); err != nil {
			return err
		}
		if s.changes, err = readChanges(ctx, tx, shownChanges); err != nil {
			return err
		}
		s.jobs, err = readJobs(ctx, tx)
		return err
	})
	if err == nil {
		s.contracts, err = c.contracts(ctx)
	}
	return s, err
}

// readDeliveries counts the messages of every destination that is configured or
// has any, by name.
func (c *Console) readDeliveries(ctx context.Context, db outbox.DB) ([]delivery, error) {
	stats, err := outbox.Stats(ctx, db)
	if err != nil {
		return nil, err
	}
	counted := make(map[string]delivery, len(stats))
	for _, s := range stats {
		if s.Destination == c.o.Gateway {
			continue
		}
		counted[s.Destination] = delivery{
			Ready: s.Ready, Sending: s.Sending, Waiting: s.Waiting, Blocked: s.Blocked, Parked: s.Parked,
			Delivered: s.Delivered, Dead: s.Dead, Discarded: s.Discarded, OldestSec: s.OldestUnsent.Seconds(),
			nextDue: s.NextDue,
		}
	}
	for name := range c.o.Titles {
		if _, ok := counted[name]; !ok && name != c.o.Gateway {
			counted[name] = delivery{} // it has no messages
		}
	}
	list := make([]delivery, 0, len(counted))
	for _, name := range sortedKeys(counted) {
		d := counted[name]
		d.Destination = name
		if t, ok := c.o.Titles[name]; ok {
			d.Title = &titles{ET: t.ET, EN: t.EN}
		}
		list = append(list, d)
	}
	return list, nil
}

// readDead lists dead messages, those published last first.
func readDead(ctx context.Context, db outbox.DB, filter outbox.Filter) ([]deadMessage, error) {
	filter.State = outbox.Dead
	rows, err := outbox.List(ctx, db, filter)
	if err != nil {
		return nil, err
	}
	list := make([]deadMessage, len(rows))
	for i, r := range rows {
		list[i] = deadMessage{
			ID: r.ID, Destination: r.Destination, Kind: r.Kind, Key: r.Key, Reason: r.Reason,
			Attempts: r.Attempt, Published: r.Published.UTC(), Since: r.Settled.UTC(),
		}
	}
	return list, nil
}

// readOwnServer looks through the latest unsent messages for those whose last
// attempt ended at our own Security Server.
func readOwnServer(ctx context.Context, db outbox.DB) (stuck, error) {
	rows, err := outbox.List(ctx, db, outbox.Filter{State: outbox.Ready, Limit: lookedAtUnsent})
	if err != nil {
		return stuck{}, err
	}
	var s stuck
	for _, r := range rows {
		if kind, _, _ := strings.Cut(r.Reason, " "); soap.Kind(kind) != soap.KindOwnServer {
			continue
		}
		if s.count++; s.count == 1 {
			s.reason = r.Reason
		}
		s.since = r.Published.UTC() // the list goes back in time
	}
	return s, nil
}

func readBreakers(ctx context.Context, db outbox.DB) ([]breaker, error) {
	found, err := outbox.Breakers(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]breaker, len(found))
	for i, b := range found {
		list[i] = breaker{
			Destination: b.Destination, State: b.State, Since: b.Since.UTC(), OpenUntil: b.OpenUntil, Reason: b.Reason, ProbeReason: b.ProbeReason,
			RampUntil: b.RampUntil, ShutUntil: b.ShutUntil, PausedBy: b.HeldBy, PausedFor: b.HeldReason, Gateway: b.Gateway, RetriesOff: b.RetriesOffBy, RetriesWhy: b.RetriesOffReason,
			DownFrom: b.DownFrom, DownUntil: b.DownUntil, Down: b.Down, DownBy: b.DownBy, DownWhy: b.DownReason,
		}
		if time.Until(b.HeldUntil) < endless {
			list[i].PausedUntil = b.HeldUntil
		}
	}
	return list, nil
}

// readChanges lists the latest changes of breakers, the newest first.
func readChanges(ctx context.Context, db outbox.DB, limit int) ([]breaker, error) {
	found, err := outbox.BreakerHistory(ctx, db, limit)
	if err != nil {
		return nil, err
	}
	list := make([]breaker, len(found))
	for i, b := range found {
		list[i] = breaker{Destination: b.Destination, State: b.State, Since: b.At.UTC(), OpenUntil: b.OpenUntil, Reason: b.Reason}
	}
	return list, nil
}

func readJobs(ctx context.Context, db schedules.DB) ([]job, error) {
	found, err := schedules.List(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]job, len(found))
	for i, s := range found {
		list[i] = job{
			Name: s.Name, Cron: s.Cron, Zone: s.Zone, PausedBy: s.PausedBy, PausedFor: s.PausedReason, Missed: s.Missed, Waiting: s.Waiting,
			Running: runOf(s.Running), Last: runOf(s.Last), Next: s.Next.UTC(),
		}
	}
	return list, nil
}

func runOf(i *schedules.RunInfo) *run {
	if i == nil {
		return nil
	}
	return &run{
		State: string(i.State), Trigger: string(i.Trigger), RequestedBy: i.RequestedBy,
		Due: i.Due, Started: i.Started, Finished: i.Finished, Summary: i.Summary, Error: i.Error,
	}
}
