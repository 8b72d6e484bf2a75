package receivers

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
)

// Case is what rules know of a case. Texts that are not there are empty; Facts
// have been read by [Program.Read].
type Case struct {
	Occupation   string
	EmployerCode string
	LegalBasis   string
	Purpose      string
	Facts        map[string]any
}

// Answer is what rules of the second wave know of an answer; Facts is a JSON
// value.
type Answer struct {
	Type       string
	Authority  string
	Code       string
	Conditions []string
	Facts      any
}

// Decision is what one rule came to.
type Decision struct {
	Ask       string `json:"ask"`
	Asked     bool   `json:"asked"`
	Undecided bool   `json:"undecided,omitempty"` // it asks because it could not be decided
	When      string `json:"when,omitempty"`
	Because   Reason `json:"because"`
}

// MissingError says which facts are needed to decide and are not there.
type MissingError struct{ Facts []string }

// Error names the facts.
func (e *MissingError) Error() string { return "facts are missing: " + strings.Join(e.Facts, ", ") }

// Decide decides every rule of the first wave, in their order. The error is a
// *[MissingError], for all that the version reads in either wave, or says which
// rule cannot be decided; nothing has been decided then.
func (p *Program) Decide(c Case) ([]Decision, error) {
	missing := map[string]bool{}
	for _, r := range p.rules {
		for _, name := range r.facts {
			if _, ok := c.Facts[name]; !ok {
				missing[name] = true
			}
		}
	}
	if len(missing) > 0 {
		return nil, &MissingError{slices.Sorted(maps.Keys(missing))}
	}
	var list []Decision
	for _, r := range p.rules {
		if r.After != "" {
			continue
		}
		d, err := r.decide(c.env())
		if err != nil {
			// What the error says may hold a value of the case.
			return nil, fmt.Errorf("the rule that asks %s cannot be decided", r.Ask)
		}
		list = append(list, d)
	}
	return list, nil
}

// After decides the rules of the second wave that are over answers of a.Type;
// there may be none. An answer cannot be refused for a rule that cannot be
// decided over it, so such a rule asks.
func (p *Program) After(c Case, a Answer) []Decision {
	env := c.env()
	env["answer"] = map[string]any{
		"type": a.Type, "authority": a.Authority, "code": a.Code, "conditions": append([]string{}, a.Conditions...), "facts": a.Facts,
	}
	var list []Decision
	for _, r := range p.rules {
		if r.After == "" || r.After != a.Type {
			continue
		}
		d, err := r.decide(env)
		if err != nil {
			d.Asked, d.Undecided = true, true
		}
		list = append(list, d)
	}
	return list
}

func (c Case) env() map[string]any {
	return map[string]any{
		"occupation": c.Occupation, "employer_code": c.EmployerCode, "legal_basis": c.LegalBasis, "purpose": c.Purpose, "facts": c.Facts,
	}
}

func (r compiled) decide(env map[string]any) (Decision, error) {
	d := Decision{Ask: r.Ask, When: r.When, Because: r.Because, Asked: true}
	if r.program == nil {
		return d, nil
	}
	holds, err := expr.Run(r.program, env)
	d.Asked = holds == true
	return d, err
}

// Wrong is what is wrong with one fact of a case.
type Wrong struct{ Fact, Code, Message string }

// maxText bounds a text of a fact, maxList a list, as a guard against abuse.
const (
	maxText = 500
	maxList = 200
)

// Read turns facts of JSON into what conditions compare, and names everything
// that is wrong, in the order of names: facts that nobody knows and values of
// another type. Facts that are missing are no fault: not every rule needs all.
func Read(known map[string]FactType, facts map[string]any) (map[string]any, []Wrong) {
	out := make(map[string]any, len(facts))
	var wrong []Wrong
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		t, ok := known[name]
		if !ok {
			wrong = append(wrong, Wrong{name, "unknown_field", "no such fact; known are: " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")})
			continue
		}
		v, ok := value(t, facts[name])
		if !ok {
			wrong = append(wrong, Wrong{name, "type", "another type is needed: " + string(t)})
			continue
		}
		out[name] = v
	}
	return out, wrong
}

func value(t FactType, v any) (any, bool) {
	switch t {
	case Boolean:
		b, ok := v.(bool)
		return b, ok
	case Integer:
		f, ok := number(v)
		return int(f), ok && f == math.Trunc(f) && math.Abs(f) < 1<<53
	case Decimal:
		return number(v)
	case List:
		items, ok := v.([]any)
		out := make([]string, len(items))
		for i, item := range items {
			s, isText := item.(string)
			out[i], ok = s, ok && isText && len(s) <= maxText
		}
		return out, ok && len(items) <= maxList
	}
	s, ok := v.(string)
	return s, ok && len(s) <= maxText
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}
