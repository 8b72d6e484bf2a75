package soap

import (
	"strings"

	"github.com/beevik/etree"
)

// Fault is a SOAP 1.1 Fault. In faults of Security Servers Code is plain text
// with dots and Detail is the correlation id of the server's log.
type Fault struct{ Code, String, Actor, Detail string }

// BuildFault writes a fault in the shape of a Security Server: one line, no
// SOAP header, unqualified children. Without Detail there is no detail
// element. Characters that XML cannot hold are replaced by U+FFFD.
func BuildFault(f Fault) []byte {
	b := text(strings.TrimSuffix(declaration, "\n") +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="` + NSEnvelope + `"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>`)
	b = append(b.escaped(f.Code), `</faultcode><faultstring>`...)
	b = append(b.escaped(f.String), `</faultstring><faultactor>`...)
	b = append(b.escaped(f.Actor), `</faultactor>`...)
	if f.Detail != "" {
		b = append(b, `<detail><faultDetail xmlns="">`...)
		b = append(b.escaped(f.Detail), `</faultDetail></detail>`...)
	}
	return append(b, `</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`...)
}

// Failure returns the fault as a failure of the exchange with this message id.
// The kind follows from the code, and for two codes that cover unlike causes
// from the text as well.
func (f Fault) Failure(messageID string) *Failure {
	out := &Failure{
		Kind: Classify(f.Code), Code: Normalize(f.Code), Raw: f.Code,
		Message: f.String, Detail: f.Detail, MessageID: messageID,
	}
	if out.Raw == "" {
		// An empty code still came from elsewhere, and so did the text.
		out.Raw = "-"
	}
	if strings.HasPrefix(out.Code, placeClientProxy) {
		text := strings.ToLower(strings.ReplaceAll(f.String, "_", ""))
		switch {
		case strings.Contains(text, "exceeds maximum loggable size"):
			// The Security Server refuses to log, and so to send, a message of
			// this size; it will refuse the next attempt as well.
			out.Kind = KindFixData
		case out.Code == placeClientProxy+"io_error" && strings.HasPrefix(text, "loggingfailed"):
			out.Kind = KindOwnServer
		case out.Code == placeClientProxy+"internal_error" && strings.HasPrefix(text, "invalid "):
			// "Invalid request URI", "Invalid Client Id": our request.
			out.Kind = KindFixData
		}
	}
	return out
}

// readFault reads the children of a Fault. They are unqualified by SOAP 1.1;
// some stacks qualify them, which changes nothing.
func readFault(el *etree.Element) *Fault {
	part := func(parent *etree.Element, name string) *etree.Element {
		if c := Child(parent, "", name); c != nil {
			return c
		}
		return Child(parent, NSEnvelope, name)
	}
	value := func(name string) string {
		if c := part(el, name); c != nil {
			return c.Text()
		}
		return ""
	}
	f := &Fault{
		Code:   strings.TrimSpace(value("faultcode")),
		String: value("faultstring"),
		Actor:  value("faultactor"),
	}
	if d := part(el, "detail"); d != nil {
		if c := part(d, "faultDetail"); c != nil {
			d = c
		}
		f.Detail = strings.TrimSpace(d.Text())
	}
	return f
}
