package mapping

import (
	"fmt"
	"strconv"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// Extent is how much a sample holds.
type Extent int

const (
	// Smallest holds only what must be there.
	Smallest Extent = iota
	// Fullest holds everything that may be there, once or, where there may be
	// more, twice; of a choice the first branch.
	Fullest
)

// Budgets of a sample: schemas can be recursive and their fullest document
// endless. What is optional is left out where they end.
const (
	sampleDepth = 12
	sampleNodes = 4000
	// sampleMost is where a sample ends that must be larger still: a schema can
	// demand a million million occurrences.
	sampleMost = 50_000
)

// Sample returns a JSON value that is valid for the element of a contract, the
// same one each time. Values are examples of their types and mean nothing. The
// error names the first place for which no value could be found, as where an
// element must hold itself for ever.
func Sample(el *contract.Element, extent Extent) (map[string]any, error) {
	s := sampler{extent: extent}
	value := s.element(el, "", 0)
	if s.err != nil {
		return nil, s.err
	}
	if object, ok := value.(map[string]any); ok {
		return object, nil
	}
	return map[string]any{textKey: value}, nil
}

type sampler struct {
	extent Extent
	nodes  int
	ids    int // values of xs:ID, of which a document has each once
	depths map[reach]int
	err    error
}

// reach is a question that has been answered: how deep the smallest instance of a
// particle is, if it may be that deep.
type reach struct {
	p     *contract.Particle
	limit int
}

func (s *sampler) fail(path, reason string) {
	if s.err == nil {
		s.err = fmt.Errorf("no sample for %s: %s", path, reason)
	}
}

// full says whether what is optional is to be written at this depth.
func (s *sampler) full(depth int) bool {
	return s.extent == Fullest && depth < sampleDepth && s.nodes < sampleNodes
}

// spend counts one more node and says whether there may be one.
func (s *sampler) spend(path string) bool {
	if s.nodes++; s.nodes > sampleMost {
		s.fail(path, "it must hold more than a sample can")
	}
	return s.err == nil
}

func (s *sampler) element(el *contract.Element, path string, depth int) any {
	t := el.Type
	switch {
	case !s.spend(path):
		return nil
	case t.Unsupported != nil:
		s.fail(path, t.Unsupported.Error())
		return nil
	case depth > maxDepth:
		s.fail(path, "it must hold itself without end")
		return nil
	case t.Any && el.Fixed != nil:
		return *el.Fixed
	case t.Any:
		return "text"
	case t.IsSimple():
		return s.value(t.Simple, el.Fixed, path)
	}
	object := map[string]any{}
	if t.Abstract {
		named := usable(t)
		if named == nil {
			s.fail(path, "no type can stand for the abstract one")
			return nil
		}
		object[typeKey] = typeName(t, named)
		t = named
	}
	for _, a := range t.Attributes {
		if a.Required || s.full(depth) {
			object[attributePrefix+a.Name] = s.value(a.Type, a.Fixed, join(path, attributePrefix+a.Name))
		}
	}
	if t.Simple != nil {
		object[textKey] = s.value(t.Simple, el.Fixed, join(path, textKey))
	}
	switch {
	case t.Mixed:
		object[mixedKey] = s.mixed(t, path, depth)
	case t.Content != nil:
		s.particle(t.Content, object, path, depth)
	}
	return object
}

// usable returns the first type that can stand for an abstract one.
func usable(t *contract.Type) *contract.Type {
	for _, d := range t.Derived {
		if !d.Abstract && d.Unsupported == nil {
			return d
		}
	}
	return nil
}

func (s *sampler) value(t *contract.Simple, fixed *string, path string) any {
	if fixed != nil {
		return fromText(t, t.Normalize(*fixed))
	}
	text, ok := t.Example()
	if t.Base == "ID" {
		s.ids++
		if numbered := text + strconv.Itoa(s.ids); t.Check(numbered) == nil {
			text = numbered
		}
	}
	if !ok {
		s.fail(path, "no value fits all rules of its type")
		return nil
	}
	return fromText(t, text)
}

func (s *sampler) particle(p *contract.Particle, object map[string]any, path string, depth int) {
	if p.Repeats() {
		items := []any{}
		for i := range s.times(p.Min, p.Max, depth) {
			if !s.spend(path) {
				break
			}
			one := map[string]any{}
			for _, member := range membersOf(p) {
				s.once(member, one, joinIndex(join(path, groupKey), i), depth+1)
			}
			if !writesNothing(one) {
				items = append(items, one)
			}
		}
		object[groupKey] = items
		return
	}
	if p.Min == 0 && p.Kind != contract.ElementParticle && p.Kind != contract.AnyParticle && !s.full(depth) {
		return
	}
	s.once(p, object, path, depth)
}

// writesNothing says whether an occurrence is empty: then nobody could tell that
// there was one.
func writesNothing(object map[string]any) bool {
	for _, value := range object {
		if items, is := value.([]any); !is || len(items) > 0 {
			return false
		}
	}
	return true
}

func (s *sampler) once(p *contract.Particle, object map[string]any, path string, depth int) {
	switch p.Kind {
	case contract.ElementParticle:
		s.occurrences(p.Element, object, join(path, p.Element.Name), depth)
	case contract.AnyParticle:
		if p.Min > 0 {
			items := []any{}
			for range p.Min {
				if !s.spend(path) {
					break
				}
				items = append(items, s.foreign(p, join(path, anyKey)))
			}
			object[anyKey] = items
		}
	case contract.ChoiceParticle:
		if p.Emptiable() && !s.full(depth) {
			return
		}
		branch := p.Items[0]
		if !s.full(depth) {
			branch = s.lowest(p.Items)
		}
		s.particle(branch, object, path, depth)
	default:
		for _, item := range p.Items {
			s.particle(item, object, path, depth)
		}
	}
}

// foreign is an element that the wildcard takes.
func (s *sampler) foreign(p *contract.Particle, path string) string {
	if el := p.Element; el != nil && el.Type.IsSimple() {
		if text, ok := el.Type.Simple.Example(); ok {
			x := etree.NewElement("example:" + el.Name)
			if el.Namespace == "" {
				x = etree.NewElement(el.Name)
			} else {
				x.CreateAttr("xmlns:example", el.Namespace)
			}
			x.SetText(text)
			return string(soap.MarkupOf(x))
		}
		s.fail(path, "no value fits the element that could stand here")
	}
	for _, ns := range []string{"", "urn:example"} {
		if p.Allows(ns) {
			if ns == "" {
				return `<example>text</example>`
			}
			return `<example xmlns="` + ns + `">text</example>`
		}
	}
	return `<example/>`
}

// lowest returns the particle that needs the fewest levels of elements, so that
// a recursive schema ends.
func (s *sampler) lowest(items []*contract.Particle) *contract.Particle {
	best, least := items[0], endless
	for _, item := range items {
		if n := s.levels(item, maxDepth); n < least {
			best, least = item, n
		}
	}
	return best
}

// endless is the depth of what is deeper than any message.
const endless = maxDepth + 1

// levels is how deep the smallest instance of a particle is, endless where that is
// more than the limit.
func (s *sampler) levels(p *contract.Particle, limit int) int {
	switch {
	case p == nil || p.Emptiable():
		return 0
	case limit <= 0:
		return endless
	case p.Kind == contract.AnyParticle:
		return 1
	}
	if n, known := s.depths[reach{p, limit}]; known {
		return n
	}
	n := s.levelsOf(p, limit)
	if s.depths == nil {
		s.depths = map[reach]int{}
	}
	s.depths[reach{p, limit}] = n
	return n
}

func (s *sampler) levelsOf(p *contract.Particle, limit int) int {
	if p.Kind == contract.ElementParticle {
		t := p.Element.Type
		if t.Abstract || t.Unsupported != nil {
			return endless
		}
		return min(endless, 1+s.levels(t.Content, limit-1))
	}
	n := 0
	if p.Kind == contract.ChoiceParticle {
		n = endless
	}
	for _, item := range p.Items {
		if p.Kind == contract.ChoiceParticle {
			n = min(n, s.levels(item, limit))
		} else {
			n = max(n, s.levels(item, limit))
		}
	}
	return n
}

func (s *sampler) occurrences(el *contract.Element, object map[string]any, path string, depth int) {
	n := s.times(el.Min, el.Max, depth)
	if el.Type.Unsupported != nil {
		n = el.Min
	}
	if !el.Many() {
		if n > 0 {
			object[el.Name] = s.element(el, path, depth+1)
		}
		return
	}
	items := []any{}
	for i := range n {
		if s.err != nil {
			break
		}
		items = append(items, s.element(el, joinIndex(path, i), depth+1))
	}
	object[el.Name] = items
}

// times is how often something occurs in the sample.
func (s *sampler) times(least, most, depth int) int {
	if !s.full(depth) || least >= 2 {
		return least
	}
	if most == contract.Unbounded || most > 2 {
		return 2
	}
	return most
}
