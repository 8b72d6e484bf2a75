package soap

import (
	"bytes"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// Markup returns the element that started as XML that stands for itself, and
// goes to its end: the declarations around it are put onto it as far as a name or
// a value in it may use them.
func (t *Tokens) Markup() string {
	doc := newDocument()
	outside := t.bindings[:t.open[len(t.open)-1].bindings]
	outside = slices.Clone(outside)
	t.into(&nursery{}, &doc.Element, -1)
	root := doc.Root()
	own := declared(root)
	for i, b := range outside {
		_, nearer := own[b.prefix]
		nearer = nearer || slices.ContainsFunc(outside[i+1:], func(n scoped) bool { return n.prefix == b.prefix })
		switch {
		case nearer || !usesPrefix(root, b.prefix):
		case b.prefix == "":
			root.CreateAttr("xmlns", b.uri)
		default:
			root.CreateAttr("xmlns:"+b.prefix, b.uri)
		}
	}
	if a := root.SelectAttr("xmlns"); a != nil && a.Value == "" {
		root.RemoveAttr("xmlns") // alone it is in no namespace anyway
	}
	var out strings.Builder
	writeElement(&out, root)
	return out.String()
}

// MarkupOf writes an element as XML that stands for itself: the declarations
// around it are put onto it. Characters that XML does not have become U+FFFD. The
// element is left as it was.
func MarkupOf(el *etree.Element) []byte {
	if el.Parent() != nil {
		scope := around(el)
		el = el.Copy()
		declareMissing(el, scope, nil)
	}
	var out bytes.Buffer
	writeElement(&out, el)
	return out.Bytes()
}

// usesPrefix says whether a name below el has the prefix, or a value looks as if
// it did ("xs:string").
func usesPrefix(el *etree.Element, prefix string) bool {
	if el.Space == prefix {
		return true
	}
	inValue := func(s string) bool { return prefix != "" && strings.Contains(s, prefix+":") }
	for _, a := range el.Attr {
		if prefix != "" && a.Space == prefix || inValue(a.Value) {
			return true
		}
	}
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.Element:
			if usesPrefix(t, prefix) {
				return true
			}
		case *etree.CharData:
			if inValue(t.Data) {
				return true
			}
		}
	}
	return false
}
