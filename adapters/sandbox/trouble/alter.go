package trouble

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// soap12 is the namespace of SOAP 1.2 envelopes, which X-Road does not speak.
const soap12 = "http://www.w3.org/2003/05/soap-envelope"

// boundary is that of a multipart message which ends too early.
const boundary = "sandbox-truncated"

// alter changes an answer as one fault wants it. What an answer does not have,
// such as a header in a Fault, is left alone.
func alter(f *Fault, protocol string, resp *wire.Response) {
	switch f.Kind {
	case Hash:
		if protocol == REST {
			setField(resp, "x-road-request-hash", f.Value)
		} else {
			setBlock(resp, "requestHash", f.Value)
		}
	case HeaderField:
		names := headerFields[f.Field]
		if protocol == REST {
			setField(resp, names.rest, f.Value)
		} else {
			setBlock(resp, names.soap, f.Value)
		}
	case ContentType:
		setField(resp, "Content-Type", f.Value)
	case TruncateMultipart:
		part := "text/xml; charset=UTF-8"
		if protocol == REST {
			part = resp.Fields.Get("Content-Type")
		}
		value := `multipart/related; type="text/xml"; boundary="` + boundary + `"`
		setField(resp, "Content-Type", &value)
		resp.Body = fmt.Appendf(nil, "--%s\r\nContent-Type: %s\r\n\r\n%s", boundary, part, resp.Body[:len(resp.Body)/2])
		resp.Rest = nil
	case SOAPVersion:
		resp.Body = bytes.ReplaceAll(resp.Body, []byte(soap.NSEnvelope), []byte(soap12))
	}
}

// setField writes another value into the fields of that name, or leaves them
// out.
func setField(resp *wire.Response, name string, value *string) {
	if value == nil {
		resp.Fields = resp.Fields.Without(name)
		return
	}
	resp.Fields = slices.Clone(resp.Fields)
	for i := range resp.Fields {
		if strings.EqualFold(resp.Fields[i].Name, name) {
			resp.Fields[i].Value = *value
		}
	}
}

// setBlock writes another text into the first element of that local name, which
// in an answer is the block of the header, or leaves it out. It works on the
// bytes, so that everything else stays as it was; an identifier's parts are
// replaced one by one.
func setBlock(resp *wire.Response, name string, value *string) {
	found := block(name).FindSubmatchIndex(resp.Body)
	if found == nil {
		return
	}
	var inner []byte
	switch {
	case value == nil:
		resp.Body = slices.Concat(resp.Body[:found[0]], resp.Body[found[1]:])
		return
	case name == "client" || name == "service":
		inner = identifier(resp.Body[found[2]:found[3]], *value)
	default:
		inner = escaped(*value)
	}
	resp.Body = slices.Concat(resp.Body[:found[2]], inner, resp.Body[found[3]:])
}

func block(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)<(?:[\w.-]+:)?` + name + `(?:\s[^>]*)?>(.*?)</(?:[\w.-]+:)?` + name + `\s*>`)
}

// text finds the leaves of an identifier.
var text = regexp.MustCompile(`>([^<>\s][^<>]*)<`)

// identifier writes the parts of a path form into the leaves of an identifier,
// in order, as far as there are both.
func identifier(inner []byte, path string) []byte {
	parts := strings.Split(path, "/")
	return text.ReplaceAllFunc(inner, func(leaf []byte) []byte {
		if len(parts) == 0 {
			return leaf
		}
		part := parts[0]
		parts = parts[1:]
		return slices.Concat([]byte(">"), escaped(part), []byte("<"))
	})
}

func escaped(s string) []byte {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.Bytes()
}
