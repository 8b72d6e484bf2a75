package soap

import (
	"bytes"
	"fmt"

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
	wrapper, err := standalone(body, requestScope)
	if err != nil {
		return nil, fmt.Errorf("building a request: the body: %w", err)
	}
	var text bytes.Buffer
	writeElement(&text, wrapper)
	return BuildRequestXML(h, text.Bytes())
}

// BuildRequestXML is BuildRequest with a wrapper that is written already: one
// element in UTF-8 that declares every prefix that it uses, as mapping.EncodeXML
// makes it. It is not looked at.
func BuildRequestXML(h Header, wrapper []byte) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("building a request: %w", err)
	}
	extra, err := h.extra(requestScope)
	if err != nil {
		return nil, fmt.Errorf("building a request: %w", err)
	}
	b := make(text, 0, len(requestStart)+len(requestEnd)+len(wrapper)+h.room())
	b = append(b, requestStart...)
	b = b.client("client", h.Client.ObjectType(), h.Client).close("client")
	b = b.client("service", ObjectService, h.Service.Provider).
		value("      ", "i:serviceCode", h.Service.Code).value("      ", "i:serviceVersion", h.Service.Version).close("service")
	if s := h.SecurityServer; s != nil {
		b = b.client("securityServer", ObjectServer, ClientID{s.Instance, s.Class, s.Member, ""}).
			value("      ", "i:serverCode", s.Code).close("securityServer")
	}
	version := h.ProtocolVersion
	if version == "" {
		version = ProtocolVersion
	}
	b = b.value("    ", "x:id", h.ID).value("    ", "x:userId", h.UserID).value("    ", "x:issue", h.Issue).value("    ", "x:protocolVersion", version)
	b = b.extensions(&h)
	for _, block := range extra {
		var el bytes.Buffer
		writeElement(&el, block)
		b = append(append(append(b, "    "...), el.Bytes()...), '\n')
	}
	b = append(b, "  </env:Header>\n  <env:Body>\n    "...)
	b = append(b, wrapper...)
	return append(b, requestEnd...), nil
}

const (
	requestStart = declaration + `<env:Envelope xmlns:env="` + NSEnvelope + `" xmlns:x="` + NSXRoad + `" xmlns:i="` + NSIdentifiers + "\">\n  <env:Header>\n"
	requestEnd   = "\n  </env:Body>\n</env:Envelope>"
)

// requestScope is what the Envelope of a request declares.
var requestScope = map[string]string{"env": NSEnvelope, "x": NSXRoad, "i": NSIdentifiers}

// BuildAnswer writes the answer to req with body as the wrapper of the answer.
// All header blocks of the request stand in it, known or not, in the same
// order, with their values, attributes and namespaces, empty ones included;
// only requestHash is left out, because the Security Server writes its own
// (PR-MESS 2.2). req must come from ReadRequest; req and body are left as they
// were.
func BuildAnswer(req *Message, body *etree.Element) ([]byte, error) {
	if body == nil {
		return nil, fmt.Errorf("building an answer: the body: the element is missing")
	}
	// The wrapper brings along whatever is declared around it: what the answer's
	// Envelope declares is the request's business.
	wrapper, err := standalone(body, map[string]string{})
	if err != nil {
		return nil, fmt.Errorf("building an answer: the body: %w", err)
	}
	var text bytes.Buffer
	writeElement(&text, wrapper)
	return BuildAnswerXML(req, text.Bytes())
}

// BuildAnswerXML is BuildAnswer with a wrapper that is written already; see
// BuildRequestXML.
func BuildAnswerXML(req *Message, wrapper []byte) ([]byte, error) {
	if req == nil || len(req.Header.Elements()) == 0 {
		return nil, fmt.Errorf("building an answer: the request has no header to repeat")
	}
	env, scope := answerScope(req.Header.Elements()[0])
	var b bytes.Buffer
	b.WriteString(declaration)
	b.WriteString("<" + env.FullTag())
	for _, a := range env.Attr {
		b.WriteByte(' ')
		settings := writeSettings()
		a.WriteTo(&b, &settings)
	}
	p := env.Space
	b.WriteString(">\n  <" + p + ":Header>\n")
	for _, block := range req.Header.Elements() {
		if is(block, NSXRoad, "requestHash") {
			continue
		}
		echo := echoOf(block, scope)
		b.WriteString("    ")
		writeElement(&b, echo)
		b.WriteByte('\n')
	}
	b.WriteString("  </" + p + ":Header>\n  <" + p + ":Body>\n    ")
	b.Write(wrapper)
	b.WriteString("\n  </" + p + ":Body>\n</" + p + ":Envelope>")
	return b.Bytes(), nil
}

func writeElement(b etree.Writer, el *etree.Element) {
	settings := writeSettings()
	el.WriteTo(b, &settings)
}
