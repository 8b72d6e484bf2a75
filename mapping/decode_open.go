package mapping

import (
	"fmt"
	"slices"
	"strings"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// ofType returns the type that xsi:type names, which is the declared one or one
// derived from it in the contract: to read the element as anything else would
// be to trust the sender about what the contract says. It is nil when the
// element cannot be read.
func (d *decoder) ofType(t *contract.Type) *contract.Type {
	if value, given := d.instance("type"); given {
		named := d.named(t, value)
		switch {
		case named == nil:
			d.add(CodeType, "must not be of another type than the contract's")
			return nil
		case named.Unsupported != nil:
			d.add(CodeUnsupported, named.Unsupported.Error())
			return nil
		case named != t:
			d.out.key(typeKey)
			d.out.text(typeName(t, named))
		}
		t = named
	}
	if t.Abstract {
		d.add(CodeType, "must say with xsi:type which type it is of: one of "+typeNames(t))
		return nil
	}
	return t
}

// named returns the type of that qualified name among t and those derived from it.
func (d *decoder) named(t *contract.Type, qname string) *contract.Type {
	prefix, local, qualified := strings.Cut(strings.TrimSpace(qname), ":")
	if !qualified {
		prefix, local = "", prefix
	}
	name := contract.Name{Space: d.walk.Namespace(prefix), Local: local}
	if local == "" {
		return nil
	}
	if t.Name == name {
		return t
	}
	if i := slices.IndexFunc(t.Derived, func(d *contract.Type) bool { return d.Name == name }); i >= 0 {
		return t.Derived[i]
	}
	return nil
}

// anything reads an element of xs:anyType: a string when there is nothing but
// text, else an object. Text among elements stands between them, each run of it as
// XML writes text, which never begins with "<". The type that xsi:type may claim for
// the element is not looked at.
func (d *decoder) anything(depth int) {
	var attrs []soap.Attr
	for _, a := range d.walk.Attrs() {
		if a.Space != soap.NSXMLNS && a.Prefix != "xmlns" && a.Space != nsInstance {
			attrs = append(attrs, a)
		}
	}
	text := ""
	var children []string // texts too
	elements, texts := 0, false
	for token := d.walk.Next(); token != soap.TokenEnd; token = d.walk.Next() {
		if token == soap.TokenStart {
			children = append(children, d.walk.Markup())
			elements++
			continue
		}
		run := d.walk.Text()
		text += run
		texts = texts || !isBlank(run)
		children = append(children, string(appendEscaped(nil, run, false)))
	}
	switch {
	case elements == 0:
		children = nil
	case !texts: // what stands between elements is how they are set out
		children = slices.DeleteFunc(children, func(s string) bool { return !strings.HasPrefix(s, "<") })
		text = ""
	default:
		text = ""
	}
	if len(attrs) == 0 && len(children) == 0 {
		if depth > 0 {
			d.out.text(text)
			return
		}
		// The wrapper of a message is always an object.
		d.out.beginObject()
		d.out.key(textKey)
		d.out.text(text)
		d.out.endObject()
		return
	}
	d.out.beginObject()
	for _, a := range attrs {
		d.out.key(looseKey(a.Space, a.Local))
		d.out.text(a.Value)
	}
	if strings.TrimSpace(text) != "" {
		d.out.key(textKey)
		d.out.text(text)
	}
	if len(children) > 0 {
		d.out.key(anyKey)
		d.out.beginArray()
		for _, markup := range children {
			d.out.text(markup)
		}
		d.out.endArray()
	}
	d.out.endObject()
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
	n := 0
	for r.peek() && (p.Max == contract.Unbounded || n < p.Max) {
		if !p.Allows(r.name.Space) {
			if r.place() {
				break
			}
			continue // a stranger has gone
		}
		if n++; n == 1 {
			r.out.key(anyKey)
			r.out.beginArray()
		}
		r.out.text(r.walk.Markup())
		r.started = false
	}
	if n > 0 {
		r.out.endArray()
	}
	if n < p.Min {
		r.addIn(anyKey, CodeRequired, fmt.Sprintf("must have at least %d entries", p.Min))
	}
}

// repeated reads the occurrences of a group that may repeat, each into an
// object of its own.
func (r *reader) repeated(p *contract.Particle) {
	r.out.key(groupKey)
	r.out.beginArray()
	n := 0
	for r.begins(p) && (p.Max == contract.Unbounded || n < p.Max) {
		before := r.number
		r.out.beginObject()
		r.enter(groupKey)
		r.enterItem(n)
		r.grouped = true
		for _, member := range membersOf(p) {
			r.once(member)
		}
		r.grouped = false
		r.leave()
		r.leave()
		r.out.endObject()
		n++
		if r.started && r.number == before {
			break // nothing was taken
		}
	}
	r.out.endArray()
	r.enter(groupKey)
	r.groupCount(p, n)
	r.leave()
}
