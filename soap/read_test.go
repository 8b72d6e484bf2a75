package soap_test

import (
	"strings"
	"testing"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

const clientBlock = `    <x:client i:objectType="SUBSYSTEM">
      <i:xRoadInstance>EE-DEV</i:xRoadInstance>
      <i:memberClass>GOV</i:memberClass>
      <i:memberCode>70000001</i:memberCode>
      <i:subsystemCode>permits</i:subsystemCode>
    </x:client>
`

// defects are the rows of the protocol's table of malformed messages: what is
// changed in a good request, and the code and text a Security Server gives.
var defects = []struct {
	name    string
	change  []string
	code    string
	message string
}{
	{"wrong root", []string{"<env:Envelope", "<env:Envelop", "</env:Envelope", "</env:Envelop"}, "invalid_soap", "Malformed SOAP message: envelope missing"},
	{"SOAP 1.2", []string{"http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"}, "invalid_soap", "Malformed SOAP message: envelope missing"},
	{"document type", []string{"<env:Envelope", "<!DOCTYPE a><env:Envelope"}, "invalid_soap", ""},
	{"not well-formed", []string{"</x:id>", "</x:ID>"}, "invalid_soap", ""},
	{"objectType missing", []string{` i:objectType="SUBSYSTEM"`, ""}, "invalid_xml", "Missing objectType attribute"},
	{"objectType unqualified", []string{` i:objectType="SUBSYSTEM"`, ` objectType="SUBSYSTEM"`}, "invalid_xml", "Missing objectType attribute"},
	{"objectType unknown", []string{"SUBSYSTEM", "PERSON"}, "invalid_xml", "Unknown objectType: PERSON"},
	{"objectType in lower case", []string{"SUBSYSTEM", "subsystem"}, "invalid_xml", "Unknown objectType: subsystem"},
	{"client is a service", []string{"SUBSYSTEM", "SERVICE"}, "invalid_xml", "Unexpected objectType: SERVICE"},
	{"service is a member", []string{`"SERVICE"`, `"MEMBER"`}, "invalid_xml", "Unexpected objectType: MEMBER"},
	{"no header", []string{"<env:Header>", "<!--", "</env:Header>", "-->"}, "missing_header", "Malformed SOAP message: header missing"},
	{"no protocolVersion", []string{"<x:protocolVersion>4.0</x:protocolVersion>", ""}, "missing_header_field", "Required field 'protocolVersion' is missing"},
	{"no client", []string{clientBlock, ""}, "missing_header_field", "Required field 'client' is missing"},
	{"no id", []string{"<x:id>0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11</x:id>", ""}, "missing_header_field", "Required field 'id' is missing"},
	{"no service", []string{"<x:service ", "<x:other ", "</x:service>", "</x:other>"}, "missing_header_field", "Message header must contain service id"},
	{"client and id missing", []string{clientBlock, "", "<x:id>0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11</x:id>", ""}, "missing_header_field", "Required field 'client' is missing"},
	{"header in another namespace", []string{"http://x-road.eu/xsd/xroad.xsd", "http://x-road.ee/xsd/x-road.xsd"}, "missing_header_field", "Required field 'protocolVersion' is missing"},
	{"duplicate id", []string{"<x:userId>", "<x:id>2</x:id><x:userId>"}, "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}id'"},
	{"duplicate client", []string{clientBlock, clientBlock + clientBlock}, "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}client'"},
	{"duplicate empty issue", []string{"<x:issue>", "<x:issue/><x:issue>"}, "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}issue'"},
	{"duplicate component", []string{"<i:memberClass>", "<i:memberClass>A</i:memberClass><i:memberClass>"}, "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/identifiers}memberClass'"},
	{"duplicate represented party", []string{"<x:id>", `<r:representedParty xmlns:r="` + soap.NSRepresentation + `"/><r:representedParty xmlns:r="` + soap.NSRepresentation + `"/><x:id>`}, "duplicate_header_field", "SOAP header contains duplicate field '{http://x-road.eu/xsd/representation.xsd}representedParty'"},
	{"protocol version 3.1", []string{">4.0<", ">3.1<"}, "invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: 3.1)"},
	{"protocol version foo", []string{">4.0<", ">foo<"}, "invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: foo)"},
	{"protocol version without dot", []string{">4.0<", ">40<"}, "invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: 40)"},
	{"protocol version empty", []string{">4.0<", "><"}, "invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: )"},
	{"protocol version nested", []string{">4.0<", "><a>4.0</a><"}, "invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: )"},
	{"no body", []string{"<env:Body>", "<!--", "</env:Body>", "-->"}, "missing_body", "Malformed SOAP message: body missing"},
	{"empty body", []string{"<p:vehicleByPlate ", "<!-- ", "</p:vehicleByPlate>", " -->"}, "invalid_body", "Malformed SOAP message: body must have exactly one child element"},
	{"two body children", []string{"</env:Body>", "<b/></env:Body>"}, "invalid_body", "Malformed SOAP message: body must have exactly one child element"},
	{"two bodies", []string{"</env:Envelope>", "<env:Body><b/></env:Body></env:Envelope>"}, "invalid_soap", ""},
	{"two headers", []string{"<env:Header>", "<env:Header/><env:Header>"}, "invalid_soap", ""},
	{"body first", []string{"<env:Header>", "<env:Body><a/></env:Body><env:Header>"}, "invalid_soap", ""},
	{"header hidden in the body's place", []string{"<env:Body>", "<a:Wrap xmlns:a='urn:a'/><env:Body>"}, "invalid_soap", ""},
	{"another operation in the body", []string{"<p:vehicleByPlate ", "<p:ownerByPlate ", "</p:vehicleByPlate>", "</p:ownerByPlate>"}, "inconsistent_headers", "Malformed SOAP message: service code does not match in header and body"},
	{"wrapper shorter than the code", []string{"<p:vehicleByPlate ", "<p:vehicleBy ", "</p:vehicleByPlate>", "</p:vehicleBy>"}, "inconsistent_headers", "Malformed SOAP message: service code does not match in header and body"},
	{"blank component", []string{">permits<", "> <"}, "internal_error", ""},
	{"empty component", []string{"<i:subsystemCode>permits</i:subsystemCode>", "<i:subsystemCode/>"}, "internal_error", ""},
	{"no member code", []string{"<i:memberCode>70000001</i:memberCode>", ""}, "internal_error", ""},
	{"member code unqualified", []string{"<i:memberCode>70000001</i:memberCode>", "<memberCode>70000001</memberCode>"}, "internal_error", ""},
	{"element in id", []string{"0b1d2a7e-", "<a/>0b1d2a7e-"}, "invalid_xml", ""},
	{"element in member code", []string{"70000001", "7000<a/>0001"}, "invalid_xml", ""},
	{"huge header", []string{"PERMIT-2024/17", strings.Repeat("x", 70_000)}, "invalid_soap", ""},
	// The first defect wins, in document order and then in order of the checks.
	{"objectType before missing id", []string{"SUBSYSTEM", "PERSON", "<x:id>0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11</x:id>", ""}, "invalid_xml", "Unknown objectType: PERSON"},
	{"two body children before missing header", []string{"<env:Header>", "<!--", "</env:Header>", "-->", "</env:Body>", "<b/></env:Body>"}, "invalid_body", "Malformed SOAP message: body must have exactly one child element"},
	{"missing service before missing body", []string{"<x:service ", "<x:other ", "</x:service>", "</x:other>", "<env:Body>", "<!--", "</env:Body>", "-->"}, "missing_header_field", "Message header must contain service id"},
}

func TestMalformedRequestsGetTheCodeOfTheProtocol(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-006", "C-007", "C-008", "C-048", "C-049", "C-050", "C-051", "C-052", "C-053", "C-056", "C-079")
	good := golden(t, "request.xml")
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			bad := change(t, good, d.change...)
			_, err := soap.ReadRequest([]byte(bad), soap.DefaultLimits())
			f := failure(t, err)
			if f.Code != "client."+d.code || f.Kind != soap.KindFixData || d.message != "" && f.Message != d.message {
				t.Errorf("request: %+v, want client.%s %q", f, d.code, d.message)
			}
			// The same defect in an answer is the provider's.
			_, err = soap.ReadAnswer([]byte(bad), soap.DefaultLimits())
			f = failure(t, err)
			wantKind := soap.KindUnknownResult
			if d.code == "internal_error" {
				wantKind = soap.KindRetryLater
			}
			if f.Code != "server.serverproxy.service_failed."+d.code || f.Kind != wantKind {
				t.Errorf("answer: %+v", f)
			}
		})
	}
}

// Whatever an X-Road message may look like without being malformed.
func TestUnusualRequestsAreAccepted(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-017", "C-049", "C-053", "C-057", "C-058", "C-059")
	good := golden(t, "request.xml")
	for name, pairs := range map[string][]string{
		"byte order mark":              {"<?xml", "\uFEFF<?xml"},
		"no declaration":               {`<?xml version="1.0" encoding="UTF-8"?>` + "\n", ""},
		"carriage returns":             {"\n", "\r\n"},
		"comment in an identifier":     {"70000001", "700<!-- -->00001"},
		"CDATA in an identifier":       {"70000001", "<![CDATA[70000001]]>"},
		"references in an identifier":  {"70000001", "7&#48;&#x30;00001"},
		"instruction in an identifier": {"70000001", "7000<?php 38 ?>0001"},
		"unknown header":               {"<x:id>", `<u:extra xmlns:u="urn:u" a="b">text</u:extra><x:id>`},
		"centralService is unknown":    {"<x:id>", `<x:centralService i:objectType="CENTRALSERVICE"/><x:id>`},
		"unknown component":            {"<i:memberClass>", "<i:extra>1</i:extra><i:memberClass>"},
		"wrapper with a suffix":        {"<p:vehicleByPlate ", "<p:vehicleByPlateRequest ", "</p:vehicleByPlate>", "</p:vehicleByPlateRequest>"},
		"version 4.x":                  {">4.0<", ">4.x<"},
		"version with a blank":         {">4.0<", ">4.0 <"},
		"no userId and no issue":       {"<x:userId>EE38001085718</x:userId>", "", "<x:issue>PERMIT-2024/17</x:issue>", ""},
		"XInclude is data":             {"<plate>", `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><plate>`},
	} {
		m, err := soap.ReadRequest([]byte(change(t, good, pairs...)), soap.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Header.Client != goldenHeader().Client || m.Header.Service != goldenHeader().Service {
			t.Errorf("%s: header is %+v", name, m.Header)
		}
	}
}

// Values are never trimmed: " 70000001" is another member.
func TestIdentifierValuesAreNotTrimmed(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-009", "C-011")
	for _, v := range []string{" 70000001", "70000001\u00a0", "7000\u200b0001", "７0000001", "70000001\n"} {
		m, err := soap.ReadRequest([]byte(change(t, golden(t, "request.xml"), ">70000001<", ">"+v+"<")), soap.DefaultLimits())
		if err != nil {
			t.Errorf("%q: %v", v, err)
			continue
		}
		if m.Header.Client.Member != v {
			t.Errorf("%q was read as %q", v, m.Header.Client.Member)
		}
	}
}

// Header fields in the default namespace, as some clients write them.
func TestPrefixesAreFree(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-058")
	s := golden(t, "request.xml")
	for _, p := range [][2]string{{"x:", ""}, {"xmlns:x=", "xmlns="}} {
		s = strings.ReplaceAll(s, p[0], p[1])
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "<plate", `<plate xmlns=""`), "env:", "SOAP-ENV:")
	s = strings.ReplaceAll(s, "xmlns:env=", "xmlns:SOAP-ENV=")
	m, err := soap.ReadRequest([]byte(s), soap.DefaultLimits())
	if err != nil {
		t.Fatalf("%v in\n%s", err, s)
	}
	if m.Header.Client != goldenHeader().Client || m.Header.ID != goldenHeader().ID {
		t.Errorf("header is %+v", m.Header)
	}
}

func TestFaultSentAsRequestIsRefusedWithItsCode(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-055")
	_, err := soap.ReadRequest(soap.BuildFault(soap.Fault{Code: "Server.ServerProxy.AccessDenied", String: "no"}), soap.DefaultLimits())
	f := failure(t, err)
	if f.Raw != "client.Server.ServerProxy.AccessDenied" || f.Kind != soap.KindFixData {
		t.Errorf("failure is %+v", f)
	}
	_, err = soap.ReadRequest(soap.BuildFault(soap.Fault{Code: "foo:38001085718"}), soap.DefaultLimits())
	if f := failure(t, err); f.Raw != "client.foo:38001085718" || f.Code != "client.fault" {
		t.Errorf("failure is %+v", f)
	}
}

// A truncated message is always refused, at whatever byte it ends.
func TestTruncatedRequestIsRefused(t *testing.T) {
	t.Parallel()
	good := golden(t, "request.xml")
	for i := range len(good) {
		if _, err := soap.ReadRequest([]byte(good[:i]), soap.DefaultLimits()); err == nil {
			t.Fatalf("accepted when cut at %d", i)
		}
	}
}

// A flipped bit may change a value but never makes the reader fall over, and
// what is accepted can be answered.
func TestFlippedBitsNeverCrash(t *testing.T) {
	t.Parallel()
	good := golden(t, "request.xml")
	for i := range len(good) {
		for _, bit := range []int{i % 8, (i + 5) % 8} {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			m, err := soap.ReadRequest(bad, soap.DefaultLimits())
			if err != nil {
				failure(t, err)
				continue
			}
			if _, err := soap.BuildAnswer(m, m.Body()); err != nil {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	good := golden(f, "request.xml")
	f.Add([]byte(good))
	f.Add([]byte(golden(f, "answer.xml")))
	f.Add([]byte(golden(f, "fault.xml")))
	for _, d := range defects {
		if len(d.change) == 2 && len(d.change[1]) < 1000 {
			f.Add([]byte(strings.Replace(good, d.change[0], d.change[1], 1)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := soap.ReadRequest(data, soap.DefaultLimits())
		if err != nil {
			failure(t, err)
			return
		}
		out, err := soap.BuildAnswer(m, m.Body())
		if err != nil {
			t.Fatalf("an accepted request cannot be answered: %v", err)
		}
		a, err := soap.ReadAnswer(out, soap.Limits{Header: 1 << 20, Attributes: 1000, Namespaces: 1000, Bytes: 20 << 20})
		if err != nil {
			t.Fatalf("our own answer is refused: %v\n%s", err, out)
		}
		if a.Header.Client != m.Header.Client || a.Header.Service != m.Header.Service || a.Header.ID != m.Header.ID ||
			a.Header.UserID != m.Header.UserID || a.Header.Issue != m.Header.Issue {
			t.Fatalf("the header changed:\n%+v\n%+v", m.Header, a.Header)
		}
	})
}
