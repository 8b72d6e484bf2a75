package securityserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

func TestFaultsComeInTheOrderOfTheChecks(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-040", "C-041", "C-042", "C-043", "C-048", "C-049", "C-053", "C-054", "C-056", "C-061", "C-062", "C-063", "C-131", "C-161", "C-164")
	w := start(t, securityserver.Spelling78, echo(same))
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(goldenRequest) }
	// Each case keeps the defects of the cases above it out and those below it in.
	const badAction, badType = "unquoted", "application/soap+xml"
	for _, c := range []struct {
		name, method, action, contentType, body, code, text string
	}{
		{"method", "PUT", badAction, badType, "", "client.invalid_http_method", "Must use POST request method instead of PUT"},
		{"SOAPAction", "POST", badAction, badType, "", "client.invalid_soap_action", "Malformed SOAPAction header"},
		{"no content type", "POST", `""`, "", "", "client.invalid_request", "Could not get content type from request"},
		{"content type", "POST", `"urn:x"`, badType, "", "client.invalid_content_type", "Invalid content type: application/soap+xml"},
		{"attachments", "POST", "", `multipart/related; boundary="b"`, "", "client.missing_soap", "Request does not contain SOAP message"},
		{"empty", "POST", "", "text/xml", "", "client.invalid_soap", "*"},
		{"doctype", "POST", "", "text/xml", `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, "client.invalid_soap", "*"},
		{"protocolVersion", "POST", "", "text/xml", edit("<x:protocolVersion>4.0</x:protocolVersion>", "", "permits", "nobody"), "client.missing_header_field", "Required field 'protocolVersion' is missing"},
		{"wrong version", "POST", "", "text/xml", edit(">4.0<", ">3.5<", "permits", "nobody"), "client.invalid_protocol_version", "Invalid protocol version (supported: 4.x, provided: 3.5)"},
		{"wrapper", "POST", "", "text/xml", edit("p:vehicleByPlate", "p:other", "permits", "nobody"), "client.inconsistent_headers", "Malformed SOAP message: service code does not match in header and body"},
		{"client", "POST", "", "text/xml", edit("permits", "nobody", "registry</i", "nothing</i"), "server.clientproxy.unknown_member", "Client 'SUBSYSTEM:EE-DEV/GOV/70000001/nobody' not found"},
		{"provider", "POST", "", "text/xml", edit("registry</i", "nothing</i"), "server.clientproxy.unknown_member", `Could not find addresses for service provider "SERVICE:EE-DEV/COM/10000002/nothing/vehicleByPlate/v1"`},
		{"exists", "POST", "", "text/xml", edit(">v1<", ">v2<", "permits", "other"), "server.serverproxy.unknown_service", "Unknown service: SERVICE:EE-DEV/COM/10000002/registry/vehicleByPlate/v2"},
		{"kind", "POST", "", "text/xml", edit("<i:serviceVersion>v1</i:serviceVersion>", "", "vehicleByPlate<", "vehicles<", "p:vehicleByPlate", "p:vehicles", "permits", "other"), "server.serverproxy.service_type", "Service is a REST service and cannot be called using SOAP interface"},
		{"right", "POST", "", "text/xml", edit("permits", "other", "vehicleByPlate", "retired"), "server.serverproxy.access_denied", "Request is not allowed: SERVICE:EE-DEV/COM/10000002/registry/retired/v1"},
		{"enabled", "POST", "", "text/xml", edit("vehicleByPlate", "retired"), "server.serverproxy.service_disabled", "Service SERVICE:EE-DEV/COM/10000002/registry/retired/v1 is disabled: closed for good"},
	} {
		var header []string
		if c.action != "" {
			header = append(header, "SOAPAction", c.action)
		}
		if c.contentType != "" {
			header = append(header, "Content-Type", c.contentType)
		}
		resp, body := send(t, c.method, w.url+"/any/path", c.body, header...)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/xml;charset=utf-8" {
			t.Errorf("%s: status %d, content type %q", c.name, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		m, err := soap.ReadAnswer([]byte(body), soap.DefaultLimits())
		if err != nil || m.Fault == nil {
			t.Errorf("%s: no Fault but %s", c.name, body)
			continue
		}
		if m.Fault.Code != c.code || c.text != "*" && m.Fault.String != c.text {
			t.Errorf("%s: %s %q, want %s %q", c.name, m.Fault.Code, m.Fault.String, c.code, c.text)
		}
		if m.Fault.Detail == "" {
			t.Errorf("%s: no faultDetail", c.name)
		}
	}
}

func TestGETIsAFaultAndNotAPage(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-040", "C-063", "C-114")
	w := start(t, securityserver.Spelling78, echo(same))
	resp, body := send(t, "GET", w.url+"/r2/x", "")
	want := `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>client.invalid_http_method</faultcode><faultstring>Must use POST request method instead of GET</faultstring><faultactor></faultactor><detail><faultDetail xmlns="">id-1</faultDetail></detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	if v, ok := resp.Header["Soapaction"]; !ok || v[0] != "" {
		t.Errorf("the Fault carries SOAPAction %q, want an empty one", v)
	}
}

func TestTheProviderGetsTheBytesThatWereSent(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-059", "C-064", "C-065", "C-066")
	var got string
	var header http.Header
	var chunked bool
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got, header, chunked = string(data), r.Header.Clone(), len(r.TransferEncoding) > 0
		rw.Header().Set("Content-Type", "text/xml")
		io.WriteString(rw, answerTo(strings.TrimPrefix(got, "\xef\xbb\xbf")))
	})
	for _, action := range []string{`"urn:x"`, ""} {
		sent := "\xef\xbb\xbf" + goldenRequest + "<!-- end -->"
		h := []string{"Content-Type", "text/xml", "Authorization", "secret", "Cookie", "a=b"}
		if action != "" {
			h = append(h, "SOAPAction", action)
		}
		if _, body := send(t, "POST", w.url, sent, h...); !strings.Contains(body, "vehicleByPlateResponse") {
			t.Fatal(body)
		}
		if got != sent {
			t.Error("the provider got other bytes")
		}
		want := http.Header{"Content-Type": {"text/xml; charset=UTF-8"}, "Soapaction": {action}, "Accept-Encoding": {""}, "User-Agent": {"ristmik-sandbox"}}
		if diff := cmp.Diff(want, header); diff != "" {
			t.Error(diff)
		}
		if !chunked {
			t.Error("the request was not chunked")
		}
	}
}

func TestRequestHashIsOursAndStandsAfterID(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-086", "C-087")
	element := `<x:requestHash algorithmId="http://www.w3.org/2001/04/xmlenc#sha512">` + goldenHash + `</x:requestHash>`
	want := strings.NewReplacer("</x:id>", "</x:id>"+element, "<make/>", "<make></make>").Replace(answerTo(goldenRequest)) + "\n"
	for name, edit := range map[string]func(string) string{
		"none sent": same,
		"dropped": func(s string) string {
			return strings.Replace(s, "<x:userId>", `<x:requestHash algorithmId="a">stolen</x:requestHash><x:userId>`, 1)
		},
		"instructions vanish": func(s string) string { return strings.Replace(s, "<env:Body>", "<?a b?><env:Body>", 1) },
	} {
		w := start(t, securityserver.Spelling78, echo(edit))
		_, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml; charset=UTF-8")
		if diff := cmp.Diff(want, body); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAnswersOfProvidersAreChecked(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-032", "C-076", "C-077", "C-078", "C-079", "C-080", "C-083")
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	const inconsistent = "server.clientproxy.service_failed.inconsistent_response"
	const failed = "server.serverproxy.service_failed."
	for name, c := range map[string]struct {
		provider http.HandlerFunc
		code     string // "" is accepted
	}{
		"id":              {echo(replace("7f1c11<", "7f1c12<")), inconsistent},
		"userId":          {echo(replace("<x:userId>EE38001085718</x:userId>", "")), inconsistent},
		"issue is empty":  {echo(replace("PERMIT-2024/17", "")), inconsistent},
		"client":          {echo(replace("permits", "other")), inconsistent},
		"service":         {echo(replace(">v1<", ">v2<")), inconsistent},
		"prefixes":        {echo(replace("x:", "y:", "xmlns:x=", "xmlns:y=")), ""},
		"protocolVersion": {echo(replace(">4.0<", ">4.7<")), ""},
		"order":           {echo(replace("<x:userId>EE38001085718</x:userId>\n", "", "    <x:client", "<x:userId>EE38001085718</x:userId><x:client")), ""},
		"malformed":       {echo(replace("</env:Body>", "")), failed + "invalid_soap"},
		"no id":           {echo(replace("<x:id>0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11</x:id>", "")), failed + "missing_header_field"},
		"wrapper":         {echo(replace("p:vehicleByPlateResponse", "p:other")), failed + "inconsistent_headers"},
		"status 404":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, failed + "http_error"},
		"redirect":        {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, failed + "http_error"},
		"content type": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
		}, failed + "invalid_content_type"},
		"no content type": {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil }, failed + "invalid_content_type"},
		"empty":           {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/xml") }, failed + "invalid_soap"},
		"cut":             {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failed + "io_error"},
		"Latin-1": {func(w http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "text/xml; charset=ISO-8859-1")
			io.WriteString(w, strings.Replace(answerTo(string(data)), "<make/>", "<make>\xf5</make>", 1))
		}, ""},
	} {
		w := start(t, securityserver.Spelling78, c.provider)
		_, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml")
		m, err := soap.ReadAnswer([]byte(body), soap.DefaultLimits())
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.code == "" && m.Fault != nil:
			t.Errorf("%s: refused with %s %s", name, m.Fault.Code, m.Fault.String)
		case c.code != "" && (m.Fault == nil || m.Fault.Code != c.code):
			t.Errorf("%s: %s, want %s", name, body, c.code)
		}
		if name == "Latin-1" && !strings.Contains(body, "<make>õ</make>") {
			t.Errorf("the answer in ISO-8859-1 came as %q", body)
		}
	}
}

func TestAFaultOfTheProviderPassesThrough(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-082")
	const fault = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>soap:Client</faultcode><faultstring>no</faultstring></e:Fault></e:Body></e:Envelope>`
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		rw.WriteHeader(http.StatusInternalServerError)
		io.WriteString(rw, fault)
	})
	resp, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml")
	if resp.StatusCode != http.StatusOK || body != fault {
		t.Errorf("status %d, %s", resp.StatusCode, body)
	}
	if got := w.Exchanges(5); len(got) != 1 || got[0].Result != "soap:Client" || got[0].MessageID != "0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11" {
		t.Errorf("remembered %+v", got)
	}
}

func TestAFaultSentAsARequestComesBackUnderItsOwnCode(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-055", "C-165")
	const fault = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>foo:BAR_x</faultcode><faultstring>no</faultstring></e:Fault></e:Body></e:Envelope>`
	for spelling, want := range map[securityserver.Spelling]string{securityserver.Spelling78: "client.foo:BAR_x", securityserver.Spelling77: "Client.foo:BAR_x"} {
		w := start(t, spelling, echo(same))
		_, body := send(t, "POST", w.url, fault, "Content-Type", "text/xml")
		if !strings.Contains(body, "<faultcode>"+want+"</faultcode>") {
			t.Errorf("%s: %s", spelling, body)
		}
	}
}

func TestOldSpellingOfCodes(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-165")
	w := start(t, securityserver.Spelling77, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for body, want := range map[string]string{
		strings.ReplaceAll(goldenRequest, "permits", "other"):  "Server.ServerProxy.AccessDenied",
		strings.ReplaceAll(goldenRequest, "permits", "nobody"): "Server.ClientProxy.UnknownMember",
		goldenRequest: "Server.ServerProxy.ServiceFailed.IOError",
		"":            "Client.InvalidSoap",
	} {
		_, got := send(t, "POST", w.url, body, "Content-Type", "text/xml")
		if !strings.Contains(got, "<faultcode>"+want+"</faultcode>") {
			t.Errorf("want %s in %s", want, got)
		}
	}
	if _, got := send(t, "GET", w.url+"/r1/EE-DEV/COM/10000002/registry/vehicles/x", "", "X-Road-Client", "EE-DEV/GOV/70000001/other"); !strings.Contains(got, "Server.ServerProxy.AccessDenied") {
		t.Errorf("REST: %s", got)
	}
}

func TestUnreachableProviders(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-031")
	w := start(t, securityserver.Spelling78, echo(same))
	for address, code := range map[string]string{
		"http://127.0.0.1:1/":           "server.serverproxy.service_failed.network_error",
		strings.ToUpper(w.provider[:4]): "",
	} {
		err := w.SetURL(query, address)
		if code == "" {
			if err == nil {
				t.Errorf("%q was taken for an address", address)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml"); !strings.Contains(body, "<faultcode>"+code+"</faultcode>") {
			t.Errorf("%s: %s", address, body)
		}
	}
}

func TestListMethodsOverSOAPNeedsNoRight(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-143", "C-147")
	w := start(t, securityserver.Spelling78, echo(same))
	for service, want := range map[string]int{"listMethods": 2, "allowedMethods": 0} {
		body := strings.NewReplacer("permits", "other", "<i:serviceVersion>v1</i:serviceVersion>", "", "vehicleByPlate", service).Replace(goldenRequest)
		_, got := send(t, "POST", w.url, body, "Content-Type", "text/xml")
		m, err := soap.ReadAnswer([]byte(got), soap.DefaultLimits())
		if err != nil || m.Body() == nil {
			t.Fatalf("%s: %v in %s", service, err, got)
		}
		if n := len(m.Body().ChildElements()); n != want || strings.Contains(got, ">vehicles<") {
			t.Errorf("%s lists %d services, want %d: %s", service, n, want, got)
		}
		if m.Header.RequestHash != soap.HashOf([]byte(body)) {
			t.Errorf("%s: requestHash %q", service, m.Header.RequestHash)
		}
	}
}
