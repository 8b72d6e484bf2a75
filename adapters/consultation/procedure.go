package consultation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Options are what a [Procedure] is made of. NewID (random UUIDs), Now (the
// clock) and Alarm (nobody is told) have defaults.
type Options struct {
	Policy      Policy
	Authorities []Authority
	NewID       func() string // must give UUIDs
	Now         func() time.Time
	// Alarm is told of what was too secret to be taken; it may be called from
	// many goroutines.
	Alarm func(Alarm)
}

// Procedure opens rounds, takes answers and works out outcomes. It keeps
// nothing in memory but its policy, so that any number of processes may share
// the database; its methods are safe for concurrent use.
type Procedure struct {
	policy      Policy
	cases       map[string]caseRules
	authorities map[string]Authority
	newID       func() string
	now         func() time.Time
	alarm       func(Alarm)
}

// New checks the policy against the authorities; the error names every fault of
// both.
func New(o Options) (*Procedure, error) {
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Alarm == nil {
		o.Alarm = func(Alarm) {}
	}
	authorities, err := authoritiesByName(o.Authorities)
	cases, wrong := compileCases(o.Policy)
	if err = errors.Join(err, o.Policy.check(authorities), wrong); err != nil {
		return nil, fmt.Errorf("checking the consultation policy: %w", err)
	}
	return &Procedure{o.Policy.named(), cases, authorities, o.NewID, o.Now, o.Alarm}, nil
}

// Types lists the types of consultation and the kinds of case that the policy
// knows, sorted.
func (p *Procedure) Types() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(p.policy.Types)), slices.Collect(maps.Keys(p.cases))...)))
}

// title is the authority's name for people; an authority that has left the
// configuration keeps its name of the time.
func (p *Procedure) title(authority string) string {
	if a, ok := p.authorities[authority]; ok && a.Title != "" {
		return a.Title
	}
	return authority
}

// clock is the time of a transaction, as exact as the database keeps it.
func (p *Procedure) clock() time.Time { return p.now().UTC().Truncate(time.Microsecond) }
