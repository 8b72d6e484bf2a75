package xroad_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// restAnswer answers as a Security Server passes a provider's answer on.
func restAnswer(w http.ResponseWriter, r *http.Request, status int, body string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h["x-road-id"] = r.Header["X-Road-Id"]
	h["x-road-client"] = r.Header["X-Road-Client"]
	h.Add("x-road-service", rest.String())
	h.Set("x-road-request-id", "request-1")
	h.Set("x-road-request-hash", "opaque")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// Path and query are data of the provider: not a byte may change.
func TestRESTPathAndQueryAreUntouched(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-110", "C-123")
	var uri string
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		uri = r.RequestURI
		restAnswer(w, r, 200, "{}")
	})
	c := client(t, s.URL)
	for _, in := range []struct{ path, query string }{
		{"", ""}, {"/", ""}, {"/consultations", ""}, {"/cars/123%2FABC", "lang=et"}, {"/a%3Bb;c/%7E~/%c3%a4", "a=%20b+c%2Fd&x=%2b?/:@"},
		{"/trailing/", "empty="}, {"/v1/(a),b'*!$=", "q=%25"},
	} {
		a, err := c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET", Path: in.path, Query: in.query})
		if err != nil {
			t.Errorf("%+v: %v", in, err)
			continue
		}
		want := "/r1/EE/GOV/79990000/jarelevalve/konsult" + in.path
		if in.query != "" {
			want += "?" + in.query
		}
		if uri != want {
			t.Errorf("sent %s, want %s", uri, want)
		}
		if a.Exchange.RequestID != "request-1" || a.Exchange.RequestHash != "opaque" || a.Exchange.MessageID == "" {
			t.Errorf("exchange is %+v", a.Exchange)
		}
	}
}

func TestRESTIdentifierPartsAreEncodedOneByOne(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-012", "C-110")
	odd := soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "1/2", Subsystem: "öö"}, Code: "a b"}
	var uri string
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		uri = r.RequestURI
		w.Header().Set("x-road-service", odd.String())
		r.Header.Set("X-Road-Id", r.Header.Get("X-Road-Id"))
		w.Header().Set("x-road-id", r.Header.Get("X-Road-Id"))
		w.Header().Set("x-road-client", r.Header.Get("X-Road-Client"))
		w.Header().Set("x-road-request-hash", "opaque")
	})
	if _, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{Service: odd, Method: "GET", Path: "/x"}); err != nil {
		t.Fatal(err)
	}
	if want := "/r1/EE/GOV/1%2F2/%C3%B6%C3%B6/a%20b/x"; uri != want {
		t.Errorf("sent %s, want %s", uri, want)
	}
}

// Headers reach a foreign organisation, so only a short list leaves.
func TestRESTSendsOnlyAllowedHeaders(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-110", "C-136")
	var got http.Header
	var body []byte
	s := server(t, func(w http.ResponseWriter, r *http.Request, b []byte) {
		got, body = r.Header.Clone(), b
		restAnswer(w, r, 202, "{}")
	})
	_, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{
		Service: rest, Method: "POST", Path: "/consultations", Body: []byte(`{"a":1}`), ContentType: "application/json; charset=utf-8",
		UserID: "EE80001010000", Issue: "CASE-1",
		Header: http.Header{
			"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "Traceparent": {"00"}, "X-Forwarded-For": {"10.0.0.1"},
			"X-Road-Client": {"EE/GOV/1/other"}, "X-Road-Id": {"mine"}, "X-Road-Request-Id": {"r"}, "X-Road-Security-Server": {"a/b/c/d"},
			"x-road-userid": {"EE1"}, "X-Road-Represented-Party": {"COM/1"}, "Accept": {"application/json", "text/plain"}, "User-Agent": {"inner"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Accept": {"application/json, text/plain"}, "Accept-Encoding": {"identity"}, "Content-Type": {"application/json; charset=utf-8"},
		"Content-Length": {"7"}, "User-Agent": {"ristmik"}, "X-Road-Client": {us.String()}, "X-Road-Id": {"attempt-1"},
		"X-Road-Issue": {"CASE-1"}, "X-Road-Represented-Party": {"COM/1"}, "X-Road-Userid": {"EE80001010000"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if string(body) != `{"a":1}` {
		t.Errorf("body is %s", body)
	}
}

// A GET has no body and says nothing about one.
func TestRESTSendsNoBodyWhereNoneIsDelivered(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-135")
	var got *http.Request
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		got = r
		restAnswer(w, r, 200, "")
	})
	c := client(t, s.URL)
	for _, method := range []string{"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"} {
		if _, err := c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: method, Path: "/x", ContentType: "application/json"}); err != nil {
			t.Errorf("%s: %v", method, err)
			continue
		}
		if got.ContentLength != 0 || len(got.TransferEncoding) != 0 || got.Header.Get("Content-Type") != "" {
			t.Errorf("%s was sent with length %d, transfer coding %v, type %q", method, got.ContentLength, got.TransferEncoding, got.Header.Get("Content-Type"))
		}
		_, err := c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: method, Path: "/x", Body: []byte("lost")})
		if f := failure(t, err); f.Kind != soap.KindFixData || f.Code != "request.body" {
			t.Errorf("%s with a body: %+v", method, f)
		}
	}
}

// The provider's own status is an answer, whatever it is.
func TestRESTReturnsTheProvidersStatus(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-128")
	for _, status := range []int{200, 202, 204, 304, 404, 409, 500, 503} {
		s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) { restAnswer(w, r, status, "") })
		a, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET"})
		if err != nil || a.Status != status {
			t.Errorf("status %d: answer %+v, error %v", status, a, err)
		}
	}
}

func TestRESTRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-127")
	requests := 0
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		requests++
		w.Header().Set("Location", "/r1/elsewhere")
		restAnswer(w, r, 307, "")
	})
	a, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{Service: rest, Method: "POST", Body: []byte("{}")})
	if err != nil || a.Status != 307 || a.Header.Get("Location") == "" || requests != 1 {
		t.Errorf("answer %+v, error %v after %d requests", a, err, requests)
	}
}

// Whose error it is follows from X-Road-Error, never from the status.
func TestRESTErrorOfASecurityServer(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-091", "C-128")
	for name, c := range map[string]struct {
		code, contentType, body string
		status                  int
		kind                    soap.Kind
		detail                  string
	}{
		"JSON":        {"server.serverproxy.access_denied", "application/json", `{"type":"x","message":"Request is not allowed","detail":"uuid-1"}`, 500, soap.KindFixRights, "uuid-1"},
		"old JSON":    {"Server.ServerProxy.AccessDenied", "application/json;charset=utf-8", `{"message":"m","detail":null}`, 400, soap.KindFixRights, ""},
		"XML":         {"server.clientproxy.network_error", "text/xml", `<error><type>t</type><message>m</message><detail>uuid-2</detail></error>`, 500, soap.KindPartnerDown, "uuid-2"},
		"no body":     {"server.serverproxy.io_error", "", "", 500, soap.KindUnknownResult, ""},
		"broken body": {"Client.BadRequest", "application/json", `{"message":`, 400, soap.KindFixData, ""},
		"with 200":    {"server.serverproxy.service_disabled", "application/json", `{}`, 200, soap.KindWait, ""},
		"too large":   {"server.clientproxy.io_error", "application/json", `{"message":"LoggingFailed: Message size exceeds maximum loggable size"}`, 500, soap.KindFixData, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
				w.Header().Set("X-Road-Error", c.code)
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET"})
			f := failure(t, err)
			if f.Kind != c.kind || f.Detail != c.detail || f.Raw != c.code || f.Code != soap.Normalize(c.code) || f.MessageID != "attempt-1" {
				t.Errorf("failure is %+v", f)
			}
		})
	}
}

func TestRESTAnswerThatIsNotOursIsNotUsed(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-128", "C-166")
	for name, c := range map[string]struct {
		status int
		set    map[string]string
		kind   soap.Kind
		code   string
	}{
		"bare 502":        {502, map[string]string{"x-road-request-hash": ""}, soap.KindOwnServer, "transport.http_502"},
		"bare 404":        {404, map[string]string{"x-road-request-hash": ""}, soap.KindOwnServer, "transport.http_404"},
		"bare redirect":   {302, map[string]string{"x-road-request-hash": ""}, soap.KindOwnServer, "transport.http_302"},
		"no hash":         {200, map[string]string{"x-road-request-hash": ""}, soap.KindTampered, "answer.no_request_hash"},
		"another id":      {200, map[string]string{"x-road-id": "attempt-9"}, soap.KindTampered, "answer.id"},
		"another client":  {200, map[string]string{"x-road-client": "EE/GOV/1/other"}, soap.KindTampered, "answer.client"},
		"another service": {200, map[string]string{"x-road-service": "EE/GOV/79990000/jarelevalve/other"}, soap.KindTampered, "answer.service"},
		"forged error":    {200, map[string]string{"x-road-error": "server.serverproxy.access_denied"}, soap.KindTampered, "answer.forged_error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
				h := w.Header()
				h.Set("x-road-id", r.Header.Get("X-Road-Id"))
				h.Set("x-road-client", r.Header.Get("X-Road-Client"))
				h.Set("x-road-service", rest.String())
				h.Set("x-road-request-hash", "opaque")
				for k, v := range c.set {
					h.Del(k)
					if v != "" {
						h.Set(k, v)
					}
				}
				w.WriteHeader(c.status)
			})
			_, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET"})
			if f := failure(t, err); f.Kind != c.kind || f.Code != c.code {
				t.Errorf("failure is %+v, want %s %s", f, c.kind, c.code)
			}
		})
	}
}

// A provider may send x-road-service itself; the last one is the server's.
func TestRESTServiceHeaderOfTheProviderIsOverlooked(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		w.Header().Add("X-Road-Service", "EE/GOV/1/forged/service")
		w.Header().Add("X-Road-Service", rest.String())
		w.Header().Set("x-road-id", r.Header.Get("X-Road-Id"))
		w.Header().Set("x-road-client", r.Header.Get("X-Road-Client"))
		w.Header().Set("x-road-request-hash", "opaque")
	})
	if _, err := client(t, s.URL).REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET"}); err != nil {
		t.Error(err)
	}
}

func TestRESTCallThatCannotWorkIsNotSent(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-134")
	versioned := rest
	versioned.Version = "v1"
	dots := rest
	dots.Provider.Subsystem = ".."
	c := client(t, "http://127.0.0.1:1")
	for name, call := range map[string]xroad.RESTCall{
		"version":           {Service: versioned, Method: "GET"},
		"dots in service":   {Service: dots, Method: "GET"},
		"no service":        {Method: "GET"},
		"lower case method": {Service: rest, Method: "get"},
		"unknown method":    {Service: rest, Method: "QUERY"},
		"no slash":          {Service: rest, Method: "GET", Path: "x"},
		"dot segment":       {Service: rest, Method: "GET", Path: "/a/../b"},
		"encoded dots":      {Service: rest, Method: "GET", Path: "/a/%2e%2E/b"},
		"empty segment":     {Service: rest, Method: "GET", Path: "/a//b"},
		"raw space":         {Service: rest, Method: "GET", Path: "/a b"},
		"encoded space":     {Service: rest, Method: "GET", Path: "/a%20b"},
		"encoded percent":   {Service: rest, Method: "GET", Path: "/a%25b"},
		"encoded line":      {Service: rest, Method: "GET", Path: "/a%0d%0ab"},
		"broken percent":    {Service: rest, Method: "GET", Path: "/a%2"},
		"query in path":     {Service: rest, Method: "GET", Path: "/a?b"},
		"fragment":          {Service: rest, Method: "GET", Query: "a#b"},
		"line in query":     {Service: rest, Method: "GET", Query: "a\r\nb"},
		"too long":          {Service: rest, Method: "GET", Query: strings.Repeat("a", 2000)},
		"line in issue":     {Service: rest, Method: "GET", Issue: "a\r\nX-Road-Client: b"},
		"two represented":   {Service: rest, Method: "GET", Header: http.Header{"X-Road-Represented-Party": {"a", "b"}}},
	} {
		_, err := c.REST(t.Context(), call)
		if f := failure(t, err); f.Kind != soap.KindFixData || f.MessageID == "" {
			t.Errorf("%s: failure is %+v", name, f)
		}
	}
}
