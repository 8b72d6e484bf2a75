package soap

import (
	"errors"
	"strings"
)

// Prefixes of the codes that a Security Server gives to a malformed message:
// on the way in it is the client's fault, on the way back the provider's.
const (
	inRequest = "client."
	inAnswer  = "server.serverproxy.service_failed."
)

// ReadRequest reads a request and checks it as a Security Server does (PR-MESS
// 2; order, codes and texts of its parser). The error is a *Failure whose Code
// starts with "client." and whose Message may be sent back in a Fault.
//
// A wrapper whose local name merely starts with the service code passes, as it
// does there; a provider that wants the exact name compares it itself. A Fault
// sent as a request is refused with the code "client." plus the code of the
// Fault. Limits beyond the protocol are refused as client.invalid_soap.
func ReadRequest(data []byte, lim Limits) (*Message, error) {
	m, err := read(data, lim, inRequest)
	if err != nil {
		return nil, err
	}
	if m.Fault != nil {
		f := &Failure{Kind: KindFixData, Code: inRequest + "fault", Raw: inRequest + m.Fault.Code, Message: m.Fault.String, Detail: m.Fault.Detail}
		if c := Normalize(f.Raw); strings.HasPrefix(c, inRequest) {
			f.Code = c
		}
		return nil, f
	}
	return m, nil
}

// ReadAnswer reads an answer by the same rules. A Fault is no error here: it
// comes as Message.Fault with no body, whatever the HTTP status was and
// whatever its header holds. Other errors are a *Failure whose Code starts
// with "server.serverproxy.service_failed.", as a Security Server in front of
// the provider names them; their kind is KindUnknownResult, because the
// provider may have acted before it answered badly.
func ReadAnswer(data []byte, lim Limits) (*Message, error) {
	return read(data, lim, inAnswer)
}

// reader reads the header of one message; side is the prefix of its codes.
type reader struct {
	side string
	h    *Header
	seen fields // known header fields met so far
}

// fields is a set of known header fields.
type fields uint

// The header fields that are known.
const (
	fieldClient fields = 1 << iota
	fieldService
	fieldServer
	fieldID
	fieldUserID
	fieldIssue
	fieldVersion
	fieldHash
	fieldParty
	fieldToken
)

func (r *reader) fail(what, message string) error {
	code := r.side + what
	return &Failure{Kind: Classify(code), Code: code, Message: message}
}

func read(data []byte, lim Limits, side string) (*Message, error) {
	m := &Message{Raw: data}
	r := &reader{side: side, h: &m.Header}
	o, err := Scan(data, lim)
	if err != nil {
		var syntax *SyntaxError
		errors.As(err, &syntax)
		return nil, r.fail("invalid_soap", syntax.Error())
	}
	switch {
	case o.Envelope == (Span{}):
		return nil, r.fail("invalid_soap", "Malformed SOAP message: envelope missing")
	case o.stray:
		// A message with two of one part, with a Header behind the Body or with
		// anything else beside them is no SOAP message: which of two bodies is
		// meant must never be a matter of taste.
		return nil, r.fail("invalid_soap", "Malformed SOAP message: unexpected or repeated element in envelope")
	}
	m.Outline, m.trees.outline = o, o
	fault := o.fault && o.Children == 1
	m.Header.trees = &m.trees
	if err := r.header(o, lim.orDefaults()); err != nil {
		if !fault {
			return nil, err
		}
		m.Header = Header{} // whatever the header of a Fault holds
	}
	if fault {
		m.Fault = readFault(m.trees.wrapper())
	} else if err := r.complete(o); err != nil {
		return nil, err
	}
	return m, nil
}

// complete checks what must be present, in the order of the Security Server.
// Two children of the body are noticed before anything is missed.
func (r *reader) complete(o *Outline) error {
	bodyCount := func() error {
		return r.fail("invalid_body", "Malformed SOAP message: body must have exactly one child element")
	}
	if o.Children > 1 {
		return bodyCount()
	}
	if o.Header == (Span{}) {
		return r.fail("missing_header", "Malformed SOAP message: header missing")
	}
	for _, f := range []struct {
		field   fields
		message string
	}{
		{fieldVersion, "Required field 'protocolVersion' is missing"},
		{fieldClient, "Required field 'client' is missing"},
		{fieldID, "Required field 'id' is missing"},
		{fieldService, "Message header must contain service id"},
	} {
		if r.seen&f.field == 0 {
			return r.fail("missing_header_field", f.message)
		}
	}
	if o.Body == (Span{}) {
		return r.fail("missing_body", "Malformed SOAP message: body missing")
	}
	if o.Children == 0 {
		return bodyCount()
	}
	if !strings.HasPrefix(view(o.local), r.h.Service.Code) {
		return r.fail("inconsistent_headers", "Malformed SOAP message: service code does not match in header and body")
	}
	return nil
}
