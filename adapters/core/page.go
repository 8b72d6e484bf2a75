package core

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS []byte

// pageView is the description as the page shows it.
type pageView struct {
	Title, Summary, Description string
	Operations                  []operationView
	Schemas                     []schemaView
	Registers                   bool // there are pages of them
}

type operationView struct {
	ID, Method, Path, Summary, Description string
	Parameters                             []fieldView
	Request                                string // name of the body's schema
	Example                                string
	Responses                              []responseView
}

type responseView struct{ Status, Description, Schema string }

type schemaView struct {
	Name, Description string
	Values            []string // of an enumeration
	Fields            []fieldView
}

type fieldView struct {
	Name, In, Type, Ref, Description string
	Rules                            []string
	Required                         bool
}

// renderPage makes the page once; it never changes while the program runs.
func renderPage(d *document, registers bool) ([]byte, error) {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("reading page.html: %w", err)
	}
	view, err := viewOf(d)
	if err != nil {
		return nil, err
	}
	view.Registers = registers
	var page bytes.Buffer
	if err := t.Execute(&page, view); err != nil {
		return nil, fmt.Errorf("filling in page.html: %w", err)
	}
	return page.Bytes(), nil
}

func viewOf(d *document) (pageView, error) {
	v := pageView{
		Title: text(d.tree, "info", "title"), Summary: text(d.tree, "info", "summary"), Description: text(d.tree, "info", "description"),
	}
	paths, _ := d.tree["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods, _ := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			o, err := d.operation(path, method, methods[method])
			if err != nil {
				return pageView{}, err
			}
			v.Operations = append(v.Operations, o)
		}
	}
	schemas, _ := child(d.tree["components"], "schemas").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		v.Schemas = append(v.Schemas, schemaOf(name, schemas[name]))
	}
	return v, nil
}

func (d *document) operation(path, method string, o any) (operationView, error) {
	v := operationView{
		ID: text(o, "operationId"), Method: strings.ToUpper(method), Path: path, Summary: text(o, "summary"), Description: text(o, "description"),
	}
	parameters, _ := child(o, "parameters").([]any)
	for _, p := range parameters {
		p = d.resolve(p)
		required, _ := child(p, "required").(bool)
		f := fieldOf(text(p, "name"), child(p, "schema"), required)
		f.In, f.Description = text(p, "in"), text(p, "description")
		v.Parameters = append(v.Parameters, f)
	}
	body := child(child(child(child(o, "requestBody"), "content"), "application/json"), "schema")
	if v.Request = refName(body); v.Request != "" {
		examples, _ := child(d.resolve(body), "examples").([]any)
		if len(examples) == 0 {
			return operationView{}, fmt.Errorf("schema %s has no example", v.Request)
		}
		example, err := indented(examples[0])
		if err != nil {
			return operationView{}, err
		}
		v.Example = example
	}
	responses, _ := child(o, "responses").(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		r := d.resolve(responses[status])
		view := responseView{Status: status, Description: text(r, "description")}
		for _, media := range []string{"application/json", "application/problem+json"} {
			view.Schema += refName(child(child(child(r, "content"), media), "schema"))
		}
		v.Responses = append(v.Responses, view)
	}
	return v, nil
}

// resolve follows a reference inside the document.
func (d *document) resolve(v any) any {
	ref, ok := strings.CutPrefix(text(v, "$ref"), "#/")
	if !ok {
		return v
	}
	var at any = d.tree
	for step := range strings.SplitSeq(ref, "/") {
		at = child(at, step)
	}
	return at
}

// refName is the name of the schema that is referred to, "" when there is none.
func refName(v any) string {
	ref, ok := strings.CutPrefix(text(v, "$ref"), "#/components/schemas/")
	if !ok {
		return ""
	}
	return ref
}

func schemaOf(name string, s any) schemaView {
	v := schemaView{Name: name, Description: text(s, "description"), Values: words(child(s, "enum"))}
	required := words(child(s, "required"))
	fields, _ := child(s, "properties").(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		v.Fields = append(v.Fields, fieldOf(field, fields[field], slices.Contains(required, field)))
	}
	slices.SortStableFunc(v.Fields, func(a, b fieldView) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return v
}

func fieldOf(name string, s any, required bool) fieldView {
	f := fieldView{Name: name, Required: required, Type: text(s, "type"), Ref: refName(s), Description: text(s, "description")}
	if items := child(s, "items"); items != nil {
		f.Type, f.Ref = "array of", refName(items)
	}
	if f.Type == "" && f.Ref == "" {
		f.Type = "any"
	}
	for _, rule := range []string{"format", "const", "minLength", "maxLength", "minimum", "maximum", "default", "pattern"} {
		if value := child(s, rule); value != nil {
			f.Rules = append(f.Rules, fmt.Sprintf("%s %v", rule, value))
		}
	}
	if values := words(child(s, "enum")); len(values) > 0 {
		f.Rules = append(f.Rules, "one of "+strings.Join(values, ", "))
	}
	return f
}

func words(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

func indented(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("writing an example: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}

// servePage shows the description to people, without scripts.
func (a *API) servePage(w http.ResponseWriter, r *http.Request) {
	page, err := a.page()
	if err != nil {
		a.fail(w, r, fmt.Errorf("rendering the description: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(page) // a caller who has gone needs no answer
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(styleCSS) // a caller who has gone needs no answer
}
