package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	"ristmik/adapters/core"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/web"
	"ristmik/outbox"
	"ristmik/soap"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// noon is when everything in these tests happens.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// world is a running API on a database of its own.
type world struct {
	t         testing.TB
	pool      *pgxpool.Pool
	procedure *consultation.Procedure
	url       string
	log       *logBuffer
	doc       *description
	token     string

	mu    sync.Mutex
	facts []core.CoreEvent // what intakes were told, committed or not
	fail  error            // what the intake answers
}

// logBuffer is a log that may be written and read at the same time.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB, tokens ...web.Token) *world {
	t.Helper()
	return newWorldOn(t, newPool(t), tokens...)
}

func newPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "consultation", FS: consultation.Migrations},
		postgres.MigrationSet{Name: "core", FS: core.Migrations})
}

func newWorldOn(t testing.TB, pool *pgxpool.Pool, tokens ...web.Token) *world {
	t.Helper()
	return newWorldWith(t, pool, func(o *core.Options) { o.Tokens = tokens })
}

func newWorldWith(t testing.TB, pool *pgxpool.Pool, change func(*core.Options)) *world {
	t.Helper()
	w := &world{t: t, log: &logBuffer{}, pool: pool}
	var authorities []consultation.Authority
	var legs []consultation.LegPolicy
	for _, name := range []string{"tax", "labour", "security", "fund", "municipality"} {
		authorities = append(authorities, consultation.Authority{
			Name: name, Title: strings.ToUpper(name), Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: name},
		})
		legs = append(legs, consultation.LegPolicy{
			Authority: name, Mandatory: true, Binding: consultation.BindingAdvisory, Destination: "consultations." + name, Fields: consultation.CaseFields(),
		})
		if name == "labour" {
			legs[1].Term, legs[1].Silence = &calendar.Rule{Unit: calendar.WorkingDays, Length: 5, LegalBasis: "HMS § 33"}, consultation.SilenceEscalate
			legs[1].Extendable = true
		}
	}
	var err error
	w.procedure, err = consultation.New(consultation.Options{
		Policy:      consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: legs}}},
		Authorities: authorities, Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	o := core.Options{
		Pool: w.pool, Procedure: w.procedure, Now: func() time.Time { return noon },
		Log:    slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Intake: []core.Intake{w.intake},
	}
	change(&o)
	api, err := core.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	w.doc = readDescription(t, w.url)
	return w
}

// intake remembers the fact and does something in the transaction that a test
// can see.
func (w *world) intake(ctx context.Context, tx pgx.Tx, e core.CoreEvent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return w.fail
	}
	w.facts = append(w.facts, e)
	return outbox.Publish(ctx, tx, outbox.Message{Destination: "register", Lane: e.Data.PermitID, Kind: e.Type, Key: e.ID, Payload: []byte("{}")})
}

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

// codes are the offending fields as "path code".
func (r reply) codes(t testing.TB) []string {
	t.Helper()
	var p web.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("no problem document: %v\n%s", err, r.body)
	}
	out := []string{}
	for _, e := range p.Errors {
		out = append(out, e.Path+" "+e.Code)
	}
	return out
}

// do sends a request and checks the answer against the description.
func (w *world) do(method, path, body string, header ...string) reply {
	w.t.Helper()
	r, err := w.try(method, path, body, header...)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) try(method, path, body string, header ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{res.StatusCode, res.Header, string(data)}
	return r, w.doc.check(method, strings.SplitN(path, "?", 2)[0], r)
}

// insist is try, again as long as the answer is that all connections to the database are in use.
func (w *world) insist(method, path, body string, header ...string) (reply, error) {
	for {
		r, err := w.try(method, path, body, header...)
		if err != nil || r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
			return r, err
		}
	}
}

// description is the served OpenAPI document, read as a client reads it.
type description struct {
	tree map[string]any

	mu       sync.Mutex // a compiler is not for many at once
	compiler *jsonschema.Compiler
}

func readDescription(t testing.TB, url string) *description {
	t.Helper()
	res, err := http.Get(url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	tree, err := jsonschema.UnmarshalJSON(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	d := &description{tree: tree.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("mem:///served.json", tree); err != nil {
		t.Fatal(err)
	}
	return d
}

// placeholder is a parameter in the path of a template.
var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// operation finds what the description says of a request.
func (d *description) operation(method, path string) (map[string]any, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	paths := d.tree["paths"].(map[string]any)
	if methods, ok := paths[path].(map[string]any); ok { // comes before a template that fits
		o, ok := methods[strings.ToLower(method)].(map[string]any)
		return o, ok
	}
	for template, methods := range paths {
		if !regexp.MustCompile("^" + placeholder.ReplaceAllString(template, "[^/]+") + "$").MatchString(path) {
			continue
		}
		o, ok := methods.(map[string]any)[strings.ToLower(method)].(map[string]any)
		return o, ok
	}
	return nil, false
}

// check holds an answer against the description: its status, its media type
// and its body must be described.
func (d *description) check(method, path string, r reply) error {
	o, ok := d.operation(method, path)
	if !ok {
		return nil
	}
	responses := o["responses"].(map[string]any)
	status := http.StatusText(r.status)
	described, ok := responses[jsonNumber(r.status)].(map[string]any)
	if !ok {
		return errors.New(method + " " + path + ": status " + status + " is not described: " + r.body)
	}
	if ref, ok := described["$ref"].(string); ok {
		described = d.tree["components"].(map[string]any)["responses"].(map[string]any)[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
	}
	content := described["content"].(map[string]any)
	if _, file := content["*/*"]; file {
		return nil
	}
	media, ok := content[r.header.Get("Content-Type")].(map[string]any)
	if !ok {
		return errors.New(method + " " + path + ": media type " + r.header.Get("Content-Type") + " is not described")
	}
	if method == http.MethodHead {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	schema, err := d.compiler.Compile("mem:///served.json" + media["schema"].(map[string]any)["$ref"].(string))
	if err != nil {
		return err
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(r.body))
	if err != nil {
		return err
	}
	return schema.Validate(body)
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// consultationBody is a good body with some fields replaced; a nil value leaves
// a field out. Names of nested fields have a dot.
func consultationBody(change map[string]any) string {
	return changed(`{
		"case_reference": "ELT-2026/004711", "type": "residence_permit.employment", "legal_basis": "VMS § 176", "purpose": "Elamisloa andmine",
		"person": {"personal_code": "71506150007", "given_name": "Mai", "surname": "Sünteetiline"},
		"employer": {"registry_code": "10000024"}, "occupation": "Keevitaja", "official": "EE81506150008"}`, change)
}

func eventBody(change map[string]any) string {
	return changed(`{
		"id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "type": "permit.issued", "occurred_at": "2026-03-02T10:15:00+02:00",
		"data": {"permit_id": "EL-1", "person": {"personal_code": "71506150007", "given_name": "Mai", "surname": "Sünteetiline"},
			"employer": {"registry_code": "10000024"}, "valid_from": "2026-03-15", "valid_to": "2028-03-14", "ground_code": "TOOTAMINE"}}`, change)
}

func changed(body string, change map[string]any) string {
	var tree map[string]any
	if err := json.Unmarshal([]byte(body), &tree); err != nil {
		panic(err)
	}
	for name, value := range change {
		at := tree
		steps := strings.Split(name, ".")
		for _, s := range steps[:len(steps)-1] {
			at = at[s].(map[string]any)
		}
		last := steps[len(steps)-1]
		if value == nil {
			delete(at, last)
		} else {
			at[last] = value
		}
	}
	b, err := json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.pool.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) told() []core.CoreEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]core.CoreEvent(nil), w.facts...)
}

func (w *world) failWith(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
}
