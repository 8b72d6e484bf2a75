package mapping

import (
	"ristmik/soap"
	"ristmik/soap/contract"
)

// Mixed content is text with elements in it. In JSON it is one list in the order of
// the document, "#mixed": each text a string, each element an object with the one key
// that is its name, {"b": …}; what a wildcard takes is {"#any": "<…>"}.

// mixed reads mixed content and returns the strangers that are kept.
func (d *decoder) mixed(t *contract.Type, depth int) (unknown []string) {
	d.out.key(mixedKey)
	d.enter(mixedKey)
	list := &mixedSink{out: d.out}
	list.out.beginArray()
	d.out = list
	unknown = d.children(t, depth, list)
	d.out = list.out
	d.out.endArray()
	d.leave()
	return unknown
}

// mixedSink makes the one list of what a reader gives by keys: the lists of elements
// that repeat, and the occurrences of repeating groups, fall away.
type mixedSink struct {
	out   sink
	next  string // the key of the next value
	keyed bool   // nothing has come behind it yet
	depth int    // how many objects and arrays of the value are open
	lists []bool // the lists that fall away and are open: whether each is of a group
}

// run takes a text among the elements.
func (m *mixedSink) run(text string) {
	if text != "" {
		m.out.text(text)
	}
}

func (m *mixedSink) beginObject() {
	if m.depth == 0 {
		if n := len(m.lists); n > 0 && m.lists[n-1] && !m.keyed {
			return // an occurrence of a group has no key
		}
		m.keyed = false
		m.out.beginObject()
		m.out.key(m.next)
	}
	m.depth++
	m.out.beginObject()
}

func (m *mixedSink) endObject() {
	if m.depth == 0 {
		return // of an occurrence of a group
	}
	m.out.endObject()
	if m.depth--; m.depth == 0 {
		m.out.endObject()
	}
}

func (m *mixedSink) beginArray() {
	if m.depth > 0 {
		m.depth++
		m.out.beginArray()
		return
	}
	m.lists, m.keyed = append(m.lists, m.next == groupKey), false
}

func (m *mixedSink) endArray() {
	if m.depth > 0 {
		m.depth--
		m.out.endArray()
		return
	}
	m.lists = m.lists[:len(m.lists)-1]
}

func (m *mixedSink) key(key string) {
	if m.depth > 0 {
		m.out.key(key)
	} else {
		m.next, m.keyed = key, true
	}
}

// plain gives a plain value, as an entry of its own where it is one.
func (m *mixedSink) plain(give func()) {
	if m.depth > 0 {
		give()
		return
	}
	m.keyed = false
	m.out.beginObject()
	m.out.key(m.next)
	give()
	m.out.endObject()
}

func (m *mixedSink) text(value string)   { m.plain(func() { m.out.text(value) }) }
func (m *mixedSink) number(value string) { m.plain(func() { m.out.number(value) }) }
func (m *mixedSink) bool(value bool)     { m.plain(func() { m.out.bool(value) }) }
func (m *mixedSink) null()               { m.plain(m.out.null) }

// mixed writes mixed content and returns how many keys of the object were looked at.
func (e *encoder) mixed(t *contract.Type, object source, depth int) (seen int) {
	items, given := object.field(mixedKey)
	e.enter(mixedKey)
	defer e.leave()
	switch {
	case !given:
		e.inOrder(t, len(e.buf))
		return 0
	case items.kind() != kindArray:
		e.add(CodeType, "must be an array")
		return 1
	}
	if items.size() > 0 {
		e.openContent()
	}
	from, found, joined := len(e.buf), len(e.list), false
	items.items(func(i int, item source) {
		e.enterItem(i)
		defer e.leave()
		if item.kind() == kindString {
			e.mixedText(item.string(), joined)
			joined = true
			return
		}
		joined = false
		e.mixedElement(t.Content, item, depth)
	})
	if len(e.list) == found {
		e.inOrder(t, from)
	}
	return 1
}

func (e *encoder) mixedText(text string, joined bool) {
	switch {
	case text == "" || joined:
		e.add(CodeFormat, "must be joined with the text that stands beside it")
	case !contract.IsText(text):
		e.add(CodeCharacter, "holds a character that XML cannot carry")
	default:
		e.buf = appendEscaped(e.buf, text, false)
	}
}

func (e *encoder) mixedElement(content *contract.Particle, item source, depth int) {
	var keys []string
	if item.kind() == kindObject {
		keys = item.keys()
	}
	if len(keys) != 1 {
		e.add(CodeType, "must be a text, or an object with the name of one element")
		return
	}
	value, _ := item.field(keys[0])
	e.enter(keys[0])
	defer e.leave()
	wild, el := content.Wildcard(), content.Holds(keys[0])
	switch {
	case keys[0] == anyKey && wild != nil:
		e.foreignElement(value, wild.Allows)
	case el == nil:
		e.add(CodeUnknown, "the contract has no such element here")
	default:
		e.element(el, value, depth+1)
	}
}

// inOrder sees by reading it again that what was written from there on keeps to the
// content model: each element by itself has been found good.
func (e *encoder) inOrder(t *contract.Type, from int) {
	text := []byte("<x")
	for i, ns := range e.spaces {
		text = append(appendPrefix(append(text, " xmlns:"...), ns, i), `="`...)
		text = append(appendEscaped(text, ns, true), '"')
	}
	text = append(append(append(text, '>'), e.buf[from:]...), "</x>"...)
	o, err := soap.Scan(text, ours)
	if err != nil {
		e.add(CodeFormat, "must be well-formed")
		return
	}
	d := decoder{walk: o.Tokens(), out: nothing{}}
	defer d.walk.Close()
	d.walk.Next()
	d.children(t, 0, &mixedSink{out: nothing{}})
	at := pointer(e.path)
	for _, v := range d.list {
		if len(e.list) < maxViolations {
			e.list = append(e.list, Violation{Path: at + v.Path, Code: v.Code, Message: v.Message})
		}
	}
}

// mixed describes the list of mixed content.
func (s *Schemas) mixed(content *contract.Particle) map[string]any {
	entries := []any{map[string]any{"type": "string"}}
	var add func(p *contract.Particle)
	add = func(p *contract.Particle) {
		var key string
		var value map[string]any
		switch {
		case p == nil:
			return
		case p.Kind == contract.ElementParticle:
			key, value = p.Element.Name, s.element(p.Element)
		case p.Kind == contract.AnyParticle:
			key, value = anyKey, map[string]any{"type": "string", "contentMediaType": "application/xml"}
		}
		if value != nil {
			entries = append(entries, map[string]any{
				"type": "object", "properties": map[string]any{key: value}, "required": []string{key}, "additionalProperties": false,
			})
		}
		for _, item := range p.Items {
			add(item)
		}
	}
	add(content)
	return map[string]any{"type": "array", "items": map[string]any{"anyOf": entries}, "description": "Texts and elements in their order."}
}

// mixed is a sample of mixed content: that of its elements, in their order, behind a
// text where all is to be there.
func (s *sampler) mixed(t *contract.Type, path string, depth int) []any {
	children := map[string]any{}
	if t.Content != nil {
		s.particle(t.Content, children, path, depth)
	}
	list := []any{}
	if s.full(depth) {
		list = append(list, "text ")
	}
	if s.err != nil || len(children) == 0 {
		return list
	}
	of := func(mixed bool) *contract.Element {
		return &contract.Element{Name: "x", Min: 1, Max: 1, Type: &contract.Type{Content: t.Content, Mixed: mixed}}
	}
	text, err := EncodeXML(of(false), children)
	if err == nil {
		var o *soap.Outline
		if o, err = soap.Scan(text, ours); err == nil {
			var value map[string]any
			value, _, err = decodeValue(of(true), o.Tokens(), false)
			elements, _ := value[mixedKey].([]any)
			list = append(list, elements...)
		}
	}
	if err != nil {
		s.fail(path, err.Error())
	}
	return list
}
