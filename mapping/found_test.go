package mapping_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/mapping"
	"ristmik/soap/contract/contracttest"
)

// What random schemas have brought to light.

// A choice is not confused by a group or a wildcard that stands elsewhere in the
// type: what its branch holds is written.
func TestAChoiceBesideAGroupOrWildcardKeepsItsValue(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ schema, value string }{
		"group": {`<xs:choice minOccurs="0"><xs:element name="a" type="xs:string"/><xs:any namespace="urn:else" processContents="lax" minOccurs="0"/></xs:choice>
<xs:sequence maxOccurs="3"><xs:element name="b" type="xs:int"/><xs:element name="c" type="xs:int"/></xs:sequence>`, `{"a":"x","#group":[{"b":1,"c":2}]}`},
		"wildcard": {`<xs:any namespace="urn:else" processContents="lax" minOccurs="0"/><xs:choice><xs:choice maxOccurs="2"><xs:element name="b" type="xs:int"/><xs:element name="c" type="xs:int"/></xs:choice><xs:element name="a" type="xs:string"/></xs:choice>`,
			`{"#any":["<e xmlns=\"urn:else\"/>"],"a":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			el := element(t, `<xs:element name="e"><xs:complexType><xs:sequence>`+tc.schema+`</xs:sequence></xs:complexType></xs:element>`)
			text, err := mapping.EncodeJSON(el, []byte(tc.value))
			if err != nil || !strings.Contains(string(text), "<a>x</a>") {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

// Of a repeating group each occurrence needs what it must hold, also where a later
// one has it; and an element that only a wildcard takes does not stand for the one
// that must be there.
func TestWhatMustBeThereIsMissed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ schema, message, path string }{
		"in an occurrence": {`<xs:sequence maxOccurs="3"><xs:element name="a" type="xs:string" minOccurs="0"/><xs:element name="b" type="xs:string"/></xs:sequence>`, `<a/><a/><b/>`, "/#group/0/b"},
		"by a wildcard":    {`<xs:sequence><xs:element name="a" type="xs:string"/><xs:any namespace="##other" processContents="skip" minOccurs="0"/></xs:sequence>`, `<x:a xmlns:x="urn:else"/>`, "/a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			el := element(t, `<xs:element name="e"><xs:complexType>`+tc.schema+`</xs:complexType></xs:element>`)
			doc := etree.NewDocument()
			if err := doc.ReadFromString(`<t:e xmlns:t="urn:t">` + tc.message + `</t:e>`); err != nil {
				t.Fatal(err)
			}
			_, err := mapping.Decode(el, doc.Root())
			var found mapping.Violations
			if !errors.As(err, &found) || len(found) != 1 || found[0].Path != tc.path || found[0].Code != mapping.CodeRequired {
				t.Errorf("%+v", err)
			}
		})
	}
}

// Attributes that have no names in the contract stand in the start tag, before the
// text.
func TestLooseAttributesOfATextAreAttributes(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e"><xs:complexType><xs:simpleContent><xs:extension base="xs:int"><xs:anyAttribute namespace="##other" processContents="lax"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>`)
	x, err := mapping.Encode(el, map[string]any{"#text": 7, "@{urn:x}free": "vaba"})
	if err != nil || x.Text() != "7" || x.SelectAttrValue("p2:free", "") != "vaba" {
		t.Errorf("%v: %s", err, contracttest.Bytes(t, x))
	}
}

// An element that is null keeps its attributes, and one that needs some is not
// written without them.
func TestNullKeepsItsAttributes(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e"><xs:complexType><xs:sequence>
<xs:element name="a" nillable="true" minOccurs="0"><xs:complexType><xs:simpleContent><xs:extension base="xs:int"><xs:attribute name="why" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
<xs:element name="b" nillable="true" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="c" type="xs:int"/></xs:sequence><xs:attribute name="id" type="xs:int" use="required"/></xs:complexType></xs:element>
<xs:element name="n" type="xs:int" nillable="true" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element>`)
	for text, want := range map[string]string{
		`{"a":null}`: "",
		`{"a":{"@xsi:nil":true,"@why":"secret"}}`:     "",
		`{"a":{"#text":1,"@why":"x"}}`:                "",
		`{"b":{"@xsi:nil":true,"@id":7}}`:             "",
		`{"n":null}`:                                  "",
		`{"b":null}`:                                  "/b/@id: required",
		`{"b":{"@xsi:nil":true}}`:                     "/b/@id: required",
		`{"b":{"@xsi:nil":true,"@id":7,"c":1}}`:       "/b/c: unknown",
		`{"b":{"@xsi:nil":false,"@id":7}}`:            "/b/@xsi:nil: type",
		`{"@xsi:nil":true}`:                           "/: type",
		`{"a":{"@xsi:nil":true,"@why":"x","@y":"z"}}`: "/a/@y: unknown",
	} {
		written, err := mapping.EncodeJSON(el, []byte(text))
		if err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
			continue
		}
		if want != "" {
			t.Errorf("%s is written: %s", text, written)
			continue
		}
		doc := etree.NewDocument()
		if err := doc.ReadFromBytes(written); err != nil {
			t.Fatal(err)
		}
		value, err := mapping.Decode(el, doc.Root())
		back, _ := json.Marshal(value)
		if err != nil || string(back) != text && len(back) != len(text) {
			t.Errorf("%s is read as %s, %v, from %s", text, back, err, written)
		}
	}
	for message, want := range map[string]string{
		`<b xsi:nil="true"/>`: "/b/@id: required", `<b xsi:nil="true" id="x"/>`: "/b/@id: ", `<b xsi:nil="true" id="1"><c>1</c></b>`: "/b: type", `<n xsi:nil="true" stray="1"/>`: "/n/@stray: unknown",
	} {
		doc := etree.NewDocument()
		if err := doc.ReadFromString(`<t:e xmlns:t="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` + message + `</t:e>`); err != nil {
			t.Fatal(err)
		}
		if value, err := mapping.Decode(el, doc.Root()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", message, value, err)
		}
	}
}
