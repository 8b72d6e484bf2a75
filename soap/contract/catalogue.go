package contract

import (
	"embed"
	"io/fs"
)

//go:embed catalogue/*.xsd
var catalogueFiles embed.FS

// The namespaces that reading a description needs.
const (
	nsXSD      = "http://www.w3.org/2001/XMLSchema"
	nsXML      = "http://www.w3.org/XML/1998/namespace"
	nsWSDL     = "http://schemas.xmlsoap.org/wsdl/"
	nsWSDLSOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
	nsWSDLMIME = "http://schemas.xmlsoap.org/wsdl/mime/"
	nsXRoad    = "http://x-road.eu/xsd/xroad.xsd"
)

// catalogueByNamespace maps the namespaces that X-Road descriptions import to
// the files that ship with the program. Real descriptions give many addresses
// for them, none at all, or forget the import, so the namespace alone decides.
var catalogueByNamespace = map[string]string{
	nsXRoad:                            "xroad.xsd",
	"http://x-road.eu/xsd/identifiers": "identifiers.xsd",
	"http://x-road.eu/xsd/representation.xsd":             "representation.xsd",
	"http://ws-i.org/profiles/basic/1.1/xsd":              "swaref.xsd",
	nsXML:                                                 "xml.xsd",
	"http://www.w3.org/2005/05/xmlmime":                   "xmlmime.xsd",
	"http://x-road.ee/xsd/x-road.xsd":                     "xroad3-ee.xsd",
	"http://x-rd.net/xsd/xroad.xsd":                       "xroad3-net.xsd",
	"http://schemas.microsoft.com/2003/10/Serialization/": "serialization.xsd",
}

// Catalogue returns the schemas that ship with the program, one file each at
// the root of the file system, importing one another by file name.
func Catalogue() fs.FS {
	sub, err := fs.Sub(catalogueFiles, "catalogue")
	if err != nil {
		// The folder is embedded by the directive above.
		panic(err)
	}
	return sub
}

// CatalogueFile returns the name in [Catalogue] of the schema of a namespace,
// and whether there is one.
func CatalogueFile(namespace string) (string, bool) {
	name, ok := catalogueByNamespace[namespace]
	return name, ok
}
