package registers

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"ristmik/adapters/web"
)

//go:embed page/*.html page/pages.css
var pageFiles embed.FS

// lang is a language of the pages: "et" or "en".
type lang string

const (
	estonian lang = "et"
	english  lang = "en"
)

func (l lang) other() lang {
	if l == english {
		return estonian
	}
	return english
}

// languageOf is the language that the reader asked for by the switch or by the
// browser; without either it is Estonian.
func languageOf(r *http.Request) lang {
	if asked := lang(r.URL.Query().Get("lang")); asked == estonian || asked == english {
		return asked
	}
	accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(accepted) == 0 {
		return estonian
	}
	_, at, _ := language.NewMatcher([]language.Tag{language.Estonian, language.English}).Match(accepted...)
	return []lang{estonian, english}[at]
}

// pageOperation is one operation as the pages show it.
type pageOperation struct {
	Code, Version string
	Title, Second string // in the language of the page, and in the other one where that differs
	Notes         string
	Unusable      string
	Newest        bool // called without ?version=
}

// pageView is what the templates show.
type pageView struct {
	Lang, Other                        lang
	Register                           string
	Title, Provider, Contract, Require string
	Registers                          []pageRegister
	Operations                         []pageOperation
	Operation                          pageOperation
	Usable                             int
	Path, Curl                         string
	Request, Answer                    []fieldRow
	Examples                           []example
	Parameters                         []fieldRow
	Service                            string
	Unusable                           string // why nothing of the register can be called
}

type pageRegister struct {
	Name, Title, Provider string
	Operations            int
}

type example struct{ Name, JSON string }

// pages are the parsed templates by language and name.
type pages map[lang]*template.Template

func newPages() (pages, error) {
	out := pages{}
	for _, l := range []lang{estonian, english} {
		t, err := template.New("").Funcs(template.FuncMap{"t": func(key string, args ...any) string { return say(l, key, args...) }}).ParseFS(pageFiles, "page/*.html")
		if err != nil {
			return nil, fmt.Errorf("registers: reading the pages: %w", err)
		}
		out[l] = t
	}
	return out, nil
}

// Pages serves the registers to people, in Estonian and English, without
// scripts:
//
//	GET /registers                          what is there
//	GET /registers/{register}               its operations
//	GET /registers/{register}/{operation}   one operation: fields, examples, a call to try
//
// They show what stands in the descriptions and nothing of any call.
func (a *API) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/registers", only(http.MethodGet, a.pageOfAll))
	mux.HandleFunc("/registers/pages.css", only(http.MethodGet, servePageStyle))
	mux.HandleFunc("/registers/{register}", only(http.MethodGet, a.pageOfRegister))
	mux.HandleFunc("/registers/{register}/{operation}", only(http.MethodGet, a.pageOfOperation))
	return mux
}

func servePageStyle(w http.ResponseWriter, _ *http.Request) {
	css, err := pageFiles.ReadFile("page/pages.css")
	if err != nil {
		web.WriteProblem(w, web.Problem{Type: web.TypeInternal, Status: http.StatusInternalServerError})
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(css) // a reader who has gone needs no answer
}

// show fills in one page.
func (a *API) show(w http.ResponseWriter, r *http.Request, name string, v pageView) {
	v.Lang = languageOf(r)
	v.Other = v.Lang.other()
	v.Path = r.URL.Path
	var out bytes.Buffer
	if err := a.pages[v.Lang].ExecuteTemplate(&out, name, v); err != nil {
		a.o.Log.ErrorContext(r.Context(), "writing a page of the registers", "page", name, "error", err.Error())
		web.WriteProblem(w, web.Problem{Type: web.TypeInternal, Status: http.StatusInternalServerError})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Language")
	_, _ = w.Write(out.Bytes()) // a reader who has gone needs no answer
}

func (a *API) pageOfAll(w http.ResponseWriter, r *http.Request) {
	var v pageView
	for _, reg := range a.o.Registers {
		v.Registers = append(v.Registers, pageRegister{reg.Name, titleFor(reg, languageOf(r)), reg.Provider.String(), len(operationsOf(reg))})
	}
	a.show(w, r, "registers.html", v)
}

// viewOf is what the pages of one register share; nil when there is none.
func (a *API) viewOf(r *http.Request) (*served, pageView) {
	reg := a.registers[r.PathValue("register")]
	if reg == nil {
		return nil, pageView{}
	}
	l := languageOf(r)
	if reg.Unusable != nil {
		return reg, pageView{Register: reg.Name, Title: titleFor(reg.Register, l), Provider: reg.Provider.String(), Unusable: reg.Unusable.Error()}
	}
	v := pageView{Register: reg.Name, Title: titleFor(reg.Register, l), Provider: reg.Provider.String(), Operations: pageOperations(reg, l)}
	if reg.REST != nil {
		v.Contract, v.Provider = reg.REST.Name, restService(reg.Register)
	} else {
		v.Contract = reg.Contract.Name()
	}
	for _, op := range v.Operations {
		if op.Unusable == "" {
			v.Usable++
		}
	}
	return reg, v
}

func titleFor(r Register, l lang) string {
	if l == estonian && r.TitleET != "" {
		return r.TitleET
	}
	return r.Title
}

func (a *API) pageOfRegister(w http.ResponseWriter, r *http.Request) {
	reg, v := a.viewOf(r)
	if reg == nil {
		notFound(w)
		return
	}
	a.show(w, r, "register.html", v)
}

func (a *API) pageOfOperation(w http.ResponseWriter, r *http.Request) {
	reg, v := a.viewOf(r)
	code := r.PathValue("operation")
	i := slices.IndexFunc(v.Operations, func(op pageOperation) bool { return op.Code == code && (op.Newest || op.Unusable != "") })
	if reg == nil || i < 0 {
		notFound(w)
		return
	}
	v.Operation = v.Operations[i]
	if v.Operation.Unusable == "" {
		if err := v.describe(reg, r); err != nil {
			a.o.Log.ErrorContext(r.Context(), "reading the description of a register", "register", reg.Name, "error", err.Error())
			web.WriteProblem(w, web.Problem{Type: web.TypeInternal, Status: http.StatusInternalServerError})
			return
		}
	}
	a.show(w, r, "operation.html", v)
}

// describe takes fields, examples and the call to try from the register's
// OpenAPI document, so that the page cannot say anything else.
func (v *pageView) describe(reg *served, r *http.Request) error {
	var doc map[string]any
	d := json.NewDecoder(bytes.NewReader(reg.openapi))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return err
	}
	path := "/v1/registers/" + reg.Name + "/" + v.Operation.Code
	post := inside(doc, "paths", path, "post")
	media := inside(post, "requestBody", "content", "application/json")
	rows := schemaRows{doc: doc, lang: languageOf(r)}
	v.Request = rows.of(inside(media, "schema"))
	v.Answer = rows.of(inside(post, "responses", "200", "content", "application/json", "schema", "properties", "data"))
	parameters, _ := inside(post, "parameters").([]any)
	headers := ""
	for _, p := range parameters {
		name, _ := inside(p, "name").(string)
		required, _ := inside(p, "required").(bool)
		v.Parameters = append(v.Parameters, fieldRow{Name: name, Required: required})
		if required {
			headers += " -H '" + name + ": " + map[string]string{headerUser: "EE38001085718", headerIssue: "CASE-1", headerPurpose: "residence permit"}[name] + "'"
		}
	}
	body := "{}"
	examples, _ := inside(media, "examples").(map[string]any)
	// The smallest is the one to try.
	names := slices.SortedFunc(maps.Keys(examples), func(a, b string) int {
		return cmp.Or(-cmp.Compare(strings.Count(a, "smallest"), strings.Count(b, "smallest")), cmp.Compare(a, b))
	})
	for _, name := range names {
		value := inside(examples, name, "value")
		text, err := indented(value)
		if err != nil {
			return err
		}
		v.Examples = append(v.Examples, example{name, text})
		if len(v.Examples) == 1 {
			if body, err = compact(value); err != nil {
				return err
			}
		}
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	v.Curl = "curl -s " + scheme + "://" + r.Host + path + " -H 'Content-Type: application/json'" + headers + " -d '" + strings.ReplaceAll(body, "'", `'\''`) + "'"
	description, _ := inside(post, "description").(string)
	if i := strings.LastIndex(description, "Service "); i >= 0 {
		v.Service = strings.TrimSuffix(description[i+len("Service "):], ".")
	}
	return nil
}

// inside walks down a tree of objects; nil where there is nothing.
func inside(tree any, steps ...string) any {
	for _, s := range steps {
		m, _ := tree.(map[string]any)
		tree = m[s]
	}
	return tree
}

func indented(value any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(value)
	return strings.TrimSpace(b.String()), err
}

func compact(value any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return strings.TrimSpace(b.String()), err
}

// pageOperations lists a register's operations with their titles.
func pageOperations(r *served, l lang) []pageOperation {
	var out []pageOperation
	unusable := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	if r.REST != nil {
		for _, op := range r.REST.Operations {
			out = append(out, pageOperation{Code: op.Code, Title: op.Title(), Notes: op.Description, Unusable: unusable(op.Unsupported), Newest: op.Unsupported == nil})
		}
		return out
	}
	for _, op := range r.Contract.Operations() {
		one := pageOperation{
			Code: op.Code, Version: op.Version, Title: op.TitleIn(string(l)), Second: op.TitleIn(string(l.other())), Notes: op.NotesIn(string(l)),
			Unusable: unusable(op.Unsupported), Newest: op.Unsupported == nil && r.newest[op.Code] == op,
		}
		if one.Second == one.Title {
			one.Second = ""
		}
		out = append(out, one)
	}
	return out
}
