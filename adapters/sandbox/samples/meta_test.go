package samples_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/contract"
)

var saidBase = regexp.MustCompile(`base URL https?://[^/\s]+(/\S*)?`)

// tryClientList lets the hub's client read a recorded answer of listClients:
// every member of the document, with the kind and the names it has there.
func (r *row) tryClientList(t *testing.T) bool {
	doc, err := soap.ReadTree(r.data, soap.Limits{})
	if err != nil {
		t.Fatalf("the hub cannot read it: %v", err)
	}
	p := newProvider(t, func(got message) message {
		if got.target != "/listClients" {
			return message{status: http.StatusNotFound}
		}
		return message{contentType: "text/xml; charset=UTF-8", body: r.data}
	})
	client, err := xroad.New(xroad.Options{SecurityServer: p.url, Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "asker"}})
	if err != nil {
		t.Fatal(err)
	}
	members, err := client.ListClients(t.Context(), "")
	if err != nil {
		t.Fatalf("the hub's client: %v", err)
	}
	entries := doc.Root().ChildElements()
	if len(members) != len(entries) || len(members) == 0 {
		t.Fatalf("%d members, want %d", len(members), len(entries))
	}
	for i, m := range members {
		id := soap.Child(entries[i], soap.NSXRoad, "id")
		kind := ""
		for j := range id.Attr {
			if id.Attr[j].Key == "objectType" {
				kind = id.Attr[j].Value
			}
		}
		if m.ID.Instance == "" || m.ID.Member == "" || m.ID.ObjectType() != kind {
			t.Errorf("member %d is %s %s, want a %s", i, m.ID.ObjectType(), m.ID, kind)
		}
		if name := soap.Child(entries[i], soap.NSXRoad, "name"); name != nil && m.Name != name.Text() {
			t.Errorf("member %s is called %q, want %q", m.ID, m.Name, name.Text())
		}
	}
	return true
}

// tryOpenAPI reads the description of a REST service.
func (r *row) tryOpenAPI(t *testing.T) bool {
	api, err := contract.ParseOpenAPI(r.data)
	if r.says("unsupported", "refused", "rejected", "parse error", "duplicate") {
		if err == nil {
			t.Error("a description that has to be refused was read")
		}
		return true
	}
	if err != nil {
		t.Fatalf("the hub cannot read the description: %v", err)
	}
	if len(api.Endpoints) == 0 {
		t.Error("a description without endpoints")
	}
	if said := saidBase.FindStringSubmatch(r.exercises + " | " + r.words); said != nil && api.Base != strings.TrimSuffix(said[1], "/") {
		t.Errorf("the base is %q, want %q", api.Base, said[1])
	}
	return true
}
