package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// nsSOAPBinding is the namespace of WSDL 1.1's SOAP 1.1 binding.
const nsSOAPBinding = "http://schemas.xmlsoap.org/wsdl/soap/"

// nsWSDL is the namespace of WSDL 1.1.
const nsWSDL = "http://schemas.xmlsoap.org/wsdl/"

// nsSchema is the namespace of XML Schema.
const nsSchema = "http://www.w3.org/2001/XMLSchema"

// headerFields are the elements of the X-Road schema that messages carry and a
// description may name. requestHash is not among them: it is the Security
// Server's (PR-MESS 3.2).
var headerFields = []string{"client", "service", "id", "userId", "issue", "protocolVersion"}

// wsdl is the description of the SOAP services, with a place for the address.
type wsdl struct{ source []byte }

// newWSDL makes the description that is served: source, with the X-Road schemas
// inside. Whoever gets it, from here or through the Security Server's getWsdl,
// which hands on this one document, then needs no other.
func newWSDL(source []byte) (*wsdl, error) {
	doc, err := soap.ReadTree(source, soap.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	types := soap.Child(doc.Root(), nsWSDL, "types")
	if types == nil {
		return nil, errors.New("no types")
	}
	for _, schema := range types.ChildElements() {
		inside(schema)
	}
	for _, namespace := range []string{soap.NSXRoad, soap.NSIdentifiers} {
		schema, err := catalogueSchema(namespace)
		if err != nil {
			return nil, err
		}
		types.AddChild(schema)
	}
	doc.Indent(2)
	w := &wsdl{}
	if w.source, err = doc.WriteToBytes(); err != nil {
		return nil, fmt.Errorf("writing: %w", err)
	}
	// Once, so that a description without an address is found at the start and
	// not by the Security Server's administrator.
	if _, err := w.at("http://localhost/soap"); err != nil {
		return nil, err
	}
	return w, nil
}

// inside takes the places off the imports of a schema: what it imports stands
// in the same description.
func inside(schema *etree.Element) {
	for _, el := range schema.ChildElements() {
		if el.Tag == "import" && el.NamespaceURI() == nsSchema {
			el.RemoveAttr("schemaLocation")
		}
	}
}

// catalogueSchema returns a shipped X-Road schema for inclusion. Of the one with
// the header fields only these are left: what describes services needs the
// namespace of xml:lang, which some tools do not take inside a description.
func catalogueSchema(namespace string) (*etree.Element, error) {
	file, ok := contract.CatalogueFile(namespace)
	if !ok {
		return nil, fmt.Errorf("no schema ships for %s", namespace)
	}
	data, err := fs.ReadFile(contract.Catalogue(), file)
	if err != nil {
		return nil, err
	}
	doc, err := soap.ReadTree(data, soap.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", file, err)
	}
	schema := doc.Root()
	inside(schema)
	if namespace == soap.NSXRoad {
		for _, el := range schema.ChildElements() {
			imports := el.Tag == "import" && el.SelectAttrValue("namespace", "") == soap.NSIdentifiers
			if !imports && !(el.Tag == "element" && slices.Contains(headerFields, el.SelectAttrValue("name", ""))) {
				schema.RemoveChild(el)
			}
		}
	}
	return schema, nil
}

// at returns the description with address in every port. A Security Server
// takes the default address of a service from there (PR-MESS 3.2), so it has to
// be the one under which the description itself was reached.
func (w *wsdl) at(address string) ([]byte, error) {
	doc, err := soap.ReadTree(w.source, soap.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	found := false
	for _, service := range doc.Root().ChildElements() {
		if service.Tag != "service" || service.NamespaceURI() != nsWSDL {
			continue
		}
		for _, port := range service.ChildElements() {
			if a := soap.Child(port, nsSOAPBinding, "address"); a != nil {
				a.CreateAttr("location", address)
				found = true
			}
		}
	}
	if !found {
		return nil, errors.New("no service port with a soap:address")
	}
	return doc.WriteToBytes()
}

// addressOf is the address under which r reached the SOAP door.
func addressOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.Path
}
