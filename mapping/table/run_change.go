package table

import (
	"strings"
	"time"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// change puts a value through the codes and the transforms of a rule that has
// one field on either side.
func (r *rule) change(value any, toRegister bool, look lookup, on time.Time) (out any, code, message string) {
	if r.codes != nil && toRegister {
		if value, code, message = r.codes.translate(value, true, on); code != "" {
			return nil, code, message
		}
	}
	if value, code, message = changes(r.chain, value, toRegister, look); code != "" {
		return nil, code, message
	}
	if r.codes != nil && !toRegister {
		return r.codes.translate(value, false, on)
	}
	return value, "", ""
}

// changes puts a value through transforms. Each that can be turned round is, to
// see that nothing was lost.
func changes(chain []call, value any, toRegister bool, look lookup) (out any, code, message string) {
	for _, one := range chain {
		do, undo := one.toRegister, one.toCore
		if !toRegister {
			do, undo = undo, do
		}
		made, refusal := do(value, look)
		if refusal != "" {
			return nil, CodeTransform, refusal
		}
		if one.TwoWay {
			if back, refusal := undo(made, look); refusal != "" || !same(back, value) {
				return nil, CodeLossy, "must be a value that " + one.text + " can tell back"
			}
		}
		value = made
	}
	return value, "", ""
}

// join makes one text of several fields.
func (r *run) join(one *rule, read []any, there int, source any, from, at string) ([]any, bool) {
	joining := one.chain[one.join]
	var parts []string
	good := true
	for i, value := range read {
		where := from + one.from[i].String()
		if value == nil {
			if joining.Name == joins {
				r.refuse(one, where, at, mapping.CodeRequired, "is required where the others are")
				good = false
			}
			continue
		}
		made, code, message := changes(one.chain[:one.join], value, r.d.toRegister, looking(source))
		text, ok := made.(string)
		switch {
		case code != "":
			r.refuse(one, where, at, code, message)
			good = false
		case !ok:
			r.refuse(one, where, at, mapping.CodeType, "must be a text")
			good = false
		case joining.Name == joins && strings.Contains(text, joining.args[0]):
			r.refuse(one, where, at, CodeLossy, "must not hold the separator by which fields are joined")
			good = false
		}
		parts = append(parts, text)
	}
	if !good {
		return nil, false
	}
	made, code, message := changes(one.chain[one.join+1:], strings.Join(parts, joining.args[0]), r.d.toRegister, looking(source))
	if code != "" {
		r.refuse(one, from+one.from[0].String(), at, code, message)
		return nil, false
	}
	r.tell(one, from, at, made, filled)
	return []any{made}, true
}

// split makes several fields of one text.
func (r *run) split(one *rule, value, source any, from, at string) ([]any, bool) {
	made, code, message := changes(one.chain[:one.join], value, r.d.toRegister, looking(source))
	if code != "" {
		r.refuse(one, from, at, code, message)
		return nil, false
	}
	text, ok := made.(string)
	if !ok {
		r.refuse(one, from, at, mapping.CodeType, "must be a text")
		return nil, false
	}
	parts := strings.Split(text, one.chain[one.join].args[0])
	if len(parts) != len(one.to) {
		r.refuse(one, from, at, CodeTransform, "must have as many parts as there are fields for them")
		return nil, false
	}
	out := make([]any, len(parts))
	for i, part := range parts {
		if out[i], code, message = changes(one.chain[one.join+1:], part, r.d.toRegister, looking(source)); code != "" {
			r.refuse(one, from, at, code, message)
			return nil, false
		}
	}
	if r.trace != nil {
		r.trace(one, []string{from}, at, made, filled)
	}
	return out, true
}

// demandedDepth bounds how deep empty objects are made.
const demandedDepth = 32

// demanded makes the objects that a request must have and no rule has filled:
// the wrapper's part "request" of an operation that takes nothing, for one.
func demanded(p place, object map[string]any, depth int) {
	if p.json != nil {
		demandedJSON(p, object, depth)
		return
	}
	if depth > demandedDepth || p.content() == nil {
		return
	}
	demandedIn(p.content(), object, depth, p.group != nil)
}

func demandedIn(p *contract.Particle, object map[string]any, depth int, inGroup bool) {
	switch {
	case p.Repeats() && !inGroup:
		items, _ := object["#group"].([]any)
		for _, item := range items {
			if below, ok := item.(map[string]any); ok {
				demandedIn(p, below, depth+1, true)
			}
		}
		return
	case p.Kind == contract.AnyParticle:
		return
	case p.Kind == contract.ElementParticle:
		child := ofElement(p.Element, true)
		value, present := object[p.Element.Name]
		if !present && child.required && !child.many && child.object() {
			value = map[string]any{}
			object[p.Element.Name] = value
		}
		if below, ok := value.(map[string]any); ok && child.object() {
			demanded(child, below, depth+1)
		}
		items, _ := value.([]any)
		for _, item := range items {
			if below, ok := item.(map[string]any); ok && child.object() {
				demanded(child.item(), below, depth+1)
			}
		}
		return
	case p.Kind == contract.ChoiceParticle:
		for _, item := range p.Items { // only the branch that is taken
			if present(item, object) {
				demandedIn(item, object, depth, false)
			}
		}
		return
	case p.Min == 0 && !present(p, object):
		return
	}
	for _, item := range p.Items {
		demandedIn(item, object, depth, false)
	}
}

// present says whether the object has any field of the particle.
func present(p *contract.Particle, object map[string]any) bool {
	for _, name := range fields(p, nil, false) {
		if _, ok := object[name]; ok {
			return true
		}
	}
	return false
}
