package soap

import "github.com/beevik/etree"

// Expand gives an element whose content was left out its content back; s is
// where the element lies in Text, tags included. Content of small bytes or less
// comes whole. Of larger content only one level comes: the children have their
// names and attributes, and where each lies is returned, so that a long list is
// read entry by entry and is never a tree as a whole.
func (o *Outline) Expand(el *etree.Element, s Span, small int) map[*etree.Element]Span {
	t := &Tokens{src: o.Text[:s.End], pos: s.Start}
	if t.Next() != TokenStart {
		return nil
	}
	whole := s.End-s.Start <= small
	var rest map[*etree.Element]Span
	if !whole {
		rest = map[*etree.Element]Span{}
	}
	var n nursery
	for {
		switch t.Next() {
		case TokenText:
			// SetData, other than the constructor, marks white space as such.
			el.CreateText("").SetData(string(t.Text()))
		case TokenStart:
			if whole {
				t.into(&n, el, nil)
				continue
			}
			start := t.tag
			child := t.element(&n, el)
			t.Skip()
			rest[child] = Span{start, t.pos}
		default:
			return rest
		}
	}
}

// Grow gives the wrapper of a message its content, if it was read without it
// (Limits.Tree). It is not safe for concurrent use.
func (m *Message) Grow() {
	if m.Body != nil && len(m.Body.Child) == 0 && m.Outline != nil && m.Outline.Wrapper != (Span{}) {
		m.Outline.Expand(m.Body, m.Outline.Wrapper, len(m.Outline.Text))
	}
}
