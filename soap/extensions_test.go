package soap_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// fullHeader has every field there is.
func fullHeader() soap.Header {
	h := goldenHeader()
	h.RepresentedParty = &soap.RepresentedParty{Class: "COM", Code: "MEMBER3"}
	h.SecurityServer = &soap.ServerID{Instance: "EE-DEV", Class: "COM", Member: "10000002", Code: "ss1"}
	h.SecurityToken = &soap.SecurityToken{Type: soap.TokenTypeJWT, Value: "eyJ.secret.x"}
	pdu := etree.NewElement("pdu:pdu")
	pdu.CreateAttr("xmlns:pdu", "http://x-road.eu/xsd/pdu.xsd")
	pdu.CreateElement("pdu:reason").SetText("a permit")
	h.Extra = []*etree.Element{pdu}
	return h
}

func TestExtensionsAreWrittenAndReadBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-001", "C-003", "C-106", "C-108", "C-109")
	h := fullHeader()
	raw, err := soap.BuildRequest(h, etree.NewElement("vehicleByPlate"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`    <x:securityServer i:objectType="SERVER">
      <i:xRoadInstance>EE-DEV</i:xRoadInstance>
      <i:memberClass>COM</i:memberClass>
      <i:memberCode>10000002</i:memberCode>
      <i:serverCode>ss1</i:serverCode>
    </x:securityServer>
`,
		`    <r:representedParty xmlns:r="http://x-road.eu/xsd/representation.xsd">
      <r:partyClass>COM</r:partyClass>
      <r:partyCode>MEMBER3</r:partyCode>
    </r:representedParty>
`,
		`    <t:securityToken xmlns:t="http://x-road.eu/xsd/security-token.xsd" tokenType="urn:ietf:params:oauth:token-type:jwt">eyJ.secret.x</t:securityToken>
`,
		`    <pdu:pdu xmlns:pdu="http://x-road.eu/xsd/pdu.xsd"><pdu:reason>a permit</pdu:reason></pdu:pdu>
`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in\n%s", want, raw)
		}
	}
	m, err := soap.ReadRequest(raw, soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Header
	h.ProtocolVersion = "4.0"
	if diff := cmp.Diff(h, got, cmpopts.IgnoreUnexported(soap.Header{}), cmpopts.IgnoreFields(soap.Header{}, "Extra")); diff != "" {
		t.Error(diff)
	}
	if got.Block("http://x-road.eu/xsd/pdu.xsd", "pdu") == nil || got.Extra != nil {
		t.Error("the foreign block is not among the elements")
	}
	// The answer repeats all of it.
	out, err := soap.BuildAnswer(m, etree.NewElement("vehicleByPlateResponse"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := soap.ReadAnswer(out, soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, answer.Header, cmpopts.IgnoreUnexported(soap.Header{})); diff != "" {
		t.Error(diff)
	}
	if len(answer.Header.Elements()) != len(got.Elements()) {
		t.Errorf("%d blocks came back of %d", len(answer.Header.Elements()), len(got.Elements()))
	}
}

// The schema has the attribute tokenType without namespace; some senders write
// it with one.
func TestTokenTypeIsReadInBothSpellings(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-109")
	for _, attribute := range []string{`tokenType="urn:t"`, `s:tokenType="urn:t"`, `x:tokenType="no" tokenType="urn:t"`} {
		raw := change(t, golden(t, "request.xml"), "<x:id>",
			`<s:securityToken xmlns:s="`+soap.NSSecurityToken+`" `+attribute+"> value\n</s:securityToken><x:id>")
		m, err := soap.ReadRequest([]byte(raw), soap.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.SecurityToken; *got != (soap.SecurityToken{Type: "urn:t", Value: "value"}) {
			t.Errorf("%s: type %q", attribute, got.Type)
		}
		out, err := soap.BuildAnswer(m, m.Body())
		if err != nil || !strings.Contains(string(out), attribute) {
			t.Errorf("%s is not repeated: %v", attribute, err)
		}
	}
}

func TestTokenIsNeverPrinted(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-109")
	h := fullHeader()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("x", "token", *h.SecurityToken, "pointer", h.SecurityToken, "header", h, "inside", []*soap.SecurityToken{h.SecurityToken})
		log.Info("x", "struct", struct{ T soap.SecurityToken }{*h.SecurityToken})
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, *h.SecurityToken, h.SecurityToken, h)
	}
	if b, err := json.Marshal(h.SecurityToken); err != nil {
		t.Error(err)
	} else {
		out.Write(b)
	}
	if s := out.String(); strings.Contains(s, "secret") || strings.Contains(s, fmt.Sprintf("%x", "secret")) || !strings.Contains(s, soap.TokenTypeJWT) {
		t.Errorf("printed: %s", s)
	}
	out.Reset()
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "header", h)
	if s := out.String(); strings.Contains(s, h.UserID) || strings.Contains(s, h.Issue) || !strings.Contains(s, h.ID) {
		t.Errorf("logged: %s", s)
	}
}

func TestExtensionsThatCannotBeWrittenAreRefused(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-004", "C-017", "C-046")
	block := func(ns, name string) []*etree.Element {
		el := etree.NewElement("q:" + name)
		el.CreateAttr("xmlns:q", ns)
		return []*etree.Element{el}
	}
	for name, breakIt := range map[string]func(*soap.Header){
		"server without code":       func(h *soap.Header) { h.SecurityServer.Code = "" },
		"party without code":        func(h *soap.Header) { h.RepresentedParty.Code = " " },
		"token without value":       func(h *soap.Header) { h.SecurityToken.Value = "" },
		"token with a NUL":          func(h *soap.Header) { h.SecurityToken.Value = "\x00" },
		"party with a NUL":          func(h *soap.Header) { h.RepresentedParty.Class = "\x00" },
		"a requestHash of ours":     func(h *soap.Header) { h.Extra = block(soap.NSXRoad, "requestHash") },
		"central service":           func(h *soap.Header) { h.Extra = block(soap.NSXRoad, "centralService") },
		"a second client":           func(h *soap.Header) { h.Extra = block(soap.NSXRoad, "client") },
		"a second party":            func(h *soap.Header) { h.Extra = block(soap.NSRepresentation, "representedParty") },
		"a second token":            func(h *soap.Header) { h.Extra = block(soap.NSSecurityToken, "securityToken") },
		"a SOAP element":            func(h *soap.Header) { h.Extra = block(soap.NSEnvelope, "Body") },
		"a block without namespace": func(h *soap.Header) { h.Extra = []*etree.Element{etree.NewElement("pdu")} },
		"a block without prefix":    func(h *soap.Header) { h.Extra = []*etree.Element{etree.NewElement("q:pdu")} },
		"no block":                  func(h *soap.Header) { h.Extra = []*etree.Element{nil} },
	} {
		h := fullHeader()
		breakIt(&h)
		if raw, err := soap.BuildRequest(h, etree.NewElement("vehicleByPlate")); err == nil {
			t.Errorf("%s was written:\n%s", name, raw)
		}
	}
	h := fullHeader()
	h.RequestHash, h.RepresentedParty.Class, h.SecurityToken.Type = "abc", "", ""
	raw, err := soap.BuildRequest(h, etree.NewElement("vehicleByPlate"))
	if err != nil || strings.Contains(string(raw), "requestHash") || strings.Contains(string(raw), "partyClass") ||
		!strings.Contains(string(raw), soap.TokenTypeJWT) || strings.Contains(string(raw), "centralService") {
		t.Errorf("%v\n%s", err, raw)
	}
}

func TestBrokenExtensionsAreRefused(t *testing.T) {
	t.Parallel()
	party := func(content string) string {
		return `<r:representedParty xmlns:r="` + soap.NSRepresentation + `">` + content + `</r:representedParty>`
	}
	token := func(content string) string {
		return `<s:securityToken xmlns:s="` + soap.NSSecurityToken + `">` + content + `</s:securityToken>`
	}
	for block, code := range map[string]string{
		party("<r:partyCode>1</r:partyCode><r:partyCode>2</r:partyCode>"): "client.duplicate_header_field",
		party("<r:partyCode><a/></r:partyCode>"):                          "client.invalid_xml",
		token("1") + token("2"):                                           "client.duplicate_header_field",
		token("<a/>"):                                                     "client.invalid_xml",
	} {
		raw := change(t, golden(t, "request.xml"), "<x:id>", block+"<x:id>")
		if _, err := soap.ReadRequest([]byte(raw), soap.Limits{}); failure(t, err).Code != code {
			t.Errorf("%s: %v", block, err)
		}
	}
	// Children of other namespaces say nothing about the party.
	raw := change(t, golden(t, "request.xml"), "<x:id>", party("<partyCode>1</partyCode><r:other/>")+"<x:id>")
	m, err := soap.ReadRequest([]byte(raw), soap.Limits{})
	if err != nil || *m.Header.RepresentedParty != (soap.RepresentedParty{}) {
		t.Errorf("%+v %v", m, err)
	}
}

// The former centralService is one more unknown block, never the service.
func TestCentralServiceIsNotTheService(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-017")
	const central = `<x:centralService i:objectType="CENTRALSERVICE"><i:xRoadInstance>EE-DEV</i:xRoadInstance><i:serviceCode>vehicleByPlate</i:serviceCode></x:centralService>`
	good := golden(t, "request.xml")
	raw := change(t, good, "<x:id>", central+"<x:id>")
	m, err := soap.ReadRequest([]byte(raw), soap.Limits{})
	if err != nil || m.Header.Service != goldenHeader().Service || m.Header.Block(soap.NSXRoad, "centralService") == nil {
		t.Errorf("%+v %v", m, err)
	}
	raw = change(t, good, "<x:service ", central+"<!-- ", "</x:service>", " -->")
	if _, err := soap.ReadRequest([]byte(raw), soap.Limits{}); failure(t, err).Message != "Message header must contain service id" {
		t.Error(err)
	}
}

func TestServerIdentifiers(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-106")
	id := soap.ServerID{Instance: "EE", Class: "GOV", Member: "s/ub", Code: "ss 1"}
	if id.String() != "EE/GOV/s%2Fub/ss%201" || id.LogForm() != "SERVER:EE/GOV/s/ub/ss 1" {
		t.Errorf("%s %s", id, id.LogForm())
	}
	if back, err := soap.ParseServerID(id.String()); err != nil || back != id {
		t.Errorf("%+v %v", back, err)
	}
	for _, s := range []string{"", "EE/GOV/1", "EE/GOV/1/ss/2", "EE/GOV/1/%", "EE/GOV//ss"} {
		if _, err := soap.ParseServerID(s); err == nil || !strings.Contains(err.Error(), "allowed") {
			t.Errorf("%q: %v", s, err)
		}
	}
}
