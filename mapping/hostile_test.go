package mapping_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// inline loads a description with one operation, "op", that takes and gives the
// element "op" of the schema.
func inline(t testing.TB, schema string) *contract.Operation {
	t.Helper()
	text := `<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"><wsdl:types>` + schema + `</wsdl:types>
<wsdl:message name="m"><wsdl:part name="body" element="t:op"/></wsdl:message>
<wsdl:portType name="p"><wsdl:operation name="op"><wsdl:input message="t:m"/><wsdl:output message="t:m"/></wsdl:operation></wsdl:portType>
<wsdl:binding name="b" type="t:p"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/><wsdl:operation name="op"><soap:operation soapAction=""/>
<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding></wsdl:definitions>`
	c, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(text)}}, "t.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	op, ok := c.Operation("op", "")
	if !ok || op.Unsupported != nil {
		t.Fatalf("operation: %v", op)
	}
	return op
}

// Schemas whose documents are endless, or as good as: a sample says so, and what a
// caller sends is refused without making what the schema asks for.
func TestSamplesOfHostileSchemasEnd(t *testing.T) {
	t.Parallel()
	types := func(n int, format string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, format, i, i+1)
		}
		return `<xs:schema targetNamespace="urn:t"><xs:element name="op" type="t:T0"/>` + out.String() +
			fmt.Sprintf(`<xs:complexType name="T%d"><xs:sequence/></xs:complexType></xs:schema>`, n)
	}
	for name, tc := range map[string]struct {
		schema string
		ok     bool
	}{
		"one million million times": {`<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence>
<xs:element name="a" type="xs:int" minOccurs="999999999" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element></xs:schema>`, false},
		"groups a million million times": {`<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence minOccurs="999999999" maxOccurs="unbounded">
<xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:sequence></xs:complexType></xs:element></xs:schema>`, false},
		"wildcards a million million times": {`<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence>
<xs:any minOccurs="999999999" maxOccurs="unbounded" processContents="skip"/></xs:sequence></xs:complexType></xs:element></xs:schema>`, false},
		"twice as much with every level": {types(40, `<xs:complexType name="T%[1]d"><xs:sequence><xs:element name="a" type="t:T%[2]d"/><xs:element name="b" type="t:T%[2]d"/></xs:sequence></xs:complexType>`), false},
		"deeper than a message":          {types(400, `<xs:complexType name="T%[1]d"><xs:sequence><xs:element name="a" type="t:T%[2]d"/></xs:sequence></xs:complexType>`), false},
		"in itself":                      {`<xs:schema targetNamespace="urn:t"><xs:element name="op" type="t:R"/><xs:complexType name="R"><xs:sequence><xs:element name="r" type="t:R"/></xs:sequence></xs:complexType></xs:schema>`, false},
		// The way out has to be found among 2^40 that lead nowhere.
		"a choice of ways": {types(40, `<xs:complexType name="T%[1]d"><xs:choice><xs:element name="a" type="t:T%[2]d"/><xs:element name="b" type="t:T%[2]d"/></xs:choice></xs:complexType>`), true},
		"or in itself":     {`<xs:schema targetNamespace="urn:t"><xs:element name="op" type="t:R"/><xs:complexType name="R"><xs:choice><xs:element name="r" type="t:R"/><xs:element name="end" type="xs:int"/></xs:choice></xs:complexType></xs:schema>`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := inline(t, tc.schema)
			for _, extent := range []mapping.Extent{mapping.Smallest, mapping.Fullest} {
				value, err := mapping.Sample(op.Input, extent)
				if (err == nil) != tc.ok {
					t.Errorf("sample: %v", err)
				}
				if err != nil {
					continue
				}
				if _, err := mapping.Encode(op.Input, value); err != nil {
					t.Errorf("the sample does not fit: %v", err)
				}
			}
			if _, err := mapping.Encode(op.Input, map[string]any{"a": []any{}, "z": 1}); err == nil {
				t.Error("what is missing is not missed")
			}
		})
	}
}

func TestSampleGivesEveryIDOnce(t *testing.T) {
	t.Parallel()
	op := inline(t, `<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence><xs:element name="a" maxOccurs="5">
<xs:complexType><xs:attribute name="id" type="xs:ID" use="required"/></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>`)
	value, err := mapping.Sample(op.Input, mapping.Fullest)
	if err != nil {
		t.Fatal(err)
	}
	items := value["a"].([]any)
	if a, b := items[0].(map[string]any)["@id"], items[1].(map[string]any)["@id"]; a == b {
		t.Errorf("%v stands twice", a)
	}
}
