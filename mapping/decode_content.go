package mapping

import (
	"slices"
	"strings"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// reader reads the children of one element along the content model. It knows the
// child that comes next and no other.
type reader struct {
	*decoder
	content *contract.Particle
	depth   int
	base    int  // length of the path to the element
	grouped bool // inside a repeating group, where the next element may begin another occurrence

	// The next child: whether it has started, has a place in the content, its
	// name, and its number among the children.
	started, placed bool
	name            contract.Name
	number          int
	ended           bool // there are no more

	mixed   *mixedSink     // of mixed content: where texts go
	texts   bool           // text among the children has been reported
	unknown []string       // strangers that are kept
	last    map[string]int // number of the last child of each name that has a place
}

// choice is a choice and the branch of it that was taken.
type choice struct{ of, branch *contract.Particle }

// content reads the child elements of a complex type.
func (d *decoder) content(t *contract.Type, depth int) {
	var unknown []string
	if t.Mixed {
		unknown = d.mixed(t, depth)
	} else {
		unknown = d.children(t, depth, nil)
	}
	if len(unknown) == 0 {
		return
	}
	d.out.key(unknownKey)
	d.out.beginArray()
	for _, markup := range unknown {
		d.out.text(markup)
	}
	d.out.endArray()
}

// children reads the child elements along the content model, and the texts among them
// where these go somewhere. It returns the strangers that are kept.
func (d *decoder) children(t *contract.Type, depth int, texts *mixedSink) (unknown []string) {
	before := len(d.taken)
	r := reader{decoder: d, content: t.Content, depth: depth, base: len(d.path), mixed: texts}
	if t.Content != nil {
		r.particle(t.Content)
	}
	r.rest(d.taken[before:])
	d.taken = d.taken[:before]
	return r.unknown
}

// peek goes to the next child and says whether there is one.
func (r *reader) peek() bool {
	for !r.started && !r.ended {
		switch r.walk.Next() {
		case soap.TokenText:
			if r.mixed != nil {
				r.mixed.run(r.walk.Text())
			} else if !r.texts && !isBlank(r.walk.Text()) {
				r.texts = true
				r.above(func() { r.add(CodeType, "must hold elements and no text") })
			}
		case soap.TokenStart:
			r.started, r.placed = true, false
			r.number++
			r.name.Space, r.name.Local = r.walk.Name()
		default:
			r.ended = true
		}
	}
	return r.started
}

func isBlank(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return false
		}
	}
	return true
}

// place says whether the next child has a place in the content. A stranger is
// set aside, so that it does not put the rest out of step and hide what else is
// wrong; then another child comes next.
func (r *reader) place() bool {
	if r.placed || r.content.Takes(r.name) {
		r.placed = true
		return true
	}
	keep := false
	r.above(func() { keep = r.stranger(r.name.Local, "the contract has no such element here") })
	if keep {
		r.unknown = append(r.unknown, r.walk.Markup())
	} else {
		r.walk.Skip()
	}
	r.started = false
	return false
}

// above reports something of the element itself while the path leads into one of
// its groups.
func (r *reader) above(f func()) {
	inside := slices.Clone(r.path[r.base:])
	r.path = r.path[:r.base]
	f()
	r.path = append(r.path, inside...)
}

// next is the next child that has a place.
func (r *reader) next() bool {
	for r.peek() {
		if r.place() {
			return true
		}
	}
	return false
}

// begins says whether the next child begins the particle.
func (r *reader) begins(p *contract.Particle) bool { return r.next() && p.StartsWith(r.name) }

// rest reports what is left when the content is over.
func (r *reader) rest(taken []choice) {
	var reported map[string]bool
	for r.next() {
		name := r.name.Local
		if !reported[name] {
			if reported == nil {
				reported = map[string]bool{}
			}
			reported[name] = true
			if refused(taken, name) {
				r.addIn(name, CodeChoice, "must not stand beside the elements of another branch of the choice")
			} else {
				r.addIn(name, CodeOrder, "must stand in the place that the contract gives it")
			}
		}
		r.walk.Skip()
		r.started = false
	}
}

// refused says whether the name belongs to a branch that was not taken.
func refused(taken []choice, name string) bool {
	for _, c := range taken {
		for _, other := range c.of.Items {
			if other != c.branch && other.Holds(name) != nil && c.branch.Holds(name) == nil {
				return true
			}
		}
	}
	return false
}

func (r *reader) particle(p *contract.Particle) {
	if p.Repeats() {
		r.repeated(p)
		return
	}
	r.once(p)
}

// once reads one occurrence.
func (r *reader) once(p *contract.Particle) {
	switch p.Kind {
	case contract.AnyParticle:
		r.wildcard(p)
	case contract.ElementParticle:
		r.occurrences(p.Element)
	case contract.SequenceParticle:
		if p.Min == 0 && !r.begins(p) {
			return
		}
		for _, item := range p.Items {
			r.particle(item)
		}
	case contract.ChoiceParticle:
		r.choice(p)
	case contract.AllParticle:
		r.all(p)
	}
}

func (r *reader) choice(p *contract.Particle) {
	if r.next() {
		for _, branch := range p.Items {
			if branch.StartsWith(r.name) {
				r.taken = append(r.taken, choice{p, branch})
				r.particle(branch)
				return
			}
		}
	}
	if !p.Emptiable() {
		r.add(CodeRequired, "must hold one of these: "+labels(p))
	}
}

// all reads the members of an xs:all group, which may come in any order.
func (r *reader) all(p *contract.Particle) {
	done := make([]bool, len(p.Items))
	any := false
	for found := true; found; {
		found = false
		for i, item := range p.Items {
			if !done[i] && r.begins(item) {
				done[i], any, found = true, true, true
				r.particle(item)
			}
		}
	}
	if p.Min == 0 && !any {
		return
	}
	for i, item := range p.Items {
		if !done[i] {
			r.particle(item)
		}
	}
}

// occurrences reads the run of equal elements at this place.
func (r *reader) occurrences(el *contract.Element) {
	many, n, found := el.Many(), 0, len(r.list)
	if many {
		r.out.key(el.Name)
		r.out.beginArray()
	}
	for r.peek() {
		if r.name.Local != el.Name || r.name.Space != el.Namespace {
			if r.place() {
				break
			}
			continue // a stranger has gone
		}
		full := n == el.Max
		if full && r.grouped {
			break
		}
		r.started = false
		if n++; full || el.Max != contract.Unbounded && n > el.Max {
			r.walk.Skip() // each of too many is not looked at
			continue
		}
		r.enter(el.Name)
		if many {
			r.enterItem(n - 1)
			r.element(el, r.depth+1)
			r.leave()
		} else {
			r.out.key(el.Name)
			r.element(el, r.depth+1)
		}
		r.leave()
	}
	if many {
		r.out.endArray()
	}
	switch {
	case n == 0 && el.Min > 0 && !r.grouped && r.comesLater(el):
		// Reported as out of order, not as missing. In a repeating group what comes
		// later belongs to another occurrence, and nothing is out of order.
		return
	case n >= el.Min && (el.Max == contract.Unbounded || n <= el.Max):
		return
	}
	r.enter(el.Name)
	if n > el.Max && len(r.list) > found {
		// What is wrong with each does not matter then.
		inside := pointer(r.path)
		kept := slices.DeleteFunc(r.list[found:], func(v Violation) bool {
			return strings.HasPrefix(v.Path, inside+"/") || v.Path == inside && v.Code != CodeUnknown
		})
		r.list = r.list[:found+len(kept)]
	}
	countFits(&r.report, el, n)
	r.leave()
}

// comesLater says whether the element stands further on, where it must not.
func (r *reader) comesLater(el *contract.Element) bool {
	if !r.peek() {
		return false
	}
	if r.last == nil {
		r.last = map[string]int{}
		walk := r.walk.Fork()
		defer walk.Close()
		name, number := r.name, r.number
		for token := soap.TokenStart; token != soap.TokenEnd; token = walk.Next() {
			if token != soap.TokenStart {
				continue
			}
			if number > r.number {
				name.Space, name.Local = walk.Name()
			}
			if own := r.content.Holds(name.Local); own != nil && own.Namespace == name.Space { // not one that only a wildcard takes
				r.last[name.Local] = number
			}
			number++
			walk.Skip()
		}
	}
	return r.last[el.Name] >= r.number
}
