package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// What a schema leaves open: wildcards, xs:anyType, derived types, and groups
// that repeat.

// ofType applies the type that the object names for the element, which is
// written as xsi:type, and returns it; nil when it cannot be used. The second
// result is how many keys of the object were looked at.
func (e *encoder) ofType(t *contract.Type, object source) (*contract.Type, int) {
	named, given := object.field(typeKey)
	if !given {
		if t.Abstract {
			e.addIn(typeKey, CodeRequired, "is required: one of "+typeNames(t))
			return nil, 0
		}
		return t, 0
	}
	name := ""
	if named.kind() == kindString {
		name = named.string()
	}
	d, ok := t.Named(name)
	if !ok || d.Abstract {
		e.addIn(typeKey, CodeEnum, "must name one of "+typeNames(t))
		return nil, 0
	}
	if d.Unsupported != nil {
		e.add(CodeUnsupported, d.Unsupported.Error())
		return nil, 0
	}
	e.buf = append(e.buf, ' ')
	e.name(nsInstance, "type")
	e.buf = append(e.buf, `="`...)
	e.name(d.Name.Space, d.Name.Local)
	e.buf = append(e.buf, '"')
	return d, 1
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
func (e *encoder) anything(value source) {
	if value.kind() != kindObject {
		e.looseText(value)
		return
	}
	seen := e.looseAttributes(value, anyName, anyName)
	if text, given := value.field(textKey); given {
		seen++
		e.enter(textKey)
		e.looseText(text)
		e.leave()
		if holdsFilled(value, anyKey) {
			e.addIn(textKey, CodeType, "must stand among the entries of "+anyKey+" where there are elements too")
		}
	}
	given := e.mingled(value)
	e.strangers(value, seen+given, func(key string) bool {
		return key == textKey || key == anyKey || strings.HasPrefix(key, attributePrefix) && key != typeKey
	})
}

// mingled writes what xs:anyType holds under "#any": elements, each given as XML, and
// the texts among them, given as XML writes text. It returns whether the key is there,
// as 1 or 0.
func (e *encoder) mingled(object source) (seen int) {
	items, given := object.field(anyKey)
	if !given {
		return 0
	}
	e.enter(anyKey)
	defer e.leave()
	if items.kind() != kindArray {
		if items.kind() != kindNull {
			e.add(CodeType, "must be an array")
		}
		return 1
	}
	elements, texts, said, before := 0, 0, false, false
	items.items(func(i int, item source) {
		e.enterItem(i)
		defer e.leave()
		if item.kind() != kindString || strings.HasPrefix(item.string(), "<") {
			elements++
			before = false
			e.foreignElement(item, anyName)
			return
		}
		run, ok := textOfMarkup(item.string())
		switch {
		case !ok:
			e.add(CodeFormat, "must be one well-formed XML element, or text as XML writes it")
		case run == "" || before:
			e.add(CodeFormat, "must be joined with the text that stands beside it")
		default:
			e.openContent()
			e.buf = appendEscaped(e.buf, run, false)
		}
		texts++
		before, said = true, said || !ok || !isBlank(run)
	})
	if texts > 0 && (elements == 0 || !said) {
		e.add(CodeFormat, "must hold text beside elements only, and more of it than white space; other text is "+textKey)
	}
	return 1
}

// textOfMarkup is the text that is written so in XML, without any element.
func textOfMarkup(markup string) (text string, ok bool) {
	if strings.Contains(markup, "<") {
		return "", false
	}
	doc, err := soap.ReadTree([]byte("<t>"+markup+"</t>"), soap.DefaultLimits())
	if err != nil {
		return "", false
	}
	text = doc.Root().Text()
	return text, string(appendEscaped(nil, text, false)) == markup
}

// anyName is what takes every name.
func anyName(string) bool { return true }

func (e *encoder) looseText(value source) {
	text := ""
	switch value.kind() {
	case kindString:
		text = value.string()
	case kindBool:
		text = strconv.FormatBool(value.bool())
	case kindNumber:
		var problem string
		if text, problem = value.number(); problem != "" {
			e.add(CodeType, problem)
			return
		}
	default:
		e.add(CodeType, "must be a string")
		return
	}
	if !contract.IsText(text) {
		e.add(CodeCharacter, "holds a character that XML cannot carry")
		return
	}
	if text != "" {
		e.openContent()
		e.buf = appendEscaped(e.buf, text, false)
	}
}

// looseAttributes writes attributes that the contract does not name: "@name",
// or "@{namespace}name" for one with a namespace. It returns how many there are.
func (e *encoder) looseAttributes(object source, loose, takes func(string) bool) (seen int) {
	keys := object.keys()
	for i, key := range keys {
		if !strings.HasPrefix(key, attributePrefix) || key == typeKey || key == nilKey || !loose(key) || i > 0 && key == keys[i-1] {
			continue
		}
		seen++
		value, _ := object.field(key)
		e.enter(key)
		e.looseAttribute(key[len(attributePrefix):], value, takes)
		e.leave()
	}
	return seen
}

func (e *encoder) looseAttribute(name string, value source, takes func(namespace string) bool) {
	space, local := "", name
	if ns, rest, ok := strings.Cut(local, "}"); ok && strings.HasPrefix(ns, "{") {
		space, local = ns[1:], rest
	}
	switch {
	case !contract.IsName(local) || space == soap.NSXMLNS || !contract.IsText(space):
		e.add(CodeUnknown, "is no name of an attribute")
	case !takes(space):
		e.add(CodeUnknown, "must be an attribute of a namespace that the contract allows here")
	case value.kind() != kindString:
		e.add(CodeType, "must be a string")
	case !contract.IsText(value.string()):
		e.add(CodeCharacter, "holds a character that XML cannot carry")
	default:
		e.attribute(space, local, value.string())
	}
}

// wildcard writes the elements that xs:any takes.
func (e *encoder) wildcard(p *contract.Particle, object source) (seen int) {
	n, seen := e.foreign(object, p.Allows)
	switch {
	case n < p.Min:
		e.addIn(anyKey, CodeRequired, fmt.Sprintf("must have at least %d entries", p.Min))
	case p.Max != contract.Unbounded && n > p.Max:
		e.addIn(anyKey, CodeTooMany, fmt.Sprintf("must have at most %d entries", p.Max))
	}
	return seen
}

// foreign writes the elements under "#any", each given as XML, and returns how
// many there are and whether the key is there, as 1 or 0.
func (e *encoder) foreign(object source, allows func(string) bool) (n, seen int) {
	items, given := object.field(anyKey)
	if !given {
		return 0, 0
	}
	e.enter(anyKey)
	defer e.leave()
	if items.kind() != kindArray {
		if items.kind() != kindNull {
			e.add(CodeType, "must be an array")
		}
		return 0, 1
	}
	items.items(func(i int, item source) {
		e.enterItem(i)
		e.foreignElement(item, allows)
		e.leave()
	})
	return items.size(), 1
}

func (e *encoder) foreignElement(item source, allows func(string) bool) {
	if item.kind() != kindString {
		e.add(CodeType, "must be an XML element as a string")
		return
	}
	doc, err := soap.ReadTree([]byte(item.string()), soap.DefaultLimits())
	if err != nil {
		e.add(CodeFormat, "must be one well-formed XML element")
		return
	}
	root := doc.Root()
	if !allows(root.NamespaceURI()) {
		e.add(CodeUnknown, "must be an element of a namespace that the contract allows here")
		return
	}
	if root.Space == "" && root.SelectAttr("xmlns") == nil {
		// What stands around it must not lend it a namespace.
		root.CreateAttr("xmlns", "")
	}
	e.openContent()
	text, err := doc.WriteToBytes()
	if err != nil {
		e.add(CodeFormat, "must be one well-formed XML element") // writing to memory does not fail
		return
	}
	e.buf = append(e.buf, text...)
}

// repeated writes the occurrences of a group that may repeat.
func (e *encoder) repeated(p *contract.Particle, object source, depth int) (seen int) {
	items, given := object.field(groupKey)
	if given {
		seen = 1
	}
	e.enter(groupKey)
	defer e.leave()
	if given && items.kind() != kindArray {
		e.add(CodeType, "must be an array")
		return seen
	}
	if depth > maxDepth || !e.groupCount(p, items.size()) {
		return seen
	}
	items.items(func(i int, item source) {
		e.enterItem(i)
		defer e.leave()
		if item.kind() != kindObject {
			e.add(CodeType, "must be an object")
			return
		}
		looked := 0
		for _, member := range membersOf(p) {
			looked += e.once(member, item, depth)
		}
		e.strangers(item, looked, func(key string) bool {
			return p.Holds(key) != nil || key == anyKey && p.Wildcard() != nil
		})
	})
	return seen
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
func (r *report) groupCount(p *contract.Particle, n int) bool {
	switch {
	case n < p.Min && !p.Emptiable():
		r.add(CodeTooFew, fmt.Sprintf("must have at least %d entries", p.Min))
	case p.Max != contract.Unbounded && n > p.Max:
		r.add(CodeTooMany, fmt.Sprintf("must have at most %d entries", p.Max))
		return false
	}
	return true
}
