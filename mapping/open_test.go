package mapping_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// openSchema has what a schema can leave open.
const openSchema = `<xs:element name="e"><xs:complexType><xs:sequence>
  <xs:element name="loose" minOccurs="0"/>
  <xs:element name="shape" type="t:Shape" minOccurs="0" maxOccurs="unbounded"/>
  <xs:element name="either" minOccurs="0"><xs:simpleType><xs:union memberTypes="xs:int xs:date"/></xs:simpleType></xs:element>
  <xs:element name="steps" minOccurs="0"><xs:complexType><xs:choice minOccurs="2" maxOccurs="3">
    <xs:element name="walk" type="xs:int"/><xs:sequence><xs:element name="ride" type="xs:string"/><xs:element name="fare" type="xs:decimal" minOccurs="0"/></xs:sequence>
  </xs:choice></xs:complexType></xs:element>
  <xs:element name="narrow" type="t:Narrow" minOccurs="0"/>
  <xs:sequence maxOccurs="unbounded"><xs:element name="item" type="xs:int"/></xs:sequence>
  <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="2"/>
</xs:sequence><xs:anyAttribute processContents="skip"/></xs:complexType></xs:element>
<xs:complexType name="Shape" abstract="true"><xs:sequence><xs:element name="name" type="xs:string"/></xs:sequence></xs:complexType>
<xs:complexType name="Circle"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence><xs:element name="radius" type="xs:int"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Disc"><xs:complexContent><xs:extension base="t:Circle"><xs:attribute name="colour" type="xs:string"/></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Wide"><xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int" minOccurs="0"/></xs:sequence><xs:attribute name="kept" type="xs:string"/><xs:attribute name="gone" type="xs:string"/></xs:complexType>
<xs:complexType name="Narrow"><xs:complexContent><xs:restriction base="t:Wide"><xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence><xs:attribute name="gone" use="prohibited"/></xs:restriction></xs:complexContent></xs:complexType>`

func open() map[string]any {
	return map[string]any{
		"@free": "1", "@{urn:x}free": "2",
		"loose": map[string]any{"@kind": "k", "#any": []any{`<a:one xmlns:a="urn:a"><two>3</two></a:one>`}},
		"shape": []any{
			map[string]any{"@xsi:type": "Circle", "name": "c", "radius": json.Number("1")},
			map[string]any{"@xsi:type": "Disc", "name": "d", "radius": json.Number("2"), "@colour": "red"},
		},
		"either": "2026-11-25",
		"steps": map[string]any{"#group": []any{
			map[string]any{"walk": json.Number("5")},
			map[string]any{"ride": "tram", "fare": json.Number("1.50")},
			map[string]any{"walk": json.Number("1")},
		}},
		"narrow": map[string]any{"a": json.Number("1"), "@kept": "y"},
		"item":   []any{json.Number("1"), json.Number("2")},
		"#any":   []any{`<note xmlns="urn:other">õ &lt; 1</note>`},
	}
}

func TestWhatASchemaLeavesOpenKeepsItsValue(t *testing.T) {
	t.Parallel()
	el := element(t, openSchema)
	for _, loose := range []any{open()["loose"], "plain", "", map[string]any{"#text": "t", "@x": "y"},
		map[string]any{"#any": []any{"see &lt;\u00a0&amp; ", "<b>this</b>", " and\n", `<i xmlns="urn:i"/>`}}, map[string]any{"#any": []any{"<b/>", " ", "<b/>", "."}}} {
		want := open()
		want["loose"] = loose
		x, err := mapping.Encode(el, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mapping.Decode(el, reread(t, x))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWhatASchemaLeavesOpenHasRulesToo(t *testing.T) {
	t.Parallel()
	el := element(t, openSchema)
	steps := func(n int) map[string]any {
		items := make([]any, n)
		for i := range items {
			items[i] = map[string]any{"walk": json.Number("1")}
		}
		return map[string]any{"#group": items}
	}
	for name, tc := range map[string]struct {
		key   string
		value any
		want  string // path and code
	}{
		"text and elements":       {"loose", map[string]any{"#text": "x", "#any": []any{"<b/>"}}, "/loose/#text type"},
		"texts apart":             {"loose", map[string]any{"#any": []any{"<b/>", "x", "y"}}, "/loose/#any/2 format"},
		"text that is none":       {"loose", map[string]any{"#any": []any{"<b/>", "a & b"}}, "/loose/#any/1 format"},
		"text written otherwise":  {"loose", map[string]any{"#any": []any{"<b/>", "&#65;"}}, "/loose/#any/1 format"},
		"a tag in a text":         {"loose", map[string]any{"#any": []any{"<b/>", "x<c/>"}}, "/loose/#any/1 format"},
		"white space alone":       {"loose", map[string]any{"#any": []any{"<b/>", " "}}, "/loose/#any format"},
		"text alone":              {"loose", map[string]any{"#any": []any{"x"}}, "/loose/#any format"},
		"abstract type":           {"shape", []any{map[string]any{"name": "x"}}, "/shape/0/@xsi:type required"},
		"type of another family":  {"shape", []any{map[string]any{"@xsi:type": "Wide", "a": json.Number("1")}}, "/shape/0/@xsi:type enum"},
		"the abstract type":       {"shape", []any{map[string]any{"@xsi:type": "Shape", "name": "x"}}, "/shape/0/@xsi:type enum"},
		"field of another type":   {"shape", []any{map[string]any{"@xsi:type": "Circle", "name": "x", "radius": json.Number("1"), "@colour": "red"}}, "/shape/0/@colour unknown"},
		"none of a union":         {"either", "tomorrow", "/either format"},
		"too few occurrences":     {"steps", steps(1), "/steps/#group too_few"},
		"too many occurrences":    {"steps", steps(4), "/steps/#group too_many"},
		"occurrence of no object": {"steps", map[string]any{"#group": []any{json.Number("1"), map[string]any{"walk": json.Number("1")}}}, "/steps/#group/0 type"},
		"two branches at once":    {"steps", map[string]any{"#group": []any{map[string]any{"walk": json.Number("1"), "ride": "x"}, map[string]any{"walk": json.Number("1")}}}, "/steps/#group/0 choice"},
		"stranger in a group":     {"steps", map[string]any{"#group": []any{map[string]any{"walk": json.Number("1"), "x": "x"}, map[string]any{"walk": json.Number("1")}}}, "/steps/#group/0/x unknown"},
		"restricted element":      {"narrow", map[string]any{"a": json.Number("1"), "b": json.Number("2")}, "/narrow/b unknown"},
		"prohibited attribute":    {"narrow", map[string]any{"a": json.Number("1"), "@gone": "x"}, "/narrow/@gone unknown"},
		"wildcard, namespace":     {"#any", []any{`<x xmlns="urn:t"/>`}, "/#any/0 unknown"},
		"wildcard, too many":      {"#any", []any{`<x xmlns="a"/>`, `<x xmlns="a"/>`, `<x xmlns="a"/>`}, "/#any too_many"},
		"wildcard, no XML":        {"#any", []any{`<x xmlns="a">`}, "/#any/0 format"},
		"wildcard, DTD":           {"#any", []any{`<!DOCTYPE x><x xmlns="a"/>`}, "/#any/0 format"},
		"wildcard, no text":       {"#any", []any{json.Number("1")}, "/#any/0 type"},
		"attribute of no name":    {"@a b", "x", "/@a b unknown"},
		"attribute of no text":    {"@a", json.Number("1"), "/@a type"},
		"anything but that":       {"loose", []any{"x"}, "/loose type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := open()
			value[tc.key] = tc.value
			_, err := mapping.Encode(el, value)
			var violations mapping.Violations
			if !errors.As(err, &violations) || len(violations) != 1 || violations[0].Path+" "+violations[0].Code != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestXMLMustKeepToTheTypesOfTheContract(t *testing.T) {
	t.Parallel()
	el := element(t, openSchema)
	x, err := mapping.Encode(el, open())
	if err != nil {
		t.Fatal(err)
	}
	doc := string(contracttest.Bytes(t, x))
	for name, tc := range map[string]struct{ old, new string }{
		"another family":     {`:Circle"`, `:Wide"`},
		"another namespace":  {`xsi:type="p1:Circle"`, `xsi:type="Circle"`},
		"abstract":           {` xsi:type="p1:Circle"`, ``},
		"too few of a group": {"<walk>1</walk>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := strings.Replace(doc, tc.old, tc.new, 1)
			if tc.old == "<walk>1</walk>" {
				damaged = strings.Replace(damaged, "<walk>5</walk>", "", 1)
			}
			if damaged == doc {
				t.Fatalf("nothing was damaged in %s", doc)
			}
			tree, err := soap.ReadTree([]byte(damaged), soap.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := mapping.Decode(el, tree.Root()); err == nil {
				t.Error("it is taken")
			}
		})
	}
}
