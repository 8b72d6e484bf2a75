package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/soap/contract"
)

// describe returns a description in which each operation takes an element of the
// schema declared in schema; by convention operation "good" takes the element
// "good", which is always declared, and "bad" the element "bad".
func describe(schema string) string {
	var out strings.Builder
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xrd="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:t" targetNamespace="urn:t">
<wsdl:types><xs:schema targetNamespace="urn:t">` + schema + `
<xs:element name="good"><xs:complexType><xs:sequence><xs:element name="a" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
</xs:schema></wsdl:types>`)
	operations := []string{"good", "bad"}
	for _, op := range operations {
		fmt.Fprintf(&out, `<wsdl:message name="%[1]s"><wsdl:part name="body" element="t:%[1]s"/></wsdl:message>`, op)
	}
	out.WriteString(`<wsdl:portType name="p">`)
	for _, op := range operations {
		fmt.Fprintf(&out, `<wsdl:operation name="%[1]s"><wsdl:input message="t:%[1]s"/><wsdl:output message="t:good"/></wsdl:operation>`, op)
	}
	out.WriteString(`</wsdl:portType><wsdl:binding name="b" type="t:p"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>`)
	for _, op := range operations {
		fmt.Fprintf(&out, `<wsdl:operation name="%[1]s"><soap:operation soapAction="urn:%[1]s"/><xrd:version>v1</xrd:version>
<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>`, op)
	}
	out.WriteString(`</wsdl:binding></wsdl:definitions>`)
	return out.String()
}

func load(t *testing.T, files map[string]string) *contract.Contract {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := contract.Load(fsys, "t.wsdl")
	if err != nil {
		t.Fatalf("loading: %v", err)
	}
	return c
}

// operation returns the operation of that code, which must exist.
func operation(t *testing.T, c *contract.Contract, code string) *contract.Operation {
	t.Helper()
	op, ok := c.Operation(code, "v1")
	if !ok {
		t.Fatalf("no operation %s v1", code)
	}
	return op
}

// outline writes the shape of an element as text: names, occurrence and types,
// everything that decides what is valid and nothing else.
func outline(out *strings.Builder, indent string, el *contract.Element) {
	fmt.Fprintf(out, "%s{%s}%s %d..%d nillable=%t", indent, el.Namespace, el.Name, el.Min, el.Max, el.Nillable)
	if s := el.Type.Simple; s != nil {
		fmt.Fprintf(out, " %s %v length=%d,%d,%d digits=%d,%d", s.Base, s.Enumeration, s.Length, s.MinLength, s.MaxLength, s.TotalDigits, s.FractionDigits)
	}
	out.WriteString("\n")
	for _, a := range el.Type.Attributes {
		fmt.Fprintf(out, "%s  @{%s}%s %s required=%t\n", indent, a.Namespace, a.Name, a.Type.Base, a.Required)
	}
	outlineParticle(out, indent+"  ", el.Type.Content)
}

func outlineParticle(out *strings.Builder, indent string, p *contract.Particle) {
	switch {
	case p == nil:
	case p.Element != nil:
		outline(out, indent, p.Element)
	default:
		fmt.Fprintf(out, "%sgroup %d min=%d\n", indent, p.Kind, p.Min)
		for _, item := range p.Items {
			outlineParticle(out, indent+"  ", item)
		}
	}
}
