package authority

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed openapi.json
var openAPI []byte

// compileOpenAPI returns the description of the REST service, naming the
// service code, and the schemas of bodies. They are those that stand in the
// description, so that what is promised is what is checked.
func compileOpenAPI(service string) ([]byte, map[string]*jsonschema.Schema, error) {
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
	schemas := map[string]*jsonschema.Schema{"Answer": nil}
	for _, o := range operations {
		if o.schema != "" {
			schemas[o.schema] = nil
		}
	}
	for name := range schemas {
		if schemas[name], err = compiler.Compile(at + "#/components/schemas/" + name); err != nil {
			return nil, nil, fmt.Errorf("compiling the schema %s: %w", name, err)
		}
	}
	return text, schemas, nil
}

func (p *Provider) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wrongMethod(w, "GET, HEAD")
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(p.openapi) // a caller who has gone needs no answer
}
