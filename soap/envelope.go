package soap

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// BuildRequest writes a request: header fields in the order client, service,
// securityServer, id, userId, issue, protocolVersion, representedParty,
// securityToken, then Extra, one to a line, absent ones left out, no white
// space inside values, line feeds, no byte order mark, no newline at the end. The content of body, which becomes the wrapper, is written as given.
//
// Client, Service and ID must be set; requestHash is for Security Servers and
// never written, and Elements, which belong to a message that was received,
// are not either. The error says which value cannot be written; body is left
// as it was. The bytes returned are the ones that requestHash covers, so they
// have to be sent as they are.
func BuildRequest(h Header, body *etree.Element) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("building a request: %w", err)
	}
	own := map[string]string{"env": NSEnvelope, "x": NSXRoad, "i": NSIdentifiers}
	wrapper, err := standalone(body, own)
	if err != nil {
		return nil, fmt.Errorf("building a request: the body: %w", err)
	}
	extra, err := h.extra(own)
	if err != nil {
		return nil, fmt.Errorf("building a request: %w", err)
	}
	var b strings.Builder
	b.Grow(2 << 10) // most requests
	b.WriteString(declaration)
	b.WriteString(`<env:Envelope xmlns:env="` + NSEnvelope + `" xmlns:x="` + NSXRoad + `" xmlns:i="` + NSIdentifiers + "\">\n  <env:Header>\n")
	writeIdentifier(&b, "client", h.Client.ObjectType(), h.Client)
	writeIdentifier(&b, "service", ObjectService, h.Service.Provider,
		[2]string{"serviceCode", h.Service.Code}, [2]string{"serviceVersion", h.Service.Version})
	if s := h.SecurityServer; s != nil {
		writeIdentifier(&b, "securityServer", ObjectServer, ClientID{s.Instance, s.Class, s.Member, ""}, [2]string{"serverCode", s.Code})
	}
	version := h.ProtocolVersion
	if version == "" {
		version = ProtocolVersion
	}
	for _, f := range [][2]string{{"id", h.ID}, {"userId", h.UserID}, {"issue", h.Issue}, {"protocolVersion", version}} {
		writeValue(&b, "    ", "x:"+f[0], f[1])
	}
	writeExtensions(&b, h)
	for _, block := range extra {
		b.WriteString("    ")
		writeElement(&b, block)
		b.WriteByte('\n')
	}
	b.WriteString("  </env:Header>\n  <env:Body>\n    ")
	writeElement(&b, wrapper)
	b.WriteString("\n  </env:Body>\n</env:Envelope>")
	return []byte(b.String()), nil
}

// BuildAnswer writes the answer to req with body as the wrapper of the answer.
// All header blocks of the request stand in it, known or not, in the same
// order, with their values, attributes and namespaces, empty ones included;
// only requestHash is left out, because the Security Server writes its own
// (PR-MESS 2.2). req must come from ReadRequest; req and body are left as they
// were.
func BuildAnswer(req *Message, body *etree.Element) ([]byte, error) {
	if req == nil || len(req.Header.Elements) == 0 {
		return nil, fmt.Errorf("building an answer: the request has no header to repeat")
	}
	env, scope := answerScope(req.Header.Elements[0])
	wrapper, err := standalone(body, scope)
	if err != nil {
		return nil, fmt.Errorf("building an answer: the body: %w", err)
	}
	var b strings.Builder
	b.WriteString(declaration)
	b.WriteString("<" + env.FullTag())
	for _, a := range env.Attr {
		b.WriteByte(' ')
		settings := writeSettings()
		a.WriteTo(&b, &settings)
	}
	p := env.Space
	b.WriteString(">\n  <" + p + ":Header>\n")
	for _, block := range req.Header.Elements {
		if is(block, NSXRoad, "requestHash") {
			continue
		}
		echo := echoOf(block, scope)
		b.WriteString("    ")
		writeElement(&b, echo)
		b.WriteByte('\n')
	}
	b.WriteString("  </" + p + ":Header>\n  <" + p + ":Body>\n    ")
	writeElement(&b, wrapper)
	b.WriteString("\n  </" + p + ":Body>\n</" + p + ":Envelope>")
	return []byte(b.String()), nil
}

// writeValue writes one element on its own line; nothing when there is no
// value, because empty optional components make Security Servers fail.
func writeValue(b *strings.Builder, indent, name, value string) {
	if value == "" {
		return
	}
	b.WriteString(indent + "<" + name + ">")
	escapeText(b, value)
	b.WriteString("</" + name + ">\n")
}

func writeElement(b *strings.Builder, el *etree.Element) {
	settings := writeSettings()
	el.WriteTo(b, &settings)
}
