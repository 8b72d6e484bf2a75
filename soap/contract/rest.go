package contract

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// REST is a REST service's description with the schemas of its operations, in
// JSON Schema 2020-12 whichever version of OpenAPI it is written in. It is
// immutable and safe for concurrent use.
type REST struct {
	*API
	// Operations are its endpoints in the order of their codes.
	Operations []*RESTOperation
	// Schemas are what the schemas of the operations refer to, by the name in
	// "#/components/schemas/NAME".
	Schemas map[string]any
	source  []byte
}

// Source returns a copy of the description as it was read.
func (r *REST) Source() []byte { return slices.Clone(r.source) }

// RESTOperation is one endpoint as an operation: what it takes is one JSON
// object, {"path": {…}, "query": {…}, "header": {…}, "body": …}, of which there
// is what the description has.
type RESTOperation struct {
	// Code is the operationId, or one made of method and path where the
	// description has none; it is fit to stand in a path.
	Code     string
	Endpoint Endpoint
	// Description is the description's own, in whatever markup it is written.
	Description string
	// Parameters are those that a call gives: not cookies, and not the headers
	// that OpenAPI or X-Road speak of elsewhere.
	Parameters []RESTParameter
	// Input is the schema of the one object.
	Input map[string]any
	// Answers are the schemas of answers by status ("200", "2XX", "default"); a
	// nil schema is an answer without JSON.
	Answers map[string]any
	// RequireUser and RequireIssue say that the description demands the headers
	// X-Road-UserId and X-Road-Issue.
	RequireUser, RequireIssue bool
	// Unsupported is nil for an operation that can be called, and otherwise names
	// what keeps it from that.
	Unsupported error

	request *jsonschema.Schema
	answers map[string]*jsonschema.Schema
}

// RESTParameter is a parameter with how it is written.
type RESTParameter struct {
	Parameter
	// Style and Explode are those of OpenAPI, defaults filled in. JSON says that
	// the value is written as JSON (content application/json).
	Style   string
	Explode bool
	JSON    bool
}

// The groups of the one object.
const (
	inPath, inQuery, inHeader, inBody = "path", "query", "header", "body"
)

// LoadREST is LoadOpenAPI with the schemas. What is not supported costs the
// operations that need it, each of which says so; the error is for a description
// that cannot be used at all.
func LoadREST(fsys fs.FS, name string) (*REST, error) {
	return LoadRESTContext(context.Background(), fsys, name)
}

// LoadRESTContext is [LoadREST] within a time, as [LoadContext] is [Load].
func LoadRESTContext(ctx context.Context, fsys fs.FS, name string) (*REST, error) {
	source, err := readFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	r, err := ParseRESTContext(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	r.Name = name
	return r, nil
}

// ParseREST is LoadREST for a description that is at hand.
func ParseREST(source []byte) (*REST, error) { return ParseRESTContext(context.Background(), source) }

// ParseRESTContext is [ParseREST] within a time.
func ParseRESTContext(ctx context.Context, source []byte) (*REST, error) {
	api, err := parseOpenAPI(ctx, source)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(source, &doc); err != nil {
		return nil, ErrNotOpenAPI
	}
	document := openapi{root: doc.Content[0]}
	r := &REST{API: api, source: slices.Clone(source)}
	s := newSchemaReader(&document, document.text(document.root, "openapi"))
	paths := document.get(document.root, "paths")
	codes := map[string]string{}
	for _, e := range api.Endpoints {
		if ctx.Err() != nil {
			return nil, ErrTooSlow
		}
		item := document.get(paths, e.Path)
		op := s.operation(e, item, document.get(item, strings.ToLower(e.Method)))
		if other, twice := codes[op.Code]; twice {
			return nil, fmt.Errorf("the operations %s and %s %s would have one name, %s", other, e.Method, e.Path, op.Code)
		}
		codes[op.Code] = e.Method + " " + e.Path
		r.Operations = append(r.Operations, op)
	}
	r.Schemas = s.definitions
	if err := r.compile(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Operations, func(a, b *RESTOperation) int { return strings.Compare(a.Code, b.Code) })
	return r, nil
}

// Operation returns the operation of that code, or nil.
func (r *REST) Operation(code string) *RESTOperation {
	i := slices.IndexFunc(r.Operations, func(op *RESTOperation) bool { return op.Code == code })
	if i < 0 {
		return nil
	}
	return r.Operations[i]
}

// Title is what people call the operation.
func (op *RESTOperation) Title() string { return op.Endpoint.Summary }

var reNotCode = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// codeOf names an endpoint.
func codeOf(e Endpoint) string {
	name := e.ID
	if name == "" {
		name = strings.ToLower(e.Method) + strings.ReplaceAll(e.Path, "/", "-")
	}
	name = strings.Trim(reNotCode.ReplaceAllString(name, "-"), "-.")
	return strings.ReplaceAll(strings.ReplaceAll(name, "--", "-"), "-.", ".")
}

// bodied are the methods whose body X-Road delivers (PR-REST 4.1).
var bodied = []string{http.MethodPost, http.MethodPut, http.MethodPatch}

// isJSON says whether a media type holds JSON.
func isJSON(media string) bool {
	media, _, _ = strings.Cut(strings.ToLower(media), ";")
	media = strings.TrimSpace(media)
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") || media == "*/*" || media == "application/*"
}

// operation reads what one endpoint takes and gives.
func (s *schemaReader) operation(e Endpoint, item, operation *yaml.Node) *RESTOperation {
	op := &RESTOperation{Code: codeOf(e), Endpoint: e, Answers: map[string]any{}, Description: s.doc.text(operation, "description")}
	refuse := func(format string, args ...any) {
		if op.Unsupported == nil {
			op.Unsupported = unsupported(format, args...)
		}
	}
	s.refuse = refuse
	if !slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, strings.ToLower(e.Method)) {
		refuse("method %s", e.Method)
	}
	groups := map[string]*group{}
	for _, p := range e.Parameters {
		node := s.parameter(p, item, operation)
		switch {
		case p.In == "cookie":
			if p.Required {
				refuse("cookie %s, which X-Road does not carry", p.Name)
			}
			continue
		case p.In == inHeader && s.elsewhere(op, p):
			continue
		case p.In != inPath && p.In != inQuery && p.In != inHeader:
			refuse("parameter in %s", p.In)
			continue
		}
		parameter, schema := s.written(p, node)
		if groups[p.In] == nil {
			groups[p.In] = &group{properties: map[string]any{}}
		}
		if note := oneLine(s.doc.text(node, "description")); note != "" {
			schema = described(schema, note)
		}
		groups[p.In].add(p.Name, schema, p.Required || p.In == inPath)
		op.Parameters = append(op.Parameters, parameter)
	}
	input := &group{properties: map[string]any{}}
	for _, in := range []string{inPath, inQuery, inHeader} {
		if g := groups[in]; g != nil {
			input.add(in, g.schema(), len(g.required) > 0)
		}
	}
	if e.Body {
		s.body(op, input, s.doc.get(operation, "requestBody"))
	}
	op.Input = input.schema()
	s.answers(op, s.doc.get(operation, "responses"))
	return op
}

// body reads the request's body, of which only JSON can be sent.
func (s *schemaReader) body(op *RESTOperation, input *group, body *yaml.Node) {
	if !slices.Contains(bodied, op.Endpoint.Method) {
		if op.Endpoint.Required {
			s.refuse("body with %s, which X-Road does not deliver", op.Endpoint.Method)
		}
		return
	}
	media, schema := s.json(s.doc.get(body, "content"))
	if media == "" {
		s.refuse("body that is not JSON")
		return
	}
	input.add(inBody, s.convert(schema, toRegister), op.Endpoint.Required)
}

// json finds the media type with JSON, "" when there is none.
func (s *schemaReader) json(content *yaml.Node) (media string, schema *yaml.Node) {
	if content == nil || content.Kind != yaml.MappingNode {
		return "", nil
	}
	for i := 0; i+1 < len(content.Content); i += 2 {
		if isJSON(content.Content[i].Value) {
			return content.Content[i].Value, child(s.doc.resolve(content.Content[i+1]), "schema")
		}
	}
	return "", nil
}

func (s *schemaReader) answers(op *RESTOperation, responses *yaml.Node) {
	if responses == nil || responses.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(responses.Content); i += 2 {
		status := strings.ToUpper(responses.Content[i].Value)
		if status == "DEFAULT" {
			status = "default"
		}
		if strings.HasPrefix(status, "X-") {
			continue
		}
		content := s.doc.get(s.doc.resolve(responses.Content[i+1]), "content")
		media, schema := s.json(content)
		switch {
		case media != "":
			op.Answers[status] = s.convert(schema, fromRegister)
		case content != nil && len(content.Content) > 0 && strings.HasPrefix(status, "2"):
			s.refuse("answer that is not JSON")
		default:
			op.Answers[status] = nil
		}
	}
}

// elsewhere says whether a header is not a call's to give: OpenAPI and X-Road
// have other places for it.
func (s *schemaReader) elsewhere(op *RESTOperation, p Parameter) bool {
	switch name := strings.ToLower(p.Name); {
	case name == "x-road-userid":
		op.RequireUser = p.Required
	case name == "x-road-issue":
		op.RequireIssue = p.Required
	case name == "accept", name == "content-type", name == "authorization", strings.HasPrefix(name, "x-road-"):
	default:
		return false
	}
	return true
}

// parameter finds the node of a parameter, that of the operation first.
func (s *schemaReader) parameter(p Parameter, item, operation *yaml.Node) *yaml.Node {
	for _, list := range []*yaml.Node{s.doc.get(operation, "parameters"), s.doc.get(item, "parameters")} {
		if list == nil {
			continue
		}
		for _, one := range list.Content {
			if one = s.doc.resolve(one); s.doc.text(one, "name") == p.Name && s.doc.text(one, "in") == p.In {
				return one
			}
		}
	}
	return nil
}

// written reads how a parameter is written, and its schema.
func (s *schemaReader) written(p Parameter, node *yaml.Node) (RESTParameter, any) {
	out := RESTParameter{Parameter: p, Style: s.doc.text(node, "style")}
	if out.Style == "" {
		out.Style = map[string]string{inQuery: "form", inPath: "simple", inHeader: "simple"}[p.In]
	}
	out.Explode = out.Style == "form"
	if e := s.doc.text(node, "explode"); e != "" {
		out.Explode = e == "true"
	}
	allowed := map[string][]string{inQuery: {"form", "spaceDelimited", "pipeDelimited", "deepObject"}, inPath: {"simple"}, inHeader: {"simple"}}
	if !slices.Contains(allowed[p.In], out.Style) {
		s.refuse("parameter %s in the style %s", p.Name, out.Style)
	}
	schema := child(s.doc.resolve(node), "schema")
	if content := s.doc.get(node, "content"); content != nil {
		media, inner := s.json(content)
		if media == "" {
			s.refuse("parameter %s that is not JSON", p.Name)
		}
		out.JSON, schema = true, inner
	}
	return out, s.convert(schema, toRegister)
}

// group collects the fields of one object of a request.
type group struct {
	properties map[string]any
	required   []string
}

func (g *group) add(name string, schema any, required bool) {
	g.properties[name] = schema
	if required {
		g.required = append(g.required, name)
	}
}

func (g *group) schema() map[string]any {
	out := map[string]any{"type": "object", "properties": g.properties, "additionalProperties": false}
	if len(g.required) > 0 {
		required := make([]any, len(g.required))
		for i, name := range g.required {
			required[i] = name
		}
		out["required"] = required
	}
	return out
}

// described adds a note to a schema that has none.
func described(schema any, note string) any {
	m, ok := schema.(map[string]any)
	if !ok || m["description"] != nil {
		return schema
	}
	out := map[string]any{"description": note}
	for k, v := range m {
		out[k] = v
	}
	return out
}
