package mapping_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/mapping"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// valid compiles the schema of an element and says whether the value fits.
func valid(t *testing.T, el *contract.Element, value map[string]any) error {
	t.Helper()
	schemas := mapping.NewSchemas("#/$defs/")
	root := schemas.Of(el)
	root = map[string]any{"allOf": []any{root}, "$defs": schemas.Definitions()}
	tree := func(v any) any {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("mem:///s.json", tree(root)); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("mem:///s.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(tree(value))
}

func TestSchemaTakesWhatEncodeTakes(t *testing.T) {
	t.Parallel()
	el := element(t, openSchema)
	if err := valid(t, el, open()); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(map[string]any){
		"unknown key":      func(v map[string]any) { v["stranger"] = "x" },
		"missing list":     func(v map[string]any) { delete(v, "item") },
		"empty list":       func(v map[string]any) { v["item"] = []any{} },
		"list as value":    func(v map[string]any) { v["item"] = json.Number("1") },
		"abstract type":    func(v map[string]any) { v["shape"] = []any{map[string]any{"name": "x"}} },
		"unknown type":     func(v map[string]any) { v["shape"] = []any{map[string]any{"@xsi:type": "Wide"}} },
		"too many repeats": func(v map[string]any) { v["steps"] = map[string]any{"#group": []any{1, 2, 3, 4}} },
		"attribute no text": func(v map[string]any) {
			v["@free"] = json.Number("1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := open()
			spoil(value)
			if valid(t, el, value) == nil {
				t.Error("the schema takes it")
			}
			if _, err := mapping.Encode(el, value); err == nil {
				t.Error("Encode takes it")
			}
		})
	}
}

// The samples of every real operation fit the schema that is shown for it.
func TestSamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	operations := 0
	contracttest.EachReal(t, func(path string, c *contract.Contract) {
		for _, op := range c.Operations() {
			if op.Unsupported != nil {
				continue
			}
			operations++
			for _, el := range []*contract.Element{op.Input, op.Output} {
				value, err := mapping.Sample(el, mapping.Fullest)
				if err != nil {
					continue
				}
				if err := valid(t, el, value); err != nil {
					t.Errorf("%s %s %s: %v", path, op.Code, el.Name, err)
				}
			}
		}
	})
	if operations == 0 {
		t.Error("nothing was looked at")
	}
}
