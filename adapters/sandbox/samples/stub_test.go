package samples_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// stub is a WireMock mapping: what a REST provider answers to one request.
type stub struct {
	Request  struct{ Method, URL, URLPath string }
	Response struct {
		Status  int
		Body    string
		Headers map[string]string
	}
}

func (r *row) stub() (s stub, ok bool) {
	err := json.Unmarshal(r.data, &s)
	return s, err == nil && s.Response.Status != 0 && s.Request.Method != "" && s.path() != ""
}

func (s stub) path() string {
	if s.Request.URL != "" {
		return s.Request.URL
	}
	return s.Request.URLPath
}

var saidField = regexp.MustCompile(`^(\d{3}), \$\.(\w+) = "([^"]+)"`)

// tryStub calls a REST provider that answers by the mapping, with the hub's
// client through the sandbox: status, headers and body come as they are.
func (r *row) tryStub(t *testing.T, sent []byte) bool {
	s, ok := r.stub()
	if !ok {
		return false
	}
	path, query, _ := strings.Cut(s.path(), "?")
	want := strings.ReplaceAll(s.Response.Body, "{{request.body}}", string(sent))
	p := newProvider(t, func(got message) message {
		if got.method != s.Request.Method || got.target != s.path() || string(got.body) != string(sent) {
			return message{status: http.StatusTeapot}
		}
		h := http.Header{}
		for name, value := range s.Response.Headers {
			h.Set(name, value)
		}
		return message{status: s.Response.Status, header: h, body: []byte(want)}
	})
	asker := soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "asker"}
	o := worldOf(soap.Header{Client: asker, Service: soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "2", Subsystem: "asked"}, Code: "stub"}}, "", nil, p.url)
	o.Services[0].Kind = securityserver.REST
	client, err := xroad.New(xroad.Options{SecurityServer: start(t, o), Client: asker})
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.REST(t.Context(), xroad.RESTCall{Service: o.Services[0].ID, Method: s.Request.Method, Path: path, Query: query, Body: sent, ContentType: "application/json"})
	if err != nil {
		t.Fatalf("the hub's client: %v", err)
	}
	if a.Status != s.Response.Status || string(a.Body) != want {
		t.Errorf("status %d with %s, want %d with %s", a.Status, a.Body, s.Response.Status, want)
	}
	for name, value := range s.Response.Headers {
		if a.Header.Get(name) != value {
			t.Errorf("header %s is %q, want %q", name, a.Header.Get(name), value)
		}
	}
	return true
}

// tryPosted sends the file to the stub of its folder whose answer has the field
// that the words name.
func (r *row) tryPosted(t *testing.T) bool {
	said := saidField.FindStringSubmatch(r.words)
	if said == nil {
		return false
	}
	for _, other := range r.set.rows {
		if s, ok := other.stub(); ok && other.folder() == r.folder() && strings.Contains(s.Response.Body, said[3]) {
			return other.tryStub(t, r.data)
		}
	}
	return false
}
