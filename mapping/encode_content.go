package mapping

import (
	"fmt"
	"slices"
	"strings"

	"ristmik/soap/contract"
)

// The functions that write the members of a content model return how many keys
// of the object they have looked at.

// particle writes the members of a group that the object has values for.
func (e *encoder) particle(p *contract.Particle, object source, depth int) (seen int) {
	if p.Repeats() {
		return e.repeated(p, object, depth)
	}
	return e.once(p, object, depth)
}

// once writes one occurrence.
func (e *encoder) once(p *contract.Particle, object source, depth int) (seen int) {
	switch p.Kind {
	case contract.AnyParticle:
		return e.wildcard(p, object)
	case contract.ElementParticle:
		return e.occurrences(p.Element, object, depth)
	case contract.ChoiceParticle:
		return e.choice(p, object, depth)
	default:
		if p.Min == 0 && !has(p, object) {
			return 0
		}
		for _, item := range p.Items {
			seen += e.particle(item, object, depth)
		}
		return seen
	}
}

// choice writes the branch that the keys belong to.
func (e *encoder) choice(p *contract.Particle, object source, depth int) (seen int) {
	var best *contract.Particle
	begun := 0
	for _, branch := range p.Items {
		if !has(branch, object) {
			continue
		}
		begun++
		if best == nil && covers(branch, p, object) {
			best = branch
		}
	}
	switch {
	case best != nil:
		return e.particle(best, object, depth)
	case begun > 1:
		var names []string
		for _, branch := range p.Items {
			if has(branch, object) {
				names = append(names, label(branch))
			}
		}
		e.add(CodeChoice, "must hold the fields of only one of these: "+strings.Join(names, "; "))
	case !p.Emptiable():
		e.add(CodeRequired, "must hold one of these: "+labels(p))
	}
	return 0
}

func (e *encoder) occurrences(el *contract.Element, object source, depth int) (seen int) {
	value, present := object.field(el.Name)
	if !present && el.Min == 0 {
		return 0
	}
	e.enter(el.Name)
	defer e.leave()
	if present {
		seen = 1
	}
	if !el.Many() {
		if present {
			e.element(el, value, depth+1)
		} else {
			e.add(CodeRequired, "is required")
		}
		return seen
	}
	if present && value.kind() != kindArray {
		e.add(CodeType, "must be an array")
		return seen
	}
	if !countFits(&e.report, el, value.size()) {
		return seen
	}
	value.items(func(i int, item source) {
		e.enterItem(i)
		e.element(el, item, depth+1)
		e.leave()
	})
	return seen
}

// countFits reports too few or too many occurrences. It is false only for too
// many, where looking at each would be a waste.
func countFits(r *report, el *contract.Element, n int) bool {
	switch {
	case n < el.Min && n == 0:
		r.add(CodeRequired, "is required")
	case n < el.Min:
		r.add(CodeTooFew, fmt.Sprintf("must have at least %d entries", el.Min))
	case el.Max != contract.Unbounded && n > el.Max:
		r.add(CodeTooMany, fmt.Sprintf("must have at most %d entries", el.Max))
		return false
	}
	return true
}

// has says whether the object holds a value for any element of the particle. An
// empty array is no value: it is how JSON says that there is none.
func has(p *contract.Particle, object source) bool {
	switch {
	case p.Kind == contract.ElementParticle:
		return holds(p.Element, object)
	case p.Kind == contract.AnyParticle:
		return holdsFilled(object, anyKey)
	case p.Repeats():
		return holdsFilled(object, groupKey)
	}
	for _, item := range p.Items {
		if has(item, object) {
			return true
		}
	}
	return false
}

func holds(el *contract.Element, object source) bool {
	value, present := object.field(el.Name)
	return present && (!el.Many() || value.filled())
}

func holdsFilled(object source, key string) bool {
	value, present := object.field(key)
	return present && value.filled()
}

// covers says whether the branch has a place for every value that the object
// holds for the choice.
func covers(branch, choice *contract.Particle, object source) bool {
	field := choice.Field
	if choice.Repeats() {
		field = choice.Holds // the object is one occurrence
	}
	outside := func(key string) bool {
		el := field(key)
		return el != nil && branch.Field(key) == nil && holds(el, object)
	}
	// A type has one wildcard and one repeating group: those of a choice are its own
	// and no others.
	return !slices.ContainsFunc(object.keys(), outside) &&
		(branch.Wildcard() != nil || choice.Wildcard() == nil || !holdsFilled(object, anyKey)) &&
		(branch.Group() != nil || choice.Group() == nil || !holdsFilled(object, groupKey))
}

// label names the elements of a branch for a message.
func label(p *contract.Particle) string {
	switch p.Kind {
	case contract.ElementParticle:
		return p.Element.Name
	case contract.AnyParticle:
		return anyKey
	}
	var names []string
	for i, item := range p.Items {
		if i == 4 {
			names = append(names, "…")
			break
		}
		names = append(names, label(item))
	}
	return strings.Join(names, ", ")
}

func labels(p *contract.Particle) string {
	var out []string
	for _, item := range p.Items {
		out = append(out, label(item))
	}
	return strings.Join(out, "; ")
}
