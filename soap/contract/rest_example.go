package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Budgets of an example: what is optional is left out below the first depth, and
// none is found for what must go deeper than the second.
const (
	exampleDepth = 6
	exampleLimit = 40
)

// errNoExample says that no value was found that keeps all rules.
var errNoExample = errors.New("no example was found that keeps to the schema")

// Example returns a request that is valid, the same one each time: with what
// must be there, or with everything that may. The error says that none was
// found.
func (r *REST) Example(op *RESTOperation, fullest bool) (map[string]any, error) {
	if op.Unsupported != nil {
		return nil, op.Unsupported
	}
	for _, own := range []bool{true, false} { // the description's own examples, which may be wrong
		e := exampler{schemas: r.Schemas, full: fullest, own: own}
		if v, ok := e.value(op.Input, 0).(map[string]any); ok && !e.failed && op.CheckRequest(v) == nil {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", op.Code, errNoExample)
}

// AnswerExample is Example for the answer to a success, with its status.
func (r *REST) AnswerExample(op *RESTOperation, fullest bool) (status int, value any, err error) {
	if op.Unsupported != nil {
		return 0, nil, op.Unsupported
	}
	for _, key := range slices.Sorted(maps.Keys(op.Answers)) {
		schema := op.Answers[key]
		if _, scanErr := fmt.Sscanf(strings.Replace(key, "XX", "00", 1), "2%d", &status); scanErr != nil && key != "default" {
			continue
		}
		status += 200
		if schema == nil {
			return status, nil, nil
		}
		for _, own := range []bool{true, false} {
			e := exampler{schemas: r.Schemas, full: fullest, own: own}
			if v := e.value(schema, 0); !e.failed && op.CheckAnswer(status, v, true) == nil {
				return status, v, nil
			}
		}
		break
	}
	return 0, nil, fmt.Errorf("%s: %w", op.Code, errNoExample)
}

// exampler makes one example.
type exampler struct {
	schemas   map[string]any
	full, own bool
	failed    bool
}

// value makes a value of a schema.
func (e *exampler) value(schema any, depth int) any {
	if depth > exampleLimit || schema == false {
		e.failed = true
		return nil
	}
	m, ok := schema.(map[string]any)
	if !ok {
		return "text"
	}
	m = e.merged(m, depth)
	if c, has := m["const"]; has {
		return c
	}
	if list, _ := m["enum"].([]any); len(list) > 0 {
		return list[0]
	}
	if list, _ := m["examples"].([]any); e.own && len(list) > 0 {
		return list[0]
	}
	switch kindOfSchema(m) {
	case "object":
		return e.object(m, depth)
	case "array":
		return e.array(m, depth)
	case "string":
		return e.text(m)
	case "integer", "number":
		return e.number(m)
	case "boolean":
		return true
	case "null":
		return nil
	}
	return "text"
}

// kindOfSchema is the first type that is not null, or the one that the keywords
// speak of.
func kindOfSchema(m map[string]any) string {
	switch t := m["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if one != "null" {
				text, _ := one.(string)
				return text
			}
		}
		return "null"
	}
	for keyword, kind := range map[string]string{"properties": "object", "items": "array", "prefixItems": "array", "pattern": "string", "minLength": "string", "minimum": "number"} {
		if m[keyword] != nil {
			return kind
		}
	}
	return ""
}

// merged follows references and puts the parts of allOf, and the first of anyOf
// and oneOf, together.
func (e *exampler) merged(m map[string]any, depth int) map[string]any {
	var parts []any
	if ref, ok := m["$ref"].(string); ok {
		parts = append(parts, e.schemas[strings.TrimPrefix(ref, "#/components/schemas/")])
	}
	all, _ := m["allOf"].([]any)
	parts = append(parts, all...)
	for _, key := range []string{"anyOf", "oneOf"} {
		if list, _ := m[key].([]any); len(list) > 0 {
			parts = append(parts, list[0])
		}
	}
	if len(parts) == 0 {
		return m
	}
	out := map[string]any{}
	for _, p := range append(parts, without(m, "$ref", "allOf", "anyOf", "oneOf")) {
		part, ok := p.(map[string]any)
		if !ok {
			continue
		}
		if depth++; depth > exampleLimit {
			e.failed = true
			return out
		}
		part = e.merged(part, depth)
		for key, v := range part {
			switch key {
			case "properties":
				properties := map[string]any{}
				if before, ok := out[key].(map[string]any); ok {
					maps.Copy(properties, before)
				}
				if now, ok := v.(map[string]any); ok {
					maps.Copy(properties, now)
				}
				out[key] = properties
			case "required":
				before, _ := out[key].([]any)
				now, _ := v.([]any)
				out[key] = append(slices.Clone(before), now...)
			default:
				out[key] = v
			}
		}
	}
	return out
}

func without(m map[string]any, keys ...string) map[string]any {
	out := maps.Clone(m)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

func (e *exampler) object(m map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := m["properties"].(map[string]any)
	required, _ := m["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		needed := slices.Contains(required, any(name))
		if needed || e.full && depth < exampleDepth && properties[name] != false {
			out[name] = e.value(properties[name], depth+1)
		}
	}
	for _, name := range required {
		text, _ := name.(string)
		if _, has := out[text]; !has {
			out[text] = e.value(m["additionalProperties"], depth+1)
		}
	}
	return out
}

func (e *exampler) array(m map[string]any, depth int) any {
	n := whole(m["minItems"], 0)
	if e.full && depth < exampleDepth {
		n = max(n, 1)
	}
	if n > 1000 {
		e.failed = true
		return nil
	}
	out := make([]any, 0, n)
	first, _ := m["prefixItems"].([]any)
	for i := range n {
		if i < len(first) {
			out = append(out, e.value(first[i], depth+1))
			continue
		}
		items, has := m["items"]
		if !has {
			items = true
		}
		out = append(out, e.value(items, depth+1))
	}
	return out
}

// formats are texts of the formats of JSON Schema and OpenAPI.
var formats = map[string]string{
	"date": "2026-11-25", "date-time": "2026-11-25T10:20:30+02:00", "time": "10:20:30+02:00", "duration": "P1DT2H",
	"uuid": "5505d92f-237a-469c-a218-0cc47331be1c", "email": "mari@example.org", "uri": "https://example.org/a", "uri-reference": "/a",
	"hostname": "example.org", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "byte": "AAAA", "json-pointer": "/a", "regex": "a",
}

func (e *exampler) text(m map[string]any) any {
	format, _ := m["format"].(string)
	candidates := []string{"text", "a", "", "12345678901"}
	if known, ok := formats[format]; ok {
		candidates = append([]string{known}, candidates...)
	}
	least, most := whole(m["minLength"], 0), whole(m["maxLength"], 1<<20)
	if least <= 1<<16 {
		candidates = append(candidates, strings.Repeat("a", least))
	}
	var pattern *regexp.Regexp
	if p, ok := m["pattern"].(string); ok {
		pattern = regexp.MustCompile(p) // the reader of schemas has seen that it can be
		if parsed, err := syntax.Parse(p, syntax.Perl); err == nil {
			for repeat := range 40 {
				candidates = append(candidates, matching(parsed, repeat, 0))
			}
		}
	}
	for _, c := range candidates {
		if n := utf8.RuneCountInString(c); n >= least && n <= most && (pattern == nil || pattern.MatchString(c)) {
			return c
		}
	}
	e.failed = true
	return nil
}

func (e *exampler) number(m map[string]any) any {
	candidates := []*big.Rat{big.NewRat(1, 1), new(big.Rat), big.NewRat(-1, 1)}
	limit := func(key string) *big.Rat {
		n, ok := m[key].(json.Number)
		if !ok || len(n) > maxNumberLength || strings.ContainsAny(string(n), "eE") {
			return nil
		}
		r, _ := new(big.Rat).SetString(string(n))
		return r
	}
	least, most, above, below, step := limit("minimum"), limit("maximum"), limit("exclusiveMinimum"), limit("exclusiveMaximum"), limit("multipleOf")
	for _, r := range []*big.Rat{least, most, above, below, step} {
		if r != nil {
			candidates = append(candidates, r, new(big.Rat).Add(r, big.NewRat(1, 1)), new(big.Rat).Sub(r, big.NewRat(1, 1)))
		}
	}
	if above != nil && below != nil {
		candidates = append(candidates, new(big.Rat).Mul(new(big.Rat).Add(above, below), big.NewRat(1, 2)))
	}
	for _, c := range candidates {
		if kindOfSchema(m) == "integer" && !c.IsInt() || least != nil && c.Cmp(least) < 0 || most != nil && c.Cmp(most) > 0 ||
			above != nil && c.Cmp(above) <= 0 || below != nil && c.Cmp(below) >= 0 ||
			step != nil && step.Sign() != 0 && !new(big.Rat).Quo(c, step).IsInt() {
			continue
		}
		if c.IsInt() {
			return json.Number(c.Num().String())
		}
		return json.Number(strings.TrimRight(c.FloatString(20), "0"))
	}
	e.failed = true
	return nil
}

// whole reads a number that counts something.
func whole(v any, otherwise int) int {
	n, ok := v.(json.Number)
	if !ok {
		return otherwise
	}
	i, err := n.Int64()
	if err != nil || i < 0 || i > 1<<30 {
		return otherwise
	}
	return int(i)
}
