package securityserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

func TestRightsOfEndpoints(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-132", "C-133", "C-144")
	w := start(t, securityserver.Spelling78, func(http.ResponseWriter, *http.Request) {}, func(o *securityserver.Options) {
		o.Services[1].Kind = securityserver.OpenAPI3
		o.Services[1].Endpoints = []securityserver.Endpoint{
			{Method: "GET", Path: "/v1/cars/*", Clients: []soap.ClientID{stranger}},
			{Method: "*", Path: "/v1/deep/**", Clients: []soap.ClientID{stranger}},
			{Method: "GET", Path: "/v1/a/{id}/b/", Clients: []soap.ClientID{stranger}},
			{Method: "GET", Path: "/secret", Clients: []soap.ClientID{registry}},
		}
	})
	for request, want := range map[string]string{
		"GET /v1/cars/1":              "",
		"GET /v1/cars/%C3%A4?x=/":     "",
		"GET /v1/cars/1/2":            "access_denied",
		"GET /v1/cars/1%2F2":          "access_denied", // a separator once decoded
		"GET /v1/cars/1%3F/2":         "",              // cut there
		"PATCH /v1/cars/1":            "access_denied",
		"GET /v1/carsx1":              "access_denied",
		"PATCH /v1/deep/1/2/3":        "",
		"DELETE /v1/deep/":            "",
		"GET /v1/a/1/b/":              "",
		"GET /v1/a/1/b":               "access_denied",
		"GET /v1/a/1/2/b/":            "access_denied",
		"GET /secret":                 "access_denied",
		"GET /x%2F..%2Fv1%2Fcars%2F1": "",
		"GET /..%2Fv1/cars/1":         "access_denied",
		"GET /v1/cars/%7Bid%7D":       "internal_error",
		"GET /nothing%20here":         "internal_error",
		"OPTIONS /v1/cars/1":          "access_denied",
		"GET ":                        "access_denied",
	} {
		method, path, _ := strings.Cut(request, " ")
		resp, head := raw(t, w, method+" "+carsPath+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/other\r\n\r\n")
		code := resp.Header.Get("X-Road-Error")
		if want == "" && (code != "" || resp.StatusCode != http.StatusOK) || want != "" && code != "server.serverproxy."+want {
			t.Errorf("%s: status %d, %s %s, want %q", request, resp.StatusCode, code, head.body, want)
		}
	}
	for who, want := range map[string]string{
		"other":   `"endpoint_list":[{"method":"GET","path":"/v1/cars/*"},{"method":"*","path":"/v1/deep/**"},{"method":"GET","path":"/v1/a/{id}/b/"}]`,
		"permits": `{"method":"GET","path":"/secret"}]`,
	} {
		_, body := send(t, "GET", w.url+"/r1/EE-DEV/COM/10000002/registry/allowedMethods", "", "X-Road-Client", "EE-DEV/GOV/70000001/"+who)
		if !strings.Contains(body, want) || !strings.Contains(body, `"service_type":"OPENAPI"`) {
			t.Errorf("allowedMethods of %s: %s", who, body)
		}
	}
}

func TestServersOfTheInstance(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-107", "C-162")
	const elsewhere = "EE-DEV/GOV/70000009/ss2"
	w := start(t, securityserver.Spelling78, echo(same), func(o *securityserver.Options) {
		o.Hosts = []securityserver.Host{{ID: elsewhere}}
	})
	target := func(server string) string {
		p := strings.Split(server, "/")
		return strings.Replace(goldenRequest, "<x:id>", `<x:securityServer i:objectType="SERVER"><i:xRoadInstance>`+p[0]+`</i:xRoadInstance><i:memberClass>`+p[1]+`</i:memberClass><i:memberCode>`+p[2]+`</i:memberCode><i:serverCode>`+p[3]+`</i:serverCode></x:securityServer><x:id>`, 1)
	}
	both := func(server, want string) {
		t.Helper()
		body := goldenRequest
		header := []string{"X-Road-Client", "EE-DEV/GOV/70000001/permits"}
		if server != "" {
			body, header = target(server), append(header, "X-Road-Security-Server", server)
		}
		if _, got := send(t, "POST", w.url, body, "Content-Type", "text/xml"); want == "" && strings.Contains(got, "faultcode") || !strings.Contains(got, strings.ReplaceAll(want, `"`, "&quot;")) && !strings.Contains(got, want) {
			t.Errorf("server %q: %s, want %s", server, got, want)
		}
		resp, got := send(t, "GET", w.url+carsPath, "", header...)
		if want == "" && resp.Header.Get("X-Road-Error") != "" || !strings.Contains(got, strings.ReplaceAll(want, `"`, `\"`)) {
			t.Errorf("REST, server %q: %s, want %s", server, got, want)
		}
	}
	both("EE-DEV/GOV/70000009/ss1", "")
	both(elsewhere, `Invalid security server "SERVER:EE-DEV/GOV/70000009/ss2"`)
	both("EE-DEV/GOV/70000009/ss3", `Could not find security server "SERVER:EE-DEV/GOV/70000009/ss3"`)
	if resp, body := send(t, "GET", w.url+carsPath, "", "X-Road-Client", "EE-DEV/GOV/70000001/permits", "X-Road-Security-Server", "EE-DEV/GOV/ss1"); resp.Header.Get("X-Road-Error") != "server.clientproxy.internal_error" || !strings.Contains(body, "Invalid SecurityServer Id") {
		t.Errorf("a server of three parts: %s", body)
	}
	if err := w.SetMaintenance("EE-DEV/GOV/70000009/ss1", "back at noon"); err != nil {
		t.Fatal(err)
	}
	both("", "is in maintenance mode: back at noon")
	if _, got := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml"); !strings.Contains(got, "<faultcode>server.clientproxy.maintenance_mode<") {
		t.Errorf("maintenance: %s", got)
	}
	if err := w.SetMaintenance("EE-DEV/GOV/70000009/ss1", ""); err != nil {
		t.Fatal(err)
	}
	both("", "")
	if err := w.SetMaintenance("EE-DEV/x", ""); err == nil {
		t.Error("an unknown server went into maintenance")
	}
}

func TestAClientElsewhereIsNotRegisteredHere(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-061")
	w := start(t, securityserver.Spelling78, echo(same), func(o *securityserver.Options) {
		o.Hosts = []securityserver.Host{{ID: "EE-DEV/GOV/70000009/ss2"}}
		o.Subsystems[0].Servers = []string{"EE-DEV/GOV/70000009/ss2"}
	})
	if _, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml"); !strings.Contains(body, "Client 'SUBSYSTEM:EE-DEV/GOV/70000001/permits' not found") {
		t.Error(body)
	}
	if _, body := send(t, "POST", w.url, strings.NewReplacer("<i:subsystemCode>permits</i:subsystemCode>", "", `<x:client i:objectType="SUBSYSTEM">`, `<x:client i:objectType="MEMBER">`).Replace(goldenRequest), "Content-Type", "text/xml"); !strings.Contains(body, "Client 'MEMBER:EE-DEV/GOV/70000001' not found") {
		t.Error(body)
	}
}

func TestAnExpiredGlobalConfiguration(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-163")
	w := start(t, securityserver.Spelling78, echo(same))
	w.SetGlobalConfExpiry(time.Now().Add(-time.Second))
	if resp, body := send(t, "POST", w.url, "nonsense"); resp.StatusCode != 200 || !strings.Contains(body, "<faultcode>server.clientproxy.global_conf_outdated</faultcode><faultstring>Global configuration is expired<") {
		t.Error(body)
	}
	if resp, _ := send(t, "GET", w.url+carsPath, ""); resp.StatusCode != 500 || resp.Header.Get("X-Road-Error") != "server.clientproxy.global_conf_outdated" {
		t.Errorf("REST: status %d, %v", resp.StatusCode, resp.Header)
	}
	w.SetGlobalConfExpiry(time.Now().Add(time.Hour))
	if _, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml"); strings.Contains(body, "faultcode") {
		t.Error(body)
	}
}

func TestTheLoggableLimit(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-036")
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			rw.Write(make([]byte, 11))
		}
	}, func(o *securityserver.Options) { o.LoggableLimit = 10 })
	for body, refused := range map[string]bool{"0123456789": false, "0123456789a": true} {
		resp, got := send(t, "POST", w.url+carsPath, body, "X-Road-Client", "EE-DEV/GOV/70000001/permits")
		if code := resp.Header.Get("X-Road-Error"); refused && (code != "server.clientproxy.io_error" || resp.StatusCode != 500 || !strings.Contains(got, "logging_failed: Message size exceeds maximum loggable size")) || !refused && code != "" {
			t.Errorf("%d bytes: %s %s", len(body), code, got)
		}
	}
	if resp, _ := send(t, "GET", w.url+carsPath, "", "X-Road-Client", "EE-DEV/GOV/70000001/permits"); resp.Header.Get("X-Road-Error") != "server.clientproxy.io_error" {
		t.Errorf("a long answer: %v", resp.Header)
	}
}
