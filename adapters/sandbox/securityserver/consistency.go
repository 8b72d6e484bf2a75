package securityserver

import (
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// consistent compares the six fields that a Security Server compares between
// request and answer: client, service, id, userId, issue, representedParty.
// Absent and empty are different; prefixes, order, protocolVersion and every
// other field are not looked at (SoapUtils.checkConsistency).
func consistent(req, answer soap.Header) bool {
	if req.Client != answer.Client || req.Service != answer.Service {
		return false
	}
	for _, f := range []struct{ ns, name string }{
		{soap.NSXRoad, "id"}, {soap.NSXRoad, "userId"}, {soap.NSXRoad, "issue"},
	} {
		a, b := req.Block(f.ns, f.name), answer.Block(f.ns, f.name)
		if (a == nil) != (b == nil) || a != nil && a.Text() != b.Text() {
			return false
		}
	}
	a, b := req.Block(soap.NSRepresentation, "representedParty"), answer.Block(soap.NSRepresentation, "representedParty")
	if (a == nil) != (b == nil) {
		return false
	}
	return a == nil || childText(a, "partyClass") == childText(b, "partyClass") && childText(a, "partyCode") == childText(b, "partyCode")
}

func childText(e *etree.Element, name string) string {
	if c := soap.Child(e, soap.NSRepresentation, name); c != nil {
		return c.Text()
	}
	return ""
}

// securityServerOf is the Security Server that a request targets (PR-TARGETSS),
// as the four parts of its identifier joined by "/".
func securityServerOf(h soap.Header) (string, bool) {
	e := h.Block(soap.NSXRoad, "securityServer")
	if e == nil {
		return "", false
	}
	var parts []string
	for _, name := range []string{"xRoadInstance", "memberClass", "memberCode", "serverCode"} {
		if c := soap.Child(e, soap.NSIdentifiers, name); c != nil {
			parts = append(parts, c.Text())
		}
	}
	return strings.Join(parts, "/"), true
}
