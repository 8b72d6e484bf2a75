package contract

import (
	"encoding/json"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"
)

// limits compares the values that two schemas of one type allow.
func (c *schemaComparison) limits(a, b map[string]any, path string) {
	narrower, wider := false, false
	note := func(n, w bool) { narrower, wider = narrower || n, wider || w }
	x, y := choices(a), choices(b)
	note(enumerationGap(y, x), enumerationGap(x, y))
	for _, upper := range []bool{false, true} {
		p, q := limitOf(a, upper), limitOf(b, upper)
		note(p.tighter(q, upper), q.tighter(p, upper))
	}
	for _, key := range []string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"} {
		least := strings.HasPrefix(key, "min")
		p, q := count(a[key]), count(b[key])
		if strings.HasSuffix(key, "Items") {
			if n, w := tighter(p, q, least), tighter(q, p, least); n || w {
				c.add(path, CountChanged, n && c.writing() || w && !c.writing(), "there may be %s entries: %s is now %s", map[bool]string{true: "fewer", false: "more"}[n == !least], key, writtenJSON(b[key]))
			}
			continue
		}
		note(tighter(p, q, least), tighter(q, p, least))
	}
	for _, key := range []string{"pattern", "x-unchecked-pattern", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType", "format"} {
		p, q := a[key], b[key]
		switch {
		case reflect.DeepEqual(p, q), key == "uniqueItems" && p != true && q != true:
		case key == "format" && !c.writing():
			// Of what is read a format is a note.
			c.note(path, ValuesChanged, false, "the format is now %s", writtenJSON(q))
		case p == nil || p == false:
			note(true, false)
		case q == nil || q == false:
			note(false, true)
		default:
			note(true, true)
		}
	}
	switch {
	case narrower && wider:
		c.add(path, ValuesChanged, true, "other values are allowed")
	case narrower:
		c.add(path, ValuesNarrowed, c.writing(), "fewer values are allowed")
	case wider:
		c.add(path, ValuesWidened, !c.writing(), "more values are allowed")
	}
}

// choices are the values that a schema lists, as JSON without null, or nil.
func choices(s map[string]any) []string {
	list, ok := s["enum"].([]any)
	if v, has := s["const"]; has {
		list, ok = []any{v}, true
	}
	if !ok {
		return nil
	}
	out := []string{}
	for _, v := range list {
		if v != nil {
			out = append(out, writtenJSON(v))
		}
	}
	return out
}

// count is a whole number of a schema, -1 for none.
func count(v any) int {
	n, ok := v.(json.Number)
	if !ok {
		return -1
	}
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return int(i)
}

// limit is the bound of a number on one side; its value is nil for none.
type limit struct {
	value     *big.Rat
	exclusive bool
}

func limitOf(s map[string]any, upper bool) limit {
	plain, exclusive := "minimum", "exclusiveMinimum"
	if upper {
		plain, exclusive = "maximum", "exclusiveMaximum"
	}
	read := func(key string) *big.Rat {
		n, ok := s[key].(json.Number)
		if !ok || len(n) > 100 || strings.ContainsAny(string(n), "eE") {
			return nil // a number that nobody writes out in full
		}
		r, _ := new(big.Rat).SetString(string(n))
		return r
	}
	l, x := limit{value: read(plain)}, limit{read(exclusive), true}
	if l.tighter(x, upper) {
		return x
	}
	return l
}

// tighter says whether the other limit leaves less than l does.
func (l limit) tighter(other limit, upper bool) bool {
	switch {
	case other.value == nil:
		return false
	case l.value == nil:
		return true
	}
	order := other.value.Cmp(l.value)
	if upper {
		order = -order
	}
	return order > 0 || order == 0 && other.exclusive && !l.exclusive
}

// branches compares of what kinds a value may be (oneOf, anyOf). A branch is known
// by what it refers to, or by all that it says.
func (c *schemaComparison) branches(a, b map[string]any, path string) {
	for _, key := range []string{"oneOf", "anyOf"} {
		x, hasX := a[key].([]any)
		y, hasY := b[key].([]any)
		switch {
		case !hasX && !hasY:
			continue
		case !hasX:
			c.add(path, ValuesNarrowed, c.writing(), "the value must be one of several kinds")
			continue
		case !hasY:
			c.add(path, ValuesWidened, !c.writing(), "the value need not be one of several kinds")
			continue
		}
		var gone, fresh []any
		matched := map[int]bool{}
		for _, one := range x {
			i := slices.IndexFunc(y, func(other any) bool { return alike(one, other) })
			if i < 0 || matched[i] {
				gone = append(gone, one)
				continue
			}
			matched[i] = true
			c.schemas(one, y[i], path)
		}
		for i, one := range y {
			if !matched[i] {
				fresh = append(fresh, one)
			}
		}
		if len(gone) == 1 && len(fresh) == 1 {
			c.schemas(gone[0], fresh[0], path)
			continue
		}
		if len(gone) > 0 {
			c.add(path, ValuesNarrowed, c.writing(), "the value can no longer be one of %d kinds", len(gone))
		}
		if len(fresh) > 0 {
			c.add(path, ValuesWidened, !c.writing(), "the value may be one of %d kinds more", len(fresh))
		}
	}
}

func alike(a, b any) bool {
	if x, y := reference(a), reference(b); x != "" || y != "" {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

// compared are the keywords that have been looked at above.
var compared = map[string]bool{
	"type": true, "enum": true, "const": true, "minimum": true, "maximum": true, "exclusiveMinimum": true, "exclusiveMaximum": true,
	"minLength": true, "maxLength": true, "minItems": true, "maxItems": true, "minProperties": true, "maxProperties": true, "pattern": true,
	"x-unchecked-pattern": true, "multipleOf": true, "uniqueItems": true, "contentEncoding": true, "contentMediaType": true, "format": true,
	"oneOf": true, "anyOf": true, "properties": true, "required": true, "additionalProperties": true, "items": true,
}

// remainder compares keywords that have no order of wider and narrower.
func (c *schemaComparison) remainder(a, b map[string]any, path string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if compared[key] || notes[key] || strings.HasPrefix(key, "x-") || reflect.DeepEqual(a[key], b[key]) {
			continue
		}
		c.add(path, ValuesChanged, true, "the rule %q is another one", key)
	}
}
