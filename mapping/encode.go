package mapping

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap/contract"
)

// maxDepth bounds how deep values may nest, in either direction. A message
// deeper than this is refused at the door anyway.
const maxDepth = 64

const nsInstance = "http://www.w3.org/2001/XMLSchema-instance"

// The JSON keys of what is not a child element with a name of its own.
const (
	textKey         = "#text"
	attributePrefix = "@"
	anyKey          = "#any"      // elements that a wildcard takes, each as XML
	groupKey        = "#group"    // occurrences of a repeating group, each an object
	unknownKey      = "#unknown"  // elements of an answer that the contract does not have
	typeKey         = "@xsi:type" // the derived type that an element is of
)

// Encode writes the value as the XML element el of a contract, usually the
// wrapper of a request or answer. The element declares all prefixes that it
// uses, so it can be put into any envelope.
//
// Accepted are string, bool, nil, map[string]any, slices ([]any,
// []map[string]any, []string) and for numbers json.Number, the integer types,
// text, and float64 where it stands for one number only. The value is not
// changed. When it does not fit, the error is a [Violations] with every
// violation at once.
func Encode(el *contract.Element, value map[string]any) (*etree.Element, error) {
	e := encoder{prefixes: map[string]string{}}
	var v any = value
	if el.Type.IsSimple() {
		// A wrapper of a simple type has no keys: its text is the only one.
		var present bool
		if v, present = value[textKey]; !present {
			e.add(join("", textKey), CodeRequired, "is required")
			return nil, e.err()
		}
		for key := range value {
			if key != textKey {
				e.add(join("", key), CodeUnknown, "the contract has no such field")
			}
		}
	}
	root := e.element(el, v, "", 0)
	if err := e.err(); err != nil {
		return nil, err
	}
	namespaces := make([]string, 0, len(e.prefixes))
	for ns := range e.prefixes {
		namespaces = append(namespaces, ns)
	}
	sort.Slice(namespaces, func(i, j int) bool { return e.prefixes[namespaces[i]] < e.prefixes[namespaces[j]] })
	attributes := root.Attr
	root.Attr = nil
	for _, ns := range namespaces {
		root.CreateAttr("xmlns:"+e.prefixes[ns], ns)
	}
	root.Attr = append(root.Attr, attributes...)
	return root, nil
}

type encoder struct {
	report
	prefixes map[string]string // namespace -> prefix
}

// qualified returns the name with the prefix of its namespace. Unqualified names
// stay bare, and no default namespace is ever declared: it would swallow them.
func (e *encoder) qualified(namespace, local string) string {
	switch namespace {
	case "":
		return local
	case nsXMLPrefix:
		return "xml:" + local
	}
	prefix, known := e.prefixes[namespace]
	if !known {
		prefix = "xsi"
		if namespace != nsInstance {
			prefix = fmt.Sprintf("p%d", len(e.prefixes)+1)
		}
		e.prefixes[namespace] = prefix
	}
	return prefix + ":" + local
}

const nsXMLPrefix = "http://www.w3.org/XML/1998/namespace"

// element writes one occurrence.
func (e *encoder) element(el *contract.Element, value any, path string, depth int) *etree.Element {
	x := etree.NewElement(e.qualified(el.Namespace, el.Name))
	if depth > maxDepth {
		e.add(path, CodeDepth, fmt.Sprintf("must not be nested deeper than %d", maxDepth))
		return x
	}
	if el.Type.Unsupported != nil {
		e.add(path, CodeUnsupported, el.Type.Unsupported.Error())
		return x
	}
	if value == nil {
		if !el.Nillable {
			e.add(path, CodeType, "must not be null; leave an optional field out")
		}
		x.CreateAttr(e.qualified(nsInstance, "nil"), "true")
		return x
	}
	if el.Type.Any {
		e.anything(x, value, path)
		return x
	}
	if el.Type.IsSimple() {
		e.simple(x, el.Type.Simple, el.Fixed, value, path)
		return x
	}
	object, ok := value.(map[string]any)
	if !ok {
		e.add(path, CodeType, "must be an object")
		return x
	}
	if el = e.ofType(x, el, object, path); el != nil {
		e.object(x, el, object, path, depth)
	}
	return x
}

func (e *encoder) simple(x *etree.Element, s *contract.Simple, fixed *string, value any, path string) {
	if text, ok := e.text(s, fixed, value, path); ok && text != "" {
		x.SetText(text)
	}
}

// text converts and checks one simple value.
func (e *encoder) text(s *contract.Simple, fixed *string, value any, path string) (string, bool) {
	text, problem := toText(s, value)
	if problem != "" {
		e.add(path, CodeType, problem)
		return "", false
	}
	text = s.Normalize(text)
	if f := s.Check(text); f != nil {
		e.add(path, f.Code, f.Message)
		return "", false
	}
	if fixed != nil && text != s.Normalize(*fixed) {
		e.add(path, CodeEnum, "must be the value that the schema fixes")
		return "", false
	}
	return text, true
}

func (e *encoder) object(x *etree.Element, el *contract.Element, object map[string]any, path string, depth int) {
	t := el.Type
	known := map[string]bool{typeKey: true} // looked at before
	for _, a := range t.Attributes {
		key := attributePrefix + a.Name
		known[key] = true
		value, present := object[key]
		if !present {
			if a.Required {
				e.add(join(path, key), CodeRequired, "is required")
			}
			continue
		}
		if text, ok := e.text(a.Type, a.Fixed, value, join(path, key)); ok {
			x.CreateAttr(e.qualified(a.Namespace, a.Name), text)
		}
	}
	if t.Simple != nil {
		known[textKey] = true
		if value, present := object[textKey]; present {
			e.simple(x, t.Simple, el.Fixed, value, join(path, textKey))
		} else {
			e.add(join(path, textKey), CodeRequired, "is required")
		}
	}
	if t.AnyAttribute {
		e.looseAttributes(x, object, known, path)
	}
	known[anyKey], known[groupKey] = t.Content.Wildcard() != nil, t.Content.Group() != nil
	if t.Content != nil {
		e.particle(x, t.Content, object, path, depth)
	}
	e.strangers(object, path, func(key string) bool { return known[key] || t.Content.Field(key) != nil })
}

// strangers reports the keys that the contract has no place for.
func (e *encoder) strangers(object map[string]any, path string, known func(key string) bool) {
	var strange []string
	for key := range object {
		if !known(key) {
			strange = append(strange, key)
		}
	}
	sort.Strings(strange)
	for _, key := range strange {
		e.add(join(path, key), CodeUnknown, "the contract has no such field")
	}
}

// particle writes the members of a group that the object has values for.
func (e *encoder) particle(x *etree.Element, p *contract.Particle, object map[string]any, path string, depth int) {
	if p.Repeats() {
		e.repeated(x, p, object, path, depth)
		return
	}
	e.once(x, p, object, path, depth)
}

// once writes one occurrence.
func (e *encoder) once(x *etree.Element, p *contract.Particle, object map[string]any, path string, depth int) {
	switch p.Kind {
	case contract.AnyParticle:
		e.wildcard(x, p, object, path)
	case contract.ElementParticle:
		e.occurrences(x, p.Element, object, path, depth)
	case contract.ChoiceParticle:
		e.choice(x, p, object, path, depth)
	default:
		if p.Min == 0 && !has(p, object) {
			return
		}
		for _, item := range p.Items {
			e.particle(x, item, object, path, depth)
		}
	}
}

// choice writes the branch that the keys belong to.
func (e *encoder) choice(x *etree.Element, p *contract.Particle, object map[string]any, path string, depth int) {
	var best *contract.Particle
	var begun []string
	for _, branch := range p.Items {
		if !has(branch, object) {
			continue
		}
		begun = append(begun, label(branch))
		if best == nil && covers(branch, p, object) {
			best = branch
		}
	}
	switch {
	case best != nil:
		e.particle(x, best, object, path, depth)
	case len(begun) > 1:
		e.add(path, CodeChoice, "must hold the fields of only one of these: "+strings.Join(begun, "; "))
	case !p.Emptiable():
		e.add(path, CodeRequired, "must hold one of these: "+labels(p))
	}
}

func (e *encoder) occurrences(x *etree.Element, el *contract.Element, object map[string]any, path string, depth int) {
	value, present := object[el.Name]
	at := join(path, el.Name)
	if !el.Many() {
		switch {
		case present:
			x.AddChild(e.element(el, value, at, depth+1))
		case el.Min > 0:
			e.add(at, CodeRequired, "is required")
		}
		return
	}
	var items []any
	if present {
		var ok bool
		if items, ok = toSlice(value); !ok {
			e.add(at, CodeType, "must be an array")
			return
		}
	}
	if !countFits(&e.report, el, len(items), at) {
		return
	}
	for i, item := range items {
		x.AddChild(e.element(el, item, joinIndex(at, i), depth+1))
	}
}

// countFits reports too few or too many occurrences. It is false only for too
// many, where looking at each would be a waste.
func countFits(r *report, el *contract.Element, n int, path string) bool {
	switch {
	case n < el.Min && n == 0:
		r.add(path, CodeRequired, "is required")
	case n < el.Min:
		r.add(path, CodeTooFew, fmt.Sprintf("must have at least %d entries", el.Min))
	case el.Max != contract.Unbounded && n > el.Max:
		r.add(path, CodeTooMany, fmt.Sprintf("must have at most %d entries", el.Max))
		return false
	}
	return true
}

// has says whether the object holds a value for any element of the particle. An
// empty array is no value: it is how JSON says that there is none.
func has(p *contract.Particle, object map[string]any) bool {
	switch {
	case p.Kind == contract.ElementParticle:
		return holds(p.Element, object)
	case p.Kind == contract.AnyParticle:
		return filled(object[anyKey])
	case p.Repeats():
		return filled(object[groupKey])
	}
	return slices.ContainsFunc(p.Items, func(item *contract.Particle) bool { return has(item, object) })
}

func holds(el *contract.Element, object map[string]any) bool {
	value, present := object[el.Name]
	if !present || !el.Many() {
		return present
	}
	return filled(value)
}

// filled says whether a value is more than an empty array.
func filled(value any) bool {
	items, ok := toSlice(value)
	return value != nil && (!ok || len(items) > 0)
}

// covers says whether the branch has a place for every value that the object
// holds for the choice.
func covers(branch, choice *contract.Particle, object map[string]any) bool {
	field := choice.Field
	if choice.Repeats() {
		field = choice.Holds // the object is one occurrence
	}
	for key := range object {
		el := field(key)
		if el != nil && holds(el, object) && branch.Field(key) == nil {
			return false
		}
	}
	return (branch.Wildcard() != nil || !filled(object[anyKey])) && (branch.Group() != nil || !filled(object[groupKey]))
}

// label names the elements of a branch for a message.
func label(p *contract.Particle) string {
	switch p.Kind {
	case contract.ElementParticle:
		return p.Element.Name
	case contract.AnyParticle:
		return anyKey
	}
	var names []string
	for i, item := range p.Items {
		if i == 4 {
			names = append(names, "…")
			break
		}
		names = append(names, label(item))
	}
	return strings.Join(names, ", ")
}

func labels(p *contract.Particle) string {
	var out []string
	for _, item := range p.Items {
		out = append(out, label(item))
	}
	return strings.Join(out, "; ")
}
