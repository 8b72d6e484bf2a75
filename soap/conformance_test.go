package soap_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// Absent components are left out, and objectType follows from the subsystem.
func TestRequestsHaveExactlyTheComponentsThatAreThere(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-001", "C-002", "C-003", "C-004", "C-005", "C-017", "C-044", "C-046")
	for _, c := range []struct {
		name            string
		change          func(*soap.Header)
		client, service string
		fields          string
	}{
		{"everything", func(*soap.Header) {}, "SUBSYSTEM xRoadInstance memberClass memberCode subsystemCode", "SERVICE xRoadInstance memberClass memberCode subsystemCode serviceCode serviceVersion", "client service id userId issue protocolVersion"},
		{"a member asks", func(h *soap.Header) { h.Client.Subsystem = "" }, "MEMBER xRoadInstance memberClass memberCode", "SERVICE xRoadInstance memberClass memberCode subsystemCode serviceCode serviceVersion", "client service id userId issue protocolVersion"},
		{"a member's service without version", func(h *soap.Header) { h.Service.Provider.Subsystem, h.Service.Version = "", "" }, "SUBSYSTEM xRoadInstance memberClass memberCode subsystemCode", "SERVICE xRoadInstance memberClass memberCode serviceCode", "client service id userId issue protocolVersion"},
		{"no person and no case", func(h *soap.Header) { h.UserID, h.Issue = "", "" }, "SUBSYSTEM xRoadInstance memberClass memberCode subsystemCode", "SERVICE xRoadInstance memberClass memberCode subsystemCode serviceCode serviceVersion", "client service id protocolVersion"},
		{"a hash and blocks of another message", func(h *soap.Header) {
			other := change(t, golden(t, "request.xml"), "    <x:protocolVersion>", "<x:centralService/><x:requestHash>abc</x:requestHash><x:protocolVersion>")
			m, err := soap.ReadRequest([]byte(other), soap.Limits{})
			if err != nil || len(m.Header.Elements()) < 8 {
				t.Fatal(err)
			}
			*h = m.Header
		}, "SUBSYSTEM xRoadInstance memberClass memberCode subsystemCode", "SERVICE xRoadInstance memberClass memberCode subsystemCode serviceCode serviceVersion", "client service id userId issue protocolVersion"},
	} {
		h := goldenHeader()
		c.change(&h)
		raw, err := soap.BuildRequest(h, etree.NewElement("vehicleByPlate"))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		doc := tree(t, string(raw))
		var fields []string
		for _, block := range doc.ChildElements()[0].ChildElements() {
			if block.NamespaceURI() != soap.NSXRoad {
				t.Errorf("%s: %s is in %s", c.name, block.Tag, block.NamespaceURI())
			}
			fields = append(fields, block.Tag)
			parts := identifierParts(t, block)
			if want := map[string]string{"client": c.client, "service": c.service}[block.Tag]; parts != want {
				t.Errorf("%s: %s has %q, want %q", c.name, block.Tag, parts, want)
			}
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: the header has %q, want %q", c.name, got, c.fields)
		}
	}
}

// identifierParts are the object type and the components of an identifier in
// their order; a component that is empty or padded fails the test.
func identifierParts(t *testing.T, block *etree.Element) string {
	t.Helper()
	var parts []string
	for i := range block.Attr {
		if a := &block.Attr[i]; a.Key == "objectType" && a.NamespaceURI() == soap.NSIdentifiers {
			parts = append(parts, a.Value)
		}
	}
	for _, e := range block.ChildElements() {
		if e.NamespaceURI() != soap.NSIdentifiers || e.Text() == "" || strings.TrimSpace(e.Text()) != e.Text() {
			t.Errorf("component {%s}%s is %q", e.NamespaceURI(), e.Tag, e.Text())
		}
		parts = append(parts, e.Tag)
	}
	return strings.Join(parts, " ")
}

// A member and its subsystem are different keys, of maps as of comparisons.
func TestAMemberIsNotItsSubsystem(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-016")
	subsystem := goldenHeader().Client
	member := subsystem
	member.Subsystem = ""
	rights := map[soap.ClientID]bool{subsystem: true}
	if rights[member] || member == subsystem || member.String() == subsystem.String() || member.LogForm() == subsystem.LogForm() {
		t.Errorf("%s has the rights of %s", member, subsystem)
	}
	for _, id := range []soap.ClientID{member, subsystem} {
		if back, err := soap.ParseClientID(id.String()); err != nil || back != id {
			t.Errorf("%s reads back as %+v, %v", id, back, err)
		}
	}
}
