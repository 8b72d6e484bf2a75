package authority

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// checkHeader refuses what X-Road lets through and this provider cannot work
// with.
func (p *Provider) checkHeader(h soap.Header) error {
	if !goodMessageID(h.ID) {
		return refuse("client.missing_header_field", "field 'id' is empty or longer than 255 characters, or has characters that are not allowed")
	}
	if p.o.RequireUserID && h.UserID == "" {
		return refuse("client.missing_header_field", "Required field 'userId' is missing")
	}
	if strings.ContainsAny(h.ProtocolVersion, " \t\r\n") {
		return refuse("client.invalid_protocol_version", "Invalid protocol version (supported: 4.x)")
	}
	for _, block := range h.Elements() {
		if answersElsewhere(block) {
			return refuse("client.unsupported_addressing", "answers go back to the caller only (ReplyTo, FaultTo)")
		}
		if block.NamespaceURI() == soap.NSXRoad || block.NamespaceURI() == soap.NSRepresentation {
			continue
		}
		for _, attr := range block.Attr {
			must := attr.Key == "mustUnderstand" && attr.NamespaceURI() == soap.NSEnvelope
			if v := strings.TrimSpace(attr.Value); must && (v == "1" || v == "true") {
				// SOAP 1.1, 4.2.3: such a block is understood or refused.
				return refuse("client.must_understand", "the header holds a block that must be understood and is not")
			}
		}
	}
	return nil
}

// answersElsewhere tells whether a block of WS-Addressing asks for an answer to
// anybody but the caller. Nothing is ever sent there, so the block is refused
// rather than passed over.
func answersElsewhere(block *etree.Element) bool {
	var anonymous string
	switch ns := block.NamespaceURI(); ns {
	case "http://www.w3.org/2005/08/addressing":
		anonymous = ns + "/anonymous"
	case "http://schemas.xmlsoap.org/ws/2004/08/addressing":
		anonymous = ns + "/role/anonymous"
	default:
		return false
	}
	if block.Tag != "ReplyTo" && block.Tag != "FaultTo" {
		return false
	}
	address := soap.Child(block, block.NamespaceURI(), "Address")
	return address == nil || strings.TrimSpace(address.Text()) != anonymous
}

// goodSOAPAction takes what a Security Server takes: no SOAPAction, an empty
// one, or a quoted URI reference. What it says is of no interest: the header
// field service routes (C-067).
func goodSOAPAction(h http.Header) bool {
	values := h.Values("SOAPAction")
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return true
	}
	v := values[0]
	if len(values) > 1 || len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' || strings.ContainsAny(v[1:len(v)-1], "\" \t") {
		return false
	}
	_, err := url.Parse(v[1 : len(v)-1])
	return err == nil
}
