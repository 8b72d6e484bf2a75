package table

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// jsonShape is a place in the messages of a REST register: a JSON Schema, with
// what it refers to.
type jsonShape struct {
	schema      map[string]any // with references followed and allOf merged
	written     any            // as the description has it
	definitions map[string]any
}

// referDepth bounds how far references are followed.
const referDepth = 16

// ofSchema is the place that a schema describes.
func ofSchema(schema any, definitions map[string]any, required bool) place {
	merged, nullable := flat(schema, definitions, referDepth)
	p := place{json: &jsonShape{schema: merged, written: schema, definitions: definitions}, required: required, nillable: nullable}
	if p.json.is("array") && merged["items"] != nil {
		p.many = true
		p.least, p.most = count(merged["minItems"], 0), count(merged["maxItems"], -1)
	}
	return p
}

func count(v any, otherwise int) int {
	if v == nil {
		return otherwise
	}
	n := otherwise
	if _, err := fmt.Sscan(fmt.Sprint(v), &n); err != nil {
		return otherwise
	}
	return n
}

// flat follows references, merges what all of several schemas say, and takes the
// one that is meant where the other is null. What cannot be flattened is empty:
// any value.
func flat(schema any, definitions map[string]any, depth int) (out map[string]any, nullable bool) {
	m, ok := schema.(map[string]any)
	if !ok || depth == 0 {
		return map[string]any{}, false
	}
	out = maps.Clone(m)
	take := func(one any) {
		inner, null := flat(one, definitions, depth-1)
		nullable = nullable || null
		merge(out, inner)
	}
	if ref, ok := m["$ref"].(string); ok {
		delete(out, "$ref")
		take(definitions[strings.TrimPrefix(ref, "#/components/schemas/")])
	}
	if all, ok := m["allOf"].([]any); ok {
		delete(out, "allOf")
		for _, one := range all {
			take(one)
		}
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		branches, ok := m[key].([]any)
		if !ok {
			continue
		}
		var meant []any
		for _, branch := range branches {
			if b, ok := branch.(map[string]any); ok && b["type"] == "null" {
				nullable = true
				continue
			}
			meant = append(meant, branch)
		}
		if len(meant) != 1 {
			return map[string]any{}, nullable
		}
		delete(out, key)
		take(meant[0])
	}
	if types, ok := out["type"].([]any); ok {
		rest := slices.DeleteFunc(slices.Clone(types), func(t any) bool { return t == "null" })
		nullable = nullable || len(rest) < len(types)
		delete(out, "type")
		if len(rest) == 1 {
			out["type"] = rest[0]
		}
	}
	return out, nullable
}

// merge adds what another schema says of the same value.
func merge(into, other map[string]any) {
	for key, v := range other {
		switch before := into[key]; {
		case before == nil:
			into[key] = v
		case key == "properties":
			all := map[string]any{}
			for _, one := range []any{before, v} {
				if m, ok := one.(map[string]any); ok {
					maps.Copy(all, m)
				}
			}
			into[key] = all
		case key == "required":
			a, _ := before.([]any)
			b, _ := v.([]any)
			into[key] = append(slices.Clone(a), b...)
		}
	}
}

func (j *jsonShape) is(kind string) bool { return j.schema["type"] == kind }

func (j *jsonShape) properties() map[string]any {
	m, _ := j.schema["properties"].(map[string]any)
	return m
}

// object says whether it has fields that are known.
func (j *jsonShape) object() bool {
	return len(j.properties()) > 0 && (j.is("object") || j.schema["type"] == nil)
}

func (j *jsonShape) child(key string) (place, bool) {
	schema, ok := j.properties()[key]
	if !ok || !j.object() {
		return place{}, false
	}
	required, _ := j.schema["required"].([]any)
	return ofSchema(schema, j.definitions, slices.Contains(required, any(key))), true
}

func (j *jsonShape) names() []string {
	if !j.object() {
		return nil
	}
	return slices.Sorted(maps.Keys(j.properties()))
}

// item is the place of an item of an array. An array of arrays has items that
// are not looked into.
func (j *jsonShape) item() place {
	p := ofSchema(j.schema["items"], j.definitions, true)
	if p.many {
		p.many, p.json = false, &jsonShape{schema: map[string]any{}, written: j.schema["items"], definitions: j.definitions}
	}
	return p
}

func (j *jsonShape) kind() Type {
	switch j.schema["type"] {
	case "string":
		switch j.schema["format"] {
		case "date":
			return Date
		case "date-time":
			return Moment
		}
		return Text
	case "integer":
		return Integer
	case "number":
		return Decimal
	case "boolean":
		return Boolean
	}
	return raw
}

// enumeration are the values that are allowed, as texts.
func (j *jsonShape) enumeration() []string {
	values, _ := j.schema["enum"].([]any)
	if one, ok := j.schema["const"]; ok {
		values = []any{one}
	}
	var out []string
	for _, v := range values {
		if v != nil {
			out = append(out, fmt.Sprint(v))
		}
	}
	return out
}

// refuses says what is wrong with a text as a value of the place.
func (j *jsonShape) refuses(text string) string {
	if problem := j.kind().refuses(text); problem != "" {
		return problem
	}
	if allowed := j.enumeration(); len(allowed) > 0 && !slices.Contains(allowed, text) {
		return "it is none of the listed values"
	}
	return ""
}

// asSchema is the schema as the core sees it.
func (j *jsonShape) asSchema() map[string]any {
	if m, ok := j.written.(map[string]any); ok {
		return maps.Clone(m)
	}
	return map[string]any{}
}

// unfilledJSON finds what a schema demands and no rule fills.
func (c *compiler) unfilledJSON(at, where string, p place, n *node) {
	if len(n.rules) > 0 && where != "" && len(n.children) == 0 {
		return
	}
	if !p.json.object() {
		if where == "" && len(n.rules) == 0 && len(n.children) == 0 {
			c.problem(at, Unfilled, "the register's item or message needs a value and no rule gives it")
		}
		return
	}
	for _, name := range p.json.names() {
		child, _ := p.json.child(name)
		below := n.children[name]
		place := where + "/" + escaped(name)
		switch {
		case below == nil && !child.required:
		case below == nil && !child.many && child.object():
			c.unfilledJSON(at, place, child, &node{})
		case below == nil:
			c.problem(at, Unfilled, place+" must be given and no rule fills it")
		default:
			if last := len(below.rules) - 1; last >= 0 && child.required && below.rules[last].When != "" {
				c.problem(below.rules[last].at+".when", Unfilled, place+" must be given; the last of the rules that fill it can have no condition")
			}
			if len(below.children) > 0 {
				c.unfilledJSON(at, place, child.item(), below)
			}
		}
	}
}

// demandedJSON makes the objects that a schema demands and no rule has filled.
func demandedJSON(p place, object map[string]any, depth int) {
	if depth > demandedDepth || !p.json.object() {
		return
	}
	for _, name := range p.json.names() {
		child, _ := p.json.child(name)
		value, present := object[name]
		if !present && child.required && !child.many && child.object() {
			value = map[string]any{}
			object[name] = value
		}
		items, _ := value.([]any)
		if below, ok := value.(map[string]any); ok {
			items = []any{below}
		}
		for _, item := range items {
			if below, ok := item.(map[string]any); ok && child.object() {
				demandedJSON(child.item(), below, depth+1)
			}
		}
	}
}

// plainJSON is the value as a JSON decoder gives it, with its numbers as they are.
func plainJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return readAny(text)
}
