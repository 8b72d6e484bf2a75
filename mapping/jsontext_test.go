package mapping_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// What a JSON text says reaches the XML as what its decoded value does.
func TestEncodingTextIsEncodingItsValue(t *testing.T) {
	t.Parallel()
	for _, s := range shipped {
		op := operation(t, s.file, s.code, s.version)
		for name, el := range map[string]*contract.Element{"request": op.Input, "answer": op.Output} {
			t.Run(s.code+" "+name, func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(rt *rapid.T) {
					value := generate(rt, el, 0).(map[string]any)
					if rapid.Bool().Draw(rt, "damaged") {
						value["request"] = rapid.SampledFrom([]any{nil, "x", json.Number("1"), true, []any{}, map[string]any{"a~/b": nil}}).Draw(rt, "request")
					}
					text, err := json.Marshal(value)
					if err != nil {
						rt.Fatal(err)
					}
					sameEncoding(rt, el, value, text)
				})
			})
		}
	}
}

func sameEncoding(t rapid.TB, el *contract.Element, value map[string]any, text []byte) {
	t.Helper()
	want, wantErr := mapping.EncodeXML(el, value)
	got, err := mapping.EncodeJSON(el, text)
	if !bytes.Equal(want, got) {
		t.Fatalf("the text gives %s, the value %s", got, want)
	}
	if diff := cmp.Diff(wantErr, err); diff != "" {
		t.Fatalf("the value (-) and the text (+) are refused for other reasons:\n%s", diff)
	}
}

func TestTextThatIsNoObjectOrHasAKeyTwiceIsRefused(t *testing.T) {
	t.Parallel()
	el := element(t, richSchema)
	for text, want := range map[string][]string{
		``:                                   {" type"},
		`{"a":"x"`:                           {" type"},
		`{"a":"x"}}`:                         {" type"},
		`["a"]`:                              {" type"},
		`null`:                               {" type"},
		`{"a":"x","a":"x"}`:                  {"/a too_many"},
		`{"a":"x","q":"1","q":null}`:         {"/q too_many"},
		`{"a":"x","set":{"m":1,"m":2}}`:      {"/set/m too_many"},
		`{"a":"x","y":true,"new":1}`:         {"/new unknown"},
		`{"a":"õ\u00f5\ud83d\ude00<&>\r\n"}`: nil,
	} {
		_, err := mapping.EncodeJSON(el, []byte(text))
		if diff := cmp.Diff(want, codes(t, err)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	_, err := mapping.EncodeJSON(element(t, openSchema), []byte(`{"item":[1],"@x":"1","@x":"2"}`))
	if diff := cmp.Diff([]string{"/@x too_many"}, codes(t, err)); diff != "" {
		t.Error(diff)
	}
}

// FuzzEncodeJSON reads texts as encoding/json does: what one takes the other
// takes, with the same value.
func FuzzEncodeJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":"x"}`, ` { "a" : null , "y" : false } `, `{"a":"\"\\\/\b\f\n\r\t\u0041\u00e5\ud800\udc00\ud800x\udc00"}`, "{\"a\":\"\xff\"}",
		`{"a":"","x":-0}`, `{"a":"","x":1e5}`, `{"a":"","x":1E+5}`, `{"a":"","x":01}`, `{"a":"","x":1.}`, `{"a":"","x":-}`, `{"a":"",}`, `{"a"}`,
		`{"a":"","amount":[{"#text":1.5,"@currency":"EUR"},{"#text":"2","@currency":"EUR"}]}`, `[]`, `"`, `{"a":tru}`, `{"a":"` + "\x1f" + `"}`,
		`{"a":"","set":{"n":1,"m":2}}`, `{"a":"\u12"}`, `{"a":"\x"}`, strings.Repeat("[", 2000), `{"a":"","\u0061":1}`,
	} {
		f.Add([]byte(text))
	}
	el := element(f, richSchema)
	f.Fuzz(func(t *testing.T, text []byte) {
		var value map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		err := d.Decode(&value)
		if err != nil || value == nil || !json.Valid(text) {
			if _, err := mapping.EncodeJSON(el, text); err == nil {
				t.Fatalf("%q is taken", text)
			}
			return
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if depth(value) > 60 || keys(text) != keys(again) || !utf8.Valid(text) {
			return // deeper than messages are, or a key twice
		}
		sameEncoding(t, el, value, text)
	})
}

// depth is how deep a value nests.
func depth(v any) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			most = max(most, depth(item))
		}
	case []any:
		for _, item := range v {
			most = max(most, depth(item))
		}
	}
	return most + 1
}

// keys counts the keys of a JSON text.
func keys(text []byte) int {
	n := 0
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		before := d.InputOffset()
		if _, err := d.Token(); err != nil {
			return n
		}
		if rest := bytes.TrimLeft(text[d.InputOffset():], " \t\r\n"); d.InputOffset() > before && len(rest) > 0 && rest[0] == ':' {
			n++
		}
	}
}
