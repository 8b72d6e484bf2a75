package authority_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/adapters/authority"
	"ristmik/soap"
	"ristmik/soap/conformance"
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

// The description follows what X-Road asks of one (PR-MESS 3), and needs no
// other document: nobody who reads it has to fetch anything.
func TestWSDLIsAsXRoadWantsIt(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-153")
	got := newWorld(t).do(http.MethodGet, "/soap?wsdl", nil)
	doc, err := soap.ReadTree([]byte(got.body), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	const nsWSDL, nsSOAP, nsSchema = "http://schemas.xmlsoap.org/wsdl/", "http://schemas.xmlsoap.org/wsdl/soap/", "http://www.w3.org/2001/XMLSchema"
	root := doc.Root()
	declared := map[string]bool{} // {namespace}name of schema elements
	imported := map[string]bool{}
	for _, schema := range soap.Child(root, nsWSDL, "types").ChildElements() {
		for _, el := range schema.ChildElements() {
			if el.Tag == "import" {
				imported[el.SelectAttrValue("namespace", "")] = true
				if el.SelectAttr("schemaLocation") != nil {
					t.Error("something is to be fetched")
				}
			}
			if el.Tag == "element" && el.NamespaceURI() == nsSchema {
				declared[schema.SelectAttrValue("targetNamespace", "")+" "+el.SelectAttrValue("name", "")] = true
			}
		}
	}
	for _, namespace := range []string{soap.NSXRoad, soap.NSIdentifiers} {
		if !imported[namespace] {
			t.Errorf("%s is not imported", namespace)
		}
	}
	parts := map[string]map[string]string{} // message, part: element
	for _, m := range root.ChildElements() {
		if m.Tag == "message" {
			of := map[string]string{}
			for _, p := range m.ChildElements() {
				of[p.SelectAttrValue("name", "")] = p.SelectAttrValue("element", "")
			}
			parts[m.SelectAttrValue("name", "")] = of
		}
	}
	header := []string{"client", "service", "id", "userId", "issue", "protocolVersion"}
	for _, name := range header {
		if parts["xroadHeader"][name] != "xrd:"+name || !declared[soap.NSXRoad+" "+name] {
			t.Errorf("the header field %s is no part of a message, or no element", name)
		}
	}
	if declared[soap.NSXRoad+" requestHash"] {
		t.Error("requestHash is described")
	}
	operations := 0
	for _, section := range root.ChildElements() {
		for _, op := range section.ChildElements() {
			name := op.SelectAttrValue("name", "")
			switch {
			case section.Tag == "portType" && op.Tag == "operation":
				langs := map[string]bool{}
				for _, title := range soap.Child(op, nsWSDL, "documentation").ChildElements() {
					if title.Tag == "title" && title.NamespaceURI() == soap.NSXRoad && title.Text() != "" {
						langs[title.SelectAttrValue("xml:lang", "")] = true
					}
				}
				if !langs["et"] || !langs["en"] {
					t.Errorf("%s has titles in %v", name, langs)
				}
			case section.Tag == "binding" && op.Tag == "operation":
				operations++
				if v := soap.Child(op, soap.NSXRoad, "version"); v == nil || v.Text() != "v1" {
					t.Errorf("%s has no version", name)
				}
				for direction, wrapper := range map[string]string{"input": name, "output": name + "Response"} {
					in := soap.Child(op, nsWSDL, direction)
					body := soap.Child(in, nsSOAP, "body")
					if body == nil || body.SelectAttrValue("use", "") != "literal" || body.SelectAttr("namespace") != nil || body.SelectAttr("encodingStyle") != nil {
						t.Errorf("%s %s: the body", name, direction)
					}
					var fields []string
					for _, el := range in.ChildElements() {
						if el.Tag == "header" && el.SelectAttrValue("use", "") == "literal" {
							fields = append(fields, el.SelectAttrValue("part", ""))
						}
					}
					if !slices.Equal(fields, header) {
						t.Errorf("%s %s: header %v", name, direction, fields)
					}
					if !declared["http://ristmik.x-road.eu/consultation "+wrapper] {
						t.Errorf("no element %s", wrapper)
					}
				}
			}
		}
	}
	if operations != len(authority.SOAPServices()) {
		t.Errorf("%d operations, but the services are %v", operations, authority.SOAPServices())
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
	var described []string
	for _, methods := range doc.Paths {
		for _, operation := range methods {
			var o struct{ OperationID string }
			if err := json.Unmarshal(operation, &o); err != nil {
				t.Fatal(err)
			}
			if o.OperationID != "putAttachment" { // in SOAP, files come with what they belong to
				described = append(described, o.OperationID)
			}
		}
	}
	slices.Sort(described)
	if services := authority.SOAPServices(); !slices.Equal(described, slices.Sorted(slices.Values(services))) {
		t.Errorf("described: %v, SOAP services: %v", described, services)
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
