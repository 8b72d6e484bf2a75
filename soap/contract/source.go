package contract

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// Budgets for foreign descriptions. The largest real one known has 3 MB and some
// ten thousand declarations; an X-Road Security Server takes 10 MiB.
const (
	maxFileBytes    = 10 << 20
	maxTotalBytes   = 40 << 20 // of all files
	maxElements     = 1_000_000
	maxNesting      = 200 // of XML elements: anonymous types take three levels each
	maxAttribute    = 1 << 20
	maxSchemaFiles  = 200
	maxDeclarations = 200_000
	maxSteps        = 5_000_000 // of the walks over the types of all operations
	maxDepth        = 64        // of groups, base types and references within one type
)

// ErrTooLarge is returned when a description exceeds one of the budgets.
var ErrTooLarge = errors.New("description exceeds the budget for size or nesting")

// ErrTooSlow is returned when the time for a description is over before it is
// compiled.
var ErrTooSlow = errors.New("description takes longer to compile than there is time for")

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
	limits.Bytes = 2 * maxFileBytes // a code page grows when it becomes UTF-8
	limits.Elements = maxElements
	limits.Depth = maxNesting
	limits.AttributeValue = maxAttribute
	return soap.ReadTree(toUTF8(data), limits)
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
