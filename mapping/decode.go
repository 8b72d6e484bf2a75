package mapping

import (
	"fmt"
	"strings"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// decoder reads one element and all below it from its tokens. Each element is
// read from where it begins to where it ends, and nothing of it is kept but what
// goes to the sink, so that a large message takes no more than a small one.
type decoder struct {
	report
	walk      *soap.Tokens
	out       sink
	tolerant  bool
	strangers Violations // what was taken though the contract does not have it
	taken     []choice   // the branches of choices that were taken, of all elements that are open
}

// root reads the wrapper.
func (d *decoder) root(el *contract.Element) error {
	if d.walk.Next() != soap.TokenStart {
		d.add(CodeRequired, "is required")
		return d.err()
	}
	if space, local := d.walk.Name(); local != el.Name || space != el.Namespace {
		d.add(CodeUnknown, "must be the element "+el.Name+" of its namespace")
		return d.err()
	}
	d.element(el, 0)
	return d.err()
}

// stranger notes an element or attribute that the contract does not have and
// says whether it is to be kept.
func (d *decoder) stranger(key, message string) bool {
	d.enter(key)
	if !d.tolerant {
		d.add(CodeUnknown, message)
	} else if len(d.strangers) < maxViolations {
		d.strangers = append(d.strangers, Violation{Path: pointer(d.path), Code: CodeUnknown, Message: message})
	}
	d.leave()
	return d.tolerant
}

// element reads the element that started, up to its end.
func (d *decoder) element(el *contract.Element, depth int) {
	t := el.Type
	switch {
	case depth > maxDepth:
		d.add(CodeDepth, fmt.Sprintf("must not be nested deeper than %d", maxDepth))
		d.pass()
		return
	case t.Unsupported != nil:
		d.add(CodeUnsupported, t.Unsupported.Error())
		d.pass()
		return
	case len(d.walk.Attrs()) > 0 && d.isNil(el, depth):
		return
	case t.Any:
		d.anything(depth)
		return
	case t.IsSimple():
		if len(d.walk.Attrs()) > 0 {
			d.checkInstanceType(el)
			d.attributes(t, false)
		}
		if depth > 0 {
			d.text(t.Simple, el)
			return
		}
		// The wrapper of a message is always an object.
		d.out.beginObject()
		d.out.key(textKey)
		d.text(t.Simple, el)
		d.out.endObject()
		return
	}
	d.out.beginObject()
	if t = d.ofType(t); t == nil {
		d.walk.Skip()
	} else {
		d.attributes(t, true)
		if t.Simple != nil {
			d.out.key(textKey)
			d.enter(textKey)
			d.text(t.Simple, el)
			d.leave()
		} else {
			d.content(t, depth)
		}
	}
	d.out.endObject()
}

// pass leaves out the element that started.
func (d *decoder) pass() {
	d.walk.Skip()
	d.out.null()
}

// isNil says whether the element stands for null, and refuses that where the
// schema does not allow it. Then it has been read.
func (d *decoder) isNil(el *contract.Element, depth int) bool {
	value, given := d.instance("nil")
	switch strings.TrimSpace(value) {
	case "true", "1":
	case "false", "0":
		return false
	default:
		if given {
			d.add(CodeFormat, "must have xsi:nil true or false")
			d.pass()
		}
		return given
	}
	if !el.Nillable {
		d.add(CodeType, "must not be nil")
	}
	object := d.nilled(el.Type, depth)
	empty := true
	for token := d.walk.Next(); token != soap.TokenEnd; token = d.walk.Next() {
		if token == soap.TokenStart {
			d.walk.Skip()
			empty = false
		} else if strings.TrimSpace(d.walk.Text()) != "" {
			empty = false
		}
	}
	if !empty {
		d.add(CodeType, "must be empty when it is nil")
	}
	if object {
		d.out.endObject()
	} else {
		d.out.null()
	}
	return true
}

// nilled reads the attributes of an element that stands for null. Where there are
// any, and for the wrapper of a message, it begins an object that says so.
func (d *decoder) nilled(t *contract.Type, depth int) (object bool) {
	_, object = d.instance("type")
	for _, a := range d.walk.Attrs() {
		object = object || a.Space != soap.NSXMLNS && a.Prefix != "xmlns" && a.Space != nsInstance
	}
	if t.Any || t.IsSimple() {
		object = false
	}
	if object = object || depth == 0; object {
		d.out.beginObject()
		if of := d.ofType(t); of != nil {
			t = of
		}
		d.out.key(nilKey)
		d.out.bool(true)
	}
	if !t.Any {
		d.attributes(t, object)
	}
	return object
}

// instance returns the attribute of XML Schema's own namespace with that name.
func (d *decoder) instance(name string) (value string, given bool) {
	for _, a := range d.walk.Attrs() {
		if a.Local == name && a.Space == nsInstance {
			return a.Value, true
		}
	}
	return "", false
}

// checkInstanceType refuses xsi:type on a simple type unless it repeats the
// declared one: to read the element as another type than the contract's would be
// to trust the sender about what the contract says.
func (d *decoder) checkInstanceType(el *contract.Element) {
	value, given := d.instance("type")
	if !given {
		return
	}
	value = strings.TrimSpace(value)
	local := value[strings.LastIndexByte(value, ':')+1:]
	if el.Type.Name.Local == "" || local != el.Type.Name.Local {
		d.add(CodeType, "must not be of another type than the contract's")
	}
}

// attributes reads the declared attributes and refuses others. Those of a plain
// value cannot be kept.
func (d *decoder) attributes(t *contract.Type, object bool) {
	attrs := d.walk.Attrs()
	for i := range attrs {
		a := &attrs[i]
		if a.Space == soap.NSXMLNS || a.Prefix == "xmlns" || a.Space == nsInstance {
			continue
		}
		declared := findAttribute(t, a.Space, a.Local)
		switch {
		case declared != nil:
			key := attributePrefix + a.Local
			d.enter(key)
			d.out.key(key)
			d.value(declared.Type, declared.Fixed, a.Value)
			d.leave()
		case t.TakesAttribute(a.Space), d.stranger(attributePrefix+a.Local, "the contract has no such attribute"):
			if object {
				d.out.key(looseKey(a.Space, a.Local))
				d.out.text(a.Value)
			}
		}
	}
	for _, declared := range t.Attributes {
		if declared.Required && !hasAttribute(attrs, declared) {
			d.addIn(attributePrefix+declared.Name, CodeRequired, "is required")
		}
	}
}

func findAttribute(t *contract.Type, space, name string) *contract.Attribute {
	for _, a := range t.Attributes {
		if a.Name == name && a.Namespace == space {
			return a
		}
	}
	return nil
}

func hasAttribute(attrs []soap.Attr, declared *contract.Attribute) bool {
	for i := range attrs {
		if a := &attrs[i]; a.Local == declared.Name && a.Space == declared.Namespace && a.Prefix != "xmlns" {
			return true
		}
	}
	return false
}

// text reads the text of an element of simple content.
func (d *decoder) text(s *contract.Simple, el *contract.Element) {
	text := ""
	token := d.walk.Next()
	if token == soap.TokenText {
		text = d.walk.Text()
		token = d.walk.Next()
	}
	if token == soap.TokenStart {
		d.add(CodeType, "must hold text and no elements")
		for ; token != soap.TokenEnd; token = d.walk.Next() {
			if token == soap.TokenStart {
				d.walk.Skip()
			}
		}
		d.out.null()
		return
	}
	if text == "" {
		switch {
		case el.Fixed != nil:
			text = *el.Fixed
		case el.Default != nil:
			text = *el.Default
		}
	}
	d.value(s, el.Fixed, text)
}

// value checks and converts one simple value.
func (d *decoder) value(s *contract.Simple, fixed *string, text string) {
	text = s.Normalize(text)
	if f := s.CheckRead(text); f != nil {
		d.add(f.Code, f.Message)
		d.out.null()
		return
	}
	if fixed != nil && text != s.Normalize(*fixed) {
		d.add(CodeEnum, "must be the value that the schema fixes")
	}
	emit(d.out, s, text)
}
