package registers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fieldRow is one field of a message in a table of a page.
type fieldRow struct {
	Depth    int
	Name     string
	Required bool
	Type     string
	Rules    []string
	Note     string
	// Same is the name of a type whose fields stand further up: it holds itself.
	Same string
}

// Indent is the style class of the row's depth.
func (f fieldRow) Indent() string { return fmt.Sprintf("d%d", min(f.Depth, 9)) }

// maxRows bounds a table: the document has the rest.
const maxRows = 600

// schemaRows makes rows of a JSON schema of a document.
type schemaRows struct {
	doc  map[string]any
	lang lang
	rows []fieldRow
	open []string // the definitions around, from the outside
}

func (s schemaRows) of(schema any) []fieldRow {
	s.rows = nil
	s.children(schema, 0)
	return s.rows
}

// resolved follows references; name is the last definition, "" for none.
func (s *schemaRows) resolved(schema any) (m map[string]any, name string) {
	m, _ = schema.(map[string]any)
	for range 20 {
		ref, ok := m["$ref"].(string)
		if !ok {
			break
		}
		name = strings.TrimPrefix(ref, "#/components/schemas/")
		note := m["description"]
		target, _ := inside(s.doc, "components", "schemas", name).(map[string]any)
		if m = target; note != nil && m != nil {
			m = maps.Clone(m)
			m["description"] = note
		}
	}
	return m, name
}

// children adds the rows of what a schema holds.
func (s *schemaRows) children(schema any, depth int) {
	m, name := s.resolved(schema)
	if name != "" {
		if slices.Contains(s.open, name) {
			return
		}
		s.open = append(s.open, name)
		defer func() { s.open = s.open[:len(s.open)-1] }()
	}
	if items, ok := m["items"]; ok {
		s.children(items, depth)
		return
	}
	required, _ := m["required"].([]any)
	properties, _ := m["properties"].(map[string]any)
	for _, field := range order(properties, required) {
		s.row(field, properties[field], slices.Contains(required, any(field)), depth)
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[key].([]any)
		for _, one := range list {
			s.children(one, depth)
		}
	}
}

// order lists names with what must be there first.
func order(properties map[string]any, required []any) []string {
	names := slices.Sorted(maps.Keys(properties))
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := slices.Contains(required, any(a)), slices.Contains(required, any(b))
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return names
}

func (s *schemaRows) row(field string, schema any, required bool, depth int) {
	if len(s.rows) >= maxRows {
		if len(s.rows) == maxRows {
			s.rows = append(s.rows, fieldRow{Name: "…", Note: say(s.lang, "more")})
		}
		return
	}
	m, name := s.resolved(schema)
	kinds := typesOf(m)
	row := fieldRow{Depth: depth, Name: field, Required: required, Rules: s.rules(m)}
	row.Note, _ = m["description"].(string)
	inner := m
	if items, is := m["items"]; is {
		inner, name = s.resolved(items)
		row.Type = say(s.lang, "list.of", s.kind(inner, typesOf(inner)))
		row.Rules = append(row.Rules, s.rules(inner)...)
		if note, _ := inner["description"].(string); row.Note == "" {
			row.Note = note
		}
	} else {
		row.Type = s.kind(m, kinds)
	}
	row.Note = noteIn(s.lang, row.Note)
	if name != "" && slices.Contains(s.open, name) {
		row.Same = name
		s.rows = append(s.rows, row)
		return
	}
	s.rows = append(s.rows, row)
	s.children(schema, depth+1)
}

// typesOf are the types of a schema; those of anyOf where it has none.
func typesOf(m map[string]any) []string {
	var out []string
	switch t := m["type"].(type) {
	case string:
		out = append(out, t)
	case []any:
		for _, one := range t {
			out = append(out, fmt.Sprint(one))
		}
	}
	return out
}

// kind names the type of a value.
func (s *schemaRows) kind(m map[string]any, kinds []string) string {
	if len(kinds) == 0 {
		list, _ := m["anyOf"].([]any)
		for _, one := range list {
			resolved, _ := s.resolved(one)
			for _, k := range typesOf(resolved) {
				if !slices.Contains(kinds, k) {
					kinds = append(kinds, k)
				}
			}
		}
	}
	// A number may be given as text, which is no other type to a reader.
	if slices.Contains(kinds, "integer") || slices.Contains(kinds, "number") {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "string" })
	}
	var words []string
	for _, k := range kinds {
		words = append(words, say(s.lang, "type."+k))
	}
	if len(words) == 0 {
		return say(s.lang, "type.any")
	}
	return strings.Join(words, say(s.lang, "or"))
}

// rules says what a value must keep to.
func (s *schemaRows) rules(m map[string]any) []string {
	var out []string
	if list, _ := m["enum"].([]any); len(list) > 0 {
		var values []string
		for _, v := range list[:min(len(list), 30)] {
			values = append(values, fmt.Sprint(v))
		}
		if len(list) > 30 {
			values = append(values, "…")
		}
		out = append(out, say(s.lang, "one.of", strings.Join(values, ", ")))
	}
	if c, has := m["const"]; has {
		out = append(out, say(s.lang, "always", fmt.Sprint(c)))
	}
	own, has := m["x-rules"].([]any)
	for _, rule := range own {
		out = append(out, ruleIn(s.lang, fmt.Sprint(rule)))
	}
	for _, keyword := range []string{
		"minItems", "maxItems", "minLength", "maxLength", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "pattern", "x-unchecked-pattern", "format",
	} {
		value, is := m[keyword]
		if !is || has && (keyword == "minLength" || keyword == "maxLength") {
			continue
		}
		if n, isNumber := value.(json.Number); isNumber {
			value = n.String()
		}
		out = append(out, say(s.lang, "rule."+keyword, value))
	}
	return out
}
