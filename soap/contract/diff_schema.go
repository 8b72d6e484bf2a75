package contract

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// schemaComparison compares JSON Schemas: two operations of REST.
type schemaComparison struct {
	comparison
	older, newer map[string]any // what their schemas refer to
	pairs        map[string]bool
	depth        int
}

// maxAlike bounds how deep schemas are looked into that refer to nothing.
const maxAlike = 100

// schemas compares what two schemas allow at one place. Each pair of definitions
// is looked at once in a direction.
func (c *schemaComparison) schemas(older, newer any, path string) {
	x, y := reference(older), reference(newer)
	if x != "" && y != "" {
		key := string(c.direction) + " " + c.status + " " + x + " " + y
		if c.pairs[key] {
			return
		}
		if c.pairs == nil {
			c.pairs = map[string]bool{}
		}
		c.pairs[key] = true
	}
	if c.depth++; c.depth < maxAlike {
		a, b := flat(older, c.older, 0), flat(newer, c.newer, 0)
		if c.kinds(a, b, path) {
			c.limits(a, b, path)
			c.branches(a, b, path)
			c.properties(a, b, path)
			c.items(a, b, path)
			c.remainder(a, b, path)
		}
	}
	c.depth--
}

func reference(schema any) string {
	m, _ := schema.(map[string]any)
	ref, _ := m["$ref"].(string)
	return ref
}

// flat is a schema with what it refers to, all parts of allOf in one, and null as
// one of its types.
func flat(schema any, definitions map[string]any, depth int) map[string]any {
	switch s := schema.(type) {
	case bool:
		if s {
			return map[string]any{}
		}
		return map[string]any{"not": true}
	case map[string]any:
		if depth > maxDepth {
			return s
		}
		out := maps.Clone(s)
		delete(out, "$ref")
		if ref := reference(s); ref != "" {
			join(out, flat(definitions[strings.TrimPrefix(ref, "#/components/schemas/")], definitions, depth+1))
		}
		if list, ok := out["allOf"].([]any); ok {
			delete(out, "allOf")
			for _, one := range list {
				join(out, flat(one, definitions, depth+1))
			}
		}
		return nullable(out, definitions, depth)
	}
	return map[string]any{}
}

// nullable writes "this or null" as a type more.
func nullable(s, definitions map[string]any, depth int) map[string]any {
	for _, key := range []string{"anyOf", "oneOf"} {
		list, _ := s[key].([]any)
		if len(list) != 2 {
			continue
		}
		for i, one := range list {
			if m, _ := one.(map[string]any); len(m) != 1 || m["type"] != "null" {
				continue
			}
			inner := flat(list[1-i], definitions, depth+1)
			if types := typesOf(inner); types != nil {
				out := maps.Clone(s)
				delete(out, key)
				join(out, inner)
				out["type"] = append(anys(types), "null")
				return out
			}
		}
	}
	return s
}

func anys(list []string) (out []any) {
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// join adds the keywords of a schema to those of another that holds as well.
func join(into, more map[string]any) {
	for key, v := range more {
		known, has := into[key]
		switch {
		case !has:
			into[key] = v
		case key == "properties":
			all, _ := known.(map[string]any)
			both := maps.Clone(all)
			for name, schema := range v.(map[string]any) {
				if other, twice := both[name]; twice && !reflect.DeepEqual(other, schema) {
					schema = map[string]any{"allOf": []any{other, schema}}
				}
				both[name] = schema
			}
			into[key] = both
		case key == "required":
			x, _ := known.([]any)
			y, _ := v.([]any)
			into[key] = append(slices.Clone(x), y...)
		case !reflect.DeepEqual(known, v) && !notes[key]:
			into[key+" of allOf"] = v // compared as it stands
		}
	}
}

// notes are the keywords that allow and forbid nothing.
var notes = map[string]bool{
	"title": true, "description": true, "examples": true, "example": true, "default": true, "deprecated": true, "readOnly": true,
	"writeOnly": true, "externalDocs": true, "xml": true, "discriminator": true, "$comment": true, "$defs": true, "definitions": true,
}

// typesOf are the types that a schema names, without null; nil is any.
func typesOf(s map[string]any) (out []string) {
	switch t := s["type"].(type) {
	case string:
		out = []string{t}
	case []any:
		for _, one := range t {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
	default:
		if s["properties"] != nil {
			return []string{"object"}
		}
		if s["items"] != nil {
			return []string{"array"}
		}
		return nil
	}
	return slices.DeleteFunc(slices.Clone(out), func(t string) bool { return t == "null" && len(out) > 1 })
}

// takesNull says whether null is one of several types, or of all.
func takesNull(s map[string]any) bool {
	list, ok := s["type"].([]any)
	return ok && slices.Contains(list, any("null"))
}

// kinds compares the types; false says that nothing below can be compared.
func (c *schemaComparison) kinds(a, b map[string]any, path string) bool {
	if x, y := takesNull(a), takesNull(b); typesOf(a) != nil && typesOf(b) != nil {
		switch {
		case !x && y:
			c.add(path, NilAllowed, !c.writing(), "the field may be null now")
		case x && !y:
			c.add(path, NilRefused, c.writing(), "the field must not be null any more")
		}
	}
	x, y := typesOf(a), typesOf(b)
	list := func(types []string) bool { return len(types) == 1 && types[0] == "array" }
	wider, narrower := covers(y, x), covers(x, y)
	switch {
	case wider && narrower:
		return true
	case x != nil && y != nil && list(x) != list(y):
		c.add(path, CountChanged, true, "the field is %s now", map[bool]string{true: "a list", false: "no list"}[list(y)])
	case wider:
		c.add(path, ValuesWidened, !c.writing(), "more types of value are allowed: %s instead of %s", spoken(y), spoken(x))
		return x != nil && y != nil
	case narrower:
		c.add(path, ValuesNarrowed, c.writing(), "fewer types of value are allowed: %s instead of %s", spoken(y), spoken(x))
		return x != nil && y != nil
	default:
		c.add(path, TypeChanged, true, "the value is of the type %s instead of %s", spoken(y), spoken(x))
	}
	return false
}

// covers says whether the types, nil for any, take all that the others do.
func covers(types, others []string) bool {
	if types == nil {
		return true
	}
	if others == nil {
		return false
	}
	for _, t := range others {
		if !slices.Contains(types, t) && !(t == "integer" && slices.Contains(types, "number")) {
			return false
		}
	}
	return true
}

func spoken(types []string) string {
	if types == nil {
		return "anything"
	}
	return strings.Join(slices.Sorted(slices.Values(types)), " or ")
}

// properties compares the fields of objects.
func (c *schemaComparison) properties(a, b map[string]any, path string) {
	fields := func(s map[string]any) (map[string]any, map[string]bool) {
		properties, _ := s["properties"].(map[string]any)
		list, _ := s["required"].([]any)
		required := map[string]bool{}
		for _, name := range list {
			if text, ok := name.(string); ok {
				required[text] = true
			}
		}
		all := maps.Clone(properties)
		if all == nil {
			all = map[string]any{}
		}
		for name := range required {
			if all[name] == nil {
				all[name] = true
			}
		}
		return all, required
	}
	before, needed := fields(a)
	now, needs := fields(b)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		at := path + "/" + pointerStep(name)
		if _, there := now[name]; !there {
			c.gone(at, "field", !needed[name])
			continue
		}
		c.presence(at, needed[name], needs[name])
		c.schemas(before[name], now[name], at)
	}
	closed := a["additionalProperties"] == false || a["unevaluatedProperties"] == false
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, there := before[name]; !there {
			c.added(path+"/"+pointerStep(name), needs[name], closed)
		}
	}
	if len(before) > 0 || len(now) > 0 || a["additionalProperties"] != nil || b["additionalProperties"] != nil {
		c.others(a, b, path)
	}
}

// others compares which fields are allowed beside those that have names.
func (c *schemaComparison) others(a, b map[string]any, path string) {
	open := func(s map[string]any) any {
		if v, has := s["additionalProperties"]; has {
			return v
		}
		return true
	}
	x, y := open(a), open(b)
	switch {
	case x != false && y == false:
		c.add(path, ValuesNarrowed, c.writing(), "fields that have no names here are not allowed any more")
	case x == false && y != false:
		c.add(path, ValuesWidened, !c.writing() && c.use != nil && c.use.Strict, "fields that have no names here are allowed now")
	case x != false:
		c.schemas(x, y, path+"/*")
	}
}

func (c *schemaComparison) items(a, b map[string]any, path string) {
	x, hasX := a["items"]
	y, hasY := b["items"]
	if hasX || hasY {
		if !hasX {
			x = true
		}
		if !hasY {
			y = true
		}
		c.schemas(x, y, path)
	}
}

// pointerStep writes a name as a step of a JSON pointer.
func pointerStep(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// writtenJSON is a value of a schema as JSON, by which equal ones are told.
func writtenJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
