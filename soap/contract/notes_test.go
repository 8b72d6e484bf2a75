package contract_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"ristmik/soap/contract"
)

// Notes are read by language, and facets are told in words.
func TestNotesAndFacetsAreToldInWords(t *testing.T) {
	t.Parallel()
	const wsdl = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><xs:schema targetNamespace="urn:t"><xs:element name="a"><xs:complexType><xs:sequence>FIELDS</xs:sequence></xs:complexType></xs:element></xs:schema></w:types>
<w:message name="a"><w:part name="body" element="t:a"/></w:message>
<w:portType name="p"><w:operation name="a"><w:documentation><x:title xml:lang="en">A</x:title><x:notes>Esimene
  märkus</x:notes><x:notes xml:lang="en">A note</x:notes></w:documentation><w:input message="t:a"/><w:output message="t:a"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document"/><w:operation name="a"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding></w:definitions>`
	facets := map[string][2]string{
		"code":   {"string", `<xs:pattern value="[0-9]{11}"/>`},
		"either": {"string", `<xs:pattern value="a"/><xs:pattern value="b+"/>`},
		"long":   {"string", `<xs:minLength value="2"/><xs:maxLength value="9"/>`},
		"exact":  {"hexBinary", `<xs:length value="4"/>`},
		"money":  {"decimal", `<xs:totalDigits value="7"/><xs:fractionDigits value="2"/><xs:minExclusive value="0"/><xs:maxInclusive value="99.5"/>`},
		"small":  {"int", `<xs:maxInclusive value="100"/>`},
		"open":   {"int", ``},
	}
	var fields strings.Builder
	for name, f := range facets {
		fields.WriteString(`<xs:element name="` + name + `"><xs:simpleType><xs:restriction base="xs:` + f[0] + `">` + f[1] + `</xs:restriction></xs:simpleType></xs:element>`)
	}
	c, err := contract.Load(fstest.MapFS{"a.wsdl": {Data: []byte(strings.Replace(wsdl, "FIELDS", fields.String(), 1))}}, "a.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	op := c.Operations()[0]
	if op.NotesIn("en") != "A note" || op.NotesIn("et") != "Esimene märkus" || op.Unsupported != nil {
		t.Errorf("notes %q and %q, %v", op.NotesIn("en"), op.NotesIn("et"), op.Unsupported)
	}
	got := map[string][]string{}
	for name := range facets {
		got[name] = op.Input.Type.Content.Field(name).Type.Simple.Rules()
	}
	want := map[string][]string{
		"code": {"of the form [0-9]{11}"}, "either": {"of the form a or b+"}, "long": {"2 to 9 characters"}, "exact": {"exactly 4 octets"},
		"money": {"at most 7 digits", "at most 2 fraction digits", "more than 0", "at most 99.5"}, "small": {"at most 100"}, "open": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
