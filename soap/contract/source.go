package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"unicode/utf8"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// Budgets for foreign descriptions. The largest real one known has 3 MB and some
// ten thousand declarations; an X-Road Security Server takes 10 MiB.
const (
	maxFileBytes    = 10 << 20
	maxElements     = 1_000_000
	maxNesting      = 200 // of XML elements: anonymous types take three levels each
	maxAttribute    = 1 << 20
	maxSchemaFiles  = 200
	maxDeclarations = 200_000
	maxDepth        = 64 // of groups, base types and references within one type
)

// ErrTooLarge is returned when a description exceeds one of the budgets.
var ErrTooLarge = errors.New("description exceeds the budget for size or nesting")

// reEncoding finds the encoding in an XML declaration.
var reEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)

// readFile reads one file of the contract folder, within the size budget.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxFileBytes)
	}
	return data, nil
}

// parseDocument turns the bytes of a WSDL or schema file into a tree, by the
// same strict door as messages but with room for large files.
func parseDocument(data []byte) (*etree.Document, error) {
	limits := soap.DefaultLimits()
	limits.Bytes = 2 * maxFileBytes // Latin-1 grows when it becomes UTF-8
	limits.Elements = maxElements
	limits.Depth = maxNesting
	limits.AttributeValue = maxAttribute
	return soap.ReadTree(toUTF8(data), limits)
}

// toUTF8 converts a Latin-1 file, as some old descriptions are, to UTF-8, which
// is the only encoding that the reader of trees takes. The bytes of any other
// file are returned as they are.
func toUTF8(data []byte) []byte {
	m := reEncoding.FindSubmatchIndex(data)
	if m == nil {
		return data
	}
	switch string(bytes.ToUpper(data[m[2]:m[3]])) {
	case "ISO-8859-1", "LATIN1", "US-ASCII":
	default:
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/16)
	out = append(out, data[:m[2]]...)
	out = append(out, "UTF-8"...)
	for _, b := range data[m[3]:] {
		out = utf8.AppendRune(out, rune(b))
	}
	return out
}

// resolveName resolves a prefixed name found in an attribute of el, by the
// namespace declarations in scope there. ok is false for an undeclared prefix.
func resolveName(el *etree.Element, qname string) (prefix string, n Name, ok bool) {
	local := qname
	for i := range qname {
		if qname[i] == ':' {
			prefix, local = qname[:i], qname[i+1:]
			break
		}
	}
	if prefix == "xml" {
		return prefix, Name{nsXML, local}, true
	}
	for at := el; at != nil; at = at.Parent() {
		for _, a := range at.Attr {
			if prefix == "" && a.Space == "" && a.Key == "xmlns" || prefix != "" && a.Space == "xmlns" && a.Key == prefix {
				return prefix, Name{a.Value, local}, true
			}
		}
	}
	return prefix, Name{"", local}, prefix == ""
}
