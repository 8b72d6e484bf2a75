package contract_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/soap/contract"
)

const restYAML = `openapi: 3.0.3
info: {title: Cars, version: "7"}
servers: [{url: "https://is.example/api/v1"}]
paths:
  /cars/{plate}:
    parameters: [{$ref: "#/components/parameters/Plate"}]
    get:
      operationId: getCar
      summary: One car
      parameters:
        - {name: lang, in: query, required: true, description: The language, schema: {type: string, enum: [et, en]}}
        - {name: tag, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: filter, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: X-Road-UserId, in: header, required: true, schema: {type: string}}
        - {name: X-Trace, in: header, schema: {type: integer}}
        - {name: session, in: cookie, schema: {type: string}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Car"}}}}
        "204": {description: none}
        4XX: {description: no, content: {application/problem+json: {schema: {type: object}}}}
    put:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Car"}}}}
      responses: {default: {description: ok}}
  /files:
    post:
      operationId: upload
      requestBody: {content: {multipart/form-data: {schema: {type: object}}}}
      responses: {"201": {description: ok}}
    get:
      operationId: download
      responses: {"200": {description: ok, content: {application/pdf: {}}}}
  /lost:
    get: {operationId: away, responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "other.yaml#/X"}}}}}}
    post: {operationId: through, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Lost"}}}}, responses: {"200": {description: ok}}}
    delete: {operationId: wrong, parameters: [{name: a, in: query, schema: {type: elephant}}], responses: {"200": {description: ok}}}
components:
  parameters:
    Plate: {name: plate, in: path, required: true, schema: {type: string, pattern: "^[0-9]{3}[A-Z]{3}$"}}
  schemas:
    Car:
      type: object
      additionalProperties: false
      required: [id, plate, secret]
      properties:
        id: {type: integer, readOnly: true}
        secret: {type: string, writeOnly: true, minLength: 3}
        plate: {type: string, description: The plate}
        weight: {type: number, minimum: 0, exclusiveMinimum: true, nullable: true}
        sold: {type: string, format: date}
        look: {type: string, pattern: "^(?!x)"}
        parts: {type: array, minItems: 1, items: {$ref: "#/components/schemas/Part"}}
    Part:
      type: object
      properties: {parts: {type: array, items: {$ref: "#/components/schemas/Part"}}}
    Lost: {$ref: "#/components/schemas/Nowhere"}
`

func restContract(t *testing.T) *contract.REST {
	t.Helper()
	r, err := contract.LoadREST(fstest.MapFS{"cars.yaml": {Data: []byte(restYAML)}}, "cars.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tree is JSON as requests are read.
func tree(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRESTOperationsAreNamedAndWhatCannotBeUsedSaysWhy(t *testing.T) {
	t.Parallel()
	r := restContract(t)
	got := map[string]string{}
	for _, op := range r.Operations {
		got[op.Code] = fmt.Sprint(op.Unsupported)
	}
	for code, want := range map[string]string{
		"getCar": "<nil>", "put-cars-plate": "<nil>", "upload": "unsupported: body that is not JSON", "download": "unsupported: answer that is not JSON",
		"away": "unsupported: reference other.yaml#/X, which leads out of the document", "through": "unsupported: reference #/components/schemas/Nowhere, which leads nowhere",
	} {
		if got[code] != want {
			t.Errorf("%s: %s, want %s", code, got[code], want)
		}
	}
	if len(got) != 7 || !strings.HasPrefix(got["wrong"], "unsupported: schema of the request: ") || strings.Contains(got["wrong"], "mem:") {
		t.Errorf("operations %v", got)
	}
	op := r.Operation("getCar")
	if !op.RequireUser || op.RequireIssue || op.Title() != "One car" || r.Base != "/api/v1" || r.Operation("none") != nil {
		t.Errorf("operation %+v of %+v", op, r.API)
	}
	var written []string
	for _, p := range op.Parameters {
		written = append(written, fmt.Sprint(p.In, " ", p.Name, " ", p.Style, " ", p.Explode, " ", p.JSON))
	}
	want := []string{"query lang form true false", "query tag form false false", "query filter form true true", "header X-Trace simple false false", "path plate simple false false"}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Error(diff)
	}
}

func TestRESTMessagesAreCheckedByTheDescription(t *testing.T) {
	t.Parallel()
	r := restContract(t)
	for text, good := range map[string]bool{
		`{"path":{"plate":"123ABC"},"query":{"lang":"et","tag":["a"],"filter":{}},"header":{"X-Trace":7}}`: true,
		`{"path":{"plate":"123ABC"}}`:                                                false, // no lang
		`{"query":{"lang":"et"}}`:                                                    false, // no plate
		`{"path":{"plate":"123ABC"},"query":{"lang":"et","x":1}}`:                    false,
		`{"path":{"plate":"123ABC"},"query":{"lang":"et"},"body":{}}`:                false,
		`{"path":{"plate":"123ABC"},"query":{"lang":"et"},"header":{"a":"b"}}`:       false,
		`{"path":{"plate":"12ABC"},"query":{"lang":"et"}}`:                           false,
		`{"path":{"plate":"123ABC"},"query":{"lang":"de"}}`:                          false,
		`{"path":{"plate":"123ABC"},"query":{"lang":"en"},"header":{"X-Trace":"a"}}`: false,
	} {
		if err := r.Operation("getCar").CheckRequest(tree(t, text)); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	put := r.Operation("put-cars-plate")
	for body, good := range map[string]bool{
		`{"plate":"a","secret":"abc"}`:                       true, // the id is the register's to give
		`{"plate":"a","secret":"abc","weight":null}`:         true,
		`{"plate":"a","secret":"abc","weight":0}`:            false,
		`{"plate":"a","secret":"abc","sold":"2026-02-30"}`:   false,
		`{"plate":"a","secret":"abc","look":"x"}`:            true, // a pattern of another dialect is not checked
		`{"plate":"a","secret":"abc","parts":[]}`:            false,
		`{"plate":"a","secret":"abc","parts":[{"parts":1}]}`: false,
		`{"plate":"a"}`: false, `{"plate":"a","secret":"abc","x":1}`: false,
	} {
		if err := put.CheckRequest(tree(t, `{"path":{"plate":"123ABC"},"body":`+body+`}`)); (err == nil) != good {
			t.Errorf("%s: %v", body, err)
		}
	}
	get := r.Operation("getCar")
	for _, a := range []struct {
		status  int
		body    string
		good    bool
		unknown bool
	}{
		{200, `{"id":1,"plate":"a"}`, true, false}, {200, `{"plate":"a"}`, false, false}, {200, ``, false, true}, {204, ``, true, false},
		{404, `{}`, true, false}, {404, `1`, false, false}, {500, `{}`, false, true},
		{200, `{"id":1,"plate":"a","sold":"yesterday"}`, true, false}, // a format is a note about what we read
	} {
		var value any
		if a.body != "" {
			value = tree(t, a.body)
		}
		if err := get.CheckAnswer(a.status, value, a.body != ""); (err == nil) != a.good || errors.Is(err, contract.ErrNoAnswer) != a.unknown {
			t.Errorf("%d %s: %v", a.status, a.body, err)
		}
	}
	if err := put.CheckAnswer(500, nil, false); err != nil {
		t.Errorf("the default answer: %v", err)
	}
}

// Examples are valid, and numbers keep their digits.
func TestRESTExamplesAreValid(t *testing.T) {
	t.Parallel()
	r := restContract(t)
	for _, code := range []string{"getCar", "put-cars-plate"} {
		op := r.Operation(code)
		for _, full := range []bool{false, true} {
			v, err := r.Example(op, full)
			if err != nil {
				t.Errorf("%s: %v", code, err)
				continue
			}
			text, _ := json.Marshal(v)
			if err := op.CheckRequest(tree(t, string(text))); err != nil {
				t.Errorf("%s: %s: %v", code, text, err)
			}
			if code == "getCar" && full != strings.Contains(string(text), "X-Trace") {
				t.Errorf("full is %v: %s", full, text)
			}
		}
	}
	status, v, err := r.AnswerExample(r.Operation("getCar"), true)
	if text, _ := json.Marshal(v); err != nil || status != 200 || !strings.Contains(string(text), `"plate"`) {
		t.Errorf("%d %s %v", status, text, err)
	}
	if _, err := r.Example(r.Operation("upload"), false); err == nil {
		t.Error("there is an example of what cannot be called")
	}
}

// Every kind of rule has an example.
func TestExamplesKeepEveryKindOfRule(t *testing.T) {
	t.Parallel()
	const around = `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/a":{"post":{"operationId":"a","requestBody":{"required":true,"content":{"application/json":{"schema":%s}}},"responses":{}}}},
		"components":{"schemas":{"A":{"type":"object","required":["b"],"properties":{"b":{"$ref":"#/components/schemas/B"}}},"B":{"const":7},"Loop":{"type":"object","required":["l"],"properties":{"l":{"$ref":"#/components/schemas/Loop"}}}}}}`
	for schema, good := range map[string]bool{
		`{"type":"integer","minimum":3,"multipleOf":7}`: true, `{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`: true,
		`{"type":["null","string"],"minLength":7}`: true, `{"type":"string","pattern":"^[a-f]{4}-[0-9]+$","maxLength":9}`: true,
		`{"allOf":[{"$ref":"#/components/schemas/A"},{"required":["c"],"properties":{"c":{"type":"boolean"}}}]}`: true,
		`{"oneOf":[{"$ref":"#/components/schemas/A"},{"type":"string"}]}`:                                        true, `{"type":"array","minItems":2,"items":{"type":"string","format":"uuid"}}`: true,
		`{"type":"string","examples":["far too long"],"maxLength":4}`: true, `{"type":"object","required":["x"],"additionalProperties":{"type":"integer"}}`: true,
		`true`: true, `{"enum":["q"]}`: true, `{"prefixItems":[{"const":1}],"minItems":1}`: true,
		`{"$ref":"#/components/schemas/Loop"}`: false, `false`: false, `{"type":"integer","minimum":2,"maximum":1}`: false,
	} {
		r, err := contract.ParseREST(fmt.Appendf(nil, around, schema))
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		for _, full := range []bool{false, true} {
			if v, err := r.Example(r.Operations[0], full); (err == nil) != good {
				t.Errorf("%s: %v, %v", schema, v, err)
			}
		}
	}
}

func TestRESTNamesThatWouldMeetAreRefused(t *testing.T) {
	t.Parallel()
	const twice = `{"openapi":"3.0.0","info":{"title":"x","version":"1"},"paths":{"/a b":{"get":{"responses":{}}},"/a-b":{"get":{"responses":{}}}}}`
	if _, err := contract.ParseREST([]byte(twice)); err == nil || !strings.Contains(err.Error(), "get-a-b") {
		t.Errorf("error %v", err)
	}
	if _, err := contract.ParseREST([]byte(`{}`)); !errors.Is(err, contract.ErrNotOpenAPI) {
		t.Errorf("error %v", err)
	}
	if _, err := contract.LoadREST(fstest.MapFS{}, "none.yaml"); err == nil {
		t.Error("a file that is not there was read")
	}
}
