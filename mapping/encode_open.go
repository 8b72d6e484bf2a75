package mapping

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// What a schema leaves open: wildcards, xs:anyType, derived types, and groups
// that repeat.

// ofType applies the type that the object names for the element, which is
// written as xsi:type, and returns the element with it; nil when it cannot be
// used.
func (e *encoder) ofType(x *etree.Element, el *contract.Element, object map[string]any, path string) *contract.Element {
	named, given := object[typeKey]
	if !given {
		if el.Type.Abstract {
			e.add(join(path, typeKey), CodeRequired, "is required: one of "+typeNames(el.Type))
			return nil
		}
		return el
	}
	name, _ := named.(string)
	t, ok := el.Type.Named(name)
	if !ok || t.Abstract {
		e.add(join(path, typeKey), CodeEnum, "must name one of "+typeNames(el.Type))
		return nil
	}
	if t.Unsupported != nil {
		e.add(path, CodeUnsupported, t.Unsupported.Error())
		return nil
	}
	x.CreateAttr(e.qualified(nsInstance, "type"), e.qualified(t.Name.Space, t.Name.Local))
	narrowed := *el
	narrowed.Type = t
	return &narrowed
}

// typeNames lists the types that an element may be of.
func typeNames(t *contract.Type) string {
	var names []string
	for _, d := range append([]*contract.Type{t}, t.Derived...) {
		if !d.Abstract {
			names = append(names, typeName(t, d))
		}
	}
	return strings.Join(names, ", ")
}

// typeName is how JSON names a type derived from base: by its local name where
// that says enough.
func typeName(base, d *contract.Type) string {
	if _, ok := base.Named(d.Name.Local); ok {
		return d.Name.Local
	}
	return d.Name.String()
}

// anything writes a value of xs:anyType: plain text, or an object with
// attributes, text and elements as XML.
func (e *encoder) anything(x *etree.Element, value any, path string) {
	object, isObject := value.(map[string]any)
	if !isObject {
		e.looseText(x, value, path)
		return
	}
	known := map[string]bool{textKey: true, anyKey: true}
	e.looseAttributes(x, object, known, path)
	if text, given := object[textKey]; given {
		e.looseText(x, text, join(path, textKey))
	}
	e.foreign(x, object, path, func(string) bool { return true })
	e.strangers(object, path, func(key string) bool { return known[key] })
}

func (e *encoder) looseText(x *etree.Element, value any, path string) {
	text := ""
	switch v := value.(type) {
	case string:
		text = v
	case bool, json.Number, int, int64:
		text = fmt.Sprint(v)
	default:
		e.add(path, CodeType, "must be a string")
		return
	}
	if !contract.IsText(text) {
		e.add(path, CodeCharacter, "holds a character that XML cannot carry")
		return
	}
	if text != "" {
		x.SetText(text)
	}
}

// looseAttributes writes attributes that the contract does not name: "@name",
// or "@{namespace}name" for one with a namespace.
func (e *encoder) looseAttributes(x *etree.Element, object map[string]any, known map[string]bool, path string) {
	var keys []string
	for key := range object {
		if strings.HasPrefix(key, attributePrefix) && key != typeKey && !known[key] {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		known[key] = true
		at := join(path, key)
		space, local := "", key[len(attributePrefix):]
		if ns, rest, ok := strings.Cut(local, "}"); ok && strings.HasPrefix(ns, "{") {
			space, local = ns[1:], rest
		}
		text, isText := object[key].(string)
		switch {
		case !contract.IsName(local) || space == "http://www.w3.org/2000/xmlns/" || !contract.IsText(space):
			e.add(at, CodeUnknown, "is no name of an attribute")
		case !isText:
			e.add(at, CodeType, "must be a string")
		case !contract.IsText(text):
			e.add(at, CodeCharacter, "holds a character that XML cannot carry")
		default:
			x.CreateAttr(e.qualified(space, local), text)
		}
	}
}

// wildcard writes the elements that xs:any takes.
func (e *encoder) wildcard(x *etree.Element, p *contract.Particle, object map[string]any, path string) {
	n := e.foreign(x, object, path, p.Allows)
	at := join(path, anyKey)
	switch {
	case n < p.Min:
		e.add(at, CodeRequired, fmt.Sprintf("must have at least %d entries", p.Min))
	case p.Max != contract.Unbounded && n > p.Max:
		e.add(at, CodeTooMany, fmt.Sprintf("must have at most %d entries", p.Max))
	}
}

// foreign writes the elements under "#any", each given as XML, and returns how
// many there are.
func (e *encoder) foreign(x *etree.Element, object map[string]any, path string, allows func(string) bool) int {
	at := join(path, anyKey)
	items, ok := toSlice(object[anyKey])
	if !ok {
		if object[anyKey] != nil {
			e.add(at, CodeType, "must be an array")
		}
		return 0
	}
	for i, item := range items {
		text, isText := item.(string)
		if !isText {
			e.add(joinIndex(at, i), CodeType, "must be an XML element as a string")
			continue
		}
		doc, err := soap.ReadTree([]byte(text), soap.DefaultLimits())
		if err != nil {
			e.add(joinIndex(at, i), CodeFormat, "must be one well-formed XML element")
			continue
		}
		root := doc.Root()
		if !allows(root.NamespaceURI()) {
			e.add(joinIndex(at, i), CodeUnknown, "must be an element of a namespace that the contract allows here")
			continue
		}
		if root.Space == "" && root.SelectAttr("xmlns") == nil {
			// What stands around it must not lend it a namespace.
			root.CreateAttr("xmlns", "")
		}
		x.AddChild(root)
	}
	return len(items)
}

// repeated writes the occurrences of a group that may repeat.
func (e *encoder) repeated(x *etree.Element, p *contract.Particle, object map[string]any, path string, depth int) {
	at := join(path, groupKey)
	var items []any
	if value, given := object[groupKey]; given {
		var ok bool
		if items, ok = toSlice(value); !ok {
			e.add(at, CodeType, "must be an array")
			return
		}
	}
	if depth > maxDepth || !e.groupCount(p, len(items), at) {
		return
	}
	for i, item := range items {
		one, ok := item.(map[string]any)
		if !ok {
			e.add(joinIndex(at, i), CodeType, "must be an object")
			continue
		}
		for _, member := range membersOf(p) {
			e.once(x, member, one, joinIndex(at, i), depth)
		}
		e.strangers(one, joinIndex(at, i), func(key string) bool {
			return p.Holds(key) != nil || key == anyKey && p.Wildcard() != nil
		})
	}
}

// membersOf are the particles of one occurrence of a repeating group: itself
// when it is a choice, else its members in turn.
func membersOf(p *contract.Particle) []*contract.Particle {
	if p.Kind == contract.ChoiceParticle {
		return []*contract.Particle{p}
	}
	return p.Items
}

// groupCount reports too few or too many occurrences; false for too many.
func (r *report) groupCount(p *contract.Particle, n int, path string) bool {
	switch {
	case n < p.Min && !p.Emptiable():
		r.add(path, CodeTooFew, fmt.Sprintf("must have at least %d entries", p.Min))
	case p.Max != contract.Unbounded && n > p.Max:
		r.add(path, CodeTooMany, fmt.Sprintf("must have at most %d entries", p.Max))
		return false
	}
	return true
}
