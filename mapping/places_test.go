package mapping_test

import (
	"testing"

	"ristmik/mapping"
)

// What is wanted of a message is found while its text is written, and the text
// is the same.
func TestPlacesAreNotedBesideTheText(t *testing.T) {
	t.Parallel()
	op := inline(t, `<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence>
<xs:element name="a" type="xs:string"/><xs:element name="n" type="xs:decimal"/><xs:element name="flag" type="xs:boolean"/>
<xs:element name="in"><xs:complexType><xs:sequence><xs:element name="a" type="xs:string" nillable="true"/>
<xs:element name="with"><xs:complexType><xs:simpleContent><xs:extension base="xs:string"><xs:attribute name="k" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>
<xs:element name="list" maxOccurs="unbounded"><xs:complexType><xs:sequence><xs:element name="a" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="last" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:schema>`)
	m := message(t, "op", `<t:op xmlns:t="urn:t"><a>1 &amp; 2</a><n>+1.50</n><flag>1</flag><in><a>inner</a><with k="v">told</with></in><list><a>first</a></list><list><a>second</a></list><last> end </last></t:op>`)
	want := map[string]mapping.Plain{
		"/a": {Text: "1 & 2"}, "/n": {Text: "1.50", Number: true}, "/flag": {}, "/in": {}, "/in/a": {Text: "inner"}, "/in/with": {Text: "told"},
		"/in/with/@k": {Text: "v"}, "/in/with/#text": {Text: "told"}, "/list/a": {}, "/list/0/a": {}, "/last": {Text: " end "}, "/no/such": {}, "": {},
	}
	var pointers []string
	for pointer := range want {
		pointers = append(pointers, pointer, pointer)
	}
	text, noted, _, err := mapping.AppendJSON([]byte(`{"data":`), op.Output, m, mapping.Reading{Places: mapping.PlacesOf(pointers...)})
	if err != nil {
		t.Fatal(err)
	}
	if plain, none, _, err := mapping.AppendJSON([]byte(`{"data":`), op.Output, m, mapping.Reading{}); err != nil || string(plain) != string(text) || none.At("/a") != (mapping.Plain{}) {
		t.Errorf("%s with places, %s without, %v", text, plain, err)
	}
	for pointer, want := range want {
		if got := noted.At(pointer); got != want {
			t.Errorf("%s: %+v, want %+v", pointer, got, want)
		}
	}
	if got := noted.At("/unasked"); got != (mapping.Plain{}) {
		t.Errorf("unasked: %+v", got)
	}
	if mapping.PlacesOf("", "") != nil {
		t.Error("places of no pointers")
	}
	// What was found stays when the message has gone.
	a := noted.At("/a").Text
	for i := range m.Raw {
		m.Raw[i] = 'x'
	}
	if a != "1 & 2" || noted.At("/in/a").Text != "inner" {
		t.Errorf("%q and %q are parts of the message", a, noted.At("/in/a").Text)
	}
}
