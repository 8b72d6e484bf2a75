package mapping_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// decision is the answer of the description of texts with elements in them.
func decision(t *testing.T) (*contract.Element, string) {
	t.Helper()
	dir := filepath.Join(contracttest.Styles(t), "segatekst")
	c, err := contract.Load(os.DirFS(dir), "segatekst.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	op, ok := c.Operation("otsus", "v1")
	if !ok || op.Unsupported != nil {
		t.Fatalf("%v", op)
	}
	return op.Output, filepath.Join(dir, "segatekst.wsdl")
}

// Mixed content keeps its texts, their white space and the order of everything, and
// what is written is valid.
func TestMixedContentKeepsItsOrder(t *testing.T) {
	t.Parallel()
	el, wsdl := decision(t)
	value := map[string]any{
		"sisu": map[string]any{"@keel": "et", "#mixed": []any{
			"Otsus: ", map[string]any{"rohk": "jah"}, map[string]any{"rohk": " & "}, "\n  ", map[string]any{"summa": json.Number("1.50")}, "<eurot>",
			map[string]any{"sees": map[string]any{"#mixed": []any{"õ", map[string]any{"sees": map[string]any{"#mixed": []any{}}}, " "}}}, ".",
		}},
		"loige": []any{map[string]any{"@id": "1", "#mixed": []any{map[string]any{"rohk": "x"}, "tekst", map[string]any{"nr": json.Number("7")}}}},
		"viited": map[string]any{"#mixed": []any{
			map[string]any{"viide": "urn:a"}, " ja ", map[string]any{"lisa": map[string]any{"#mixed": []any{"b"}}}, map[string]any{"viide": "urn:c"},
		}},
		"paljas": map[string]any{"#mixed": []any{"ainult tekst"}},
		"kindel": map[string]any{"#mixed": []any{
			map[string]any{"algus": "2026-11-25"}, map[string]any{"nimi": "a"}, " ", map[string]any{"vanus": json.Number("3")}, map[string]any{"nimi": "b"}, "lõpp", map[string]any{"lopp": "2026-11-26"},
		}},
		"voor": map[string]any{"#mixed": []any{"a", map[string]any{"#any": `<o:x xmlns:o="urn:o"><y/></o:x>`}, "b"}},
	}
	x, err := mapping.Encode(el, value)
	if err != nil {
		t.Fatal(err)
	}
	contracttest.ValidateBody(t, wsdl, contracttest.Bytes(t, x))
	back, err := mapping.Decode(el, reread(t, x))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value, back); diff != "" {
		t.Error(diff)
	}
}

func TestMixedContentHasRulesToo(t *testing.T) {
	t.Parallel()
	el, wsdl := decision(t)
	one := func(entry any) map[string]any {
		return map[string]any{"sisu": map[string]any{"#mixed": []any{entry}}}
	}
	for want, value := range map[string]map[string]any{
		"/sisu/#mixed type":             {"sisu": map[string]any{"#mixed": "text"}},
		"/sisu/rohk unknown":            {"sisu": map[string]any{"rohk": []any{"x"}}},
		"/sisu/#text unknown":           {"sisu": map[string]any{"#text": "x"}},
		"/sisu type":                    {"sisu": "x"},
		"/sisu/#mixed/0 type":           one(json.Number("1")),
		"/sisu/#mixed/0 format":         one(""),
		"/sisu/#mixed/0 character":      one("\x01"),
		"/sisu/#mixed/1 format":         {"sisu": map[string]any{"#mixed": []any{"a", "b"}}},
		"/sisu/#mixed/0/gone unknown":   one(map[string]any{"gone": "x"}),
		"/sisu/#mixed/0/summa type":     one(map[string]any{"summa": []any{}}),
		"/sisu/#mixed/0/summa format":   one(map[string]any{"summa": "x"}),
		"/sisu/#mixed/rohk order":       {"sisu": map[string]any{"#mixed": []any{map[string]any{"summa": "1"}, map[string]any{"rohk": "x"}}}},
		"/sisu/#mixed/summa too_many":   {"sisu": map[string]any{"#mixed": []any{map[string]any{"summa": "1"}, map[string]any{"summa": "1"}}}},
		"/loige/0/#mixed/nr required":   {"sisu": map[string]any{"#mixed": []any{}}, "loige": []any{map[string]any{"@id": "1", "#mixed": []any{"x"}}}},
		"/kindel/#mixed/#group too_few": {"sisu": map[string]any{"#mixed": []any{}}, "kindel": map[string]any{"#mixed": []any{map[string]any{"algus": "2026-01-01"}, map[string]any{"nimi": "a"}}}},
		"/voor/#mixed/#any required":    {"sisu": map[string]any{"#mixed": []any{}}, "voor": map[string]any{}},
	} {
		_, err := mapping.Encode(el, value)
		var found mapping.Violations
		if !errors.As(err, &found) || len(found) != 1 || found[0].Path+" "+found[0].Code != want {
			t.Errorf("%v: %v, want %s", value, err, want)
		}
	}
	for content, want := range map[string]string{
		`<sisu>a<summa>1</summa>b<rohk>x</rohk></sisu>`:                "order",
		`<sisu>a<gone/></sisu>`:                                        "unknown",
		`<sisu>a</sisu><loige id="1">b</loige>`:                        "required",
		`<sisu>a<summa>x</summa></sisu>`:                               "format",
		`x<sisu>a</sisu>`:                                              "type",
		`<sisu/><kindel>a<algus>2026-01-01</algus></kindel>`:           "too_few",
		`<sisu> <!-- c -->b</sisu><viited> <viide>a</viide>c</viited>`: "",
	} {
		text := `<t:otsusResponse xmlns:t="http://otsused.x-road.eu">` + content + `</t:otsusResponse>`
		doc := etree.NewDocument()
		if err := doc.ReadFromString(text); err != nil {
			t.Fatal(err)
		}
		_, err := mapping.Decode(el, doc.Root())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", content, err, want)
		}
		if judge := contracttest.CheckBody(t, wsdl, []byte(text)); (judge == nil) != (err == nil) {
			t.Errorf("%s: the judge says %v, we say %v", content, judge, err)
		}
	}
}
