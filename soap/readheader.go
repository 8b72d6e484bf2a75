package soap

import (
	"fmt"
	"slices"
	"strings"
)

// objectTypes are the values of id:objectType (PR-MESS Annex A, PR-TARGETSS).
var objectTypes = map[string]bool{
	ObjectMember: true, ObjectSubsystem: true, ObjectService: true, ObjectServer: true,
	"GLOBALGROUP": true, "LOCALGROUP": true, "SECURITYCATEGORY": true, "CENTRALSERVICE": true,
}

// header reads the header blocks in order; the first defect wins.
func (r *reader) header(o *Outline, lim Limits) error {
	if o.Header == (Span{}) {
		return nil
	}
	// What is read is a copy, so that its values can be kept without the message.
	t := walk(string(o.Text[:o.Header.End]), o.start)
	defer t.Close()
	t.Next() // the envelope
	for t.Next() != TokenStart {
	}
	// Markup is longer than the names and values in it.
	if o.Header.End-o.Header.Start > lim.Header {
		if f := t.Fork(); f.weight() > lim.Header {
			return r.fail("invalid_soap", fmt.Sprintf("Malformed SOAP message: header is larger than %d bytes", lim.Header))
		}
	}
	for {
		switch t.Next() {
		case TokenStart:
			depth := t.Depth()
			if err := r.block(t); err != nil {
				return err
			}
			t.leave(depth)
		case TokenEnd:
			return nil
		}
	}
}

// block reads one header block. Blocks that nobody knows are kept and passed.
func (r *reader) block(t *Tokens) error {
	ns, name := t.Name()
	switch {
	case ns == NSRepresentation && name == "representedParty":
		return r.representedParty(t)
	case ns == NSSecurityToken && name == "securityToken":
		return r.securityToken(t)
	case ns != NSXRoad:
		return nil
	}
	var into *string
	var field fields
	switch name {
	case "client":
		return r.identifier(t, ns, name, fieldClient)
	case "service":
		return r.identifier(t, ns, name, fieldService)
	case "securityServer":
		return r.identifier(t, ns, name, fieldServer)
	case "id":
		into, field = &r.h.ID, fieldID
	case "userId":
		into, field = &r.h.UserID, fieldUserID
	case "issue":
		into, field = &r.h.Issue, fieldIssue
	case "protocolVersion":
		into, field = &r.h.ProtocolVersion, fieldVersion
	case "requestHash":
		into, field = &r.h.RequestHash, fieldHash
	default:
		return nil
	}
	if err := r.once(field, ns, name); err != nil {
		return err
	}
	value, plain := t.scalar()
	if field == fieldVersion && (!plain || !strings.HasPrefix(value, "4.")) {
		return r.fail("invalid_protocol_version",
			fmt.Sprintf("Invalid protocol version (supported: 4.x, provided: %s)", short(value)))
	}
	if !plain {
		return r.notPlain(name)
	}
	*into = value
	return nil
}

func (r *reader) notPlain(name string) error {
	return r.fail("invalid_xml", fmt.Sprintf("Unexpected element in field '%s'", name))
}

// representedParty reads the party for which the client acts.
func (r *reader) representedParty(t *Tokens) error {
	if err := r.once(fieldParty, NSRepresentation, "representedParty"); err != nil {
		return err
	}
	party := &RepresentedParty{}
	var met [2]bool
	for t.child() {
		ns, name := t.Name()
		into, i := &party.Class, 0
		switch {
		case ns != NSRepresentation:
			t.Skip()
			continue
		case name == "partyCode":
			into, i = &party.Code, 1
		case name != "partyClass":
			t.Skip()
			continue
		}
		if met[i] {
			return r.duplicate(NSRepresentation, name)
		}
		met[i] = true
		value, plain := t.scalar()
		if !plain {
			return r.notPlain(name)
		}
		*into = value
	}
	r.h.RepresentedParty = party
	return nil
}

// securityToken reads the end user's token. The schema has tokenType without a
// namespace, senders also write it with one.
func (r *reader) securityToken(t *Tokens) error {
	if err := r.once(fieldToken, NSSecurityToken, "securityToken"); err != nil {
		return err
	}
	token := &SecurityToken{}
	for _, a := range t.Attrs() {
		if a.Local == "tokenType" && (a.Prefix == "" || a.Space == NSSecurityToken) {
			token.Type = a.Value
		}
	}
	value, plain := t.scalar()
	if !plain {
		return r.notPlain("securityToken")
	}
	token.Value = strings.TrimSpace(value)
	r.h.SecurityToken = token
	return nil
}

// once refuses the second block of a kind.
func (r *reader) once(field fields, ns, name string) error {
	if r.seen&field != 0 {
		return r.duplicate(ns, name)
	}
	r.seen |= field
	return nil
}

func (r *reader) duplicate(ns, name string) error {
	return r.fail("duplicate_header_field", fmt.Sprintf("SOAP header contains duplicate field '{%s}%s'", ns, name))
}

// components are the parts of identifiers.
var components = [...]string{"xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serviceCode", "serviceVersion", "serverCode"}

// identifier reads client, service and securityServer.
func (r *reader) identifier(t *Tokens, ns, block string, field fields) error {
	if err := r.once(field, ns, block); err != nil {
		return err
	}
	if err := r.objectType(t, field); err != nil {
		return err
	}
	var values [len(components)]string
	for t.child() {
		ns, name := t.Name()
		i := slices.Index(components[:], name)
		if i < 0 || ns != NSIdentifiers {
			t.Skip()
			continue
		}
		if values[i] != "" {
			return r.duplicate(NSIdentifiers, name)
		}
		value, plain := t.scalar()
		if !plain {
			return r.notPlain(name)
		}
		if strings.TrimSpace(value) == "" {
			return r.blank(name)
		}
		values[i] = value
	}
	for i, value := range values {
		needed := i < 3 || field == fieldService && i == 4 || field == fieldServer && i == 6
		if needed && value == "" {
			return r.blank(components[i])
		}
	}
	id := ClientID{values[0], values[1], values[2], values[3]}
	switch field {
	case fieldClient:
		r.h.Client = id
	case fieldService:
		r.h.Service = ServiceID{id, values[4], values[5]}
	default:
		r.h.SecurityServer = &ServerID{id.Instance, id.Class, id.Member, values[6]}
	}
	return nil
}

func (r *reader) blank(name string) error {
	return r.fail("internal_error", fmt.Sprintf("Identifier component '%s' must not be blank", name))
}

// objectType checks the attribute id:objectType. MEMBER and SUBSYSTEM are not
// compared with the presence of subsystemCode, because Security Servers do not
// either; the components decide.
func (r *reader) objectType(t *Tokens, field fields) error {
	value, found := "", false
	for _, a := range t.Attrs() {
		if a.Local == "objectType" && a.Space == NSIdentifiers {
			value, found = a.Value, true
		}
	}
	ok := false
	switch field {
	case fieldClient:
		ok = value == ObjectMember || value == ObjectSubsystem
	case fieldService:
		ok = value == ObjectService
	default:
		ok = value == ObjectServer
	}
	switch {
	case !found:
		return r.fail("invalid_xml", "Missing objectType attribute")
	case !objectTypes[value]:
		return r.fail("invalid_xml", "Unknown objectType: "+short(value))
	case !ok:
		return r.fail("invalid_xml", "Unexpected objectType: "+value)
	}
	return nil
}

// child goes to the next child element of the innermost that is open. Without one
// it goes to the end of that.
func (t *Tokens) child() bool {
	for {
		switch t.Next() {
		case TokenStart:
			return true
		case TokenEnd, TokenNone:
			return false
		}
	}
}

// scalar goes to the end of the element that started. It returns the text at its
// beginning exactly as it is and whether that is all that it has.
func (t *Tokens) scalar() (value string, plain bool) {
	for depth, first := t.Depth(), true; ; first = false {
		switch t.Next() {
		case TokenText:
			if first {
				value = t.Text()
			}
		case TokenStart:
			t.leave(depth)
			return value, false
		default:
			return value, true
		}
	}
}

// leave goes to the end of the element at that depth, if it is not there yet.
func (t *Tokens) leave(depth int) {
	for !t.ended || t.Depth() > depth {
		t.Next()
	}
}

// weight is the size of names and values in the element that started.
func (t *Tokens) weight() int {
	n := 0
	for depth, token := t.Depth(), TokenStart; token != TokenEnd || t.Depth() > depth; token = t.Next() {
		switch token {
		case TokenStart:
			e := &t.open[len(t.open)-1]
			n += len(e.prefix()) + len(e.local())
			for _, a := range t.attrs {
				n += len(a.Prefix) + len(a.Local) + len(a.Value)
			}
		case TokenText:
			n += len(t.Text())
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
