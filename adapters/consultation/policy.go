package consultation

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ristmik/soap"
)

// Binding says what a negative answer of an authority does to the outcome.
type Binding string

// A veto blocks; an overridable objection can be set aside with a stored
// reason (Aliens Act, section 82); an advisory one is to be weighed; facts only
// inform.
const (
	BindingVeto     Binding = "veto"
	BindingOverride Binding = "override"
	BindingAdvisory Binding = "advisory"
	BindingFacts    Binding = "facts"
)

var bindings = []Binding{BindingVeto, BindingOverride, BindingAdvisory, BindingFacts}

// Policy says, for every type of consultation, who is asked.
type Policy struct {
	Types map[string]TypePolicy
}

// TypePolicy is one type of consultation.
type TypePolicy struct {
	Legs []LegPolicy
}

// LegPolicy is one authority of a type: whether the round needs its answer,
// what a negative answer does, and the outbox destination that reaches it.
type LegPolicy struct {
	Authority   string
	Mandatory   bool
	Binding     Binding
	Destination string
}

// Authority is a body that is consulted; Client is the X-Road subsystem that
// may answer for it.
type Authority struct {
	Name   string
	Title  string
	Client soap.ClientID
}

// authoritiesByName refuses authorities without a name or a subsystem, two with
// one name, and two with one subsystem: who answers must be one authority.
func authoritiesByName(list []Authority) (map[string]Authority, error) {
	var problems []error
	byName, byClient := map[string]Authority{}, map[soap.ClientID]string{}
	for i, a := range list {
		if a.Name == "" {
			problems = append(problems, fmt.Errorf("authority %d has no name", i+1))
			continue
		}
		if _, ok := byName[a.Name]; ok {
			problems = append(problems, fmt.Errorf("authority %q is there twice", a.Name))
		}
		if a.Client == (soap.ClientID{}) {
			problems = append(problems, fmt.Errorf("authority %q has no subsystem that may answer for it", a.Name))
		} else if other, ok := byClient[a.Client]; ok && other != a.Name {
			problems = append(problems, fmt.Errorf("authorities %q and %q have the same subsystem %s", other, a.Name, a.Client))
		}
		byName[a.Name], byClient[a.Client] = a, a.Name
	}
	return byName, errors.Join(problems...)
}

// check names every fault of the policy at once.
func (p Policy) check(authorities map[string]Authority) error {
	var problems []error
	fault := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(p.Types)) {
		t := p.Types[name]
		if name == "" {
			fault("a consultation type has no name")
		}
		if len(t.Legs) == 0 {
			fault("consultation type %q asks nobody", name)
		}
		asked := map[string]bool{}
		for i, l := range t.Legs {
			where := fmt.Sprintf("consultation type %q, leg %d", name, i+1)
			if _, ok := authorities[l.Authority]; !ok {
				fault("%s: unknown authority %q", where, l.Authority)
			}
			if asked[l.Authority] {
				fault("%s: authority %q is asked twice", where, l.Authority)
			}
			asked[l.Authority] = true
			if !slices.Contains(bindings, l.Binding) {
				fault("%s: unknown binding %q", where, l.Binding)
			}
			if l.Destination == "" {
				fault("%s: no outbox destination", where)
			}
		}
	}
	return errors.Join(problems...)
}
