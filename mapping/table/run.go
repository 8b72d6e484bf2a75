package table

import (
	"strconv"
	"time"

	"ristmik/mapping"
)

// run is one use of a direction.
type run struct {
	d     *direction
	today time.Time
	found mapping.Violations
	// trace is told what every rule did; nil when nobody asks.
	trace func(r *rule, from []string, to string, value any, outcome outcome)
	// list is the rule whose items are mapped elsewhere, with what was found there;
	// nil when all are here.
	list   *rule
	listed mapping.Violations
}

// outcome is what became of a rule.
type outcome string

const (
	filled       outcome = "filled"
	byDefault    outcome = "default"
	absent       outcome = "absent"         // the source has no value
	notMet       outcome = "condition"      // the condition does not hold
	beaten       outcome = "earlier rule"   // another rule filled the target
	refused      outcome = "refused"        // the value cannot be mapped
	onlyReadable outcome = "for conditions" // conditions read the field
)

func (d *direction) run(value map[string]any, today time.Time) (map[string]any, error) {
	return d.traced(value, today, nil)
}

func (d *direction) traced(value map[string]any, today time.Time, trace func(*rule, []string, string, any, outcome)) (map[string]any, error) {
	r := &run{d: d, today: today, trace: trace}
	if d.toRegister {
		d.core.strangers(value, "", &r.found)
		if len(r.found) > 0 {
			return nil, r.found
		}
	}
	out, _ := r.scope(d.scope, value, "", "").(map[string]any)
	if len(r.found) > 0 {
		return nil, r.found
	}
	if out == nil {
		out = map[string]any{}
	}
	if d.toRegister {
		demanded(d.root, out, 0)
	}
	return out, nil
}

// scope runs the rules of a message or item.
func (r *run) scope(s *scope, source any, from, to string) any {
	out := map[string]any{}
	var whole any // where the item is a plain value
	var done map[string]bool
	for _, one := range s.rules {
		if len(one.to) == 0 {
			r.tell(one, from, "", nil, onlyReadable)
			continue
		}
		target := one.to[0].String()
		if done[target] {
			r.tell(one, from, to+target, nil, beaten)
			continue
		}
		if one.when != nil {
			ok, err := one.when.holds(source)
			if err != nil {
				add(&r.found, from, CodeCondition, "the condition of a rule for "+target+" cannot be decided: "+err.Error())
			}
			if !ok {
				r.tell(one, from, to+target, nil, notMet)
				continue
			}
			if done == nil {
				done = map[string]bool{}
			}
			done[target] = true
		}
		values, ok := r.rule(one, source, from, to)
		if !ok {
			continue
		}
		for i, p := range one.to {
			if len(p) == 0 {
				whole = values[i]
				continue
			}
			p.set(out, values[i])
		}
	}
	if whole != nil {
		return whole
	}
	return out
}

// tell tells the trace what a rule did; from is the root or item of the source.
func (r *run) tell(one *rule, from, to string, value any, what outcome) {
	if r.trace == nil {
		return
	}
	sources := []string{}
	for _, p := range one.from {
		sources = append(sources, from+p.String())
	}
	r.trace(one, sources, to, value, what)
}

// refuse notes a violation; from is the place of the value.
func (r *run) refuse(one *rule, from, to, code, message string) {
	add(&r.found, from, code, message)
	if r.trace != nil {
		r.trace(one, []string{from}, to, nil, refused)
	}
}

// rule makes the values of a rule's targets; false when there are none.
func (r *run) rule(one *rule, source any, from, to string) ([]any, bool) {
	at := to + one.to[0].String()
	if one.constant != nil {
		r.tell(one, from, at, one.constant, filled)
		return []any{one.constant}, true
	}
	read := make([]any, len(one.from))
	there := 0
	for i, p := range one.from {
		value, present, many := p.get(source)
		if many {
			r.refuse(one, from+p.String(), at, mapping.CodeTooMany, "must be the only item: there is no place for others")
			return nil, false
		}
		if present && value == nil && one.NullIsAbsent {
			present = false
		}
		if present {
			read[i] = value
			there++
		}
	}
	first := from + one.from[0].String()
	switch {
	case there == 0 && one.fallback != nil:
		value, ok := r.value(one, one.fallback, source, first, at)
		r.tell(one, from, at, value, byDefault)
		return []any{value}, ok
	case there == 0 && !one.needed && !r.d.toRegister && (one.items || one.inner != nil || one.kind == list):
		r.tell(one, from, at, []any{}, filled)
		return []any{[]any{}}, true // lists are there, also when they are empty
	case there == 0 && one.needed:
		r.refuse(one, first, at, mapping.CodeRequired, "is required")
		return nil, false
	case there == 0:
		r.tell(one, from, at, nil, absent)
		return nil, false
	case len(one.from) > 1:
		return r.join(one, read, there, source, from, at)
	case len(one.to) > 1:
		return r.split(one, read[0], source, first, at)
	case one.inner != nil && one == r.list:
		for _, v := range r.listed {
			add(&r.found, v.Path, v.Code, v.Message)
		}
		return []any{hole{}}, true
	case one.inner != nil:
		made, ok := r.each(one, read[0], first, at)
		return []any{made}, ok && (len(made) > 0 || r.keepsEmpty())
	case one.items:
		made, ok := r.items(one, read[0], source, first, at)
		return []any{made}, ok && (len(made) > 0 || r.keepsEmpty())
	}
	value, ok := r.value(one, read[0], source, first, at)
	if ok && value == "" && one.kind == list {
		if one.needed {
			r.refuse(one, first, at, mapping.CodeTooFew, "needs at least one item")
		}
		return nil, false
	}
	if ok {
		r.tell(one, from, at, value, filled)
	}
	return []any{value}, ok
}

// keepsEmpty says whether an empty list is something to the target. To XML it is
// nothing, and must not bring the element about that it would stand in.
func (r *run) keepsEmpty() bool { return !r.d.toRegister || r.d.root.json != nil }

// each maps the items of a list by rules of their own.
func (r *run) each(one *rule, value any, from, to string) ([]any, bool) {
	items, ok := toItems(value)
	if !ok {
		r.refuse(one, from, to, mapping.CodeType, "must be a list")
		return nil, false
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = r.scope(one.inner, item, r.index(from, i), r.index(to, i))
	}
	return out, true
}

// items maps plain items one by one.
func (r *run) items(one *rule, value, source any, from, to string) ([]any, bool) {
	items, ok := toItems(value)
	if !ok {
		r.refuse(one, from, to, mapping.CodeType, "must be a list")
		return nil, false
	}
	out, good := make([]any, len(items)), true
	for i, item := range items {
		made, ok := r.value(one, item, source, r.index(from, i), r.index(to, i))
		out[i], good = made, good && ok
	}
	if good && r.trace != nil {
		r.trace(one, []string{from}, to, out, filled)
	}
	return out, good
}

func (r *run) index(at string, i int) string { return index(at, i) }

func index(at string, i int) string { return at + "/" + strconv.Itoa(i) }

// value puts one value through the codes and transforms of a rule.
func (r *run) value(one *rule, value, source any, from, to string) (any, bool) {
	if value == nil || len(one.chain) == 0 && one.codes == nil {
		if value == nil && !one.register.nillable {
			r.refuse(one, from, to, mapping.CodeType, "must not be null; leave an optional field out")
			return nil, false
		}
		return value, true
	}
	on := r.today
	if one.codes != nil && one.codes.on != nil {
		text, _, _ := one.codes.on.get(source)
		day, _ := text.(string)
		if len(day) >= len(time.DateOnly) {
			day = day[:len(time.DateOnly)]
		}
		var err error
		if on, err = time.Parse(time.DateOnly, day); err != nil {
			r.refuse(one, from, to, CodeCodeList, "needs the date at "+one.codes.on.String()+" to be translated")
			return nil, false
		}
	}
	out, code, message := one.change(value, r.d.toRegister, looking(source), on)
	if code != "" {
		r.refuse(one, from, to, code, message)
		return nil, false
	}
	return out, true
}

// looking reads texts of the source by pointer.
func looking(source any) lookup {
	return func(p path) string {
		value, _, _ := p.get(source)
		text, _ := value.(string)
		return text
	}
}
