package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap/contract"
)

// ofType returns the type that xsi:type names, which is the declared one or one
// derived from it in the contract: to read the element as anything else would
// be to trust the sender about what the contract says. It is nil when the
// element cannot be read.
func (d *decoder) ofType(t *contract.Type, x *etree.Element, object map[string]any, path string) *contract.Type {
	for _, a := range x.Attr {
		if a.Key != "type" || a.NamespaceURI() != nsInstance {
			continue
		}
		name := resolved(x, a.Value)
		family := append([]*contract.Type{t}, t.Derived...)
		i := slices.IndexFunc(family, func(d *contract.Type) bool { return d.Name == name && name.Local != "" })
		if i < 0 {
			d.add(path, CodeType, "must not be of another type than the contract's")
			return nil
		}
		named := family[i]
		switch {
		case named.Unsupported != nil:
			d.add(path, CodeUnsupported, named.Unsupported.Error())
			return nil
		case named != t:
			object[typeKey] = typeName(t, named)
		}
		t = named
	}
	if t.Abstract {
		d.add(path, CodeType, "must say with xsi:type which type it is of: one of "+typeNames(t))
		return nil
	}
	return t
}

// resolved reads a qualified name in an attribute of x.
func resolved(x *etree.Element, qname string) contract.Name {
	prefix, local, qualified := strings.Cut(strings.TrimSpace(qname), ":")
	if !qualified {
		prefix, local = "", prefix
	}
	for at := x; at != nil; at = at.Parent() {
		for _, a := range at.Attr {
			if prefix == "" && a.Space == "" && a.Key == "xmlns" || prefix != "" && a.Space == "xmlns" && a.Key == prefix {
				return contract.Name{Space: a.Value, Local: local}
			}
		}
	}
	return contract.Name{Local: local}
}

// anything reads an element of xs:anyType: a string when there is nothing but
// text, else an object. The type that xsi:type may claim for it is not looked at.
func (d *decoder) anything(x *etree.Element, path string) any {
	object := map[string]any{}
	for _, a := range x.Attr {
		space := a.NamespaceURI()
		switch {
		case a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" || space == nsInstance:
			continue
		case a.Space == "xml":
			space = nsXMLPrefix
		case a.Space == "":
			space = ""
		}
		object[looseKey(space, a.Key)] = a.Value
	}
	children := x.ChildElements()
	text := ownText(x)
	if len(object) == 0 && len(children) == 0 {
		return text
	}
	if strings.TrimSpace(text) != "" {
		if len(children) > 0 {
			d.add(path, CodeType, "must hold either text or elements")
		}
		object[textKey] = text
	}
	if len(children) > 0 {
		object[anyKey] = markupOf(d.whole(children))
	}
	return object
}

// looseKey is the JSON key of an attribute that the contract does not name.
func looseKey(space, local string) string {
	if space == "" {
		return attributePrefix + local
	}
	return attributePrefix + "{" + space + "}" + local
}

// wildcard reads the elements that xs:any takes at this place.
func (r *reader) wildcard(p *contract.Particle) {
	first := r.next
	for r.next < len(r.children) && p.Allows(r.children[r.next].NamespaceURI()) &&
		(p.Max == contract.Unbounded || r.next-first < p.Max) {
		r.next++
	}
	n := r.next - first
	if n < p.Min {
		r.add(r.join(r.path, anyKey), CodeRequired, fmt.Sprintf("must have at least %d entries", p.Min))
	}
	if n > 0 {
		r.object[anyKey] = markupOf(r.whole(r.children[first:r.next]))
	}
}

// markupOf writes elements as XML that stands for itself.
func markupOf(elements []*etree.Element) []any {
	out := make([]any, 0, len(elements))
	for _, el := range elements {
		c := el.Copy()
		bringDeclarations(c, el.Parent())
		if a := c.SelectAttr("xmlns"); a != nil && a.Value == "" {
			c.RemoveAttr("xmlns") // alone it is in no namespace anyway
		}
		doc := etree.NewDocument()
		doc.WriteSettings = etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}
		doc.SetRoot(c)
		text, err := doc.WriteToString()
		if err != nil {
			continue // writing to memory does not fail
		}
		out = append(out, text)
	}
	return out
}

// bringDeclarations puts the declarations around an element onto its copy, as
// far as a name or a value in it may use them.
func bringDeclarations(c, around *etree.Element) {
	have := map[string]bool{}
	for _, a := range c.Attr {
		have[a.FullKey()] = true
	}
	for ; around != nil; around = around.Parent() {
		for _, a := range around.Attr {
			declares := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
			if !declares || have[a.FullKey()] {
				continue
			}
			have[a.FullKey()] = true
			prefix := a.Key
			if a.Space == "" {
				prefix = ""
			}
			if usesPrefix(c, prefix) {
				c.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
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

// repeated reads the occurrences of a group that may repeat, each into an
// object of its own.
func (r *reader) repeated(p *contract.Particle) {
	at := r.join(r.path, groupKey)
	items := []any{}
	outer, outerPath := r.object, r.path
	for {
		name, more := r.peek()
		if !more || !p.StartsWith(name) || p.Max != contract.Unbounded && len(items) >= p.Max {
			break
		}
		before := r.next
		one := map[string]any{}
		r.object, r.path, r.grouped = one, r.joinIndex(at, len(items)), true
		for _, member := range membersOf(p) {
			r.once(member)
		}
		items = append(items, one)
		if r.next == before {
			break
		}
	}
	r.object, r.path, r.grouped = outer, outerPath, false
	r.groupCount(p, len(items), at)
	r.object[groupKey] = items
}
