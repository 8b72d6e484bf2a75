package table

import (
	"strconv"
	"strings"
)

// step is one part of a path: a key, and whether what is there is a list of
// which the only item is meant ("/isik/0").
type step struct {
	key  string
	only bool
}

// path is a JSON pointer from the root or the item of a list.
type path []step

// String returns the pointer.
func (p path) String() string {
	var out strings.Builder
	for _, s := range p {
		out.WriteString("/" + escaped(s.key))
		if s.only {
			out.WriteString("/0")
		}
	}
	return out.String()
}

func escaped(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// parsePath reads a pointer; "" is the root or the item itself.
func parsePath(pointer string) (path, bool) {
	if pointer == "" {
		return path{}, true
	}
	if !strings.HasPrefix(pointer, "/") {
		return nil, false
	}
	var p path
	for _, part := range strings.Split(pointer[1:], "/") {
		if part == "" {
			return nil, false
		}
		if part == "0" && len(p) > 0 && !p[len(p)-1].only {
			p[len(p)-1].only = true
			continue
		}
		if _, err := strconv.Atoi(part); err == nil {
			return nil, false
		}
		p = append(p, step{key: strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")})
	}
	return p, true
}

// get returns what is at the path in the value. many is true when the only item
// was asked of a list that has more.
func (p path) get(value any) (found any, present, many bool) {
	for _, s := range p {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false, false
		}
		if value, ok = object[s.key]; !ok {
			return nil, false, false
		}
		if s.only {
			items, _ := toItems(value)
			if len(items) != 1 {
				return nil, false, len(items) > 1
			}
			value = items[0]
		}
	}
	return value, true, false
}

// set puts the value at the path below the object, which has an object at every
// place in between, or gets one.
func (p path) set(object map[string]any, value any) {
	for i, s := range p {
		last := i == len(p)-1
		switch {
		case last && s.only:
			object[s.key] = []any{value}
		case last:
			object[s.key] = value
		case s.only:
			items, _ := object[s.key].([]any)
			if len(items) == 0 {
				items = []any{map[string]any{}}
				object[s.key] = items
			}
			object, _ = items[0].(map[string]any)
		default:
			next, ok := object[s.key].(map[string]any)
			if !ok {
				next = map[string]any{}
				object[s.key] = next
			}
			object = next
		}
	}
}

// toItems returns the items of an array.
func toItems(value any) ([]any, bool) {
	switch v := value.(type) {
	case []any:
		return v, true
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out, true
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out, true
	}
	return nil, false
}
