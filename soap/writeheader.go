package soap

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// check refuses what would be written as an empty or missing component.
func (h *Header) check() error {
	need := func(name string, values ...string) error {
		for _, v := range values {
			if strings.TrimSpace(v) == "" {
				return fmt.Errorf("the header field %s is not complete", name)
			}
		}
		return nil
	}
	may := func(values ...string) error {
		for _, v := range values {
			if !legal(v) {
				return fmt.Errorf("a header field has a character that XML cannot hold")
			}
		}
		return nil
	}
	c, p := &h.Client, &h.Service.Provider
	err := cmp.Or(need("client", c.Instance, c.Class, c.Member), need("service", p.Instance, p.Class, p.Member, h.Service.Code), need("id", h.ID))
	if s := h.SecurityServer; s != nil {
		err = cmp.Or(err, need("securityServer", s.Instance, s.Class, s.Member, s.Code), may(s.Instance, s.Class, s.Member, s.Code))
	}
	if p := h.RepresentedParty; p != nil {
		err = cmp.Or(err, need("representedParty", p.Code), may(p.Class, p.Code))
	}
	if t := h.SecurityToken; t != nil {
		err = cmp.Or(err, need("securityToken", t.Value), may(t.Type, t.Value))
	}
	if err == nil && h.ProtocolVersion != "" && !strings.HasPrefix(h.ProtocolVersion, "4.") {
		err = fmt.Errorf("the header field protocolVersion must start with 4")
	}
	return cmp.Or(err, may(c.Instance, c.Class, c.Member, c.Subsystem, p.Instance, p.Class, p.Member, p.Subsystem,
		h.Service.Code, h.Service.Version, h.ID, h.UserID, h.Issue, h.ProtocolVersion))
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

// room is how many bytes the header of a request takes, and some more; values
// that have to be escaped may take still more.
func (h *Header) room() int {
	const fields, extension = 900, 400
	n := fields + len(h.Client.Subsystem) + len(h.Service.Provider.Subsystem) + len(h.Service.Code) + len(h.ID) + len(h.UserID) + len(h.Issue)
	if t := h.SecurityToken; t != nil {
		n += extension + len(t.Value)
	}
	if h.RepresentedParty != nil || h.SecurityServer != nil || len(h.Extra) > 0 {
		n += extension
	}
	return n
}

// text is XML that is being written.
type text []byte

// value writes one element on its own line; nothing when there is no value,
// because empty optional components make Security Servers fail.
func (b text) value(indent, name, value string) text {
	if value == "" {
		return b
	}
	b = append(append(append(append(b, indent...), '<'), name...), '>')
	b = b.escaped(value)
	return append(append(append(b, "</"...), name...), ">\n"...)
}

// client begins an identifier with the components of a client; close ends it.
func (b text) client(name, objectType string, id ClientID) text {
	b = append(append(append(b, "    <x:"...), name...), ` i:objectType="`...)
	b = append(append(b, objectType...), "\">\n"...)
	return b.value("      ", "i:xRoadInstance", id.Instance).value("      ", "i:memberClass", id.Class).
		value("      ", "i:memberCode", id.Member).value("      ", "i:subsystemCode", id.Subsystem)
}

func (b text) close(name string) text {
	return append(append(append(b, "    </x:"...), name...), ">\n"...)
}

// extensions writes the fields of PR-THIRDPARTY and PR-SECTOKEN.
func (b text) extensions(h *Header) text {
	if p := h.RepresentedParty; p != nil {
		b = append(b, `    <r:representedParty xmlns:r="`+NSRepresentation+"\">\n"...)
		b = b.value("      ", "r:partyClass", p.Class).value("      ", "r:partyCode", p.Code)
		b = append(b, "    </r:representedParty>\n"...)
	}
	if t := h.SecurityToken; t != nil {
		el := etree.NewElement("t:securityToken")
		el.CreateAttr("xmlns:t", NSSecurityToken)
		el.CreateAttr("tokenType", cmp.Or(t.Type, TokenTypeJWT))
		el.SetText(t.Value)
		var out bytes.Buffer
		writeElement(&out, el)
		b = append(append(append(b, "    "...), out.Bytes()...), '\n')
	}
	return b
}
