package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Step says what a rule does, or, of a message that was given, what it did.
type Step struct {
	// Side is "request" or "answer"; Rule the place in the file, such as
	// "request.rules[2]"; From and To are pointers, with * for the items of
	// lists or, of a message, their numbers.
	Side string   `json:"side"`
	Rule string   `json:"rule"`
	From []string `json:"from"`
	To   []string `json:"to"`
	// How is what happens in between, in words.
	How      string `json:"how,omitempty"`
	Required bool   `json:"required,omitempty"`
	// Outcome is what became of the rule: "filled", "default", "absent",
	// "condition" (does not hold), "earlier rule", "refused" or "for conditions";
	// Value is what it gave.
	Outcome string `json:"outcome,omitempty"`
	Value   any    `json:"value,omitempty"`
}

// Steps lists the rules of both sides.
func (t *Table) Steps() []Step {
	var out []Step
	for _, d := range []*direction{t.request, t.answer} {
		if d != nil {
			out = d.scope.steps(d, "", "", out)
		}
	}
	return out
}

func (s *scope) steps(d *direction, from, to string, out []Step) []Step {
	for _, r := range s.rules {
		one := d.step(r)
		for _, p := range r.from {
			one.From = append(one.From, from+p.String())
		}
		for _, p := range r.to {
			one.To = append(one.To, to+p.String())
		}
		out = append(out, one)
		if r.inner != nil {
			out = r.inner.steps(d, one.From[0]+"/*", one.To[0]+"/*", out)
		}
	}
	return out
}

func (d *direction) step(r *rule) Step {
	return Step{Side: d.name(), Rule: r.at, From: []string{}, To: []string{}, How: r.how(), Required: r.needed}
}

func (d *direction) name() string {
	if d.toRegister {
		return "request"
	}
	return "answer"
}

// how says in words what a rule does with its value.
func (r *rule) how() string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.Constant != "" {
		say("constant %q", r.Constant)
	}
	if r.inner != nil {
		say("each item by the rules below")
	}
	if r.Codes.List != "" {
		say("code list %s, %s and %s", r.Codes.List, r.Codes.Core, r.Codes.Register)
		if r.Codes.On != "" {
			say("as of %s", r.Codes.On)
		}
	}
	if len(r.Values) > 0 {
		var pairs []string
		for _, core := range slices.Sorted(maps.Keys(r.Values)) {
			pairs = append(pairs, core+"="+r.Values[core])
		}
		say("values %s", strings.Join(pairs, ", "))
	}
	for _, one := range r.Transform {
		say("%s", one)
	}
	if r.Default != "" {
		say("default %q", r.Default)
	}
	if r.NullIsAbsent {
		say("null is absent")
	}
	if r.When != "" {
		say("when %s", r.When)
	}
	return strings.Join(parts, "; ")
}

// ExplainRequest maps as [Table.ToRegister] does and says what every rule did.
func (t *Table) ExplainRequest(value map[string]any, on time.Time) (map[string]any, []Step, error) {
	return t.request.explain(value, on)
}

// ExplainAnswer maps as [Table.ToCore] does and says what every rule did.
func (t *Table) ExplainAnswer(answer map[string]any, on time.Time) (map[string]any, []Step, error) {
	return t.answer.explain(answer, on)
}

func (d *direction) explain(value map[string]any, on time.Time) (map[string]any, []Step, error) {
	if d == nil {
		return value, nil, nil // the side keeps the shape of the contract
	}
	var steps []Step
	out, err := d.traced(value, on, func(r *rule, from []string, to string, made any, what outcome) {
		one := d.step(r)
		one.Outcome, one.Value, one.From = string(what), made, from
		for _, p := range r.to {
			one.To = append(one.To, strings.TrimSuffix(to, r.to[0].String())+p.String())
		}
		steps = append(steps, one)
	})
	return out, steps, err
}

// sourceOf finds the core's field that a place of the request came from.
func (d *direction) sourceOf(pointer string) (string, bool) { return d.scope.sourceOf(pointer) }

// sourceOf finds it below an item; pointer is from the item.
func (s *scope) sourceOf(pointer string) (string, bool) {
	for _, r := range s.rules {
		for i, p := range r.to {
			rest, ok := strings.CutPrefix(pointer, p.String())
			if !ok || rest != "" && rest[0] != '/' || len(r.from) == 0 {
				continue
			}
			from := r.from[min(i, len(r.from)-1)].String()
			if r.inner == nil {
				return from + rest, true
			}
			number, below, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
			if number == "" {
				return from, true
			}
			if below != "" {
				below = "/" + below
			}
			inner, ok := r.inner.sourceOf(below)
			return from + "/" + number + inner, ok || below == ""
		}
	}
	return "", false
}
