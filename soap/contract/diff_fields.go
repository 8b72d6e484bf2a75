package contract

import (
	"slices"
)

// field is an element of a type with what its groups say about it.
type field struct {
	*Element
	required bool
	groups   string // the groups around it, from the outside
	branch   bool   // it is one of those of which one must be there
}

// fieldsOf lists the elements of a content model in the order of the schema.
func fieldsOf(p *Particle) []field {
	var out []field
	var walk func(p *Particle, required, branch bool, groups string)
	walk = func(p *Particle, required, branch bool, groups string) {
		if p == nil || p.Kind == AnyParticle {
			return
		}
		if p.Kind == ElementParticle {
			out = append(out, field{p.Element, required && p.Element.Min > 0, groups, branch})
			return
		}
		required = required && p.Min > 0
		if p.Kind == ChoiceParticle {
			branch = required && !p.Emptiable()
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
			walk(item, required, branch, groups)
		}
	}
	walk(p, true, false, "")
	return out
}

func (c *comparison) fields(before, now []field, path string) {
	find := func(list []field, name string) int {
		return slices.IndexFunc(list, func(f field) bool { return f.Name == name })
	}
	c.order(before, now, path)
	for _, f := range before {
		at := path + "/" + f.Name
		i := find(now, f.Name)
		if i < 0 {
			c.gone(at, "field", !f.required)
			continue
		}
		g := now[i]
		if f.Namespace != g.Namespace {
			c.add(at, FieldMoved, true, "the field is in another namespace")
		}
		if f.groups != g.groups {
			c.add(at, FieldMoved, true, "the field stands in another kind of group")
		}
		c.presence(at, f.required, g.required)
		c.fixed(f.Fixed, g.Fixed, at)
		if f.Fixed == nil && g.Fixed == nil && !same(f.Default, g.Default) {
			c.add(at, DefaultChanged, !c.writing(), "an empty field means another value")
		}
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
		switch at := path + "/" + g.Name; {
		case find(before, g.Name) >= 0:
		case g.branch && !c.writing():
			c.add(at, FieldAdded, true, "the field is new, and may stand in the place of those of which one had to be there")
		default:
			c.added(at, g.required, true)
		}
	}
}

// order finds the first field that stands in another place among the others, one
// that is used where there is one: a swap puts all that follow out of step.
func (c *comparison) order(before, now []field, path string) {
	moved := func(counts func(at string) bool) (at string) {
		last := -1
		for _, f := range before {
			i := slices.IndexFunc(now, func(g field) bool { return g.Name == f.Name })
			if i < 0 || !counts(path+"/"+f.Name) {
				continue
			}
			if i < last {
				return path + "/" + f.Name
			}
			last = i
		}
		return ""
	}
	at := moved(func(at string) bool { return c.direction == Answer || c.used(at) })
	if at != "" {
		c.add(at, FieldMoved, true, "the field stands in another place of the order")
	} else if at = moved(func(string) bool { return true }); at != "" {
		c.note(at, FieldMoved, false, "the field stands in another place of the order, which none of those that are used does")
	}
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// fixed compares the one value that a field may have.
func (c *comparison) fixed(a, b *string, path string) {
	switch {
	case same(a, b):
	case a == nil:
		c.add(path, ValuesNarrowed, c.writing(), "only %q is allowed", *b)
	case b == nil:
		c.add(path, ValuesWidened, !c.writing(), "more than %q is allowed", *a)
	default:
		c.add(path, ValuesChanged, true, "only %q is allowed instead of %q", *b, *a)
	}
}

// wildcards compares what else than the named fields a type takes.
func (c *comparison) wildcards(a, b *Type, path string) {
	for _, w := range []struct {
		name        string
		before, now bool
	}{
		{"fields", a.Content.Wildcard() != nil, b.Content.Wildcard() != nil}, {"attributes", a.AnyAttribute, b.AnyAttribute},
	} {
		switch {
		case w.before && !w.now:
			c.add(path, ValuesNarrowed, c.writing(), "%s that have no names here are not allowed any more", w.name)
		case !w.before && w.now:
			c.add(path, ValuesWidened, !c.writing() && c.use != nil && c.use.Strict, "%s that have no names here are allowed now", w.name)
		}
	}
	x, y := a.Content.Group(), b.Content.Group()
	if x != nil && y != nil && (x.Min != y.Min || x.Max != y.Max) {
		more := y.Max == Unbounded || x.Max != Unbounded && y.Max > x.Max || y.Min < x.Min
		less := x.Max == Unbounded && y.Max != Unbounded || y.Max != Unbounded && y.Max < x.Max || y.Min > x.Min
		c.add(path, CountChanged, c.writing() && less || !c.writing() && more, "the group of fields may occur %s", map[bool]string{true: "less often", false: "more often"}[less])
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
	if c.numbers(a, b, path) {
		return
	}
	if a.Kind != b.Kind {
		if a.Base == b.Base {
			c.add(path, TypeChanged, true, "the value is of another kind")
		} else {
			c.add(path, TypeChanged, true, "the value is of the type %s instead of %s", b.Base, a.Base)
		}
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
	note(c.members(a.Members, b.Members))
	switch {
	case narrower && wider:
		c.add(path, ValuesChanged, true, "other values are allowed")
	case narrower:
		c.add(path, ValuesNarrowed, c.writing(), "fewer values are allowed")
	case wider:
		c.add(path, ValuesWidened, !c.writing(), "more values are allowed")
	}
}

// members compares the types of two unions, one by one.
func (c *comparison) members(a, b []*Simple) (narrower, wider bool) {
	if len(a) != len(b) {
		return true, true
	}
	for i := range a {
		one := comparison{direction: c.direction, use: &Use{}}
		one.values(a[i], b[i], "")
		for _, d := range one.list {
			narrower = narrower || d.Change != ValuesWidened
			wider = wider || d.Change != ValuesNarrowed
		}
	}
	return narrower, wider
}

// numbers compares a whole number with a decimal one, of which it is a part where
// nothing else bounds them.
func (c *comparison) numbers(a, b *Simple, path string) bool {
	free := func(s *Simple) bool {
		return s.Enumeration == nil && len(s.bounds) == 0 && len(s.patterns) == 0 && s.TotalDigits < 0 && s.FractionDigits <= 0
	}
	switch {
	case a.Kind == KindInteger && b.Kind == KindDecimal && free(b):
		c.add(path, ValuesWidened, !c.writing(), "the number need not be whole")
	case a.Kind == KindDecimal && b.Kind == KindInteger && free(a):
		c.add(path, ValuesNarrowed, c.writing(), "the number must be whole")
	default:
		return false
	}
	return true
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
