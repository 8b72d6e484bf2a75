package table

import (
	"slices"
	"strings"

	"ristmik/mapping"
)

// field is a field of the core's shape, which the rules make up: no contract
// tells it.
type field struct {
	children map[string]*field // of an object
	order    []string
	item     *field // of a list
	leaf     bool
	kind     Type
	// schema describes the value, nil for what the kind alone says.
	schema   func(*mapping.Schemas) map[string]any
	required bool
	nullable bool
	title    string
	least    int
	most     int // 0 for no bound
}

func newObject() *field { return &field{children: map[string]*field{}} }

// at returns the field at the path below an object, made if need be, and false
// where something that is no object stands in between.
func (f *field) at(p path) (*field, bool) {
	for i, s := range p {
		if f.leaf || f.item != nil || s.only {
			return nil, false
		}
		if f.children == nil {
			f.children = map[string]*field{}
		}
		next := f.children[s.key]
		if next == nil {
			next = &field{}
			f.children[s.key] = next
			f.order = append(f.order, s.key)
		}
		f = next
		if i < len(p)-1 && (f.leaf || f.item != nil) {
			return nil, false
		}
	}
	return f, true
}

// empty says whether nothing has been said of the field yet.
func (f *field) empty() bool { return !f.leaf && f.item == nil && len(f.children) == 0 }

// object says whether the field has fields.
func (f *field) object() bool { return !f.leaf && f.item == nil }

// needs says whether the field must be there: it or something below it is
// required.
func (f *field) needs() bool {
	if !f.object() {
		return f.required
	}
	for _, child := range f.children {
		if child.needs() {
			return true
		}
	}
	return false
}

// jsonSchema describes the field in JSON Schema 2020-12.
func (f *field) jsonSchema(schemas *mapping.Schemas) map[string]any {
	var out map[string]any
	switch {
	case f.item != nil:
		out = map[string]any{"type": "array", "items": f.item.jsonSchema(schemas)}
		if f.least > 0 {
			out["minItems"] = f.least
		}
		if f.most > 0 {
			out["maxItems"] = f.most
		}
	case f.leaf && f.schema != nil:
		out = f.schema(schemas)
	case f.leaf:
		out = f.kind.jsonSchema()
	default:
		properties, required := map[string]any{}, []string{}
		for _, key := range f.order {
			properties[key] = f.children[key].jsonSchema(schemas)
			if f.children[key].needs() {
				required = append(required, key)
			}
		}
		slices.Sort(required)
		out = map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
		if len(required) > 0 {
			out["required"] = required
		}
	}
	if f.nullable {
		out = map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
	}
	if f.title != "" {
		out["description"] = f.title
	}
	return out
}

func (t Type) jsonSchema() map[string]any {
	switch t {
	case Integer:
		return map[string]any{"type": "integer"}
	case Decimal:
		return map[string]any{"type": "number"}
	case Boolean:
		return map[string]any{"type": "boolean"}
	case Date:
		return map[string]any{"type": "string", "format": "date"}
	case Moment:
		return map[string]any{"type": "string", "format": "date-time"}
	case list:
		return map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	}
	return map[string]any{"type": "string"}
}

// shaped is the shape of the field for conditions.
func (f *field) shaped() *shape {
	switch {
	case f.item != nil:
		return &shape{item: f.item.shaped()}
	case f.leaf:
		return &shape{kind: f.kind}
	}
	s := &shape{fields: map[string]*shape{}}
	for name, child := range f.children {
		s.fields[name] = child.shaped()
	}
	return s
}

// strangers finds the keys of a value that the shape does not have, and what is
// no object or list where one is needed.
func (f *field) strangers(value any, at string, found *mapping.Violations) {
	switch {
	case f.item != nil:
		items, ok := toItems(value)
		if !ok {
			add(found, at, mapping.CodeType, "must be a list")
			return
		}
		for i, one := range items {
			f.item.strangers(one, index(at, i), found)
		}
	case f.leaf:
		return
	default:
		object, ok := value.(map[string]any)
		if !ok {
			add(found, at, mapping.CodeType, "must be an object")
			return
		}
		keys := make([]string, 0, len(object))
		for key := range object {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			child := f.children[key]
			if child == nil {
				add(found, at+"/"+escaped(key), mapping.CodeUnknown, "there is no such field")
				continue
			}
			child.strangers(object[key], at+"/"+escaped(key), found)
		}
	}
}

// maxViolations bounds a report, as in package mapping.
const maxViolations = 500

func add(found *mapping.Violations, path, code, message string) {
	if len(*found) < maxViolations {
		*found = append(*found, mapping.Violation{Path: path, Code: code, Message: message})
	}
}

// Lacks returns those of the core's fields that a side of the table does not have,
// given as pointers with * for the items of a list. Whoever builds on a table
// that others write asks it before the first message.
func (t *Table) Lacks(request, answer []string) []string {
	var out []string
	for _, side := range []struct {
		d        *direction
		pointers []string
	}{{t.request, request}, {t.answer, answer}} {
		for _, pointer := range side.pointers {
			if side.d == nil || !side.d.core.has(strings.Split(pointer, "/")[1:]) {
				out = append(out, pointer)
			}
		}
	}
	return out
}

func (f *field) has(keys []string) bool {
	switch {
	case f == nil:
		return false
	case len(keys) == 0:
		return true
	case keys[0] == "*":
		return f.item.has(keys[1:])
	}
	return f.children[keys[0]].has(keys[1:])
}
