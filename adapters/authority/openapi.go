package authority

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"ristmik/adapters/web"
)

//go:embed openapi.json
var openAPI []byte

// compileOpenAPI returns the description of the REST service, naming the
// service code, and the schema of an answer. The schema is the one that stands
// in the description, so that what is promised is what is checked.
func compileOpenAPI(service string) ([]byte, *jsonschema.Schema, error) {
	code, err := json.Marshal(service)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the service code: %w", err)
	}
	text := bytes.ReplaceAll(openAPI, []byte(`"SERVICE_CODE"`), code)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, nil, fmt.Errorf("parsing: %w", err)
	}
	const at = "urn:ristmik:openapi.json"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource(at, doc); err != nil {
		return nil, nil, fmt.Errorf("adding the description: %w", err)
	}
	schema, err := compiler.Compile(at + "#/components/schemas/Answer")
	if err != nil {
		return nil, nil, fmt.Errorf("compiling the schema of an answer: %w", err)
	}
	return text, schema, nil
}

func (p *Provider) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wrongMethod(w, "GET, HEAD")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(p.openapi) // a caller who has gone needs no answer
}

// fieldErrors lists every fault that a validation found, at the field where it
// is, without the values.
func fieldErrors(err *jsonschema.ValidationError) []web.FieldError {
	var found []web.FieldError
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		at := pointer(e.InstanceLocation)
		add := func(path, code, message string) {
			found = append(found, web.FieldError{Path: path, Code: code, Message: message})
		}
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			for _, name := range k.Missing {
				add(at+pointer([]string{name}), "required", "is needed")
			}
		case *kind.AdditionalProperties:
			for _, name := range k.Properties {
				add(at+pointer([]string{name}), "unknown", "is not a field of an answer")
			}
		case *kind.Type:
			add(at, "type", "is a "+k.Got+"; wanted: "+strings.Join(k.Want, ", "))
		case *kind.Enum:
			add(at, "enum", "is none of the codes; allowed: "+join(k.Want))
		case *kind.Format:
			add(at, "format", "is not a "+k.Want)
		case *kind.MinLength:
			add(at, "min_length", fmt.Sprintf("is shorter than %d", k.Want))
		case *kind.MaxLength:
			add(at, "max_length", fmt.Sprintf("is longer than %d", k.Want))
		case *kind.MaxItems:
			add(at, "max_items", fmt.Sprintf("has more than %d items", k.Want))
		case *kind.Minimum:
			add(at, "minimum", "is less than "+k.Want.RatString())
		case *kind.Maximum:
			add(at, "maximum", "is more than "+k.Want.RatString())
		case *kind.Pattern:
			add(at, "pattern", "has a character that is not allowed; wanted: "+k.Want)
		default:
			// A group has no fault of its own.
			if len(e.Causes) == 0 {
				add(at, "invalid", "is not as described")
			}
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(err)
	slices.SortFunc(found, func(a, b web.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return found
}

func pointer(parts []string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return b.String()
}

func join(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}
