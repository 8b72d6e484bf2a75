package consultation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ristmik/adapters/consultation/receivers"
)

// CasePolicy is a kind of case: which types of consultation it needs is decided
// by the rules of one version. What those of the shadow version would decide
// otherwise is stored, and has no effect.
type CasePolicy struct {
	Facts    map[string]receivers.FactType
	Version  string
	Shadow   string // "" for none
	Versions map[string][]receivers.Rule
}

// caseRules is a kind of case, ready to decide.
type caseRules struct {
	CasePolicy
	programs map[string]*receivers.Program
}

// compileCases names every fault of the kinds of case at once.
func compileCases(p Policy) (map[string]caseRules, error) {
	var problems []error
	fault := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	out := map[string]caseRules{}
	for _, name := range slices.Sorted(maps.Keys(p.Cases)) {
		c := caseRules{p.Cases[name], map[string]*receivers.Program{}}
		if _, ok := p.Types[name]; ok || name == "" {
			fault("the kind of case %q is a type of consultation too, or has no name", name)
		}
		for _, version := range slices.Sorted(maps.Keys(c.Versions)) {
			rules := c.Versions[version]
			var faults []receivers.Fault
			c.programs[version], faults = receivers.Compile(c.Facts, rules)
			for _, f := range faults {
				fault("kind of case %q, version %q, rule %d: %w", name, version, f.Rule+1, f.Err)
			}
			for i, r := range rules {
				for _, t := range []string{r.Ask, r.After} {
					if _, ok := p.Types[t]; !ok && (t != "" || t == r.Ask) {
						fault("kind of case %q, version %q, rule %d: unknown type of consultation %q", name, version, i+1, t)
					}
				}
			}
		}
		if c.programs[c.Version] == nil || c.Shadow != "" && c.programs[c.Shadow] == nil {
			fault("the kind of case %q has no version %q or %q", name, c.Version, c.Shadow)
		}
		out[name] = c
	}
	return out, errors.Join(problems...)
}

// Choice is what rules decided: every rule of the version with whether it held.
// Wave is 0 at the opening of a round, and counts on with each answer over which
// there are rules.
type Choice struct {
	Wave      int                  `json:"wave"`
	AfterLeg  string               `json:"after_leg_id,omitempty"` // whose answer was decided over
	Version   string               `json:"version"`
	Decisions []receivers.Decision `json:"decisions"`
	Shadow    *ShadowChoice        `json:"shadow,omitempty"`
}

// ShadowChoice is what a version that is being tried would have decided. Added
// and Removed are the types that it would ask more and not ask; Problem says why
// it could not decide.
type ShadowChoice struct {
	Version   string               `json:"version"`
	Decisions []receivers.Decision `json:"decisions,omitempty"`
	Added     []string             `json:"added,omitempty"`
	Removed   []string             `json:"removed,omitempty"`
	Problem   string               `json:"problem,omitempty"`
}

// choose says who is asked at the opening of a round, nil and why when the
// request does not tell. Without rules (a type of consultation, or types that the
// core names) there is no choice.
func (p *Procedure) choose(r OpenRequest) ([]LegPolicy, *Choice, faults) {
	var f faults
	if t, ok := p.policy.Types[r.Type]; ok {
		if len(r.Types) > 0 {
			f.add("/types", "not_allowed", "a type of consultation has been named; types are for kinds of case")
		}
		_, wrong := receivers.Read(nil, r.Facts)
		f.facts(wrong)
		return t.Legs, nil, f
	}
	c, ok := p.cases[r.Type]
	if !ok {
		f.add("/type", "type.unknown", "no such type of consultation or kind of case; known are %s", strings.Join(p.Types(), ", "))
		return nil, nil, f
	}
	known, wrong := receivers.Read(c.Facts, r.Facts)
	f.facts(wrong)
	if len(r.Types) > 0 {
		for i, t := range r.Types {
			if _, ok := p.policy.Types[t]; !ok {
				f.add(fmt.Sprintf("/types/%d", i), "type.unknown", "no such type of consultation")
			} else if slices.Index(r.Types, t) < i {
				f.add(fmt.Sprintf("/types/%d", i), "duplicate", "this type has been named already")
			}
		}
		return p.legsOf(r.Types, nil), nil, f
	}
	if len(f) > 0 {
		return nil, nil, f
	}
	decide := func(program *receivers.Program) ([]receivers.Decision, error) { return program.Decide(ruled(r, known)) }
	decisions, err := decide(c.programs[c.Version])
	if m, ok := errors.AsType[*receivers.MissingError](err); ok {
		for _, name := range m.Facts {
			f.add("/facts/"+name, "required", "the rules of this kind of case need it")
		}
		return nil, nil, f
	}
	if err != nil {
		f.add("/facts", "receivers.undecided", "%s", err.Error())
		return nil, nil, f
	}
	choice := c.choice(c.Version, decisions, decide)
	legs := p.legsOf(asked(decisions), decisions)
	if len(legs) == 0 {
		f.add("/type", "receivers.none", "by the rules of this kind of case nobody needs to be asked")
	}
	return legs, choice, f
}

// choice makes a choice with what the shadow version would decide.
func (c caseRules) choice(version string, decisions []receivers.Decision, decide func(*receivers.Program) ([]receivers.Decision, error)) *Choice {
	choice := &Choice{Version: version, Decisions: decisions}
	if c.Shadow == "" {
		return choice
	}
	s := ShadowChoice{Version: c.Shadow}
	tried, err := decide(c.programs[c.Shadow])
	if err != nil {
		s.Problem = err.Error() // holds names of facts and types only
	} else {
		s.Decisions = tried
		s.Added, s.Removed = without(asked(tried), asked(decisions)), without(asked(decisions), asked(tried))
	}
	choice.Shadow = &s
	return choice
}

// ruled is what rules know of a request.
func ruled(r OpenRequest, facts map[string]any) receivers.Case {
	c := receivers.Case{Occupation: r.Occupation, LegalBasis: r.LegalBasis, Purpose: r.Purpose, Facts: facts}
	if r.Employer != nil {
		c.EmployerCode = r.Employer.RegistryCode
	}
	return c
}

// asked are the types that rules ask, each once, in order.
func asked(list []receivers.Decision) []string {
	var types []string
	for _, d := range list {
		if d.Asked && !slices.Contains(types, d.Ask) {
			types = append(types, d.Ask)
		}
	}
	return types
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// legsOf are the questions of some types, with why. An authority that several
// types ask gets one question, by the policy of the first, for all the reasons.
func (p *Procedure) legsOf(types []string, decisions []receivers.Decision) []LegPolicy {
	var legs []LegPolicy
	for _, t := range types {
		var because []receivers.Reason
		for _, d := range decisions {
			if d.Asked && d.Ask == t && !slices.Contains(because, d.Because) {
				because = append(because, d.Because)
			}
		}
		for _, l := range p.policy.Types[t].Legs {
			i := slices.IndexFunc(legs, func(known LegPolicy) bool { return known.Authority == l.Authority })
			if i < 0 {
				l.Because = because
				legs = append(legs, l)
				continue
			}
			legs[i].Because = append(slices.Clone(legs[i].Because), because...)
			legs[i].Hidden = legs[i].Hidden || l.Hidden
		}
	}
	return legs
}

// facts names what is wrong with the facts of a case.
func (f *faults) facts(wrong []receivers.Wrong) {
	for _, w := range wrong {
		f.add("/facts/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(w.Fact), w.Code, "%s", w.Message)
	}
}
