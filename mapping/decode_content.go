package mapping

import (
	"github.com/beevik/etree"

	"ristmik/soap/contract"
)

// reader walks the children of one element along the content model.
type reader struct {
	*decoder
	children []*etree.Element
	names    []contract.Name // of the children
	next     int
	object   map[string]any
	path     string
	depth    int
	grouped  bool            // inside a repeating group, where the next element may begin another occurrence
	refused  map[string]bool // names of the branches of choices that were not taken; nil for none
}

// namespaces finds the namespaces of the children of one element. Most have no
// prefix and declare nothing, and then all have the one that their parent would
// give them; looking that up means to walk to the root of the document.
type namespaces struct {
	parent  *etree.Element
	known   bool
	inherit string
}

func (n *namespaces) of(child *etree.Element) string {
	if child.Space != "" || len(child.Attr) > 0 {
		return child.NamespaceURI()
	}
	if !n.known {
		n.known, n.inherit = true, child.NamespaceURI()
	}
	return n.inherit
}

// content reads the child elements of a complex type into object.
func (d *decoder) content(t *contract.Type, x *etree.Element, object map[string]any, path string, depth int) {
	for _, token := range x.Child {
		if c, ok := token.(*etree.CharData); ok && !c.IsWhitespace() {
			d.add(path, CodeType, "must hold elements and no text")
			break
		}
	}
	r := reader{decoder: d, object: object, path: path, depth: depth}
	var strangers []*etree.Element
	own := namespaces{parent: x}
	for _, token := range x.Child {
		child, ok := token.(*etree.Element)
		if !ok {
			continue
		}
		name := contract.Name{Space: own.of(child), Local: child.Tag}
		// Strangers are set aside first, so that they do not put the rest out
		// of step and hide what else is wrong.
		if !t.Content.Takes(name) {
			if d.stranger(d.join(path, child.Tag), "the contract has no such element here") {
				strangers = append(strangers, child)
			}
			continue
		}
		if r.children == nil {
			r.children, r.names = make([]*etree.Element, 0, len(x.Child)), make([]contract.Name, 0, len(x.Child))
		}
		r.children, r.names = append(r.children, child), append(r.names, name)
	}
	if len(strangers) > 0 {
		object[unknownKey] = markupOf(d.whole(strangers))
	}
	if t.Content != nil {
		r.particle(t.Content)
	}
	if r.next == len(r.children) {
		return
	}
	reported := map[string]bool{}
	for _, child := range r.children[r.next:] {
		if reported[child.Tag] {
			continue
		}
		reported[child.Tag] = true
		if r.refused[child.Tag] {
			d.add(d.join(path, child.Tag), CodeChoice, "must not stand beside the elements of another branch of the choice")
		} else {
			d.add(d.join(path, child.Tag), CodeOrder, "must stand in the place that the contract gives it")
		}
	}
}

// peek returns the name of the next child.
func (r *reader) peek() (contract.Name, bool) {
	if r.next >= len(r.children) {
		return contract.Name{}, false
	}
	return r.names[r.next], true
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
		name, more := r.peek()
		if p.Min == 0 && !(more && p.StartsWith(name)) {
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
	name, more := r.peek()
	for _, branch := range p.Items {
		if !more || !branch.StartsWith(name) {
			continue
		}
		for _, other := range p.Items {
			if other != branch {
				r.refuse(other, branch)
			}
		}
		r.particle(branch)
		return
	}
	if !p.Emptiable() {
		r.add(r.path, CodeRequired, "must hold one of these: "+labels(p))
	}
}

// refuse remembers the names of a branch that was not taken.
func (r *reader) refuse(p, taken *contract.Particle) {
	switch p.Kind {
	case contract.ElementParticle:
		if taken.Holds(p.Element.Name) == nil {
			if r.refused == nil {
				r.refused = map[string]bool{}
			}
			r.refused[p.Element.Name] = true
		}
		return
	case contract.AnyParticle:
		return
	}
	for _, item := range p.Items {
		r.refuse(item, taken)
	}
}

// all reads the members of an xs:all group, which may come in any order.
func (r *reader) all(p *contract.Particle) {
	done := map[*contract.Particle]bool{}
	for {
		name, more := r.peek()
		var found *contract.Particle
		for _, item := range p.Items {
			if more && !done[item] && item.StartsWith(name) {
				found = item
				break
			}
		}
		if found == nil {
			break
		}
		done[found] = true
		r.particle(found)
	}
	if p.Min == 0 && len(done) == 0 {
		return
	}
	for _, item := range p.Items {
		if !done[item] {
			r.particle(item)
		}
	}
}

// occurrences reads the run of equal elements at this place.
func (r *reader) occurrences(el *contract.Element) {
	at := r.join(r.path, el.Name)
	first := r.next
	for r.next < len(r.children) {
		if name := r.names[r.next]; name.Local != el.Name || name.Space != el.Namespace || r.grouped && r.next-first == el.Max {
			break
		}
		r.next++
	}
	run := r.children[first:r.next]
	if len(run) == 0 && el.Min > 0 && r.comesLater(el) {
		return // reported as out of order, not as missing
	}
	if !r.countFits(el, len(run), at) {
		return
	}
	if !el.Many() {
		if len(run) == 1 {
			r.object[el.Name] = r.element(el, run[0], at, r.depth+1)
		}
		return
	}
	items := make([]any, 0, len(run))
	for i, child := range run {
		items = append(items, r.element(el, child, r.joinIndex(at, i), r.depth+1))
	}
	r.object[el.Name] = items
}

// comesLater says whether the element stands further on, where it must not.
func (r *reader) comesLater(el *contract.Element) bool {
	for _, child := range r.children[r.next:] {
		if child.Tag == el.Name {
			return true
		}
	}
	return false
}
