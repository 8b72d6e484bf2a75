package table_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/registers"
	"ristmik/mapping/table"
	"ristmik/soap/contract"
)

func restOptions(t *testing.T) table.Options {
	t.Helper()
	o := options(t)
	r, err := contract.LoadREST(os.DirFS("testdata"), "notices.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return table.Options{REST: r, Lists: o.Lists, Today: o.Today, Faults: registers.SchemaViolations}
}

const notice = `table: notice
operation: addNotice
request:
  rules:
    - {from: /event, to: /path/kind, values: {issued: ISSUED, revoked: REVOKED}}
    - {from: /id, to: /body/id}
    - {from: /person/personal_code, to: /body/person/code, transform: [personal_code, prefix(EE)]}
    - {from: /person/born, to: /body/person/born}
    - {from: /person/citizenship, to: /body/person/country, codes: {list: countries, core: alpha3, register: alpha2}}
    - {from: /valid_from, to: /body/state/from}
    - {from: /places, to: /body/places, each: [{from: "", to: /town}]}
    - {from: /tags, to: /body/tags, transform: upper}
    - {from: /hours, to: /body/hours, transform: digits}
    - {from: /rest, to: /body/any}
answer:
  rules:
    - {from: /body/receipt, to: /receipt_id}
    - {from: /body/again, to: /duplicate, default: false}
    - {from: /body/at, to: /at, transform: utc(Europe/Tallinn)}
examples:
  - name: everything
    request: |
      {"event": "issued", "id": "1", "person": {"personal_code": "38001085718", "born": "1980-01-08", "citizenship": null}, "valid_from": "2026-11-25", "places": ["Tartu", "Elva"], "tags": ["a"], "hours": "40", "rest": {"x": 1}}
    refused: [/rest type, /rest type]
  - name: what is needed
    request: |
      {"event": "revoked", "id": "1", "person": {"personal_code": "38001085718", "citizenship": "FIN"}, "valid_from": "2026-11-25", "places": ["Tartu"], "tags": ["a"], "hours": "40", "rest": 7}
    sends: |
      {"path": {"kind": "REVOKED"}, "body": {"id": "1", "person": {"code": "EE38001085718", "country": "FI"}, "state": {"from": "2026-11-25"}, "places": [{"town": "Tartu"}], "tags": ["A"], "hours": 40, "any": 7}}
    answer: |
      {"receipt": "R", "at": "2026-11-25T12:00:00+02:00"}
    gives: |
      {"receipt_id": "R", "duplicate": false, "at": "2026-11-25T10:00:00Z"}
  - name: wrong for the register
    request: |
      {"event": "issued", "id": "1", "person": {"personal_code": "38001085718", "born": "1980-02-30"}, "valid_from": "2026-11-25", "places": ["a", "b", "c"]}
    refused: [/person/born format, /places items]
`

// A table for a REST service: its contract is OpenAPI.
func TestTablesOfREST(t *testing.T) {
	t.Parallel()
	o := restOptions(t)
	made, problems := load(t, "x.yaml", []byte(notice), o)
	if len(problems) > 0 {
		t.Fatal(strings.Join(problems, "\n"))
	}
	if made.REST() == nil || made.Operation() != nil {
		t.Error("the table is for another operation")
	}
	for _, p := range made.RunExamples(today) {
		t.Errorf("%s: %s: %s", p.Path, p.Code, p.Message)
	}
	want := map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"duplicate", "receipt_id"},
		"properties": map[string]any{
			"receipt_id": map[string]any{"type": "string"}, "duplicate": map[string]any{"type": "boolean"}, "at": map[string]any{"type": "string", "format": "date-time"},
		},
	}
	if diff := cmp.Diff(want, made.AnswerSchema(nil)); diff != "" {
		t.Error(diff)
	}
	asked := made.RequestSchema(nil)
	if diff := cmp.Diff([]string{"event", "id", "person", "valid_from"}, asked["required"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"type": "array", "maxItems": 2, "items": map[string]any{"type": "string"}}, asked["properties"].(map[string]any)["places"]); diff != "" {
		t.Error(diff)
	}
	// A list of the register's answer at its very top.
	list, problems := load(t, "x.yaml", []byte("table: l\noperation: listNotices\nanswer:\n  ignore: ['']\n  rules:\n    - {from: /body, to: /notices, each: [{from: /id, to: /id}, {from: /places, to: /towns, each: [{from: /town, to: ''}]}]}\n"), o)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	answer, err := list.ReadAnswer([]byte(`[{"id": "1", "person": {"code": "x"}, "state": {"from": "2026-01-01"}, "places": [{"town": "Elva"}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := list.ToCore(answer, today)
	if diff := cmp.Diff(map[string]any{"notices": []any{map[string]any{"id": "1", "towns": []any{"Elva"}}}}, out); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestFaultsOfTablesOfREST(t *testing.T) {
	t.Parallel()
	o := restOptions(t)
	for name, tc := range map[string]struct {
		old, new string
		want     []string
	}{
		"unknown operation":   {"operation: addNotice", "operation: add", []string{"unknown-operation x.yaml:2"}},
		"a version":           {"operation: addNotice", "operation: addNotice\nversion: v1", []string{"unknown-operation x.yaml:2"}},
		"no answer to map":    {"operation: addNotice", "operation: dropNotices", []string{"unknown-operation x.yaml:2"}},
		"unknown field":       {"/body/hours", "/body/hour", []string{"unknown-field x.yaml:13"}},
		"below a value":       {"/body/any", "/body/any/x", []string{"unknown-field x.yaml:14"}},
		"unfilled":            {"    - {from: /id, to: /body/id}\n", "", []string{"unfilled x.yaml:4"}},
		"unfilled, deep":      {"    - {from: /valid_from, to: /body/state/from}\n", "", []string{"unfilled x.yaml:4"}},
		"unfilled item":       {`[{from: "", to: /town}]`, `[{from: "", to: /town, when: 'true'}]`, []string{"unfilled x.yaml:11"}},
		"value not allowed":   {"revoked: REVOKED", "revoked: REVOKE", []string{"missing-code x.yaml:5"}},
		"transform of a kind": {"transform: digits", "transform: upper", []string{"wrong-type x.yaml:13"}},
		"default of a kind":   {"default: false", "default: no", []string{"wrong-type x.yaml:18"}},
		"unread":              {"    - {from: /body/at, to: /at, transform: utc(Europe/Tallinn)}\n", "", []string{"unread x.yaml:16"}},
		"example":             {`{"receipt": "R", "at"`, `{"receit": "R", "at"`, []string{"bad-example x.yaml:30"}},
		"condition":           {"to: /at, transform", "to: /at, when: body.again == 1, transform", []string{"bad-condition x.yaml:19"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(notice, tc.old, tc.new, 1)
			if text == notice {
				t.Fatal("nothing was changed")
			}
			_, problems := load(t, "x.yaml", []byte(text), o)
			var seen []string
			for _, p := range problems {
				parts := strings.SplitN(p, ": ", 2)
				seen = append(seen, parts[0])
			}
			if !slices.Equal(seen, tc.want) {
				t.Errorf("want %v, got\n%s", tc.want, strings.Join(problems, "\n"))
			}
		})
	}
}
