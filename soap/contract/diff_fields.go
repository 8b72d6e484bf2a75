package contract

import (
	"slices"
)

// field is an element of a type with what its groups say about it.
type field struct {
	*Element
	required bool
	groups   string // the groups around it, from the outside
}

// fieldsOf lists the elements of a content model in the order of the schema.
func fieldsOf(p *Particle) []field {
	var out []field
	var walk func(p *Particle, required bool, groups string)
	walk = func(p *Particle, required bool, groups string) {
		if p == nil || p.Kind == AnyParticle {
			return
		}
		if p.Kind == ElementParticle {
			out = append(out, field{p.Element, required && p.Element.Min > 0, groups})
			return
		}
		required = required && p.Min > 0
		if p.Kind == ChoiceParticle {
			required = false
			groups += "|"
		}
		if p.Kind == AllParticle {
			groups += "&"
		}
		if p.Repeats() {
			groups += "*"
		}
		for _, item := range p.Items {
			walk(item, required, groups)
		}
	}
	walk(p, true, "")
	return out
}

func (c *comparison) fields(before, now []field, path string) {
	find := func(list []field, name string) int {
		return slices.IndexFunc(list, func(f field) bool { return f.Name == name })
	}
	last, moved := -1, false
	for _, f := range before {
		at := path + "/" + f.Name
		i := find(now, f.Name)
		if i < 0 {
			c.add(at, FieldRemoved, true, "the field is gone")
			continue
		}
		g := now[i]
		if i < last && !moved {
			moved = true // one swap puts all that follow out of step
			c.add(at, FieldMoved, true, "the field stands in another place of the order")
		}
		last = max(last, i)
		if f.Namespace != g.Namespace {
			c.add(at, FieldMoved, true, "the field is in another namespace")
		}
		if f.groups != g.groups {
			c.add(at, FieldMoved, true, "the field stands in another kind of group")
		}
		c.presence(at, f.required, g.required)
		c.counts(f.Element, g.Element, at)
		switch {
		case !f.Nillable && g.Nillable:
			c.add(at, NilAllowed, !c.writing(), "the field may be null now")
		case f.Nillable && !g.Nillable:
			c.add(at, NilRefused, c.writing(), "the field must not be null any more")
		}
		c.types(f.Type, g.Type, at)
	}
	for _, g := range now {
		if find(before, g.Name) < 0 {
			c.added(path+"/"+g.Name, g.required)
		}
	}
}

// counts compares how often an element may occur. That it becomes an array, or
// no longer is one, changes the shape of JSON in either direction.
func (c *comparison) counts(a, b *Element, path string) {
	above := func(x, y int) bool {
		return x == Unbounded && y != Unbounded || x != Unbounded && y != Unbounded && x > y
	}
	switch {
	case a.Many() != b.Many():
		c.add(path, CountChanged, true, "the field is %s now", map[bool]string{true: "a list", false: "no list"}[b.Many()])
	case above(b.Max, a.Max):
		c.add(path, CountChanged, !c.writing(), "the field may occur more often")
	case above(a.Max, b.Max):
		c.add(path, CountChanged, c.writing(), "the field may occur less often")
	}
	if a.Many() && b.Many() && b.Min > a.Min && a.Min > 0 {
		c.add(path, CountChanged, c.writing(), "the field must occur more often")
	}
}

// values compares what values two simple types allow.
func (c *comparison) values(a, b *Simple, path string) {
	if a.Kind != b.Kind {
		c.add(path, TypeChanged, true, "the value is of the type %s instead of %s", b.Base, a.Base)
		return
	}
	narrower, wider := false, false
	note := func(n, w bool) { narrower, wider = narrower || n, wider || w }
	if a.Base != b.Base {
		switch {
		case a.Kind == KindInteger || a.Kind == KindString:
			// Of one family: the bounds and facets below tell which is wider.
		default:
			c.add(path, TypeChanged, true, "the value is of the type %s instead of %s", b.Base, a.Base)
			return
		}
	}
	note(enumerationGap(b.Enumeration, a.Enumeration), enumerationGap(a.Enumeration, b.Enumeration))
	for _, limit := range []struct {
		a, b  int
		least bool
	}{
		{a.MinLength, b.MinLength, true}, {a.MaxLength, b.MaxLength, false}, {a.Length, b.Length, true}, {a.Length, b.Length, false},
		{a.TotalDigits, b.TotalDigits, false}, {a.FractionDigits, b.FractionDigits, false},
	} {
		note(tighter(limit.a, limit.b, limit.least), tighter(limit.b, limit.a, limit.least))
	}
	for _, upper := range []bool{false, true} {
		x, y := a.tightest(upper), b.tightest(upper)
		note(a.tighterBound(x, y, upper), a.tighterBound(y, x, upper))
	}
	patterns := func(s *Simple) (out []string) {
		for _, p := range s.patterns {
			out = append(out, p.String())
		}
		return out
	}
	switch x, y := patterns(a), patterns(b); {
	case slices.Equal(x, y):
	case len(x) == 0:
		note(true, false)
	case len(y) == 0:
		note(false, true)
	default:
		note(true, true)
	}
	if len(a.Members) != len(b.Members) {
		note(true, true)
	}
	switch {
	case narrower && wider:
		c.add(path, ValuesChanged, true, "other values are allowed")
	case narrower:
		c.add(path, ValuesNarrowed, c.writing(), "fewer values are allowed")
	case wider:
		c.add(path, ValuesWidened, !c.writing(), "more values are allowed")
	}
}

// enumerationGap says whether the first list, nil for no limit, lacks a value
// that the second allows.
func enumerationGap(first, second []string) bool {
	if first == nil {
		return false
	}
	return second == nil || slices.ContainsFunc(second, func(v string) bool { return !slices.Contains(first, v) })
}

// tighter says whether the limit b, -1 for none, leaves less than a does.
func tighter(a, b int, least bool) bool {
	switch {
	case b < 0 || a == b:
		return false
	case a < 0:
		return !least || b > 0
	case least:
		return b > a
	}
	return b < a
}

// tightest returns the bound on one side that decides, or nil.
func (s *Simple) tightest(upper bool) *bound {
	var best *bound
	for i := range s.bounds {
		b := &s.bounds[i]
		if b.upper == upper && (best == nil || s.tighterBound(best, b, upper)) {
			best = b
		}
	}
	return best
}

// tighterBound says whether the bound b, nil for none, leaves less than a does.
// Bounds that cannot be compared leave less of one another.
func (s *Simple) tighterBound(a, b *bound, upper bool) bool {
	switch {
	case b == nil:
		return false
	case a == nil:
		return true
	}
	order, comparable := compareLiterals(s.Kind, s.Base, b.text, a.text)
	if upper {
		order = -order
	}
	return !comparable || order > 0 || order == 0 && b.exclusive && !a.exclusive
}
