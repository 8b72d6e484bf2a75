package web_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/web"
)

// Every fault comes out at once, each at its place, and no value is repeated.
func TestSchemaFaultsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	schema := compile(t, `{"type":"object","additionalProperties":false,"required":["a","missing"],"properties":{
		"a":{"type":"string","minLength":3},"b":{"type":"integer","minimum":1},"c/d":{"enum":["x","y"]},
		"e":{"type":"array","maxItems":1,"items":{"type":"object","required":["f"]}},"missing":{}}}`)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"a":"7","b":-71506150,"c/d":"71506150","e":[{},{}],"71506150":1}`))
	if err != nil {
		t.Fatal(err)
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](schema.Validate(value))
	if !ok {
		t.Fatal("the document is valid")
	}
	var got []string
	for _, f := range web.SchemaFaults(invalid) {
		got = append(got, f.Path+" "+f.Code)
		if f.Message == "" || strings.Contains(f.Message, "71506150") {
			t.Errorf("%s: message %q", f.Path, f.Message)
		}
	}
	want := []string{"/71506150 unknown_field", "/a length", "/b range", "/c~1d enum", "/e items", "/e/0/f required", "/e/1/f required", "/missing required"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func compile(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:///schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
