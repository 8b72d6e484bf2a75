package mapping

import (
	"fmt"
	"slices"
	"strings"

	"ristmik/soap/contract"
)

// maxDepth bounds how deep values may nest, in either direction. A message
// deeper than this is refused at the door anyway.
const maxDepth = 64

const (
	nsInstance  = "http://www.w3.org/2001/XMLSchema-instance"
	nsXMLPrefix = "http://www.w3.org/XML/1998/namespace"
)

// The JSON keys of what is not a child element with a name of its own.
const (
	textKey         = "#text"
	attributePrefix = "@"
	anyKey          = "#any"      // elements that a wildcard takes, each as XML
	groupKey        = "#group"    // occurrences of a repeating group, each an object
	mixedKey        = "#mixed"    // texts and elements of mixed content in their order
	unknownKey      = "#unknown"  // elements of an answer that the contract does not have
	typeKey         = "@xsi:type" // the derived type that an element is of
	nilKey          = "@xsi:nil"  // true: the element is null, and has attributes
)

// encoder writes one element and all below it as XML.
type encoder struct {
	report
	buf    []byte
	spaces []string // the namespaces that have a prefix, in the order of their use
	named  int      // where the name in the root's start tag ends
	open   bool     // the last start tag is not closed yet
}

// root writes the wrapper.
func (e *encoder) root(el *contract.Element, value source) error {
	if el.Type.IsSimple() {
		// A wrapper of a simple type has no keys: its text is the only one.
		text, present := value.field(textKey)
		if !present {
			e.addIn(textKey, CodeRequired, "is required")
			return e.err()
		}
		e.strangers(value, 1, func(key string) bool { return key == textKey })
		value = text
	}
	e.element(el, value, 0)
	return e.err()
}

// element writes one occurrence.
func (e *encoder) element(el *contract.Element, value source, depth int) {
	e.openContent()
	e.buf = append(e.buf, '<')
	e.name(el.Namespace, el.Name)
	e.open = true
	if depth == 0 {
		e.named = len(e.buf)
	}
	e.inside(el, value, depth)
	if e.open {
		e.buf, e.open = append(e.buf, "/>"...), false
		return
	}
	e.buf = append(e.buf, "</"...)
	e.name(el.Namespace, el.Name)
	e.buf = append(e.buf, '>')
}

// openContent closes the start tag of the element around what comes next.
func (e *encoder) openContent() {
	if e.open {
		e.buf, e.open = append(e.buf, '>'), false
	}
}

// inside writes attributes and content of an element.
func (e *encoder) inside(el *contract.Element, value source, depth int) {
	t := el.Type
	k := value.kind()
	switch {
	case depth > maxDepth:
		e.add(CodeDepth, fmt.Sprintf("must not be nested deeper than %d", maxDepth))
	case t.Unsupported != nil:
		e.add(CodeUnsupported, t.Unsupported.Error())
	case k == kindNull:
		if !el.Nillable {
			e.add(CodeType, "must not be null; leave an optional field out")
		}
		for _, a := range t.Attributes {
			if a.Required {
				e.addIn(attributePrefix+a.Name, CodeRequired, "is required; an object with "+nilKey+" true has attributes and is null")
			}
		}
		e.attribute(nsInstance, "nil", "true")
	case t.Any:
		e.anything(value)
	case t.IsSimple():
		e.simple(t.Simple, el.Fixed, value)
	case k != kindObject:
		e.add(CodeType, "must be an object")
	default:
		seen := 0
		if t, seen = e.ofType(t, value); t == nil {
			return
		}
		if said, given := value.field(nilKey); given {
			e.nilled(el, t, value, said, seen+1)
			return
		}
		e.object(t, el.Fixed, value, seen, depth)
	}
}

func (e *encoder) simple(t *contract.Simple, fixed *string, value source) {
	if text, ok := e.value(t, fixed, value); ok && text != "" {
		e.openContent()
		e.buf = appendEscaped(e.buf, text, false)
	}
}

// value converts and checks one simple value.
func (e *encoder) value(t *contract.Simple, fixed *string, value source) (string, bool) {
	text, problem := toText(t, value)
	if problem != "" {
		e.add(CodeType, problem)
		return "", false
	}
	text = t.Normalize(text)
	if f := t.Check(text); f != nil {
		e.add(f.Code, f.Message)
		return "", false
	}
	if fixed != nil && text != t.Normalize(*fixed) {
		e.add(CodeEnum, "must be the value that the schema fixes")
		return "", false
	}
	return text, true
}

// nilled writes an element that is null and has attributes.
func (e *encoder) nilled(el *contract.Element, t *contract.Type, object, said source, seen int) {
	e.enter(nilKey)
	if said.kind() != kindBool || !said.bool() {
		e.add(CodeType, "must be true, or left out")
	}
	e.leave()
	if !el.Nillable {
		e.add(CodeType, "must not be null; leave an optional field out")
	}
	e.attribute(nsInstance, "nil", "true")
	seen += e.attributes(t, object)
	e.strangers(object, seen, func(key string) bool {
		return key == typeKey || key == nilKey || strings.HasPrefix(key, attributePrefix) && hasPlace(t, key)
	})
}

// attributes writes the attributes of an object and returns how many of its keys
// were looked at.
func (e *encoder) attributes(t *contract.Type, object source) (seen int) {
	for _, a := range t.Attributes {
		key := attributePrefix + a.Name
		value, present := object.field(key)
		if !present {
			if a.Required {
				e.addIn(key, CodeRequired, "is required")
			}
			continue
		}
		seen++
		e.enter(key)
		if text, ok := e.value(a.Type, a.Fixed, value); ok {
			e.attribute(a.Namespace, a.Name, text)
		}
		e.leave()
	}
	if t.AnyAttribute {
		seen += e.looseAttributes(object, func(key string) bool { return !declares(t, key) }, t.TakesAttribute)
	}
	return seen
}

// object writes an object, of whose keys that many have been looked at.
func (e *encoder) object(t *contract.Type, fixed *string, object source, seen, depth int) {
	seen += e.attributes(t, object)
	if t.Simple != nil {
		if value, present := object.field(textKey); present {
			seen++
			e.enter(textKey)
			e.simple(t.Simple, fixed, value)
			e.leave()
		} else {
			e.addIn(textKey, CodeRequired, "is required")
		}
	}
	switch {
	case t.Mixed:
		seen += e.mixed(t, object, depth)
	case t.Content != nil:
		seen += e.particle(t.Content, object, depth)
	}
	e.strangers(object, seen, func(key string) bool { return key == typeKey || hasPlace(t, key) })
}

// declares says whether the type has the attribute of that JSON key.
func declares(t *contract.Type, key string) bool {
	return slices.ContainsFunc(t.Attributes, func(a *contract.Attribute) bool {
		return strings.HasPrefix(key, attributePrefix) && key[len(attributePrefix):] == a.Name
	})
}

// hasPlace says whether an object of the type may have the key.
func hasPlace(t *contract.Type, key string) bool {
	if t.Mixed {
		return key == mixedKey || declares(t, key) || t.AnyAttribute && strings.HasPrefix(key, attributePrefix)
	}
	switch key {
	case textKey:
		return t.Simple != nil
	case anyKey:
		return t.Content.Wildcard() != nil
	case groupKey:
		return t.Content.Group() != nil
	}
	return t.Content.Field(key) != nil || declares(t, key) || t.AnyAttribute && strings.HasPrefix(key, attributePrefix)
}

// strangers reports the keys that the contract has no place for, and those that
// stand twice. There is none of either where as many keys were seen as there are.
func (e *encoder) strangers(object source, seen int, known func(key string) bool) {
	if object.size() == seen {
		return
	}
	keys := object.keys()
	for i, key := range keys {
		switch {
		case i > 0 && key == keys[i-1]:
			e.addIn(key, CodeTooMany, "must stand only once")
		case !known(key):
			e.addIn(key, CodeUnknown, "the contract has no such field")
		}
	}
}
