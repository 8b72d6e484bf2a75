package securityserver

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"regexp"
	"strings"

	"ristmik/soap"
)

// sha512 names the algorithm of requestHash.
const sha512 = "http://www.w3.org/2001/04/xmlenc#sha512"

var (
	declaration = regexp.MustCompile(`^\s*<\?xml[^>]*\?>\s*`)
	declaredAs  = regexp.MustCompile(`encoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)
	bom         = []byte("\xef\xbb\xbf")
)

// utf8Of gives an answer as UTF-8: the charset of the Content-Type counts, then
// that of the XML declaration. ISO-8859-1 is the one other encoding that
// Estonian registers are known to send.
func utf8Of(data []byte, contentType string) []byte {
	_, params, _ := mime.ParseMediaType(contentType)
	charset := params["charset"]
	if m := declaredAs.FindSubmatch(declaration.Find(data)); charset == "" && m != nil {
		charset = string(m[1])
	}
	if !strings.EqualFold(charset, "iso-8859-1") {
		return data
	}
	var b strings.Builder
	for _, c := range declaration.ReplaceAll(data, nil) {
		b.WriteRune(rune(c))
	}
	return []byte(b.String())
}

// withRequestHash writes an answer again as the provider side does (PR-MESS
// 2.2): any requestHash of the provider is dropped and ours stands right after
// id, with id's prefix and attributes. The XML declaration is replaced, <a/>
// becomes <a></a>, processing instructions vanish and a newline ends the
// document; all other bytes are the provider's own.
func withRequestHash(data []byte, hash string) ([]byte, error) {
	data = bytes.TrimPrefix(data, bom)
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var (
		out     bytes.Buffer
		path    []xml.Name
		idTag   []byte // the start tag of the header's id as it stood
		skip    int    // the depth of a requestHash that is being dropped
		ended   []byte // the name of an element that ended within its start tag
		written bool
	)
	out.WriteString(xml.Header)
	for {
		from := dec.InputOffset()
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("writing the answer again: %w", err)
		}
		raw := data[from:dec.InputOffset()]
		switch t := token.(type) {
		case xml.ProcInst:
			continue
		case xml.StartElement:
			path = append(path, t.Name)
			if skip == 0 && inHeader(path, "requestHash") {
				skip = len(path)
			}
			if inHeader(path, "id") {
				idTag = bytes.Clone(raw)
			}
			if bytes.HasSuffix(raw, []byte("/>")) {
				ended = tagName(raw)
				raw = append(bytes.TrimRight(bytes.Clone(raw[:len(raw)-2]), " \t\r\n"), '>')
			}
			if skip == 0 {
				out.Write(raw)
			}
		case xml.EndElement:
			if ended != nil {
				raw, ended = fmt.Appendf(nil, "</%s>", ended), nil
			}
			if skip == 0 {
				out.Write(raw)
			}
			if skip == 0 && !written && inHeader(path, "id") {
				writeHash(&out, idTag, hash)
				written = true
			}
			if skip == len(path) {
				skip = 0
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if skip == 0 && len(path) > 0 {
				out.Write(raw)
			}
		default:
			if skip == 0 {
				out.Write(raw)
			}
		}
	}
	if !written {
		return nil, refuse(failedPrefix+"missing_header_field", "Required field 'id' is missing")
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// inHeader says whether path is Envelope/Header/{xroad}name.
func inHeader(path []xml.Name, name string) bool {
	return len(path) == 3 && path[1] == xml.Name{Space: soap.NSEnvelope, Local: "Header"} &&
		path[2] == xml.Name{Space: soap.NSXRoad, Local: name}
}

func tagName(tag []byte) []byte {
	name := bytes.TrimPrefix(tag, []byte("<"))
	if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	return bytes.Clone(name)
}

// writeHash writes the element with the prefix and the attributes of id.
func writeHash(out *bytes.Buffer, idTag []byte, hash string) {
	name := string(tagName(idTag))
	attributes := strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(string(idTag[1+len(name):]), ">"), "/"), " \t\r\n")
	hashName := "requestHash"
	if prefix, _, ok := strings.Cut(name, ":"); ok {
		hashName = prefix + ":requestHash"
	}
	fmt.Fprintf(out, `<%s%s algorithmId="%s">%s</%s>`, hashName, attributes, sha512, hash, hashName)
}
