package soap

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// objectTypes are the values of id:objectType (PR-MESS Annex A, PR-TARGETSS).
var objectTypes = map[string]bool{
	ObjectMember: true, ObjectSubsystem: true, ObjectService: true, ObjectServer: true,
	"GLOBALGROUP": true, "LOCALGROUP": true, "SECURITYCATEGORY": true, "CENTRALSERVICE": true,
}

// header reads the header blocks in order; the first defect wins.
func (r *reader) header(head *etree.Element, lim Limits) error {
	if weight(head) > lim.Header {
		return r.fail("invalid_soap", fmt.Sprintf("Malformed SOAP message: header is larger than %d bytes", lim.Header))
	}
	for _, b := range head.ChildElements() {
		if err := r.block(b); err != nil {
			return err
		}
		r.h.Elements = append(r.h.Elements, b)
	}
	return nil
}

// block reads one header block. Blocks that nobody knows are kept and passed.
func (r *reader) block(b *etree.Element) error {
	ns := b.NamespaceURI()
	switch {
	case ns == NSRepresentation && b.Tag == "representedParty":
		return r.representedParty(b)
	case ns == NSSecurityToken && b.Tag == "securityToken":
		return r.securityToken(b)
	case ns != NSXRoad:
		return nil
	}
	var into *string
	switch b.Tag {
	case "client", "service", "securityServer":
		if err := r.once(ns, b.Tag); err != nil {
			return err
		}
		return r.identifier(b)
	case "id":
		into = &r.h.ID
	case "userId":
		into = &r.h.UserID
	case "issue":
		into = &r.h.Issue
	case "protocolVersion":
		into = &r.h.ProtocolVersion
	case "requestHash":
		into = &r.h.RequestHash
	default:
		return nil
	}
	if err := r.once(ns, b.Tag); err != nil {
		return err
	}
	value, plain := scalar(b)
	if b.Tag == "protocolVersion" && (!plain || !strings.HasPrefix(value, "4.")) {
		return r.fail("invalid_protocol_version",
			fmt.Sprintf("Invalid protocol version (supported: 4.x, provided: %s)", short(value)))
	}
	if !plain {
		return r.fail("invalid_xml", fmt.Sprintf("Unexpected element in field '%s'", b.Tag))
	}
	*into = value
	return nil
}

// representedParty reads the party for which the client acts.
func (r *reader) representedParty(b *etree.Element) error {
	if err := r.once(NSRepresentation, b.Tag); err != nil {
		return err
	}
	party := &RepresentedParty{}
	met := map[string]bool{}
	for _, c := range b.ChildElements() {
		into := map[string]*string{"partyClass": &party.Class, "partyCode": &party.Code}[c.Tag]
		if into == nil || c.NamespaceURI() != NSRepresentation {
			continue
		}
		if met[c.Tag] {
			return r.duplicate(NSRepresentation, c.Tag)
		}
		met[c.Tag] = true
		value, plain := scalar(c)
		if !plain {
			return r.fail("invalid_xml", fmt.Sprintf("Unexpected element in field '%s'", c.Tag))
		}
		*into = value
	}
	r.h.RepresentedParty = party
	return nil
}

// securityToken reads the end user's token. The schema has tokenType without a
// namespace, senders also write it with one.
func (r *reader) securityToken(b *etree.Element) error {
	if err := r.once(NSSecurityToken, b.Tag); err != nil {
		return err
	}
	value, plain := scalar(b)
	if !plain {
		return r.fail("invalid_xml", fmt.Sprintf("Unexpected element in field '%s'", b.Tag))
	}
	token := &SecurityToken{Value: strings.TrimSpace(value)}
	for i := range b.Attr {
		if a := &b.Attr[i]; a.Key == "tokenType" && (a.Space == "" || a.NamespaceURI() == NSSecurityToken) {
			token.Type = a.Value
		}
	}
	r.h.SecurityToken = token
	return nil
}

// once refuses the second block of a kind.
func (r *reader) once(ns, name string) error {
	if r.seen[name] {
		return r.duplicate(ns, name)
	}
	r.seen[name] = true
	return nil
}

func (r *reader) duplicate(ns, name string) error {
	return r.fail("duplicate_header_field", fmt.Sprintf("SOAP header contains duplicate field '{%s}%s'", ns, name))
}

// identifier reads client, service and securityServer.
func (r *reader) identifier(b *etree.Element) error {
	if err := r.objectType(b); err != nil {
		return err
	}
	known := map[string]*string{
		"xRoadInstance": new(string), "memberClass": new(string), "memberCode": new(string), "subsystemCode": new(string),
		"serviceCode": new(string), "serviceVersion": new(string), "serverCode": new(string),
	}
	met := map[string]bool{}
	for _, c := range b.ChildElements() {
		into := known[c.Tag]
		if into == nil || c.NamespaceURI() != NSIdentifiers {
			continue
		}
		if met[c.Tag] {
			return r.duplicate(NSIdentifiers, c.Tag)
		}
		met[c.Tag] = true
		value, plain := scalar(c)
		if !plain {
			return r.fail("invalid_xml", fmt.Sprintf("Unexpected element in field '%s'", c.Tag))
		}
		if strings.TrimSpace(value) == "" {
			return r.fail("internal_error", fmt.Sprintf("Identifier component '%s' must not be blank", c.Tag))
		}
		*into = value
	}
	need := []string{"xRoadInstance", "memberClass", "memberCode"}
	switch b.Tag {
	case "service":
		need = append(need, "serviceCode")
	case "securityServer":
		need = append(need, "serverCode")
	}
	for _, n := range need {
		if !met[n] {
			return r.fail("internal_error", fmt.Sprintf("Identifier component '%s' must not be blank", n))
		}
	}
	id := ClientID{*known["xRoadInstance"], *known["memberClass"], *known["memberCode"], *known["subsystemCode"]}
	switch b.Tag {
	case "client":
		r.h.Client = id
	case "service":
		r.h.Service = ServiceID{id, *known["serviceCode"], *known["serviceVersion"]}
	case "securityServer":
		r.h.SecurityServer = &ServerID{id.Instance, id.Class, id.Member, *known["serverCode"]}
	}
	return nil
}

// objectType checks the attribute id:objectType. MEMBER and SUBSYSTEM are not
// compared with the presence of subsystemCode, because Security Servers do not
// either; the components decide.
func (r *reader) objectType(b *etree.Element) error {
	value, found := "", false
	for i := range b.Attr {
		if a := &b.Attr[i]; a.Key == "objectType" && a.NamespaceURI() == NSIdentifiers {
			value, found = a.Value, true
		}
	}
	allowed := map[string][]string{
		"client": {ObjectMember, ObjectSubsystem}, "service": {ObjectService}, "securityServer": {ObjectServer},
	}
	switch {
	case !found:
		return r.fail("invalid_xml", "Missing objectType attribute")
	case !objectTypes[value]:
		return r.fail("invalid_xml", "Unknown objectType: "+short(value))
	}
	for _, t := range allowed[b.Tag] {
		if t == value {
			return nil
		}
	}
	return r.fail("invalid_xml", "Unexpected objectType: "+value)
}

// scalar returns the text of el exactly as it is and whether el has nothing
// but text.
func scalar(el *etree.Element) (string, bool) {
	return el.Text(), len(el.ChildElements()) == 0
}

// weight is the size of names and values below el.
func weight(el *etree.Element) int {
	n := len(el.Space) + len(el.Tag)
	for _, a := range el.Attr {
		n += len(a.Space) + len(a.Key) + len(a.Value)
	}
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.Element:
			n += weight(t)
		case *etree.CharData:
			n += len(t.Data)
		}
	}
	return n
}

// short keeps a foreign value from blowing up a message of ours.
func short(s string) string {
	const most = 64
	r := []rune(s[:min(len(s), 4*most)])
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
