package securityserver_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap/conformance"
)

const carsPath = "/r1/EE-DEV/COM/10000002/registry/vehicles"

func TestRESTErrorsComeInTheOrderOfTheChecks(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-111", "C-113", "C-115", "C-129", "C-130", "C-132", "C-133", "C-164")
	w := start(t, securityserver.Spelling78, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	const internal = "server.clientproxy.internal_error"
	for _, c := range []struct{ name, method, path, client, code, text string }{
		{"method", "BREW", "/r1/x", "", internal, "Unknown request method: BREW"},
		{"segments", "GET", "/r1/EE-DEV/COM/10000002/registry", "", internal, "Invalid request URI"},
		{"percent", "GET", "/r1/EE-DEV/COM/10000002/%zz/vehicles", "", internal, "*"},
		{"no client", "GET", carsPath, "", "server.clientproxy.invalid_client_identifier", "The client identifier is missing"},
		{"client id", "GET", carsPath, "EE-DEV/GOV", internal, "Invalid Client Id"},
		{"client", "GET", "/r1/EE-DEV/COM/10000002/nothing/vehicles", "EE-DEV/GOV/70000001/nobody", "server.clientproxy.unknown_member", "Client 'SUBSYSTEM:EE-DEV/GOV/70000001/nobody' not found"},
		{"provider", "GET", "/r1/EE-DEV/COM/10000002/nothing/vehicles", "EE-DEV/GOV/70000001/other", "server.clientproxy.unknown_member", `Could not find addresses for service provider "SERVICE:EE-DEV/COM/10000002/nothing/vehicles"`},
		{"exists", "GET", carsPath + "x", "EE-DEV/GOV/70000001/other", "server.serverproxy.unknown_service", "Unknown service: SERVICE:EE-DEV/COM/10000002/registry/vehiclesx"},
		{"right", "PATCH", carsPath + "/v1", "EE-DEV/GOV/70000001/other", "server.serverproxy.access_denied", "Request is not allowed: SERVICE:EE-DEV/COM/10000002/registry/vehicles"},
		{"path", "GET", carsPath + "/a%20b", "EE-DEV/GOV/70000001/permits", "server.serverproxy.internal_error", "Illegal character in path"},
		{"no answer", "GET", carsPath + "/v1", "EE-DEV/GOV/70000001/permits", "server.serverproxy.io_error", "*"},
		{"getOpenAPI", "GET", "/r1/EE-DEV/COM/10000002/registry/getOpenAPI?serviceCode=vehicles", "EE-DEV/GOV/70000001/permits", "server.serverproxy.internal_error", "Invalid service type: REST"},
	} {
		answer, head := raw(t, w, c.method+" "+c.path+" HTTP/1.1\r\nHost: a\r\n"+client(c.client)+"\r\n")
		var e struct{ Type, Message, Detail string }
		if err := json.Unmarshal([]byte(head.body), &e); err != nil {
			t.Errorf("%s: %v in %q", c.name, err, head.body)
			continue
		}
		if answer.StatusCode != 500 || e.Type != c.code || answer.Header.Get("X-Road-Error") != c.code || c.text != "*" && e.Message != c.text || e.Detail == "" {
			t.Errorf("%s: status %d, %+v, want %s %q", c.name, answer.StatusCode, e, c.code, c.text)
		}
	}
}

func client(id string) string {
	if id == "" {
		return ""
	}
	return "X-Road-Client: " + id + "\r\n"
}

// answerHead is the header block of an answer as it stood, and its body.
type answerHead struct {
	names []string
	body  string
}

// raw writes bytes and reads the answer with the order of its header fields.
func raw(t *testing.T, w world, request string) (*http.Response, answerHead) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &seen)), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := answerHead{body: string(body)}
	block, _, _ := strings.Cut(seen.String(), "\r\n\r\n")
	for _, line := range strings.Split(block, "\r\n")[1:] {
		name, _, _ := strings.Cut(line, ":")
		h.names = append(h.names, name)
	}
	return resp, h
}

func TestErrorsAsXMLForThoseWhoAcceptIt(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-129")
	w := start(t, securityserver.Spelling78, echo(same))
	for _, accept := range []string{"text/xml", "application/json, application/xml;q=0.1", "text/*"} {
		resp, body := send(t, "GET", w.url+carsPath, "", "Accept", accept)
		want := `<?xml version="1.0" encoding="UTF-8"?><error><type>server.clientproxy.invalid_client_identifier</type><message>The client identifier is missing</message><detail>`
		if !strings.HasPrefix(body, want) || resp.Header.Get("Content-Type") != "text/xml;charset=utf-8" {
			t.Errorf("%s: %s", accept, body)
		}
	}
}

func TestPathAndQueryReachTheProviderByteForByte(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-123", "C-124")
	var got string
	w := start(t, securityserver.Spelling78, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI })
	for path, want := range map[string]string{
		"/v1/cars/123%2FABC?lang=et": "/api/v1/cars/123%2FABC?lang=et",
		"/path%3B/?a=%20b+c%2Fd&&":   "/api/path%3B/?a=%20b+c%2Fd&&",
		"/a:b@c%7e+%C3%a4":           "/api/a:b@c%7e+%C3%a4",
		"":                           "/api/",
		"?":                          "/api/?",
		"?x":                         "/api/?x",
	} {
		got = ""
		resp, _ := raw(t, w, "GET "+carsPath+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n\r\n")
		if resp.StatusCode != http.StatusOK || got != want {
			t.Errorf("%q: status %d, the provider saw %q, want %q", path, resp.StatusCode, got, want)
		}
	}
	for _, path := range []string{"/a/../b", "/a//b", "/%2e%2E/b", "/a%25b", "/..;x/b"} {
		resp, _ := raw(t, w, "GET "+carsPath+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n\r\n")
		if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("X-Road-Error") != "" {
			t.Errorf("%q: status %d with X-Road-Error %q, want a bare 400", path, resp.StatusCode, resp.Header.Get("X-Road-Error"))
		}
	}
}

func TestHeadersAreFilteredOnTheWayThere(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-112", "C-116", "C-117", "C-118", "C-119")
	var header http.Header
	var length int64
	w := start(t, securityserver.Spelling78, func(_ http.ResponseWriter, r *http.Request) { header, length = r.Header.Clone(), r.ContentLength })
	raw(t, w, "POST "+carsPath+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/other\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n"+
		"X-Road-UserId: EE1\r\nx-road-request-id: mine\r\nX-Road-Request-Hash: mine\r\nUser-Agent: me\r\nTE: trailers\r\nKeep-Alive: 1\r\n"+
		"Authorization: secret\r\nX-Many: 1\r\nX-Many: 2\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	want := http.Header{
		"X-Road-Client": {"EE-DEV/GOV/70000001/other", "EE-DEV/GOV/70000001/permits"}, "X-Road-Userid": {"EE1"},
		"X-Road-Id": {"EE-DEV-id-2"}, "X-Road-Request-Id": {"id-1"}, "Authorization": {"secret"}, "X-Many": {"1", "2"},
		"Content-Type": {"application/json"}, "Content-Length": {"2"}, "Accept-Encoding": {"gzip,deflate"}, "User-Agent": {"ristmik-sandbox"},
	}
	if diff := cmp.Diff(want, header); diff != "" || length != 2 {
		t.Errorf("length %d, %s", length, diff)
	}
}

func TestHeadersAreFilteredAndAddedInOrderOnTheWayBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-032", "C-116", "C-118", "C-120", "C-121", "C-122", "C-126")
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"X-Road-Id", "X-Road-Client", "X-Road-Request-Id", "X-Road-Request-Hash", "Server", "Date"} {
			rw.Header().Set(name, "mine")
		}
		rw.Header().Add("Set-Cookie", "a=1")
		rw.Header().Add("Set-Cookie", "b=2")
		rw.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		rw.Header().Set("Content-Type", "application/problem+json")
		rw.WriteHeader(http.StatusFound)
		io.WriteString(rw, "body")
	})
	resp, head := raw(t, w, "GET "+carsPath+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\nX-Road-Id: m-1\r\n\r\n")
	if diff := cmp.Diff([]string{"Date", "Content-Type", "Location", "Set-Cookie", "Set-Cookie", "x-road-id", "x-road-client", "x-road-service", "x-road-request-id", "x-road-request-hash", "Transfer-Encoding"}, head.names); diff != "" {
		t.Error(diff)
	}
	if resp.StatusCode != http.StatusFound || head.body != "body" || resp.Header.Get("x-road-id") != "m-1" || resp.Header.Get("x-road-service") != "EE-DEV/COM/10000002/registry/vehicles" || resp.Header.Get("X-Road-Error") != "" {
		t.Errorf("status %d, body %q, header %v", resp.StatusCode, head.body, resp.Header)
	}
	again, _ := raw(t, w, "GET "+carsPath+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\nX-Road-Id: m-1\r\n\r\n")
	if again.Header.Get("x-road-request-hash") == resp.Header.Get("x-road-request-hash") {
		t.Error("two identical calls have one hash")
	}
}

func TestBodiesTravelOnlyWithPOSTPUTAndPATCH(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-125")
	var got string
	w := start(t, securityserver.Spelling78, func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got = string(data)
	})
	for method, want := range map[string]string{"POST": "x", "PUT": "x", "PATCH": "x", "DELETE": "", "GET": ""} {
		resp, _ := raw(t, w, method+" "+carsPath+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\nContent-Length: 1\r\n\r\nx")
		if resp.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: status %d, the provider got %q, want %q", method, resp.StatusCode, got, want)
		}
	}
}

func TestStatusesAndCodedBodiesComeThroughPlain(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-031", "C-126")
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/none":
			rw.WriteHeader(http.StatusNoContent)
		case "/api/gzip":
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			io.WriteString(z, "plain")
			z.Close()
		case "/api/slow":
			<-r.Context().Done()
		default:
			rw.WriteHeader(http.StatusConflict)
		}
	})
	for path, want := range map[string]struct {
		status int
		body   string
	}{"/none": {204, ""}, "/gzip": {200, "plain"}, "/other": {409, ""}} {
		resp, head := raw(t, w, "GET "+carsPath+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n\r\n")
		if resp.StatusCode != want.status || head.body != want.body || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: status %d, body %q, header %v", path, resp.StatusCode, head.body, resp.Header)
		}
	}
	resp, head := raw(t, w, "GET "+carsPath+"/slow HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n\r\n")
	if resp.Header.Get("X-Road-Error") != "server.serverproxy.io_error" || !strings.Contains(head.body, "Read timed out") {
		t.Errorf("a provider slower than its timeout: %v %s", resp.Header, head.body)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-141", "C-144", "C-147")
	w := start(t, securityserver.Spelling78, echo(same))
	_, body := send(t, "GET", w.url+"/listClients?xRoadInstance=EE-DEV", "", "Accept", "application/json")
	want := `{"member":[{"id":{"member_class":"GOV","member_code":"70000001","object_type":"SUBSYSTEM","subsystem_code":"permits","xroad_instance":"EE-DEV"},"name":"Permit Office","subsystem_name":"Permits"},`
	if !strings.HasPrefix(body, want) {
		t.Errorf("listClients: %s", body)
	}
	if _, body = send(t, "GET", w.url+"/listClients", ""); !strings.Contains(body, `<xrd:member><xrd:id id:objectType="SUBSYSTEM"><id:xRoadInstance>EE-DEV</id:xRoadInstance>`) {
		t.Errorf("listClients: %s", body)
	}
	if _, body = send(t, "GET", w.url+"/listClients?xRoadInstance=AA", "", "Accept", "application/json"); !strings.Contains(body, "<faultstring>Invalid instance identifier: AA") {
		t.Errorf("listClients of another instance: %s", body)
	}
	for service, want := range map[string]string{
		"listMethods":    `{"service":[{"member_class":"COM","member_code":"10000002","object_type":"SERVICE","service_code":"vehicles","service_type":"REST","subsystem_code":"registry","xroad_instance":"EE-DEV","endpoint_list":[]}]}`,
		"allowedMethods": `{"service":[]}`,
	} {
		_, body := send(t, "GET", w.url+"/r1/EE-DEV/COM/10000002/registry/"+service, "", "X-Road-Client", "EE-DEV/GOV/70000001/other")
		if body != want {
			t.Errorf("%s: %s", service, body)
		}
	}
}
