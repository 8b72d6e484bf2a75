package mapping

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// Decode reads the XML element x as the element el of a contract and returns its
// JSON form. Numbers are json.Number, arrays are []any, and an array that may be
// there is there, also when it is empty.
//
// Decoding is strict: an element or attribute that the schema does not have, a
// wrong order, a wrong namespace and a value outside its type are violations.
// The error is then a [Violations] with every violation at once.
func Decode(el *contract.Element, x *etree.Element) (map[string]any, error) {
	value, _, err := decode(el, x, false)
	return value, err
}

// DecodeTolerant reads as Decode does, but takes elements and attributes that
// the contract does not have: registers add fields to their answers before their
// descriptions. Such elements are kept as XML under the key "#unknown" of the
// object that they stand in, attributes under their own key, and each is named
// in strangers. Everything else is as strict as ever.
func DecodeTolerant(el *contract.Element, x *etree.Element) (value map[string]any, strangers Violations, err error) {
	return decode(el, x, true)
}

// DecodeMessage reads the wrapper of a message as Decode does. A message that was read with Limits.Tree, so
// that its wrapper came without content, is read from its bytes part by part:
// it is never a tree as a whole.
func DecodeMessage(el *contract.Element, m *soap.Message) (map[string]any, error) {
	value, _, err := decodeFrom(el, m.Body, partsOf(m), false)
	return value, err
}

// DecodeMessageTolerant is DecodeMessage with the tolerance of DecodeTolerant.
func DecodeMessageTolerant(el *contract.Element, m *soap.Message) (value map[string]any, strangers Violations, err error) {
	return decodeFrom(el, m.Body, partsOf(m), true)
}

func decode(el *contract.Element, x *etree.Element, tolerant bool) (map[string]any, Violations, error) {
	return decodeFrom(el, x, parts{}, tolerant)
}

// decodeFrom walks once; where that found something to tell, it walks again to
// name the places.
func decodeFrom(el *contract.Element, x *etree.Element, from parts, tolerant bool) (map[string]any, Violations, error) {
	d := decoder{tolerant: tolerant, parts: from, treeReport: treeReport{quick: true}}
	value, err := d.wrapper(el, x)
	if err != nil || len(d.strangers.list) > 0 {
		d = decoder{tolerant: tolerant, parts: from}
		value, err = d.wrapper(el, x)
	}
	return value, d.strangers.list, err
}

type decoder struct {
	treeReport
	parts
	tolerant  bool
	strangers treeReport // what was taken though the contract does not have it
}

func (d *decoder) wrapper(el *contract.Element, x *etree.Element) (map[string]any, error) {
	if x == nil {
		d.add("", CodeRequired, "is required")
		return nil, d.err()
	}
	if x.Tag != el.Name || x.NamespaceURI() != el.Namespace {
		d.add("", CodeUnknown, "must be the element "+el.Name+" of its namespace")
		return nil, d.err()
	}
	value := d.element(el, x, "", 0)
	if err := d.err(); err != nil {
		return nil, err
	}
	if object, ok := value.(map[string]any); ok {
		return object, nil
	}
	if value == nil && el.Nillable {
		return map[string]any{}, nil
	}
	return map[string]any{textKey: value}, nil
}

// stranger notes an element or attribute that the contract does not have and
// says whether it is to be kept.
func (d *decoder) stranger(path, message string) bool {
	if d.tolerant {
		d.strangers.add(path, CodeUnknown, message)
	} else {
		d.add(path, CodeUnknown, message)
	}
	return d.tolerant
}

// element reads one occurrence.
func (d *decoder) element(el *contract.Element, x *etree.Element, path string, depth int) any {
	if depth > maxDepth {
		d.add(path, CodeDepth, fmt.Sprintf("must not be nested deeper than %d", maxDepth))
		return nil
	}
	if el.Type.Unsupported != nil {
		d.add(path, CodeUnsupported, el.Type.Unsupported.Error())
		return nil
	}
	if d.expand(x) {
		defer d.collapse(x)
	}
	if d.isNil(el, x, path) {
		return nil
	}
	if el.Type.Any {
		return d.anything(x, path)
	}
	t := el.Type
	if t.IsSimple() {
		d.checkInstanceType(el, x, path)
		d.attributes(t, x, nil, path)
		return d.text(t, el, x, path)
	}
	object := map[string]any{}
	if t = d.ofType(t, x, object, path); t == nil {
		return nil
	}
	d.attributes(t, x, object, path)
	switch {
	case t.Simple != nil:
		if v := d.text(t, el, x, d.join(path, textKey)); v != nil {
			object[textKey] = v
		}
	default:
		d.content(t, x, object, path, depth)
	}
	return object
}

// isNil says whether the element stands for null, and refuses that where the
// schema does not allow it.
func (d *decoder) isNil(el *contract.Element, x *etree.Element, path string) bool {
	for _, a := range x.Attr {
		if a.Key != "nil" || a.NamespaceURI() != nsInstance {
			continue
		}
		switch strings.TrimSpace(a.Value) {
		case "true", "1":
		case "false", "0":
			return false
		default:
			d.add(path, CodeFormat, "must have xsi:nil true or false")
			return true
		}
		if !el.Nillable {
			d.add(path, CodeType, "must not be nil")
		}
		if len(x.ChildElements()) > 0 || strings.TrimSpace(ownText(x)) != "" {
			d.add(path, CodeType, "must be empty when it is nil")
		}
		return true
	}
	return false
}

// checkInstanceType refuses xsi:type on a simple type unless it repeats the
// declared one: to read the element as another type than the contract's would be
// to trust the sender about what the contract says.
func (d *decoder) checkInstanceType(el *contract.Element, x *etree.Element, path string) {
	for _, a := range x.Attr {
		if a.Key != "type" || a.NamespaceURI() != nsInstance {
			continue
		}
		value := strings.TrimSpace(a.Value)
		local := value[strings.LastIndexByte(value, ':')+1:]
		if el.Type.Name.Local == "" || local != el.Type.Name.Local {
			d.add(path, CodeType, "must not be of another type than the contract's")
		}
	}
}

// attributes reads the declared attributes into object and refuses others.
func (d *decoder) attributes(t *contract.Type, x *etree.Element, object map[string]any, path string) {
	if len(x.Attr) == 0 && len(t.Attributes) == 0 {
		return
	}
	seen := map[*contract.Attribute]bool{}
	for _, a := range x.Attr {
		space := a.NamespaceURI()
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" || space == nsInstance {
			continue
		}
		if a.Space == "xml" {
			space = nsXMLPrefix
		}
		at := d.join(path, attributePrefix+a.Key)
		declared := findAttribute(t, space, a.Key)
		if declared == nil && t.AnyAttribute {
			object[looseKey(space, a.Key)] = a.Value
			continue
		}
		if declared == nil {
			if d.stranger(at, "the contract has no such attribute") && object != nil {
				object[looseKey(space, a.Key)] = a.Value
			}
			continue
		}
		seen[declared] = true
		if v := d.value(declared.Type, declared.Fixed, a.Value, at); v != nil {
			object[attributePrefix+a.Key] = v
		}
	}
	for _, a := range t.Attributes {
		if a.Required && !seen[a] {
			d.add(d.join(path, attributePrefix+a.Name), CodeRequired, "is required")
		}
	}
}

func findAttribute(t *contract.Type, space, name string) *contract.Attribute {
	for _, a := range t.Attributes {
		if a.Namespace == space && a.Name == name {
			return a
		}
	}
	return nil
}

// text reads the text of an element of simple content.
func (d *decoder) text(t *contract.Type, el *contract.Element, x *etree.Element, path string) any {
	for _, token := range x.Child {
		if _, ok := token.(*etree.Element); ok {
			d.add(path, CodeType, "must hold text and no elements")
			return nil
		}
	}
	text := ownText(x)
	if text == "" {
		switch {
		case el.Fixed != nil:
			text = *el.Fixed
		case el.Default != nil:
			text = *el.Default
		}
	}
	return d.value(t.Simple, el.Fixed, text, path)
}

// value checks and converts one simple value; nil when it is not valid.
func (d *decoder) value(s *contract.Simple, fixed *string, text, path string) any {
	text = s.Normalize(text)
	if f := s.Check(text); f != nil {
		d.add(path, f.Code, f.Message)
		return nil
	}
	if fixed != nil && text != s.Normalize(*fixed) {
		d.add(path, CodeEnum, "must be the value that the schema fixes")
		return nil
	}
	return fromText(s, text)
}

// ownText is the text of an element, without that of its children.
func ownText(x *etree.Element) string {
	if len(x.Child) == 1 {
		if c, ok := x.Child[0].(*etree.CharData); ok {
			return c.Data
		}
	}
	var out strings.Builder
	for _, t := range x.Child {
		if c, ok := t.(*etree.CharData); ok {
			out.WriteString(c.Data)
		}
	}
	return out.String()
}
