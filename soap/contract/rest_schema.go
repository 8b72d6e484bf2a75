package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// way says who writes a message: what is readOnly need not be in a request, what
// is writeOnly not in an answer.
type way int

const (
	toRegister way = iota
	fromRegister
)

// schemaReader turns the schemas of a document into JSON Schema 2020-12 that
// refers to nothing outside of its definitions.
type schemaReader struct {
	doc         *openapi
	old         bool // OpenAPI 3.0
	oneWay      bool // nothing is readOnly or writeOnly: both ways have the same schemas
	definitions map[string]any
	names       map[schemaKey]string
	refuse      func(format string, args ...any)
	// refusals are what kept definitions from being read, for every operation
	// that uses them.
	refusals map[string]error
	depth    int
}

type schemaKey struct {
	at  *yaml.Node
	way way
}

func newSchemaReader(doc *openapi, version string) *schemaReader {
	s := &schemaReader{
		doc: doc, old: strings.HasPrefix(version, "3.0"), definitions: map[string]any{}, names: map[schemaKey]string{}, refusals: map[string]error{},
	}
	s.oneWay = !mentions(doc.root, "readOnly", "writeOnly")
	return s
}

// mentions says whether one of the keys stands anywhere.
func mentions(n *yaml.Node, keys ...string) bool {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			for _, k := range keys {
				if c.Value == k {
					return true
				}
			}
		}
		if mentions(c, keys...) {
			return true
		}
	}
	return false
}

// The keywords that hold schemas: one, a list, or one by name.
var (
	schemaKeywords = map[string]bool{
		"items": true, "additionalProperties": true, "not": true, "if": true, "then": true, "else": true, "contains": true,
		"propertyNames": true, "unevaluatedItems": true, "unevaluatedProperties": true, "additionalItems": true,
	}
	schemaLists = map[string]bool{"allOf": true, "anyOf": true, "oneOf": true, "prefixItems": true}
	schemaMaps  = map[string]bool{"properties": true, "patternProperties": true, "$defs": true, "definitions": true, "dependentSchemas": true}
	// foreign keywords would make references mean something else than a place in
	// the document.
	foreign = map[string]bool{"$id": true, "$anchor": true, "$dynamicRef": true, "$dynamicAnchor": true, "$recursiveRef": true, "$schema": true}
)

// convert returns a schema; nil, which is everything, stays true.
func (s *schemaReader) convert(n *yaml.Node, w way) any {
	if s.oneWay {
		w = toRegister
	}
	if n == nil {
		return true
	}
	if s.depth++; s.depth > maxDepth {
		s.refuse("schema that nests deeper than %d levels", maxDepth)
		s.depth--
		return true
	}
	defer func() { s.depth-- }()
	if n.Kind != yaml.MappingNode {
		if n.Tag != "!!bool" {
			s.refuse("schema that is neither an object nor true or false")
			return true
		}
		return n.Value == "true"
	}
	if ref := child(n, "$ref"); ref != nil {
		target := map[string]any{"$ref": s.refer(ref.Value, w)}
		if s.old {
			return target // what stands beside a reference does not count in 3.0
		}
		for k, v := range s.keywords(n, w) {
			target[k] = v
		}
		return target
	}
	return s.keywords(n, w)
}

func (s *schemaReader) keywords(n *yaml.Node, w way) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		switch {
		case key == "$ref":
		case foreign[key]:
			s.refuse("%s in a schema", key)
		case schemaKeywords[key]:
			out[key] = s.convert(value, w)
		case schemaLists[key] && value.Kind == yaml.SequenceNode:
			list := make([]any, len(value.Content))
			for j, c := range value.Content {
				list[j] = s.convert(c, w)
			}
			out[key] = list
		case schemaMaps[key] && value.Kind == yaml.MappingNode:
			out[key] = s.named(key, value, w)
		case key == "pattern":
			if _, err := regexp.Compile(value.Value); err != nil {
				key = "x-unchecked-pattern" // of another dialect: said, and not checked
			}
			out[key] = value.Value
		default:
			out[key] = plain(value)
		}
	}
	s.required(out, n, w)
	if s.old {
		modern(out)
	}
	return out
}

// named converts schemas by name.
func (s *schemaReader) named(key string, value *yaml.Node, w way) map[string]any {
	named := map[string]any{}
	for j := 0; j+1 < len(value.Content); j += 2 {
		name := value.Content[j].Value
		if _, err := regexp.Compile(name); key == "patternProperties" && err != nil {
			s.refuse("pattern %q of names of fields", name)
			continue
		}
		named[name] = s.convert(value.Content[j+1], w)
	}
	return named
}

// required leaves out of the list what the other side writes.
func (s *schemaReader) required(out map[string]any, n *yaml.Node, w way) {
	list, ok := out["required"].([]any)
	if !ok || s.oneWay {
		return
	}
	others := map[way]string{toRegister: "readOnly", fromRegister: "writeOnly"}[w]
	properties := child(n, "properties")
	kept := []any{}
	for _, name := range list {
		if text, ok := name.(string); !ok || s.doc.text(child(properties, text), others) != "true" {
			kept = append(kept, name)
		}
	}
	if out["required"] = kept; len(kept) == 0 {
		delete(out, "required")
	}
}

// modern writes the keywords of OpenAPI 3.0 as those of JSON Schema 2020-12.
func modern(schema map[string]any) {
	for _, bound := range [][2]string{{"exclusiveMinimum", "minimum"}, {"exclusiveMaximum", "maximum"}} {
		exclusive, is := schema[bound[0]].(bool)
		if !is {
			continue
		}
		delete(schema, bound[0])
		if limit, has := schema[bound[1]]; has && exclusive {
			delete(schema, bound[1])
			schema[bound[0]] = limit
		}
	}
	nullable, is := schema["nullable"].(bool)
	delete(schema, "nullable")
	if example, has := schema["example"]; has {
		delete(schema, "example")
		schema["examples"] = []any{example}
	}
	if !is || !nullable {
		return
	}
	if kind, has := schema["type"].(string); has {
		schema["type"] = []any{kind, "null"}
	}
	if values, has := schema["enum"].([]any); has {
		for _, v := range values {
			if v == nil {
				return
			}
		}
		schema["enum"] = append(values, nil)
	}
}

// maxRESTSchemas bounds the definitions of a document.
const maxRESTSchemas = 5000

// refer makes a definition of what is referred to and returns the reference.
func (s *schemaReader) refer(ref string, w way) string {
	const prefix = "#/components/schemas/"
	steps, local := strings.CutPrefix(ref, "#/")
	if !local {
		s.refuse("reference %s, which leads out of the document", ref)
		return prefix
	}
	n, last := s.doc.root, ""
	for step := range strings.SplitSeq(steps, "/") {
		last = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		if n != nil && n.Kind == yaml.SequenceNode {
			i, err := strconv.Atoi(last)
			if err != nil || i < 0 || i >= len(n.Content) {
				n = nil
				break
			}
			n = n.Content[i]
			continue
		}
		n = child(n, last)
	}
	if n == nil {
		s.refuse("reference %s, which leads nowhere", ref)
		return prefix
	}
	key := schemaKey{n, w}
	name, known := s.names[key]
	if !known && len(s.definitions) >= maxRESTSchemas {
		s.refuse("more than %d schemas", maxRESTSchemas)
		return prefix
	}
	if !known {
		name = s.define(key, last)
	}
	if err := s.refusals[name]; err != nil {
		s.refuse("%s", strings.TrimPrefix(err.Error(), "unsupported: "))
	}
	return prefix + name
}

// define reads a definition; what is refused in it is remembered with it.
func (s *schemaReader) define(key schemaKey, base string) string {
	base = strings.Trim(reNotCode.ReplaceAllString(base, "_"), "_")
	if base == "" {
		base = "Schema"
	}
	if key.way == toRegister && !s.oneWay {
		base += "_request"
	}
	name := base
	for i := 2; s.definitions[name] != nil; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	s.names[key] = name
	s.definitions[name] = true // taken, for what refers to it meanwhile
	outer, depth := s.refuse, s.depth
	s.refuse = func(format string, args ...any) {
		if s.refusals[name] == nil {
			s.refusals[name] = unsupported(format, args...)
		}
		outer(format, args...)
	}
	s.depth = 0 // nesting is bounded by the document, recursion by the names
	s.definitions[name] = s.convert(key.at, key.way)
	s.refuse, s.depth = outer, depth
	return name
}

var reJSONNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// plain is the value of a node as JSON has it; numbers keep their digits.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, c := range n.Content {
			out[i] = plain(c)
		}
		return out
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		_ = n.Decode(&b) // its tag says that it is one
		return b
	case "!!int", "!!float":
		if reJSONNumber.MatchString(n.Value) {
			return json.Number(n.Value)
		}
		var f float64
		if n.Decode(&f) == nil {
			if text := strconv.FormatFloat(f, 'f', -1, 64); reJSONNumber.MatchString(text) {
				return json.Number(text)
			}
		}
	}
	return n.Value
}
