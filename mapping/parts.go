package mapping

import (
	"math"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// smallPart is the size in bytes up to which an element becomes a tree at once.
const smallPart = 32 << 10

// parts are elements whose content still lies in the bytes of the message. The
// zero value has none.
type parts struct {
	outline *soap.Outline
	small   int
	lie     map[*etree.Element]soap.Span
}

// partsOf returns the wrapper of a message that has no content, or nothing.
func partsOf(m *soap.Message) parts {
	if m.Body == nil || len(m.Body.Child) > 0 || m.Outline == nil || m.Outline.Wrapper == (soap.Span{}) {
		return parts{}
	}
	return parts{m.Outline, smallPart, map[*etree.Element]soap.Span{m.Body: m.Outline.Wrapper}}
}

// expand gives the element its content, if that is not there yet.
func (p parts) expand(x *etree.Element) bool {
	s, ok := p.lie[x]
	if !ok {
		return false
	}
	for child, where := range p.outline.Expand(x, s, p.small) {
		p.lie[child] = where
	}
	return true
}

// collapse takes the content away again, which has been read.
func (p parts) collapse(x *etree.Element) {
	for _, t := range x.Child {
		if child, ok := t.(*etree.Element); ok {
			delete(p.lie, child)
		}
	}
	x.Child = nil
}

// whole gives elements all of their content, for what is kept as XML.
func (p parts) whole(elements []*etree.Element) []*etree.Element {
	for _, x := range elements {
		if s, ok := p.lie[x]; ok {
			p.outline.Expand(x, s, math.MaxInt)
			delete(p.lie, x)
		}
	}
	return elements
}
