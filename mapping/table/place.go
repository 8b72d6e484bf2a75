package table

import (
	"strings"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// place is a place in the messages of a register, as the contract describes it.
type place struct {
	el     *contract.Element  // nil for an attribute, a text and a repeating group
	typ    *contract.Type     // of an element
	group  *contract.Particle // what an item of a repeating group holds
	simple *contract.Simple   // of a plain value
	json   *jsonShape         // of a REST register, instead of all the others
	fixed  *string
	// many says that it is a list in JSON, required that its parent needs it.
	many, required, nillable bool
	least, most              int
}

// wrapper is the place of a whole message.
func wrapper(el *contract.Element) place { return ofElement(el, true) }

func ofElement(el *contract.Element, required bool) place {
	p := place{
		el: el, typ: el.Type, fixed: el.Fixed, many: el.Many(), nillable: el.Nillable,
		required: required && el.Min > 0, least: el.Min, most: el.Max,
	}
	if el.Type.IsSimple() && !el.Type.Any {
		p.simple = el.Type.Simple
	}
	return p
}

// content is the particle that the fields of the place stand in.
func (p place) content() *contract.Particle {
	if p.group != nil {
		return p.group
	}
	if p.typ == nil {
		return nil
	}
	return p.typ.Content
}

// object says whether the place has fields.
func (p place) object() bool {
	if p.json != nil {
		return p.item().json.object()
	}
	return p.simple == nil && (p.group != nil || p.typ != nil && !p.typ.Any && !p.typ.Mixed)
}

// item is the place of one item of a list, or the place itself.
func (p place) item() place {
	if p.json != nil {
		if p.many {
			return p.json.item()
		}
		return p
	}
	p.many, p.required = false, true
	return p
}

var plainText = &contract.Simple{Base: "string", Kind: contract.KindString, Length: -1, MinLength: -1, MaxLength: -1, TotalDigits: -1, FractionDigits: -1}

// child returns the place of a field, and whether there is one.
func (p place) child(key string) (place, bool) {
	if p.json != nil {
		return p.json.child(key)
	}
	attribute, isAttribute := strings.CutPrefix(key, "@")
	switch {
	case !p.object():
		if key == "#text" && p.simple != nil { // a wrapper of a simple type
			return place{simple: p.simple, required: true, fixed: p.fixed}, true
		}
		return place{}, false
	case key == "@xsi:type" && p.typ != nil && (p.typ.Abstract || len(p.typ.Derived) > 0):
		return place{simple: plainText, required: p.typ.Abstract}, true
	case isAttribute && p.typ != nil:
		for _, t := range p.types() {
			for _, a := range t.Attributes {
				if a.Name == attribute {
					return place{simple: a.Type, required: a.Required && t == p.typ, fixed: a.Fixed}, true
				}
			}
		}
		return place{}, false
	case key == "#text" && p.typ != nil && p.typ.Simple != nil:
		return place{simple: p.typ.Simple, required: true, fixed: p.fixed}, true
	case key == "#group" && p.group == nil:
		for _, t := range p.types() {
			if g := t.Content.Group(); g != nil {
				return place{group: g, many: true, required: t == p.typ && g.Min > 0 && !g.Emptiable(), least: g.Min, most: g.Max}, true
			}
		}
		return place{}, false
	case key == "#any" && p.group == nil:
		for _, t := range p.types() {
			if any := t.Content.Wildcard(); any != nil {
				return place{simple: plainText, many: true, least: any.Min, most: any.Max}, true
			}
		}
		return place{}, false
	case p.group != nil:
		if el := p.group.Holds(key); el != nil {
			return ofElement(el, needed(p.group, key, true)), true
		}
		return place{}, false
	}
	for _, t := range p.types() {
		if el := t.Content.Field(key); el != nil {
			return ofElement(el, t == p.typ && needed(t.Content, key, false)), true
		}
	}
	return place{}, false
}

// types are the type of the place and those that xsi:type may put in its stead.
func (p place) types() []*contract.Type {
	return append([]*contract.Type{p.typ}, p.typ.Derived...)
}

// needed says whether every instance of the particle has the element.
func needed(p *contract.Particle, key string, inGroup bool) bool {
	switch {
	case p == nil || p.Repeats() && !inGroup:
		return false
	case p.Kind == contract.ElementParticle:
		return p.Element.Name == key && p.Element.Min > 0
	case p.Kind == contract.AnyParticle || p.Kind == contract.ChoiceParticle || !inGroup && p.Min == 0:
		return false
	}
	for _, item := range p.Items {
		if needed(item, key, false) {
			return true
		}
	}
	return false
}

// names are the fields of the place, for messages and to see what nobody reads.
func (p place) names() []string {
	if p.json != nil {
		return p.json.names()
	}
	if !p.object() {
		return nil
	}
	var out []string
	if p.typ != nil {
		for _, t := range p.types() {
			for _, a := range t.Attributes {
				out = appendNew(out, "@"+a.Name)
			}
			if t.Simple != nil {
				out = appendNew(out, "#text")
			}
			out = fields(t.Content, out, false)
		}
		return out
	}
	return fields(p.group, out, true)
}

func fields(p *contract.Particle, out []string, inGroup bool) []string {
	switch {
	case p == nil:
		return out
	case p.Kind == contract.AnyParticle:
		return appendNew(out, "#any")
	case p.Repeats() && !inGroup:
		return appendNew(out, "#group")
	case p.Kind == contract.ElementParticle:
		return appendNew(out, p.Element.Name)
	}
	for _, item := range p.Items {
		out = fields(item, out, false)
	}
	return out
}

func appendNew(list []string, s string) []string {
	for _, one := range list {
		if one == s {
			return list
		}
	}
	return append(list, s)
}

// kind is the type of the place's value.
func (p place) kind() Type {
	if p.json != nil {
		return p.item().json.kind()
	}
	if p.simple == nil {
		return raw
	}
	switch p.simple.Kind {
	case contract.KindBoolean:
		return Boolean
	case contract.KindInteger:
		return Integer
	case contract.KindDecimal, contract.KindFloat:
		return Decimal
	}
	switch p.simple.Base {
	case "date":
		return Date
	case "dateTime":
		return Moment
	}
	return Text
}

// schema is the JSON schema of the value as the contract has it.
func (p place) schema(schemas *mapping.Schemas) map[string]any {
	if p.json != nil {
		return p.json.asSchema()
	}
	el := &contract.Element{Name: "value", Min: 1, Max: 1, Type: p.typ, Fixed: p.fixed}
	if p.simple == nil {
		el.Name = p.el.Name
		return schemas.Of(el)
	}
	el.Type = &contract.Type{Simple: p.simple}
	properties, _ := schemas.Of(el)["properties"].(map[string]any)
	schema, _ := properties["#text"].(map[string]any)
	return schema
}

// plain says whether the place has a plain value: text, number, true or false.
func (p place) plain() bool { return p.simple != nil || p.json != nil && p.kind() != raw }

// refuses says what is wrong with a text as a value of the place, "" for nothing.
func (p place) refuses(text string) string {
	if p.json != nil {
		return p.item().json.refuses(text)
	}
	if f := p.simple.Check(p.simple.Normalize(text)); f != nil {
		return f.Message
	}
	return ""
}

// enumeration are the values that are allowed, nil for no such rule.
func (p place) enumeration() []string {
	if p.json != nil {
		return p.item().json.enumeration()
	}
	return p.simple.Enumeration
}
