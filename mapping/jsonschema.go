package mapping

import (
	"fmt"
	"strings"

	"ristmik/soap/contract"
)

// Schemas describes the JSON forms of elements in JSON Schema 2020-12, as
// OpenAPI 3.1 uses it. Types that have a name or are met again become
// definitions, so that recursive contracts end. A value that Encode takes is
// valid by its schema; rules that JSON Schema cannot say (exact digits, dates
// with a zone) are left to Encode. It is not safe for concurrent use.
type Schemas struct {
	prefix      string // of references, up to the name
	definitions map[string]any
	names       map[*contract.Type]string
}

// NewSchemas returns an empty collection; prefix stands before the names in
// references, for instance "#/components/schemas/".
func NewSchemas(prefix string) *Schemas {
	return &Schemas{prefix: prefix, definitions: map[string]any{}, names: map[*contract.Type]string{}}
}

// Definitions are the schemas by name of everything described so far.
func (s *Schemas) Definitions() map[string]any { return s.definitions }

// Of returns the schema of the JSON form of a wrapper: an object.
func (s *Schemas) Of(el *contract.Element) map[string]any {
	if el.Type.IsSimple() {
		return map[string]any{
			"type": "object", "properties": map[string]any{textKey: s.simple(el.Type.Simple, el.Fixed)},
			"required": []string{textKey}, "additionalProperties": false,
		}
	}
	return s.element(el)
}

func (s *Schemas) element(el *contract.Element) map[string]any {
	schema := s.typed(el)
	if el.Nillable {
		schema = map[string]any{"anyOf": append([]any{schema}, s.null(el.Type)...)}
	}
	if el.Doc != "" {
		schema["description"] = el.Doc
	}
	return schema
}

// null is how an element says that it is null: as null, or, with attributes, as an
// object with nothing else.
func (s *Schemas) null(t *contract.Type) (ways []any) {
	properties, required := map[string]any{nilKey: map[string]any{"const": true}}, []string{nilKey}
	for _, a := range t.Attributes {
		properties[attributePrefix+a.Name] = s.simple(a.Type, a.Fixed)
		if a.Required {
			required = append(required, attributePrefix+a.Name)
		}
	}
	if len(required) == 1 {
		ways = append(ways, map[string]any{"type": "null"})
	}
	if len(t.Attributes) == 0 && !t.AnyAttribute {
		return ways
	}
	object := map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if t.AnyAttribute {
		object["patternProperties"] = map[string]any{"^@([^x]|x[^s])": map[string]any{"type": "string"}}
	}
	return append(ways, object)
}

func (s *Schemas) typed(el *contract.Element) map[string]any {
	t := el.Type
	switch {
	case t.Unsupported != nil:
		return map[string]any{"not": map[string]any{}}
	case t.Any:
		return map[string]any{"type": []string{"string", "object", "number", "boolean"}}
	case t.IsSimple():
		return s.simple(t.Simple, el.Fixed)
	}
	return map[string]any{"$ref": s.prefix + s.define(t, el.Name)}
}

// define makes a definition of an object type and returns its name.
func (s *Schemas) define(t *contract.Type, element string) string {
	if name, ok := s.names[t]; ok {
		return name
	}
	base := t.Name.Local
	if base == "" {
		base = element
	}
	base = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, base)
	name := base
	for i := 2; s.definitions[name] != nil; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	s.names[t] = name
	s.definitions[name] = map[string]any{} // taken, for what refers to it meanwhile
	schema := s.object(t)
	if len(t.Derived) > 0 {
		variants := []any{}
		for _, d := range append([]*contract.Type{t}, t.Derived...) {
			if d.Abstract || d.Unsupported != nil {
				continue
			}
			variants = append(variants, s.variant(t, d))
		}
		schema = map[string]any{"anyOf": variants}
	}
	s.definitions[name] = schema
	return name
}

// variant is the object of one type among those derived from base.
func (s *Schemas) variant(base, d *contract.Type) map[string]any {
	schema := s.object(d)
	properties, _ := schema["properties"].(map[string]any)
	properties[typeKey] = map[string]any{"const": typeName(base, d)}
	if d != base {
		required, _ := schema["required"].([]string)
		schema["required"] = append([]string{typeKey}, required...)
	}
	return schema
}

func (s *Schemas) object(t *contract.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, a := range t.Attributes {
		properties[attributePrefix+a.Name] = s.simple(a.Type, a.Fixed)
		if a.Required {
			required = append(required, attributePrefix+a.Name)
		}
	}
	if t.Simple != nil {
		properties[textKey] = s.simple(t.Simple, nil)
		required = append(required, textKey)
	}
	if t.Mixed {
		properties[mixedKey] = s.mixed(t.Content)
	} else {
		s.particle(t.Content, properties, &required, true)
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	if t.AnyAttribute {
		schema["patternProperties"] = map[string]any{"^@": map[string]any{"type": "string"}}
	}
	return schema
}

func (s *Schemas) particle(p *contract.Particle, properties map[string]any, required *[]string, needed bool) {
	switch {
	case p == nil:
		return
	case p.Repeats():
		properties[groupKey] = s.group(p)
		if needed && p.Min > 0 && !p.Emptiable() {
			*required = append(*required, groupKey)
		}
		return
	}
	switch p.Kind {
	case contract.ElementParticle:
		el := p.Element
		if el.Many() {
			properties[el.Name] = withCounts(map[string]any{"type": "array", "items": s.element(el)}, el.Min, el.Max)
		} else {
			properties[el.Name] = s.element(el)
		}
		if needed && el.Min > 0 {
			*required = append(*required, el.Name)
		}
	case contract.AnyParticle:
		properties[anyKey] = withCounts(map[string]any{
			"type": "array", "items": map[string]any{"type": "string", "contentMediaType": "application/xml"},
		}, p.Min, p.Max)
	default:
		needed = needed && p.Min > 0 && p.Kind != contract.ChoiceParticle
		for _, item := range p.Items {
			s.particle(item, properties, required, needed)
		}
	}
}

// group is the array that a repeating group becomes.
func (s *Schemas) group(p *contract.Particle) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, member := range membersOf(p) {
		if member == p { // a choice
			for _, branch := range p.Items {
				s.particle(branch, properties, &required, false)
			}
			continue
		}
		s.particle(member, properties, &required, true)
	}
	item := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		item["required"] = required
	}
	least := p.Min
	if p.Emptiable() {
		least = 0
	}
	return withCounts(map[string]any{"type": "array", "items": item}, least, p.Max)
}

func withCounts(schema map[string]any, least, most int) map[string]any {
	if least > 0 {
		schema["minItems"] = least
	}
	if most != contract.Unbounded {
		schema["maxItems"] = most
	}
	return schema
}

// simple describes a simple type. Numbers may be given as text, so that nothing
// between the caller and the hub rounds them.
func (s *Schemas) simple(t *contract.Simple, fixed *string) map[string]any {
	schema := map[string]any{}
	switch t.Kind {
	case contract.KindBoolean:
		schema["type"] = "boolean"
	case contract.KindInteger:
		schema["type"] = []string{"integer", "string"}
	case contract.KindDecimal, contract.KindFloat:
		schema["type"] = []string{"number", "string"}
	default:
		schema["type"] = "string"
	}
	if note := noted[t.Base]; note != "" {
		schema["description"] = note
	}
	// In words, for people: what JSON Schema has no keyword for, or another one.
	if rules := t.Rules(); len(rules) > 0 {
		schema["x-rules"] = rules
	}
	if t.Kind == contract.KindBinary {
		return schema
	}
	if fixed != nil {
		schema["const"] = fromText(t, t.Normalize(*fixed))
		return schema
	}
	if t.Enumeration != nil && t.Kind == contract.KindString {
		schema["enum"] = t.Enumeration
	}
	if t.Kind != contract.KindString || t.Whitespace != contract.Preserve {
		return schema // lengths count after white space was collapsed
	}
	least, most := t.MinLength, t.MaxLength
	if t.Length >= 0 {
		least, most = t.Length, t.Length
	}
	if least > 0 {
		schema["minLength"] = least
	}
	if most >= 0 {
		schema["maxLength"] = most
	}
	return schema
}

// noted tells in words what the form of a text is.
var noted = map[string]string{
	"date": "A date, YYYY-MM-DD, with or without a zone.", "dateTime": "A moment, YYYY-MM-DDThh:mm:ss, with or without a zone.",
	"time": "A time, hh:mm:ss, with or without a zone.", "duration": "A duration, such as P1DT2H.",
	"base64Binary": "Octets in base64.", "hexBinary": "Octets in hexadecimal.",
}
