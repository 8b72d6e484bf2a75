package registers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/registers"
	"ristmik/configs"
	"ristmik/mapping/table"
)

// Tables for two operations of a REST register: one that answers and one that
// does not.
var restTables = []string{`
table: car
operation: getCar
request:
  rules:
    - {from: /number, to: /path/plate, transform: prefix(EE-)}
    - {from: /language, to: /query/lang, default: et}
answer:
  ignore: [/body/viga, /body/owner]
  rules:
    - {from: /body/plate, to: /number, transform: prefix(EE-)}
    - {from: /body/weight, to: /weight_kg}
examples:
  - {name: one car, request: '{"number": "12"}', sends: '{"path": {"plate": "EE-12"}, "query": {"lang": "et"}}'}
`, `
table: new-car
operation: putCar
request:
  rules:
    - {from: /number, to: /path/plate}
    - {from: /number, to: /body/plate}
    - {from: /weight_kg, to: /body/weight}
`}

func withRESTTables(t *testing.T) func(r *registers.Register) {
	return func(r *registers.Register) {
		for _, text := range restTables {
			var d table.Definition
			if _, problems := configs.Decode("car.yaml", []byte(text), &d); len(problems) > 0 {
				t.Fatal(problems)
			}
			made, problems := table.New(d, table.Options{REST: r.REST, Faults: registers.SchemaViolations})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			r.Tables = append(r.Tables, made)
		}
	}
}

func TestATableOfARESTRegister(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var sent string
	code, body := 200, `{"weight":1234567890.10,"plate":"EE-12"}`
	w := newRESTWorld(t, withRESTTables(t), func(r *http.Request, body string) { got, sent = r, body }, func() (int, string) { return code, body })
	issue := []string{"X-Road-Issue", "PERMIT-1"}
	status, res := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"number":"12"}`, issue...)
	want := map[string]any{"number": "12", "weight_kg": json.Number("1234567890.10")}
	if diff := cmp.Diff(want, res["data"]); status != http.StatusOK || diff != "" || got.RequestURI != "/api/v1/cars/EE-12?lang=et" {
		t.Errorf("%d %v %s; asked was %s", status, res, diff, got.RequestURI)
	}
	// What it cannot tell is refused; the answer's own place is named.
	body = `{"plate":"LV-12"}`
	status, res = w.ask(t, "POST", "/v1/registers/cars/getCar", `{"number":"12"}`, issue...)
	if list, _ := res["errors"].([]any); status != http.StatusBadGateway || res["code"] != "answer.table" || len(list) != 1 || list[0].(map[string]any)["path"] != "/body/plate" {
		t.Errorf("%d %v", status, res)
	}
	// One field of the core's fills two of the register's; the answer has no body.
	code, body = 204, ""
	status, res = w.ask(t, "POST", "/v1/registers/cars/putCar", `{"number":"12","weight_kg":1.50}`)
	if status != http.StatusOK || res["data"] != nil || sent != `{"plate":"12","weight":1.50}` || got.RequestURI != "/api/v1/cars/12" {
		t.Errorf("%d %v, sent was %s", status, res, sent)
	}
}

func TestARequestThatATableOfRESTRefuses(t *testing.T) {
	t.Parallel()
	w := newRESTWorld(t, withRESTTables(t), func(*http.Request, string) { t.Error("the register was asked") }, func() (int, string) { return 200, "{}" })
	for _, tc := range []struct {
		operation, body string
		want            []string
	}{
		{"getCar", `{}`, []string{"/number required"}},
		{"getCar", `[]`, []string{" type"}},
		{"getCar", `{"number":"1","path":{"plate":"x"}}`, []string{"/path unknown"}},
		{"getCar", `{"number":"1","language":"de"}`, []string{"/language enum"}},
		{"getCar", `{"number":1}`, []string{"/number transform"}},
		{"putCar", `{"number":"1","weight_kg":"x"}`, []string{"/number length", "/weight_kg type"}},
		{"putCar", `{"number":"1/2"}`, []string{"/number format"}},
	} {
		status, got := w.ask(t, "POST", "/v1/registers/cars/"+tc.operation, tc.body, "X-Road-Issue", "PERMIT-1")
		var found []string
		list, _ := got["errors"].([]any)
		for _, one := range list {
			e := one.(map[string]any)
			found = append(found, fmt.Sprint(e["path"], " ", e["code"]))
		}
		slices.Sort(found)
		if status != http.StatusUnprocessableEntity || !slices.Equal(found, tc.want) {
			t.Errorf("%s: %d %v", tc.body, status, got)
		}
	}
}

func TestTheDescriptionOfARESTRegisterIsItsTables(t *testing.T) {
	t.Parallel()
	w := newRESTWorld(t, withRESTTables(t), func(*http.Request, string) {}, func() (int, string) { return 404, "" })
	_, doc := w.ask(t, "GET", "/v1/registers/cars/openapi.json", "")
	paths, _ := doc["paths"].(map[string]any)
	text, err := json.Marshal(paths)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"one car":{"value":{"number":"12"}}`, `"weight_kg"`, `{"type":"null"}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	if strings.Contains(string(text), `"plate"`) {
		t.Error("the register's names are shown")
	}
}
