package soap

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// check refuses what would be written as an empty or missing component.
func (h Header) check() error {
	type field struct{ name, value string }
	need := []field{
		{"client", h.Client.Instance}, {"client", h.Client.Class}, {"client", h.Client.Member},
		{"service", h.Service.Provider.Instance}, {"service", h.Service.Provider.Class},
		{"service", h.Service.Provider.Member}, {"service", h.Service.Code}, {"id", h.ID},
	}
	values := append(h.Client.fields(), h.Service.fields()...)
	values = append(values, h.ID, h.UserID, h.Issue, h.ProtocolVersion)
	if s := h.SecurityServer; s != nil {
		for _, v := range s.fields() {
			need = append(need, field{"securityServer", v})
		}
		values = append(values, s.fields()...)
	}
	if p := h.RepresentedParty; p != nil {
		need = append(need, field{"representedParty", p.Code})
		values = append(values, p.Class, p.Code)
	}
	if t := h.SecurityToken; t != nil {
		need = append(need, field{"securityToken", t.Value})
		values = append(values, t.Type, t.Value)
	}
	for _, f := range need {
		if strings.TrimSpace(f.value) == "" {
			return fmt.Errorf("the header field %s is not complete", f.name)
		}
	}
	if h.ProtocolVersion != "" && !strings.HasPrefix(h.ProtocolVersion, "4.") {
		return fmt.Errorf("the header field protocolVersion must start with 4")
	}
	for _, v := range values {
		if !legal(v) {
			return fmt.Errorf("a header field has a character that XML cannot hold")
		}
	}
	return nil
}

// extra returns the blocks of Extra ready to be written where scope is
// declared. They must not be fields that the header has already, nor fields
// that are not sent (requestHash, the former centralService), nor without a
// namespace, which SOAP 1.1 4.2 asks of header entries.
func (h Header) extra(scope map[string]string) ([]*etree.Element, error) {
	out := make([]*etree.Element, 0, len(h.Extra))
	for _, block := range h.Extra {
		el, err := standalone(block, scope)
		if err != nil {
			return nil, fmt.Errorf("a header block: %w", err)
		}
		switch block.NamespaceURI() {
		case NSXRoad, NSRepresentation, NSSecurityToken, NSEnvelope:
			return nil, fmt.Errorf("a header block: its namespace is the protocol's own")
		case "":
			return nil, fmt.Errorf("a header block: it has no namespace")
		}
		out = append(out, el)
	}
	return out, nil
}

// writeExtensions writes the fields of PR-THIRDPARTY and PR-SECTOKEN.
func writeExtensions(b *strings.Builder, h Header) {
	if p := h.RepresentedParty; p != nil {
		b.WriteString(`    <r:representedParty xmlns:r="` + NSRepresentation + "\">\n")
		writeValue(b, "      ", "r:partyClass", p.Class)
		writeValue(b, "      ", "r:partyCode", p.Code)
		b.WriteString("    </r:representedParty>\n")
	}
	if t := h.SecurityToken; t != nil {
		kind := t.Type
		if kind == "" {
			kind = TokenTypeJWT
		}
		el := etree.NewElement("t:securityToken")
		el.CreateAttr("xmlns:t", NSSecurityToken)
		el.CreateAttr("tokenType", kind)
		el.SetText(t.Value)
		b.WriteString("    ")
		writeElement(b, el)
		b.WriteByte('\n')
	}
}

// writeIdentifier writes an identifier: the components of owner, then more.
func writeIdentifier(b *strings.Builder, name, objectType string, owner ClientID, more ...[2]string) {
	b.WriteString("    <x:" + name + ` i:objectType="` + objectType + "\">\n")
	for _, f := range append([][2]string{
		{"xRoadInstance", owner.Instance}, {"memberClass", owner.Class},
		{"memberCode", owner.Member}, {"subsystemCode", owner.Subsystem},
	}, more...) {
		writeValue(b, "      ", "i:"+f[0], f[1])
	}
	b.WriteString("    </x:" + name + ">\n")
}
