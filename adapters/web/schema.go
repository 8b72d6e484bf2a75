package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// SchemaFaults lists the faults that a JSON schema found in a document, each
// at its place, in the order of places, a hundred at most. The words name what is allowed and
// never the value.
func SchemaFaults(err *jsonschema.ValidationError) []FieldError {
	var found []FieldError
	collect(err, &found)
	slices.SortStableFunc(found, func(a, b FieldError) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code))
	})
	// Names of fields come from the caller: an answer must not grow with them.
	found = found[:min(len(found), maxFaults)]
	for i := range found {
		found[i].Path = strings.ToValidUTF8(found[i].Path[:min(len(found[i].Path), maxPath)], "")
	}
	return found
}

// The most faults that are told at once, and the longest place, in bytes.
const (
	maxFaults = 100
	maxPath   = 256
)

// collect walks to the leaves of what the validator says: one fault each.
func collect(v *jsonschema.ValidationError, found *[]FieldError) {
	for _, cause := range v.Causes {
		collect(cause, found)
	}
	if len(v.Causes) > 0 {
		return
	}
	path := Pointer(v.InstanceLocation...)
	add := func(path, code, format string, args ...any) {
		*found = append(*found, FieldError{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
	}
	switch k := v.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			add(path+Pointer(name), "required", "This field is needed.")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add(path+Pointer(name), "unknown_field", "There is no such field here.")
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
		if k.Want == 1 {
			add(path, "length", "This may not be empty.")
			return
		}
		add(path, "length", "This needs at least %d characters.", k.Want)
	case *kind.MaxLength:
		add(path, "length", "This may have at most %d characters.", k.Want)
	case *kind.Pattern:
		add(path, "pattern", "This must match %s.", k.Want)
	case *kind.Minimum:
		add(path, "range", "This must be at least %s.", k.Want.RatString())
	case *kind.Maximum:
		add(path, "range", "This may be at most %s.", k.Want.RatString())
	case *kind.MinItems:
		add(path, "items", "This needs at least %d items.", k.Want)
	case *kind.MaxItems:
		add(path, "items", "This may have at most %d items.", k.Want)
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

// Pointer writes a place in a document as a JSON pointer (RFC 6901).
func Pointer(steps ...string) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(s))
	}
	return b.String()
}
