package soap

import (
	"errors"
	"strings"

	"github.com/beevik/etree"
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
// comes as Message.Fault with Body nil, whatever the HTTP status was and
// whatever its header holds. Other errors are a *Failure whose Code starts
// with "server.serverproxy.service_failed.", as a Security Server in front of
// the provider names them; their kind is KindUnknownResult, because the
// provider may have acted before it answered badly.
func ReadAnswer(data []byte, lim Limits) (*Message, error) {
	return read(data, lim, inAnswer)
}

// reader reads one message; side is the prefix of its codes.
type reader struct {
	side string
	h    Header
	seen map[string]bool // known header fields met so far
}

func (r *reader) fail(what, message string) error {
	code := r.side + what
	return &Failure{Kind: Classify(code), Code: code, Message: message}
}

func read(data []byte, lim Limits, side string) (*Message, error) {
	r := &reader{side: side, seen: map[string]bool{}}
	o, err := Scan(data, lim)
	if err != nil {
		var syntax *SyntaxError
		errors.As(err, &syntax)
		return nil, r.fail("invalid_soap", syntax.Error())
	}
	if o.Envelope == (Span{}) {
		return nil, r.fail("invalid_soap", "Malformed SOAP message: envelope missing")
	}
	m := &Message{Raw: data, Outline: o}
	root := o.tree(lim.Tree > 0 && o.Wrapper.End-o.Wrapper.Start > lim.Tree && !o.fault).Root()
	head, body, err := r.envelope(root)
	if err != nil {
		return nil, err
	}
	if content := onlyChild(body); content != nil && is(content, NSEnvelope, "Fault") {
		m.Fault = readFault(content)
		if head != nil && r.header(head, lim.orDefaults()) == nil {
			m.Header = r.h
		}
		return m, nil
	}
	if head != nil {
		if err := r.header(head, lim.orDefaults()); err != nil {
			return nil, err
		}
	}
	if err := r.complete(head, body); err != nil {
		return nil, err
	}
	m.Header, m.Body = r.h, onlyChild(body)
	return m, nil
}

// envelope finds Header and Body. A message with two of one, with a Header
// behind the Body or with anything else beside them is no SOAP message: which
// of two bodies is meant must never be a matter of taste.
func (r *reader) envelope(root *etree.Element) (head, body *etree.Element, err error) {
	for _, c := range root.ChildElements() {
		switch {
		case is(c, NSEnvelope, "Header") && head == nil && body == nil:
			head = c
		case is(c, NSEnvelope, "Body") && body == nil:
			body = c
		default:
			return nil, nil, r.fail("invalid_soap", "Malformed SOAP message: unexpected or repeated element in envelope")
		}
	}
	return head, body, nil
}

// complete checks what must be present, in the order of the Security Server.
// Two children of the body are noticed before anything is missed.
func (r *reader) complete(head, body *etree.Element) error {
	bodyCount := func() error {
		return r.fail("invalid_body", "Malformed SOAP message: body must have exactly one child element")
	}
	if body != nil && len(body.ChildElements()) > 1 {
		return bodyCount()
	}
	if head == nil {
		return r.fail("missing_header", "Malformed SOAP message: header missing")
	}
	for _, f := range []struct{ name, message string }{
		{"protocolVersion", "Required field 'protocolVersion' is missing"},
		{"client", "Required field 'client' is missing"},
		{"id", "Required field 'id' is missing"},
		{"service", "Message header must contain service id"},
	} {
		if !r.seen[f.name] {
			return r.fail("missing_header_field", f.message)
		}
	}
	if body == nil {
		return r.fail("missing_body", "Malformed SOAP message: body missing")
	}
	wrapper := onlyChild(body)
	if wrapper == nil {
		return bodyCount()
	}
	if !strings.HasPrefix(wrapper.Tag, r.h.Service.Code) {
		return r.fail("inconsistent_headers", "Malformed SOAP message: service code does not match in header and body")
	}
	return nil
}

func onlyChild(el *etree.Element) *etree.Element {
	if el == nil {
		return nil
	}
	if c := el.ChildElements(); len(c) == 1 {
		return c[0]
	}
	return nil
}
