package soap_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// The layout is part of the contract, because requestHash covers the bytes.
func TestRequestIsWrittenByteForByte(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-001", "C-002", "C-003", "C-004", "C-005", "C-044", "C-046")
	body := etree.NewElement("p:vehicleByPlate")
	body.CreateAttr("xmlns:p", "http://registry.example/producer")
	body.CreateText("\n      ")
	body.CreateElement("plate").SetText("123ABC")
	body.CreateText("\n    ")
	got, err := soap.BuildRequest(goldenHeader(), body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden(t, "request.xml"), string(got)); diff != "" {
		t.Fatal(diff)
	}
	if h := soap.HashOf(got); h != goldenHash {
		t.Errorf("hash is %s, want %s", h, goldenHash)
	}
}

func TestRequestReadsBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-044")
	m, err := soap.ReadRequest([]byte(golden(t, "request.xml")), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := goldenHeader()
	want.ProtocolVersion = "4.0"
	if m.Header.Client != want.Client || m.Header.Service != want.Service || m.Header.ID != want.ID ||
		m.Header.UserID != want.UserID || m.Header.Issue != want.Issue || m.Header.ProtocolVersion != "4.0" {
		t.Errorf("header is %+v", m.Header)
	}
	if len(m.Header.Elements()) != 6 || m.Body().Tag != "vehicleByPlate" || m.Fault != nil {
		t.Errorf("message is %+v", m)
	}
	if plate := soap.Child(m.Body(), "", "plate"); plate == nil || plate.Text() != "123ABC" {
		t.Errorf("plate is %v", plate)
	}
}

// The answer repeats the header of the request; this one to the byte.
func TestAnswerRepeatsTheHeader(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-069", "C-072")
	req, err := soap.ReadRequest([]byte(golden(t, "request.xml")), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	body := etree.NewElement("p:vehicleByPlateResponse")
	body.CreateAttr("xmlns:p", "http://registry.example/producer")
	body.CreateElement("make").SetText("Volvo")
	got, err := soap.BuildAnswer(req, body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden(t, "answer.xml"), string(got)); diff != "" {
		t.Fatal(diff)
	}
}

// Unknown blocks, empty fields, foreign prefixes and default namespaces all
// come back with the same meaning and in the same order; requestHash does not.
func TestAnswerRepeatsUnknownAndEmptyBlocks(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-069", "C-070", "C-071", "C-072")
	const request = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:env="urn:taken">
<e:Header xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://x-road.eu/xsd/xroad.xsd" xmlns:q="http://x-road.eu/xsd/identifiers" xmlns:pdu="http://x-road.eu/xsd/pdu.xsd">
<issue/>
<id> spaced id </id>
<service q:objectType="SERVICE"><q:xRoadInstance>EE</q:xRoadInstance><q:memberClass>GOV</q:memberClass><q:memberCode>1</q:memberCode><q:serviceCode>get</q:serviceCode></service>
<requestHash algorithmId="x">abc</requestHash>
<pdu:pdu hidden="a&#10;b" xml:lang="et"><pdu:reason xmlns:z="urn:z" z:type="xs:string"> two
 lines &amp; <![CDATA[<raw>]]>&#13;</pdu:reason><plain xmlns=""/></pdu:pdu>
<client q:objectType="MEMBER"><q:xRoadInstance>EE</q:xRoadInstance><q:memberClass>GOV</q:memberClass><q:memberCode>2</q:memberCode></client>
<userId></userId>
<protocolVersion>4.x</protocolVersion>
</e:Header><Body><get xmlns="urn:p"/></Body></Envelope>`
	req, err := soap.ReadRequest([]byte(request), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	body := etree.NewElement("getResponse")
	body.CreateElement("unqualified").SetText("1")
	raw, err := soap.BuildAnswer(req, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := soap.ReadAnswer(raw, soap.DefaultLimits())
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	var want []string
	for _, b := range req.Header.Elements() {
		if b.Tag != "requestHash" {
			want = append(want, expanded(b))
		}
	}
	var got []string
	for _, b := range answer.Header.Elements() {
		got = append(got, expanded(b))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s in\n%s", diff, raw)
	}
	if answer.Body().NamespaceURI() != "" || soap.Child(answer.Body(), "", "unqualified") == nil {
		t.Errorf("the body changed its namespace:\n%s", raw)
	}
	pdu := answer.Header.Block("http://x-road.eu/xsd/pdu.xsd", "pdu")
	if ns := pdu.SelectElement("reason"); !strings.Contains(string(raw), `xmlns:xs="http://www.w3.org/2001/XMLSchema"`) || ns == nil {
		t.Errorf("a prefix used in a value lost its declaration:\n%s", raw)
	}
	if answer.Header.Block(soap.NSXRoad, "issue") == nil || answer.Header.Block(soap.NSXRoad, "requestHash") != nil {
		t.Errorf("blocks of the answer: %v", got)
	}
}

// expanded writes an element with namespaces instead of prefixes.
func expanded(el *etree.Element) string {
	var b strings.Builder
	space := func(prefix, uri string) string {
		if prefix == "xml" {
			return soap.NSXML // which etree does not know
		}
		return uri
	}
	b.WriteString("<{" + space(el.Space, el.NamespaceURI()) + "}" + el.Tag)
	for i := range el.Attr {
		if a := &el.Attr[i]; a.Space != "xmlns" && a.FullKey() != "xmlns" {
			ns := space(a.Space, a.NamespaceURI())
			b.WriteString(" {" + ns + "}" + a.Key + "=" + a.Value)
		}
	}
	b.WriteString(">")
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.Element:
			b.WriteString(expanded(t))
		case *etree.CharData:
			b.WriteString(t.Data)
		}
	}
	return b.String() + "</>"
}

// Any header and any text survive writing and reading, and so does the echo.
func TestMessagesSurviveWritingAndReading(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-002", "C-005", "C-010", "C-069")
	text := rapid.StringOf(rapid.RuneFrom([]rune("aZ09 \t\n\r&<>\"'/%]äöõ€𝄞\u0085\u2028")))
	rapid.Check(t, func(t *rapid.T) {
		h := soap.Header{
			Client: soap.ClientID{Instance: part(t, "i"), Class: part(t, "c"), Member: part(t, "m")},
			Service: soap.ServiceID{Provider: soap.ClientID{
				Instance: part(t, "pi"), Class: part(t, "pc"), Member: part(t, "pm"), Subsystem: part(t, "ps"),
			}, Code: "op" + rapid.StringMatching(`[A-Za-z0-9._-]{0,8}`).Draw(t, "code")},
			ID:     "x" + text.Draw(t, "id"),
			UserID: text.Draw(t, "user"),
			Issue:  text.Draw(t, "issue"),
		}
		if rapid.Bool().Draw(t, "subsystem") {
			h.Client.Subsystem = part(t, "s")
		}
		body := etree.NewElement("p:" + h.Service.Code)
		body.CreateAttr("xmlns:p", "urn:p")
		body.CreateAttr("note", text.Draw(t, "attribute"))
		value := text.Draw(t, "value")
		body.CreateElement("value").SetText(value)

		raw, err := soap.BuildRequest(h, body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := soap.ReadRequest(raw, soap.DefaultLimits())
		if err != nil {
			t.Fatalf("%v in\n%s", err, raw)
		}
		same := func(m *soap.Message) {
			got := m.Header
			if got.Client != h.Client || got.Service != h.Service || got.ID != h.ID || got.UserID != h.UserID || got.Issue != h.Issue {
				t.Fatalf("header %+v\nwant %+v", got, h)
			}
			if v := soap.Child(m.Body(), "", "value"); v.Text() != value || m.Body().SelectAttrValue("note", "-") != body.SelectAttrValue("note", "") {
				t.Fatalf("body changed in\n%s", m.Raw)
			}
		}
		same(req)
		out, err := soap.BuildAnswer(req, req.Body())
		if err != nil {
			t.Fatal(err)
		}
		answer, err := soap.ReadAnswer(out, soap.DefaultLimits())
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		same(answer)
	})
}

// What cannot be written is refused instead of being changed on the way.
func TestRequestThatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-004", "C-044", "C-045")
	good := func() *etree.Element { return etree.NewElement("vehicleByPlate") }
	with := func(f func(*etree.Element)) *etree.Element { el := good(); f(el); return el }
	for name, c := range map[string]struct {
		header func(*soap.Header)
		body   *etree.Element
	}{
		"no id":              {func(h *soap.Header) { h.ID = "" }, good()},
		"blank id":           {func(h *soap.Header) { h.ID = " " }, good()},
		"no client":          {func(h *soap.Header) { h.Client = soap.ClientID{} }, good()},
		"no service code":    {func(h *soap.Header) { h.Service.Code = "" }, good()},
		"old protocol":       {func(h *soap.Header) { h.ProtocolVersion = "3.1" }, good()},
		"nul in a field":     {func(h *soap.Header) { h.Issue = "a\x00" }, good()},
		"no body":            {nil, nil},
		"nul in text":        {nil, with(func(e *etree.Element) { e.SetText("\x00") })},
		"nul in attribute":   {nil, with(func(e *etree.Element) { e.CreateAttr("a", "\x01") })},
		"not UTF-8":          {nil, with(func(e *etree.Element) { e.SetText("\xff") })},
		"undeclared prefix":  {nil, etree.NewElement("p:vehicleByPlate")},
		"undeclared below":   {nil, with(func(e *etree.Element) { e.CreateElement("p:x") })},
		"name with a space":  {nil, with(func(e *etree.Element) { e.CreateElement("a b") })},
		"attribute injected": {nil, with(func(e *etree.Element) { e.CreateAttr("a=\"\" b", "") })},
		"document type":      {nil, with(func(e *etree.Element) { e.CreateDirective("DOCTYPE x") })},
	} {
		h := goldenHeader()
		if c.header != nil {
			c.header(&h)
		}
		if raw, err := soap.BuildRequest(h, c.body); err == nil {
			t.Errorf("%s: was written as\n%s", name, raw)
		}
	}
}

// Building changes neither the body nor the message it answers.
func TestBuildingLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	raw := []byte(golden(t, "request.xml"))
	req, err := soap.ReadRequest(raw, soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	before := expanded(req.Body().Parent().Parent())
	first, err := soap.BuildAnswer(req, req.Body())
	if err != nil {
		t.Fatal(err)
	}
	second, err := soap.BuildAnswer(req, req.Body())
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second answer differs: %v", err)
	}
	if after := expanded(req.Body().Parent().Parent()); after != before {
		t.Errorf("the request changed:\n%s", cmp.Diff(before, after))
	}
}
