package registers_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/registers"
	"ristmik/adapters/registers/record"
	"ristmik/adapters/sandbox"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// restYAML is a REST register that nobody here has seen before.
const restYAML = `openapi: 3.0.3
info: {title: Cars, version: "1"}
servers: [{url: "https://is.example/api/v1"}]
paths:
  /cars/{plate}:
    parameters: [{name: plate, in: path, required: true, schema: {type: string, minLength: 2}}]
    get:
      operationId: getCar
      summary: One car
      parameters:
        - {name: lang, in: query, schema: {type: string, enum: [et, en]}}
        - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: each, in: query, schema: {type: array, items: {type: integer}}}
        - {name: deep, in: query, style: deepObject, schema: {type: object, additionalProperties: {type: string}}}
        - {name: json, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: bars, in: query, style: pipeDelimited, explode: false, schema: {type: array}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: X-Road-Issue, in: header, required: true, schema: {type: string}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Car"}}}}
        "404": {description: no such car}
    put:
      operationId: putCar
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Car"}}}}
      responses: {"204": {description: done}}
    post:
      operationId: photo
      requestBody: {required: true, content: {image/png: {}}}
      responses: {"204": {description: done}}
components:
  schemas:
    Car:
      type: object
      additionalProperties: false
      required: [plate]
      properties: {plate: {type: string}, weight: {type: number}, owner: {$ref: "#/components/schemas/Problem"}, viga: {type: string}}
    Problem: {type: object, properties: {name: {type: string}}}
`

const restWorldYAML = `
instance: EE
members:
  - class: GOV
    code: "70008747"
    name: {et: Meie, en: Us}
    subsystems:
      - {code: ristmik, name: {et: Ristmik, en: Ristmik}}
  - class: GOV
    code: "70000310"
    name: {et: Nemad, en: Them}
    subsystems:
      - code: cars
        name: {et: Register, en: Register}
        services:
          - {code: cars, type: OPENAPI3, url: "ADDRESS/api/v1", description: "ADDRESS/openapi.yaml", clients: [EE/GOV/70008747/ristmik]}
`

// newRESTWorld is newWorld with a register that speaks REST; what it is asked
// goes to asked, and answers come from answer.
func newRESTWorld(t *testing.T, change func(*registers.Register), asked func(*http.Request, string), answer func() (int, string), head ...*http.Header) *world {
	t.Helper()
	return newRecordedRESTWorld(t, change, nil, asked, answer, head...)
}

func newRecordedRESTWorld(t *testing.T, change func(*registers.Register), book *record.Book, asked func(*http.Request, string), answer func() (int, string), head ...*http.Header) *world {
	t.Helper()
	w := &world{log: &safeBuffer{}}
	register := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked(r, string(body))
		status, text := answer()
		for _, h := range head {
			maps.Copy(rw.Header(), *h)
		}
		if text != "" {
			rw.Header().Set("Content-Type", "application/json")
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, text)
	}))
	t.Cleanup(register.Close)
	config, err := sandbox.ParseConfig("world.yaml", []byte(strings.ReplaceAll(restWorldYAML, "ADDRESS", register.URL)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{
		Config: config, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	xr, err := xroad.New(xroad.Options{SecurityServer: box.URL(), Client: client(t, "EE/GOV/70008747/ristmik"), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	description, err := contract.ParseREST([]byte(restYAML))
	if err != nil {
		t.Fatal(err)
	}
	reg := registers.Register{Name: "cars", Title: "Cars", Provider: client(t, "EE/GOV/70000310/cars"), REST: description, Service: "cars"}
	if change != nil {
		change(&reg)
	}
	api, err := registers.New(registers.Options{XRoad: xr, Registers: []registers.Register{reg}, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Record: book})
	if err != nil {
		t.Fatal(err)
	}
	w.api = api
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func TestARESTOperationIsATypedJSONEndpoint(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var sent string
	answer := func() (int, string) { return 200, `{"weight":1234567890.10,"plate":"1"}` }
	w := newRESTWorld(t, func(r *registers.Register) { r.RequireUser = true }, func(r *http.Request, body string) { got, sent = r, body }, func() (int, string) { return answer() })
	who := []string{"X-Road-UserId", "EE38001085718", "X-Road-Issue", "PERMIT-1"}
	status, res := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12 õ,3"},"query":{"lang":"et","tags":["a,b","c&d"],"each":[1,2],"deep":{"k":"v=1"},"json":{"a":[1]},"bars":[true,"x"]},"header":{"X-Trace":"t-1"}}`, who...)
	if status != http.StatusUnprocessableEntity || got != nil {
		t.Fatalf("a path that Security Servers refuse: %d %v", status, res)
	}
	status, res = w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12õ,3"},"query":{"lang":"et","tags":["a,b","c&d"],"each":[1,2],"deep":{"k":"v=1"},"json":{"a":[1]},"bars":[true,"x"]},"header":{"X-Trace":"t-1"}}`, who...)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, res)
	}
	if want := "/api/v1/cars/12%C3%B5%2C3?lang=et&tags=a%2Cb,c%26d&each=1&each=2&deep%5Bk%5D=v%3D1&json=%7B%22a%22%3A%5B1%5D%7D&bars=true%7Cx"; got.RequestURI != want {
		t.Errorf("asked was %s, want %s", got.RequestURI, want)
	}
	if got.Method != "GET" || got.Header.Get("X-Trace") != "t-1" || got.Header.Get("X-Road-UserId") != "EE38001085718" || got.Header.Get("X-Road-Issue") != "PERMIT-1" {
		t.Errorf("%s with %v", got.Method, got.Header)
	}
	want := map[string]any{"plate": "1", "weight": json.Number("1234567890.10")}
	if diff := cmp.Diff(want, res["data"]); diff != "" || res["status"] != json.Number("200") {
		t.Errorf("%v %s", res["status"], diff)
	}
	x := res["exchange"].(map[string]any)
	if x["service"] != "EE/GOV/70000310/cars/cars" || x["message_id"] != got.Header.Get("X-Road-Id") || x["request_hash"] == "" || x["took_ms"] == nil {
		t.Errorf("exchange %v", x)
	}
	// A body goes out as it was given, to the digit.
	answer = func() (int, string) { return 204, "" }
	status, res = w.ask(t, "POST", "/v1/registers/cars/putCar", `{"path":{"plate":"ab"},"body":{"weight":1.50,"plate":"ab"}}`, who...)
	if data, has := res["data"]; status != http.StatusOK || !has || data != nil || sent != `{"weight":1.50,"plate":"ab"}` || got.Method != "PUT" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %v, sent was %s %s", status, res, got.Method, sent)
	}
}

func TestARESTRequestThatCannotBeRightDoesNotLeave(t *testing.T) {
	t.Parallel()
	w := newRESTWorld(t, nil, func(*http.Request, string) { t.Error("the register was asked") }, func() (int, string) { return 200, "{}" })
	issue := []string{"X-Road-Issue", "PERMIT-1"}
	for name, tc := range map[string]struct {
		path, body string
		headers    []string
		status     int
		errors     []string
	}{
		"every fault at once": {"/cars/getCar", `{"path":{"plate":"1"},"query":{"lang":"de","stranger":1,"each":["a"]}}`, issue, 422,
			[]string{"/path/plate length", "/query/each/0 type", "/query/lang enum", "/query/stranger unknown"}},
		"nothing":                    {"/cars/getCar", `{}`, issue, 422, []string{"/path required"}},
		"no object":                  {"/cars/getCar", `[]`, issue, 422, []string{" type"}},
		"a body where there is none": {"/cars/getCar", `{"path":{"plate":"12"},"body":1}`, issue, 422, []string{"/body unknown"}},
		"wrong body":                 {"/cars/putCar", `{"path":{"plate":"12"},"body":{"weight":"x"}}`, nil, 422, []string{"/body/plate required", "/body/weight type"}},
		"a slash in a path":          {"/cars/putCar", `{"path":{"plate":"1/2"},"body":{"plate":"x"}}`, nil, 422, []string{"/path/plate format"}},
		"no style for it":            {"/cars/getCar", `{"path":{"plate":"12"},"query":{"bars":[[]]}}`, issue, 422, []string{"/query/bars type"}},
		"no case":                    {"/cars/getCar", `{"path":{"plate":"12"}}`, nil, 400, []string{"X-Road-Issue required"}},
		"no JSON":                    {"/cars/getCar", `{`, issue, 400, nil},
		"unknown operation":          {"/cars/getBoat", `{}`, issue, 404, nil},
		"a version":                  {"/cars/getCar?version=v1", `{}`, issue, 404, nil},
		"unusable operation":         {"/cars/photo", `{}`, issue, 501, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, got := w.ask(t, "POST", "/v1/registers"+tc.path, tc.body, tc.headers...)
			var found []string
			list, _ := got["errors"].([]any)
			for _, one := range list {
				e := one.(map[string]any)
				found = append(found, e["path"].(string)+" "+e["code"].(string))
			}
			slices.Sort(found)
			if status != tc.status || !slices.Equal(found, tc.errors) {
				t.Errorf("%d %v, want %d %v", status, got, tc.status, tc.errors)
			}
		})
	}
}

func TestEveryRESTFormOfNoIsOneProblemDocument(t *testing.T) {
	t.Parallel()
	status, body := 0, ""
	w := newRESTWorld(t, func(r *registers.Register) {
		r.Refusals, r.Errors = []string{"/viga", "/teade/tekst"}, []registers.ErrorField{{Code: "/nr", Text: "/lugu"}}
	}, func(*http.Request, string) {}, func() (int, string) { return status, body })
	for _, tc := range []struct {
		status             int
		body               string
		want               int
		kind, code, reason string
		said               bool
	}{
		{404, `{"type":"/none","title":"None","detail":"no such car"}`, 422, "fix_data", "http.404", "no such car", true},
		{409, `{"error":{"code":"E7","message":"sold"}}`, 422, "business", "E7", "sold", true},
		{400, `{"teade":{"tekst":"vale päring"}}`, 422, "fix_data", "http.400", "vale päring", true},
		{409, `{"nr":7,"lugu":"müüdud"}`, 422, "business", "7", "müüdud", true},
		{403, ``, 502, "fix_rights", "http.403", "the register answered with status 403", false},
		{500, `<html>`, 503, "partner_down", "http.500", "the register answered with status 500", false},
		{200, `{"plate":"1","viga":"keelatud"}`, 422, "business", "", "keelatud", false},
		{200, `{"weight":"heavy"}`, 502, "unknown_result", "answer.contract", "the answer does not keep to the contract", false},
		{200, `{"plate":"1","colour":"red"}`, 502, "unknown_result", "answer.contract", "the answer does not keep to the contract", false},
		{200, ``, 504, "unknown_result", "answer.contract", "the answer does not keep to the contract", false},
		{202, `{}`, 504, "unknown_result", "answer.contract", "the answer does not keep to the contract", false},
	} {
		status, body = tc.status, tc.body
		got, doc := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12"}}`, "X-Road-Issue", "PERMIT-1")
		code, _ := doc["code"].(string)
		if got != tc.want || doc["kind"] != tc.kind || code != tc.code || doc["reason"] != tc.reason || (doc["answer"] != nil) != tc.said || doc["message_id"] == nil || doc["turn"] == nil {
			t.Errorf("%d %s: %d %v", tc.status, tc.body, got, doc)
		}
	}
	if log := w.log.String(); strings.Contains(log, "keelatud") || strings.Contains(log, "no such car") || !strings.Contains(log, "register call failed") {
		t.Errorf("the log is %s", log)
	}
}

func TestATolerantRESTRegisterMayAddFields(t *testing.T) {
	t.Parallel()
	w := newRESTWorld(t, func(r *registers.Register) { r.Tolerant = true }, func(*http.Request, string) {}, func() (int, string) { return 200, `{"plate":"1","colour":"red"}` })
	status, got := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12"}}`, "X-Road-Issue", "PERMIT-1")
	if diff := cmp.Diff(map[string]any{"plate": "1", "colour": "red"}, got["data"]); status != http.StatusOK || diff != "" || cmp.Diff([]any{"/colour"}, got["unknown"]) != "" {
		t.Errorf("%d %v", status, got)
	}
}

func TestTheDescriptionOfARESTRegisterSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	w := newRESTWorld(t, nil, func(*http.Request, string) {}, func() (int, string) { return 404, "" })
	status, list := w.ask(t, "GET", "/v1/registers", "")
	if text, _ := json.Marshal(list); status != http.StatusOK || !strings.Contains(string(text), `{"operation":"getCar","title":"One car"}`) || !strings.Contains(string(text), `"unusable":"unsupported: body that is not JSON"`) {
		t.Errorf("%d %s", status, text)
	}
	status, doc := w.ask(t, "GET", "/v1/registers/cars/openapi.json", "")
	paths, _ := doc["paths"].(map[string]any)
	if status != http.StatusOK || len(paths) != 2 {
		t.Fatalf("%d %v", status, doc)
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for name, field := range map[string]string{"Problem": "name", "Problem_2": "message_id", "Exchange": "took_ms"} {
		one, _ := schemas[name].(map[string]any)
		if properties, _ := one["properties"].(map[string]any); properties[field] == nil {
			t.Errorf("the schema %s is %v", name, one)
		}
	}
	post := paths["/v1/registers/cars/getCar"].(map[string]any)["post"].(map[string]any)
	if issue := post["parameters"].([]any)[1].(map[string]any); issue["required"] != true {
		t.Errorf("parameters %v", post["parameters"])
	}
	media := post["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("mem:///openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	at := "mem:///openapi.json#/paths/~1v1~1registers~1cars~1getCar/post/"
	schema, err := c.Compile(at + "requestBody/content/application~1json/schema")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compile(at + "responses/200/content/application~1json/schema"); err != nil {
		t.Error(err)
	}
	examples := media["examples"].(map[string]any)
	if len(examples) != 2 {
		t.Errorf("examples %v", examples)
	}
	for name, one := range examples {
		value := one.(map[string]any)["value"]
		if err := schema.Validate(value); err != nil {
			t.Errorf("example %s: %v", name, err)
		}
		// What is shown can be sent.
		body, _ := json.Marshal(value)
		if _, got := w.ask(t, "POST", "/v1/registers/cars/getCar", string(body), "X-Road-Issue", "PERMIT-1"); got["code"] != "http.404" {
			t.Errorf("example %s: %v", name, got)
		}
	}
}

// Headers that a description must not ask for do not leave the house.
func TestADescriptionCannotAskForHeadersOfHTTP(t *testing.T) {
	t.Parallel()
	xr, err := xroad.New(xroad.Options{SecurityServer: "http://127.0.0.1:1", Client: client(t, "EE/GOV/70008747/ristmik"), Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Host", "cookie", "X-Road-Id", "Content-Length", "a b", "", "X-Forwarded-For", "Authorization"} {
		_, err := xr.REST(t.Context(), xroad.RESTCall{
			Service: soap.ServiceID{Provider: client(t, "EE/GOV/70000310/cars"), Code: "cars"}, Method: "GET", Declared: map[string]string{name: "x"},
		})
		if soap.KindOf(err) != soap.KindFixData {
			t.Errorf("%q: %v", name, err)
		}
	}
}
