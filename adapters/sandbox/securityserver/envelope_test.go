package securityserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

func TestDefectsOfEnvelopes(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-006", "C-007", "C-008", "C-009", "C-048", "C-049", "C-050", "C-051", "C-052", "C-053")
	w := start(t, securityserver.Spelling78, echo(same))
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(goldenRequest) }
	cut := func(from, to string) string {
		i, j := strings.Index(goldenRequest, from), strings.Index(goldenRequest, to)+len(to)
		return goldenRequest[:i] + goldenRequest[j:]
	}
	const (
		dup  = "client.duplicate_header_field|SOAP header contains duplicate field '{http://x-road.eu/xsd/xroad.xsd}"
		miss = "client.missing_header_field|Required field '"
		body = "client.invalid_body|Malformed SOAP message: body must have exactly one child element"
	)
	for name, c := range map[string]struct{ request, want string }{
		"no objectType":            {edit(` i:objectType="SUBSYSTEM"`, ""), "client.invalid_xml|Missing objectType attribute"},
		"unqualified objectType":   {edit(` i:objectType="SERVICE"`, ` objectType="SERVICE"`), "client.invalid_xml|Missing objectType attribute"},
		"client of another type":   {edit(`"SUBSYSTEM"`, `"SERVICE"`), "client.invalid_xml|Unexpected objectType: SERVICE"},
		"service of another type":  {edit(`"SERVICE"`, `"MEMBER"`), "client.invalid_xml|Unexpected objectType: MEMBER"},
		"unknown objectType":       {edit(`"SERVICE"`, `"PLANET"`), "client.invalid_xml|Unknown objectType: PLANET"},
		"blank component":          {edit("<i:subsystemCode>permits</i:subsystemCode>", "<i:subsystemCode> </i:subsystemCode>"), "client.internal_error|"},
		"a space is another code":  {edit(">permits<", "> permits<"), "server.clientproxy.unknown_member|"},
		"a capital is another one": {edit(">permits<", ">Permits<"), "server.clientproxy.unknown_member|"},
		"no protocolVersion":       {edit("<x:protocolVersion>4.0</x:protocolVersion>", ""), miss + "protocolVersion' is missing"},
		"no client":                {cut("<x:client", "</x:client>"), miss + "client' is missing"},
		"no id":                    {cut("<x:id>", "</x:id>"), miss + "id' is missing"},
		"no service":               {cut("<x:service", "</x:service>"), "client.missing_header_field|Message header must contain service id"},
		"none of them":             {cut("<x:client", "</x:protocolVersion>"), miss + "protocolVersion' is missing"},
		"version foo":              {edit(">4.0<", ">foo<"), "client.invalid_protocol_version|Invalid protocol version (supported: 4.x, provided: foo)"},
		"version 4.x":              {edit(">4.0<", ">4.x<"), ""},
		"client twice":             {edit("<x:id>", `<x:client i:objectType="MEMBER"/><x:id>`), dup + "client'"},
		"userId twice":             {edit("<x:id>", "<x:userId/><x:id>"), dup + "userId'"},
		"no Header":                {cut("<env:Header>", "</env:Header>"), "client.missing_header|Malformed SOAP message: header missing"},
		"no Body":                  {cut("<env:Body>", "</env:Body>"), "client.missing_body|Malformed SOAP message: body missing"},
		"an empty Body":            {cut("<p:vehicleByPlate", "</p:vehicleByPlate>"), body},
		"two in the Body":          {edit("</env:Body>", "<p/></env:Body>"), body},
		"another wrapper":          {edit("p:vehicleByPlate", "p:plateByVehicle"), "client.inconsistent_headers|Malformed SOAP message: service code does not match in header and body"},
		"a longer wrapper":         {edit("p:vehicleByPlate", "p:vehicleByPlateRequest"), ""},
		"another root":             {"<a/>", "client.invalid_soap|Malformed SOAP message: envelope missing"},
	} {
		_, got := send(t, "POST", w.url, c.request, "Content-Type", "text/xml")
		m, err := soap.ReadAnswer([]byte(got), soap.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		code, text, _ := strings.Cut(c.want, "|")
		switch {
		case code == "" && m.Fault != nil:
			t.Errorf("%s: refused with %s %s", name, m.Fault.Code, m.Fault.String)
		case code != "" && (m.Fault == nil || m.Fault.Code != code || !strings.HasPrefix(m.Fault.String, text)):
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatMessagesMayLookLike(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-057", "C-058", "C-059", "C-060", "C-064", "C-081")
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(goldenRequest) }
	for name, request := range map[string]string{
		"unknown header":    edit("<x:id>", `<pdu xmlns="http://x-road.eu/xsd/pdu.xsd" a="b"><reason>x</reason></pdu><x:id>`),
		"default namespace": edit("<x:id>", `<id xmlns="http://x-road.eu/xsd/xroad.xsd">`, "</x:id>", "</id>"),
		"other prefixes":    edit("x:", "road:", "xmlns:x=", "xmlns:road="),
		"CDATA, comment":    edit(">permits<", "><![CDATA[per]]><!-- x -->mits<"),
		"references":        edit(">permits<", ">p&#101;rmits<"),
		"BOM":               "\xef\xbb\xbf" + goldenRequest,
		"RPC":               edit("<p:vehicleByPlate ", `<p:vehicleByPlate env:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" `),
	} {
		var got string
		w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			got = string(data)
			rw.Header().Set("Content-Type", "text/xml")
			io.WriteString(rw, answerTo(strings.TrimPrefix(got, "\xef\xbb\xbf")))
		})
		_, body := send(t, "POST", w.url, request, "Content-Type", "text/xml")
		m, err := soap.ReadAnswer([]byte(body), soap.DefaultLimits())
		if err != nil || m.Fault != nil {
			t.Errorf("%s: %s (%v)", name, body, err)
			continue
		}
		if got != request {
			t.Errorf("%s: the provider got %q", name, got)
		}
		if m.Header.RequestHash != soap.HashOf([]byte(request)) {
			t.Errorf("%s: the hash is %q", name, m.Header.RequestHash)
		}
	}
	// Empty is not absent.
	w := start(t, securityserver.Spelling78, echo(func(s string) string { return strings.Replace(s, "<x:issue></x:issue>", "", 1) }))
	if _, body := send(t, "POST", w.url, edit("PERMIT-2024/17", ""), "Content-Type", "text/xml"); !strings.Contains(body, "inconsistent_response") {
		t.Errorf("an answer without the request's empty issue: %s", body)
	}
}

func TestIdentifiersOfAnyCharacters(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-011", "C-013", "C-014", "C-015")
	var header http.Header
	odd := soap.ClientID{Instance: "EE-DEV", Class: "GOV", Member: "1_0 0", Subsystem: "sub/system"}
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		echo(same)(rw, r)
	}, func(o *securityserver.Options) {
		o.Subsystems = append(o.Subsystems, securityserver.Subsystem{ID: odd})
		o.Services[0].Clients = append(o.Services[0].Clients, odd)
		one := o.Services[1]
		one.ID = soap.ServiceID{Provider: soap.ClientID{Instance: "EE-DEV", Class: "COM", Member: "10000002", Subsystem: "s/ub"}, Code: "öäå"}
		one.Clients = []soap.ClientID{odd}
		o.Subsystems = append(o.Subsystems, securityserver.Subsystem{ID: one.ID.Provider})
		o.Services = append(o.Services, one)
	})
	const id = "EE-DEV/GOV/1_0%200/sub%2Fsystem"
	resp, head := raw(t, w, "GET /r1/EE-DEV/COM/10000002/s%2fub/%C3%B6%C3%A4%C3%A5/ HTTP/1.1\r\nHost: a\r\nX-Road-Client: "+id+"\r\n\r\n")
	if resp.StatusCode != 200 || header.Get("X-Road-Client") != id {
		t.Errorf("status %d %s, the provider saw %v", resp.StatusCode, head.body, header)
	}
	if got := resp.Header.Get("x-road-client") + " " + resp.Header.Get("x-road-service"); got != id+" EE-DEV/COM/10000002/s%2Fub/%C3%B6%C3%A4%C3%A5" {
		t.Errorf("the answer is of %s", got)
	}
	request := strings.NewReplacer("70000001", "1_0 0", ">permits<", ">sub/system<").Replace(goldenRequest)
	if _, body := send(t, "POST", w.url, request, "Content-Type", "text/xml"); strings.Contains(body, "faultcode") {
		t.Error(body)
	}
	for target, client := range map[string]string{"/r1/EE-DEV/COM/10000002/%zz/x": id, carsPath: "EE-DEV/GOV/%zz/x", carsPath + "/": "EE-DEV/GOV/a b/x"} {
		resp, head := raw(t, w, "GET "+target+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: "+client+"\r\n\r\n")
		if resp.StatusCode != 500 || resp.Header.Get("X-Road-Error") != "server.clientproxy.internal_error" {
			t.Errorf("%s of %s: status %d, %s", target, client, resp.StatusCode, head.body)
		}
	}
}
