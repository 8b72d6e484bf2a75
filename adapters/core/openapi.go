package core

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openapiYAML []byte

// documentURL is the name of the document inside the schema compiler; nothing
// is ever fetched.
const documentURL = "mem:///openapi.json"

// document is the API's description: as it is served, and as the source of the
// schemas that requests are checked against. Nothing changes it.
type document struct {
	json []byte
	tree map[string]any
	// eventTypes are the types of events out, each with a schema for its data.
	eventTypes []string
	bodies     map[string]*schema // by the names of bodySchemas
}

// description is the embedded document, read once: it is the same for every API.
var description = sync.OnceValues(loadDocument)

func loadDocument() (*document, error) {
	d := &document{bodies: map[string]*schema{}}
	if err := yaml.Unmarshal(openapiYAML, &d.tree); err != nil {
		return nil, fmt.Errorf("reading openapi.yaml: %w", err)
	}
	var err error
	if d.json, err = json.Marshal(d.tree); err != nil {
		return nil, fmt.Errorf("writing openapi.json: %w", err)
	}
	cases, _ := child(child(child(d.tree["components"], "schemas"), "Event"), "allOf").([]any)
	for _, c := range cases {
		kind := text(c, "if", "properties", "type", "const")
		if kind == "" {
			return nil, errors.New("reading openapi.yaml: the schema Event has a case without a type")
		}
		d.eventTypes = append(d.eventTypes, kind)
	}
	// The compiler wants values as its own reader makes them.
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(string(d.json)))
	if err != nil {
		return nil, fmt.Errorf("reading openapi.json: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // what OpenAPI 3.1 schemas are written in
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, tree); err != nil {
		return nil, fmt.Errorf("adding openapi.json to the schema compiler: %w", err)
	}
	for _, name := range bodySchemas {
		if d.bodies[name], err = compileSchema(compiler, name); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// compileSchema compiles components/schemas/name.
func compileSchema(compiler *jsonschema.Compiler, name string) (*schema, error) {
	compiled, err := compiler.Compile(documentURL + "#/components/schemas/" + name)
	if err != nil {
		return nil, fmt.Errorf("compiling schema %s: %w", name, err)
	}
	return &schema{compiled}, nil
}

func (a *API) serveDocument(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(a.doc.json) // a caller who has gone needs no answer
}
