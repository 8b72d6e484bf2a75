package core

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

// schema checks a request's body as the description says.
type schema struct{ compiled *jsonschema.Schema }

// check returns the body as a tree and everything that is wrong with it.
func (s *schema) check(body []byte) (any, []web.FieldError, error) {
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the body: %w", err)
	}
	var found []web.FieldError
	checkTexts(tree, "", &found)
	err = s.compiled.Validate(tree)
	if v, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		collect(v, &found)
	} else if err != nil {
		return nil, nil, fmt.Errorf("checking the body: %w", err)
	}
	return tree, found, nil
}

// collect walks to the leaves of what the validator says: one fault each.
func collect(v *jsonschema.ValidationError, found *[]web.FieldError) {
	for _, cause := range v.Causes {
		collect(cause, found)
	}
	if len(v.Causes) > 0 {
		return
	}
	path := pointer(v.InstanceLocation)
	add := func(path, code, format string, args ...any) {
		*found = append(*found, web.FieldError{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
	}
	switch k := v.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			add(path+pointer([]string{name}), "required", "This field is needed.")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add(path+pointer([]string{name}), "unknown_field", "There is no such field here.")
		}
	case *kind.Type:
		add(path, "type", "This must be of type %s.", strings.Join(k.Want, " or "))
	case *kind.Enum:
		add(path, "enum", "This must be one of: %s.", listed(k.Want))
	case *kind.Const:
		add(path, "const", "This must be %s.", listed([]any{k.Want}))
	case *kind.Format:
		add(path, "format", "This must have the form %s.", k.Want)
	case *kind.MinLength:
		add(path, "length", "This needs at least %d characters.", k.Want)
	case *kind.MaxLength:
		add(path, "length", "This may have at most %d characters.", k.Want)
	case *kind.Pattern:
		add(path, "pattern", "This must match %s.", k.Want)
	case *kind.Minimum, *kind.Maximum:
		add(path, "range", "This number is out of range.")
	case *kind.MinItems, *kind.MaxItems:
		add(path, "items", "This list is too short or too long.")
	default:
		add(path, strings.Join(v.ErrorKind.KeywordPath(), "."), "This is not as the description says.")
	}
}

func listed(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

// checkTexts finds characters that X-Road messages cannot carry (XML 1.0, Char)
// and control characters that nobody writes on purpose, wherever they stand.
func checkTexts(v any, path string, found *[]web.FieldError) {
	switch v := v.(type) {
	case string:
		if strings.ContainsFunc(v, unfit) {
			*found = append(*found, web.FieldError{Path: path, Code: "character", Message: "This holds characters that X-Road messages cannot carry."})
		}
	case []any:
		for i, item := range v {
			checkTexts(item, path+"/"+strconv.Itoa(i), found)
		}
	case map[string]any:
		for name, item := range v {
			checkTexts(item, path+pointer([]string{name}), found)
		}
	}
}

func unfit(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return false
	}
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff
}

// pointer writes a place as a JSON pointer (RFC 6901).
func pointer(steps []string) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(s))
	}
	return b.String()
}

// text finds a text in a tree; "" when there is none.
func text(tree any, steps ...string) string {
	for _, s := range steps {
		tree = child(tree, s)
	}
	s, _ := tree.(string)
	return s
}

// child is a field of a tree; nil when there is none.
func child(tree any, step string) any {
	m, _ := tree.(map[string]any)
	return m[step]
}

// has tells whether there is an object at the place.
func has(tree any, step string) bool {
	_, ok := child(tree, step).(map[string]any)
	return ok
}

// join adds faults of meaning to those of form: a place that has a fault of
// form, or lies within one or around one, has no meaning yet. The result is in
// the order of places.
func join(form []web.FieldError, meaning []consultation.Violation) []web.FieldError {
	all := slices.Clone(form)
	for _, v := range meaning {
		related := slices.ContainsFunc(form, func(f web.FieldError) bool { return within(v.Path, f.Path) || within(f.Path, v.Path) })
		if !related {
			all = append(all, web.FieldError{Path: v.Path, Code: v.Code, Message: sentence(v.Message)})
		}
	}
	slices.SortStableFunc(all, func(a, b web.FieldError) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(all)
}

func within(path, outer string) bool {
	return path == outer || strings.HasPrefix(path, outer+"/")
}

// sentence makes the words of a violation one.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
