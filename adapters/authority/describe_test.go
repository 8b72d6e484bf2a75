package authority_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/adapters/authority"
	"ristmik/soap/contract"
)

// The WSDL is our contract, with the address under which it was asked for.
func TestWSDLHasTheAddressItWasReachedBy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{"?wsdl", "?WSDL", "?wsdl=1"} {
		got := w.do(http.MethodGet, "/soap"+query, nil, "Host", "hub.example:8081")
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/xml") {
			t.Fatalf("%d %s", got.status, got.header.Get("Content-Type"))
		}
		if !strings.Contains(got.body, `location="http://hub.example:8081/soap"`) || strings.Contains(got.body, "xroad-endpoint") {
			t.Errorf("%s: the address is another", query)
		}
		c, err := contract.Load(fstest.MapFS{"x.wsdl": {Data: []byte(got.body)}}, "x.wsdl")
		if err != nil {
			t.Fatal(err)
		}
		if op, ok := c.Operation("submitAnswer", "v1"); !ok || op.Unsupported != nil {
			t.Error("the description does not describe the service")
		}
	}
	if lines := w.log.take(); len(lines) != 0 || len(w.results()) != 0 {
		t.Errorf("reading the description counts as a message: %v", lines)
	}
}

// The REST description is what a Security Server takes: 3.1.0, one base
// address, each operation once; and it promises what is checked.
func TestOpenAPIDescribesTheService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(http.MethodGet, "/rest/openapi.json", nil)
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Fatalf("%d %s", got.status, got.header.Get("Content-Type"))
	}
	var doc struct {
		OpenAPI    string
		Info       map[string]string
		Servers    []struct{ URL string }
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Servers[0].URL != "/rest/v1" || doc.Info["x-xroad-service-code"] != "konsult" {
		t.Errorf("%s %v %v", doc.OpenAPI, doc.Servers, doc.Info)
	}
	if _, ok := doc.Paths["/consultations/{id}/answers"]["post"]; !ok || len(doc.Paths) != 1 {
		t.Errorf("paths: %v", doc.Paths)
	}
	// Both doors know the same answers.
	op, _ := load(t).Operation("submitAnswer", "v1")
	if text := string(load(t).Source()); op == nil || strings.Count(text, "<xs:enumeration") < 12 {
		t.Fatal("the contract has no answers")
	} else {
		for _, code := range doc.Components.Schemas["Answer"].Properties["answer_code"].Enum {
			if !strings.Contains(text, `value="`+code+`"`) {
				t.Errorf("the contract does not know %s", code)
			}
		}
	}
	if n := len(slices.Compact(doc.Components.Schemas["Answer"].Properties["answer_code"].Enum)); n != 12 {
		t.Errorf("%d answers", n)
	}
	if got := w.do(http.MethodPost, "/rest/openapi.json", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.status)
	}
}

// What is missing is named at the start.
func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := authority.New(authority.Options{}); err == nil || !strings.Contains(err.Error(), "database pool") {
		t.Errorf("error: %v", err)
	}
}
