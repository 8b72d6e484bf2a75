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

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
	"ristmik/mapping"
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
		found = append(found, web.SchemaFaults(v)...)
	} else if err != nil {
		return nil, nil, fmt.Errorf("checking the body: %w", err)
	}
	return tree, found, nil
}

// checkTexts finds texts that X-Road messages cannot carry, wherever they stand.
func checkTexts(v any, path string, found *[]web.FieldError) {
	switch v := v.(type) {
	case string:
		if !mapping.Carries(v) {
			*found = append(*found, web.FieldError{Path: path, Code: "character", Message: "This holds characters that X-Road messages cannot carry."})
		}
	case []any:
		for i, item := range v {
			checkTexts(item, path+"/"+strconv.Itoa(i), found)
		}
	case map[string]any:
		for name, item := range v {
			checkTexts(item, path+web.Pointer(name), found)
		}
	}
}

// text finds a text in a tree; "" when there is none.
func text(tree any, steps ...string) string {
	for _, s := range steps {
		tree = child(tree, s)
	}
	s, _ := tree.(string)
	return s
}

// texts finds a list of texts in a tree; what is none of them has been found by
// the schema.
func texts(tree any, step string) (list []string) {
	items, _ := child(tree, step).([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	return list
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
