package securityserver_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

func TestGetWSDL(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-145", "C-147")
	const wsdl = `<?xml version="1.0"?><w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"><!-- <s:address location="kept"/> --><w:service name="a"><w:port><s:address location="http://10.0.0.1/a"/></w:port><w:port><s:address  location = 'http://10.0.0.1/b' /></w:port></w:service><w:import location="b.xsd"/></w:definitions>`
	want := strings.NewReplacer(`location="http://10.0.0.1/a"`, `location="http://example.org/xroad-endpoint"`, `location = 'http://10.0.0.1/b'`, `location = "http://example.org/xroad-endpoint"`).Replace(wsdl)
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			t.Errorf("the provider was asked with %s", r.Method)
		case r.RequestURI == "/soap?wsdl":
			io.WriteString(rw, wsdl)
		default:
			http.NotFound(rw, r)
		}
	})
	ask := func(content string) string {
		return strings.NewReplacer("permits", "other", "<i:serviceVersion>v1</i:serviceVersion>", "", "vehicleByPlate<", "getWsdl<", `<p:vehicleByPlate xmlns:p="http://registry.example/producer">`, "<x:getWsdl>", "</p:vehicleByPlate>", "</x:getWsdl>", "<plate>123ABC</plate>", content).Replace(goldenRequest)
	}
	request := ask("<x:serviceCode>vehicleByPlate</x:serviceCode><x:serviceVersion>v1</x:serviceVersion>")
	resp, body := send(t, "POST", w.url, request, "Content-Type", "text/xml")
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), `multipart/related; type="text/xml"; charset=UTF-8; boundary=`) {
		t.Fatalf("%s: %s", resp.Header.Get("Content-Type"), body)
	}
	in, err := soap.OpenAnswer(resp.Header.Get("Content-Type"), strings.NewReader(body), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m, err := soap.ReadAnswer(in.Envelope(), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if m.Body().Tag != "getWsdlResponse" || soap.Child(m.Body(), soap.NSXRoad, "serviceVersion").Text() != "v1" || m.Header.RequestHash != soap.HashOf([]byte(request)) {
		t.Errorf("the envelope is %s", in.Envelope())
	}
	a, err := in.Next()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(a.Body)
	if err != nil || string(got) != want {
		t.Errorf("the WSDL is %s (%v)", got, err)
	}
	if a.ContentType != "text/xml" || !strings.HasPrefix(a.ContentID, "wsdl=") || !strings.HasSuffix(a.ContentID, "@x-road.eu") {
		t.Errorf("the part has type %q and id %q", a.ContentType, a.ContentID)
	}
	for content, want := range map[string]string{
		"": "server.serverproxy.invalid_request|Missing serviceCode in message body",
		"<x:serviceCode>vehicleByPlate</x:serviceCode>":                                 "server.serverproxy.unknown_service|Unknown service: SERVICE:EE-DEV/COM/10000002/registry/vehicleByPlate",
		"<x:serviceCode>vehicles</x:serviceCode>":                                       "server.serverproxy.service_type|Service is a REST service and does not have a WSDL",
		"<x:serviceCode>retired</x:serviceCode><x:serviceVersion>v1</x:serviceVersion>": "server.serverproxy.http_error|received HTTP error 404",
	} {
		_, body := send(t, "POST", w.url, ask(content), "Content-Type", "text/xml")
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %s, want %s", content, body, part)
			}
		}
	}
}

func TestGetOpenAPI(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-146", "C-147")
	const document = `openapi: 3.0.3
servers:
  - url: https://is.example/api/v1 # ours
  - {url: "http://is.example", description: x}
  - url: 'https://{host}.example/api'
  - url: /relative
paths: {}
`
	const cut = `openapi: 3.0.3
servers:
  - url: /api/v1 # ours
  - {url: "/", description: x}
  - url: 'https://{host}.example/api'
  - url: /relative
paths: {}
`
	const json = `{"openapi":"3.0.3","servers":[{"url":"https://õ.example/a"},{"url":"https://is.example/b"}],"paths":{}}`
	var contentType []string
	var served []byte
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		if r.RequestURI != "/openapi" {
			http.NotFound(rw, r)
		}
		rw.Header()["Content-Type"] = contentType
		rw.Write(served)
	}, func(o *securityserver.Options) {
		one := o.Services[1]
		one.ID.Code, one.Kind, one.Description = "described", securityserver.OpenAPI3, strings.Replace(one.URL, "/api/", "/openapi", 1)
		two := one
		two.ID.Code, two.Description = "lost", strings.Replace(one.URL, "/api/", "/lost", 1)
		o.Services = append(o.Services, one, two)
	})
	ask := func(query string) (*http.Response, string) {
		return send(t, "GET", w.url+"/r1/EE-DEV/COM/10000002/registry/getOpenAPI"+query, "", "X-Road-Client", "EE-DEV/GOV/70000001/other")
	}
	for _, c := range []struct{ contentType, served, wantType, want string }{
		{"", document, "text/plain", cut},
		{"application/json", json, "application/json", `{"openapi":"3.0.3","servers":[{"url":"/a"},{"url":"/b"}],"paths":{}}`},
	} {
		served, contentType = []byte(c.served), nil
		if c.contentType != "" {
			contentType = []string{c.contentType}
		}
		resp, body := ask("?serviceCode=described")
		if resp.Header.Get("Content-Type") != c.wantType || body != c.want {
			t.Errorf("%s: %s", resp.Header.Get("Content-Type"), body)
		}
	}
	served = bytes.Repeat([]byte("["), 3)
	for query, want := range map[string]string{
		"":                       `"server.serverproxy.invalid_request","message":"Missing serviceCode in message body"`,
		"?serviceCode=vehicles":  `"server.serverproxy.internal_error","message":"Invalid service type: REST"`,
		"?serviceCode=nothing":   `"server.serverproxy.internal_error","message":"Service not found: SERVICE:EE-DEV/COM/10000002/registry/nothing"`,
		"?serviceCode=described": `"server.serverproxy.internal_error","message":"Failed reading service description from`,
		"?serviceCode=lost":      `"server.serverproxy.http_error"`,
	} {
		resp, body := ask(query)
		if resp.StatusCode != 500 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", query, resp.StatusCode, body, want)
		}
	}
}
