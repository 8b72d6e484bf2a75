package soap

import (
	"fmt"

	"github.com/beevik/etree"
)

// SyntaxError says why a document was refused. It never quotes the document,
// because documents hold personal data.
type SyntaxError struct {
	// Offset is where, in bytes of the document as UTF-8.
	Offset int
	// Reason is what, as words of ours.
	Reason string
}

// Error returns reason and place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("XML refused at byte %d: %s", e.Offset, e.Reason)
}

// ReadTree passes one XML 1.0 document through the gate and makes a tree of
// it. The error is a *SyntaxError.
//
// Refused are: documents over the limits, document type declarations of any
// kind (so there are no entities but the five of XML), anything that is not
// well-formed by XML 1.0 and Namespaces in XML, and every encoding but UTF-8
// (with or without a byte order mark), US-ASCII and ISO-8859-1. Nothing is
// built before the whole document has passed.
//
// The tree holds elements, attributes and text, nothing else. Comments and
// processing instructions are dropped and CDATA sections are text, so that a
// value has one reading everywhere, whatever was put inside it; nothing is
// ever fetched or included. The tree shares memory with a copy of the document.
func ReadTree(data []byte, lim Limits) (*etree.Document, error) {
	lim = lim.orDefaults()
	text, start, err := decode(data, lim)
	if err != nil {
		return nil, err
	}
	if err := scan(text, start, lim, nil); err != nil {
		return nil, err
	}
	doc := newDocument()
	t := walk(string(text), start)
	defer t.Close()
	t.Next()
	t.into(&nursery{}, &doc.Element, -1)
	return doc, nil
}

func newDocument() *etree.Document {
	doc := etree.NewDocument()
	doc.WriteSettings = writeSettings()
	return doc
}

// tree makes a tree of the message, but for the content of the wrapper.
func (o *Outline) tree() *etree.Document {
	doc := newDocument()
	text, cut := string(o.Text), -1
	if o.Wrapper != (Span{}) {
		cut = o.wrapperStart.End
		text = string(o.Text[:cut]) + string(o.Text[o.Wrapper.End:])
	}
	t := walk(text, o.start)
	defer t.Close()
	t.Next()
	t.into(&nursery{}, &doc.Element, cut)
	return doc
}

// fill gives the wrapper of a tree its content.
func (o *Outline) fill(wrapper *etree.Element) {
	t := o.WrapperTokens()
	defer t.Close()
	t.Own()
	t.Next()
	t.content(&nursery{}, wrapper, -1)
}

// into makes a tree of the element that started and hangs it below parent. The
// element whose start tag ends at the offset cut has no content and no end tag.
func (t *Tokens) into(n *nursery, parent *etree.Element, cut int) {
	t.content(n, t.element(n, parent), cut)
}

// content hangs what stands in the element that started below el.
func (t *Tokens) content(n *nursery, el *etree.Element, cut int) {
	depth := len(t.open)
	for len(t.open) > depth || !t.ended {
		if t.pos == cut && !t.empty {
			t.ended = true
			el, cut = el.Parent(), -1
			continue
		}
		switch t.Next() {
		case TokenStart:
			el = t.element(n, el)
		case TokenEnd:
			el = el.Parent()
		case TokenText:
			text := n.text()
			// SetData, other than the constructor, marks white space as such.
			text.SetData(t.Text())
			el.AddChild(text)
		}
	}
}

// element makes the element that started. CreateAttr looks for an attribute of
// the same name each time, which adds up; the first one that it made is copied
// instead, because it knows its element, as all of them must.
func (t *Tokens) element(n *nursery, parent *etree.Element) *etree.Element {
	el, e := n.element(), &t.open[len(t.open)-1]
	el.Space, el.Tag = e.prefix(), e.local()
	parent.AddChild(el)
	if len(t.attrs) == 0 {
		return el
	}
	el.Attr = make([]etree.Attr, 0, len(t.attrs))
	made := *el.CreateAttr("a", "")
	el.Attr = el.Attr[:len(t.attrs)]
	for i, a := range t.attrs {
		made.Space, made.Key, made.Value = a.Prefix, a.Local, a.Value
		el.Attr[i] = made
	}
	return el
}

// nursery makes the parts of one tree many at a time: a message of 2 KB has a
// hundred, and each by itself costs more than reading it.
type nursery struct {
	elements []etree.Element
	texts    []etree.CharData
	places   []etree.Token
}

// litter is how many parts are made at once.
const litter = 16

func (n *nursery) element() *etree.Element {
	if len(n.elements) == 0 {
		n.elements = make([]etree.Element, litter)
	}
	el := &n.elements[0]
	n.elements = n.elements[1:]
	if len(n.places) == 0 {
		n.places = make([]etree.Token, litter)
	}
	// Most elements have one child, their text.
	el.Child, n.places = n.places[:0:1], n.places[1:]
	return el
}

func (n *nursery) text() *etree.CharData {
	if len(n.texts) == 0 {
		n.texts = make([]etree.CharData, litter)
	}
	c := &n.texts[0]
	n.texts = n.texts[1:]
	return c
}

// writeSettings are the only ones that do not change data: by default etree
// writes line ends in attributes and carriage returns in text as they are, and
// the next reader turns them into spaces and line feeds.
func writeSettings() etree.WriteSettings {
	return etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}
}
