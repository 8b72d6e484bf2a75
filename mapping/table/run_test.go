package table_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/mapping"
	"ristmik/mapping/table"
)

// faults are the violations of a message as "path code".
func faults(err error) []string {
	found, _ := errors.AsType[mapping.Violations](err)
	var out []string
	for _, v := range found {
		out = append(out, v.Path+" "+v.Code)
	}
	slices.Sort(out)
	return out
}

// send maps a request by rules for which the rest of the table is good.
func send(t *testing.T, rules, value string) (map[string]any, error) {
	t.Helper()
	made, problems := load(t, "x.yaml", []byte(request+rules), options(t))
	if len(problems) > 0 {
		t.Fatal(strings.Join(problems, "\n"))
	}
	in, err := table.ReadJSON([]byte(`{"kind": "A", "persons": [], ` + strings.TrimPrefix(value, "{")))
	if err != nil {
		t.Fatal(err)
	}
	out, err := made.ToRegister(in, today)
	if err != nil {
		return nil, err
	}
	object, _ := out["request"].(map[string]any)
	return object, nil
}

func TestRules(t *testing.T) {
	t.Parallel()
	text := func(name string) string { return "    - {from: /a, to: /request/tekst, " + name + "}\n" }
	for name, tc := range map[string]struct {
		rules, value string
		want         any // of tekst; nil is none
		faults       []string
	}{
		"as it is":                  {text(""), `{"a": "x"}`, "x", nil},
		"absent":                    {text(""), `{"a": "x"}`, "x", nil},
		"required":                  {text("required: true"), `{"b": 1}`, nil, []string{"/b unknown"}},
		"required, absent":          {text("required: true"), `{"kind": "K"}`, nil, []string{"/a required"}},
		"default":                   {text("default: d"), `{"kind": "K"}`, "d", nil},
		"default, but given":        {text("default: d"), `{"a": ""}`, "", nil},
		"default through transform": {text("default: d, transform: upper"), `{"kind": "K"}`, "D", nil},
		"null":                      {text(""), `{"a": null}`, nil, []string{"/a type"}},
		"null is absent":            {text("null_is_absent: true"), `{"a": null}`, nil, nil},
		"null has the default":      {text("null_is_absent: true, default: d"), `{"a": null}`, "d", nil},
		"codes, withdrawn":          {text("codes: {list: countries, core: alpha3, register: alpha2}"), `{"a": "SUN"}`, nil, []string{"/a code_list"}},
		"codes, then":               {text("codes: {list: countries, core: alpha3, register: alpha2, on: /born}") + "    - {from: /born, to: /request/koodid}\n", `{"a": "SUN", "born": "1980-01-01"}`, "SU", nil},
		"codes, when unknown":       {text("codes: {list: countries, core: alpha3, register: alpha2, on: /born}") + "    - {from: /born, to: /request/koodid}\n", `{"a": "SUN"}`, nil, []string{"/a code_list"}},
		"codes into a transform":    {text("codes: {list: countries, core: alpha3, register: alpha2}, transform: [lower, prefix(x-)]"), `{"a": "EST"}`, "x-ee", nil},
		"many to one":               {text("values: {a: x, b: x}"), `{"a": "b"}`, "x", nil},
		"condition":                 {text("when: kind == 'A'"), `{"a": "x"}`, "x", nil},
		"condition, not met":        {text("when: kind == 'K'"), `{"a": "x"}`, nil, nil},
		"condition on nothing":      {text("when: a == ''"), `{"n": 1}`, nil, []string{"/n unknown"}},
		"condition on a list":       {text("when: 'any(persons, .name == \"B\")'"), `{"a": "x", "persons": [{"name": "B"}]}`, "x", nil},
		"condition on its own":      {text("when: sure") + "    - {from: /sure, type: boolean}\n", `{"a": "x", "sure": true}`, "x", nil},
		"condition on no number":    {text("when: n > 1") + "    - {from: /n, type: integer}\n", `{"a": "x"}`, nil, []string{" condition"}},
		"the first that holds":      {"    - {from: /a, to: /request/tekst, when: kind == 'A'}\n    - {from: /b, to: /request/tekst, when: kind == 'A'}\n    - {constant: c, to: /request/tekst}\n", `{"b": "y"}`, nil, nil},
		"the last without one":      {"    - {from: /a, to: /request/tekst, when: kind == 'B'}\n    - {constant: c, to: /request/tekst}\n", `{"a": "x"}`, "c", nil},
		"joined without a part":     {"    - {from: [/a, /b], to: /request/tekst, transform: join(x)}\n", `{"a": "1"}`, nil, []string{"/b required"}},
		"joined without any":        {"    - {from: [/a, /b], to: /request/tekst, transform: join(x)}\n", `{"kind": "K"}`, nil, nil},
		"concat without a part":     {"    - {from: [/a, /b, /c], to: /request/tekst, transform: [upper, concat(\" \"), prefix(x)]}\n", `{"a": "u", "c": "v"}`, "xU V", nil},
		"name by its document":      {text("transform: transliterate(/country)") + "    - {from: /country, to: /request/koodid}\n", `{"a": "Щ", "country": "BGR"}`, "Sht", nil},
		"no object":                 {"    - {from: /a/b, to: /request/tekst}\n", `{"a": "x"}`, nil, []string{"/a type"}},
		"no list":                   {text(""), `{"persons": {"name": "x"}}`, nil, []string{"/persons type"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := send(t, tc.rules, tc.value)
			if diff := cmp.Diff(tc.faults, faults(err)); diff != "" || out["tekst"] != tc.want {
				t.Errorf("%v, %v", out["tekst"], err)
			}
		})
	}
}

// An answer with more than one where one is meant is refused and not cut.
func TestTheOnlyItem(t *testing.T) {
	t.Parallel()
	made, problems := load(t, "x.yaml", []byte(answer+"    - {from: /response/isik/0/nimi, to: /name}"), options(t))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for text, want := range map[string]any{
		`{"response": {"isik": [{"nimi": "A"}]}}`:                "A",
		`{"response": {"isik": []}}`:                             nil,
		`{"response": {"isik": [{"nimi": "A"}, {"nimi": "B"}]}}`: "/response/isik/0/nimi too_many",
	} {
		value, err := made.ReadAnswer([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		out, err := made.ToCore(value, today)
		if found := faults(err); len(found) > 0 && found[0] != want || len(found) == 0 && out["name"] != want {
			t.Errorf("%s: %v, %v", text, out, err)
		}
	}
}

// The core's schemas say what the table takes and gives.
func TestSchemas(t *testing.T) {
	t.Parallel()
	made := good(t)
	schemas := mapping.NewSchemas("#/$defs/")
	compile := func(schema map[string]any) *jsonschema.Schema {
		doc := map[string]any{"$defs": schemas.Definitions()}
		for key, v := range schema {
			doc[key] = v
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		if err := c.AddResource("mem:///s.json", plain); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("mem:///s.json")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	asked, told := compile(made.RequestSchema(schemas)), compile(made.AnswerSchema(schemas))
	for text, good := range map[string]bool{
		`{"kind": "active", "persons": [{"surname": "A", "given_name": "B", "languages": ["et"]}], "remark": null, "count": 7}`: true,
		`{"kind": "active", "persons": []}`:                                                false, // one is needed
		`{"kind": "A", "persons": [{"surname": "A", "given_name": "B"}]}`:                  false,
		`{"kind": "active", "persons": [{"surname": "A"}]}`:                                false,
		`{"kind": "active", "persons": [{"surname": "A", "given_name": "B"}], "x": 1}`:     false,
		`{"kind": "active", "persons": [{"surname": "A", "given_name": "B"}], "codes": 1}`: false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := asked.Validate(value); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, good := range map[string]bool{
		`{"persons": [{"surname": "A", "given_name": "B", "state": "alive", "languages": []}], "source": "population"}`: true,
		`{"persons": [], "source": "x", "total": 1.5}`:                                                                  true,
		`{"persons": []}`: false,
		`{"source": "x"}`: false,
		`{"persons": [{"surname": "A", "given_name": "B", "languages": []}], "source": "x"}`: false, // a state is always told
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := told.Validate(value); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	if examples := made.RequestExamples(); len(examples) != 1 || asked.Validate(examples["two persons"]) != nil {
		t.Errorf("examples %v", examples)
	}
}
