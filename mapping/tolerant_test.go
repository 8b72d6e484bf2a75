package mapping_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
	"ristmik/soap"
)

func TestTolerantDecodingKeepsWhatTheContractDoesNotHave(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e"><xs:complexType><xs:sequence>
  <xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int" minOccurs="0" maxOccurs="2"/>
  <xs:element name="c" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="d" type="xs:int" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>`)
	read := func(text string) (map[string]any, mapping.Violations, error) {
		doc, err := soap.ReadTree([]byte(text), soap.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		return mapping.DecodeTolerant(el, doc.Root())
	}
	got, strangers, err := read(`<t:e xmlns:t="urn:t" new="1"><a>1</a><uus xmlns:q="urn:q"><q:x>2</q:x></uus><b>3</b><c><t:d>4</t:d><d>5</d></c></t:e>`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"@new": "1", "a": json.Number("1"), "b": []any{json.Number("3")},
		"#unknown": []any{`<uus xmlns:q="urn:q"><q:x>2</q:x></uus>`},
		"c":        map[string]any{"d": json.Number("5"), "#unknown": []any{`<t:d xmlns:t="urn:t">4</t:d>`}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/@new unknown", "/uus unknown", "/c/d unknown"}, codes(t, strangers)); diff != "" {
		t.Error(diff)
	}
	// What is known must be right all the same.
	_, strangers, err = read(`<t:e xmlns:t="urn:t"><uus/><a>one</a><b>1</b><b>2</b><b>3</b></t:e>`)
	if len(strangers) != 1 {
		t.Errorf("strangers %v", strangers)
	}
	if diff := cmp.Diff([]string{"/a format", "/b too_many"}, codes(t, err)); diff != "" {
		t.Error(diff)
	}
}
