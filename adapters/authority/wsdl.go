package authority

import (
	"errors"
	"fmt"
	"net/http"

	"ristmik/soap"
)

// nsSOAPBinding is the namespace of WSDL 1.1's SOAP 1.1 binding.
const nsSOAPBinding = "http://schemas.xmlsoap.org/wsdl/soap/"

// nsWSDL is the namespace of WSDL 1.1.
const nsWSDL = "http://schemas.xmlsoap.org/wsdl/"

// wsdl is the description of the SOAP services, with a place for the address.
type wsdl struct{ source []byte }

func newWSDL(source []byte) (*wsdl, error) {
	w := &wsdl{source}
	// Once, so that a description without an address is found at the start and
	// not by the Security Server's administrator.
	if _, err := w.at("http://localhost/soap"); err != nil {
		return nil, err
	}
	return w, nil
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
