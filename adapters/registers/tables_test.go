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
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping/table"
)

const carsTable = `
table: cars
operation: cars
version: v1
request:
  rules:
    - {from: /owner/personal_code, to: /owner, transform: personal_code, title: Whose cars}
    - {from: /since, to: /since}
    - {from: /limit, to: /limit}
answer:
  ignore: [/faultCode, /faultString, /Viga, /Veakood, /Veatekst, /lisainfo]
  rules:
    - from: /car
      to: /cars
      each:
        - {from: /plate, to: /number, transform: prefix(EE-)}
        - {from: /weight, to: /weight_kg}
examples:
  - {name: one owner, request: '{"owner": {"personal_code": "38001085718"}}', sends: '{"owner": "38001085718"}'}
`

// withTable gives the register its table.
func withTable(t *testing.T) func(r *registers.Register) {
	return func(r *registers.Register) {
		var d table.Definition
		if _, problems := configs.Decode("cars.yaml", []byte(carsTable), &d); len(problems) > 0 {
			t.Fatal(problems)
		}
		made, problems := table.New(d, table.Options{Contract: r.Contract})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		r.Tables, r.Refusals = []*table.Table{made}, []string{"/Viga"}
	}
}

// An operation that has a table takes and gives the core's shape.
func TestATableGivesTheCoresShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTable(t))
	w.says(`<car><plate>EE-123ABC</plate><weight>1234567890.10</weight></car>`)
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":{"personal_code":"38001085718"},"limit":7}`)
	want := map[string]any{"cars": []any{map[string]any{"number": "123ABC", "weight_kg": json.Number("1234567890.10")}}}
	if diff := cmp.Diff(want, got["data"]); status != http.StatusOK || diff != "" {
		t.Fatalf("%d %v %s", status, got, diff)
	}
	if x := w.got.Body().SelectElement("owner"); x == nil || x.Text() != "38001085718" {
		t.Errorf("the register was sent %v", x)
	}
	for body, want := range map[string][]string{
		`{"owner":{"personal_code":"38001085719"},"owner2":1}`:                       {"/owner2 unknown"},
		`{"owner":{"personal_code":"38001085719"}}`:                                  {"/owner/personal_code transform"},
		`{"since":"2026-02-30"}`:                                                     {"/owner/personal_code required"},
		`{"owner":{"personal_code":"38001085718"},"since":"2026-02-30","limit":101}`: {"/limit range", "/since format"},
		`{"owner":"38001085718"}`:                                                    {"/owner type"},
		`[]`:                                                                         {" type"},
	} {
		status, got := w.ask(t, "POST", "/v1/registers/cars/cars", body)
		var found []string
		list, _ := got["errors"].([]any)
		for _, one := range list {
			e := one.(map[string]any)
			found = append(found, fmt.Sprint(e["path"], " ", e["code"]))
		}
		slices.Sort(found)
		if status != http.StatusUnprocessableEntity || !slices.Equal(found, want) {
			t.Errorf("%s: %d %v", body, status, got)
		}
	}
}

// What a table cannot tell is refused whole, with its place in the answer; a
// refusal of the register's is still one.
func TestAnAnswerThatATableCannotTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTable(t))
	const ask = `{"owner":{"personal_code":"38001085718"}}`
	w.says(`<car><plate>EE-1</plate></car><car><plate>LV-77</plate></car>`)
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", ask)
	list, _ := got["errors"].([]any)
	if status != http.StatusBadGateway || got["code"] != "answer.table" || len(list) != 1 || list[0].(map[string]any)["path"] != "/car/1/plate" || got["data"] != nil {
		t.Errorf("%d %v", status, got)
	}
	w.says(`<Viga>keelatud</Viga>`)
	if status, got = w.ask(t, "POST", "/v1/registers/cars/cars", ask); status != http.StatusUnprocessableEntity || got["kind"] != "business" {
		t.Errorf("%d %v", status, got)
	}
	if log := w.log.String(); strings.Contains(log, "LV-77") {
		t.Errorf("the log is %s", log)
	}
}

// The description shows the core's schemas and the table's examples.
func TestTheDescriptionIsTheTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTable(t))
	_, doc := w.ask(t, "GET", "/v1/registers/cars/openapi.json", "")
	text, err := json.Marshal(doc["paths"])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"one owner":{"value":{"owner":{"personal_code":"38001085718"}}}`, `"description":"Whose cars"`, `"weight_kg"`, `"required":["cars"]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	if strings.Contains(string(text), `"plate"`) {
		t.Error("the register's names are shown")
	}
}

// A table for another contract, or a second one, is an error of the program's
// wiring.
func TestTablesBelongToTheirContract(t *testing.T) {
	t.Parallel()
	var one, other registers.Register
	newWorld(t, func(r *registers.Register) { withTable(t)(r); one = *r })
	newWorld(t, func(r *registers.Register) { other = *r })
	other.Tables = one.Tables
	one.Tables = append(one.Tables, one.Tables...)
	for _, r := range []registers.Register{one, other} {
		if _, err := registers.New(registers.Options{XRoad: new(xroad.Client), Registers: []registers.Register{r}}); err == nil {
			t.Error("it is taken")
		}
	}
}
