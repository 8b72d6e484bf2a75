package contracttest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/beevik/etree"
	"golang.org/x/text/encoding/unicode"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// ExtractSchemas writes the schemas of a description into dir, as files that
// import one another and the catalogue by relative names only, and returns the
// file that imports them all. Schemas of one namespace are put together, files
// beside the description are taken along, and imports that the description
// forgot are added, since the validator wants all three and real descriptions
// have none. What cannot be had stays missing.
func ExtractSchemas(wsdlPath, dir string) (string, error) {
	source, err := os.ReadFile(wsdlPath)
	if err != nil {
		return "", err
	}
	doc, err := readTree(source)
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, contract.Catalogue()); err != nil {
		return "", err
	}
	x := extraction{folder: filepath.Dir(wsdlPath), dir: dir, files: map[string]string{}, done: map[string]string{}}
	// Descriptions of old import the schema of SOAP encoding or forget to; what
	// they take from it is the array, and no operation that we use needs it.
	if err := os.WriteFile(filepath.Join(dir, encodingFile), []byte(encodingSchema), 0o600); err != nil {
		return "", err
	}
	x.files[nsEncoding] = encodingFile
	inline := x.inline(doc.Root(), ".", map[string]bool{filepath.Base(wsdlPath): true})
	if len(inline) == 0 {
		return "", fmt.Errorf("no schema in %s: %w", filepath.Base(wsdlPath), fs.ErrNotExist)
	}
	return x.all(inline)
}

// placed is an inline schema and the folder of the description that it stands in,
// relative to that of the first one.
type placed struct {
	*etree.Element
	folder string
}

// inline collects the schemas in a description and in those that it imports.
func (x *extraction) inline(definitions *etree.Element, folder string, seen map[string]bool) []placed {
	var out []placed
	for _, child := range definitions.ChildElements() {
		switch {
		case child.NamespaceURI() != nsWSDL:
		case child.Tag == "types":
			for _, s := range child.ChildElements() {
				if s.Tag == "schema" && s.NamespaceURI() == nsXSD {
					out = append(out, placed{s, folder})
				}
			}
		case child.Tag == "import":
			beside, data := x.beside(child.SelectAttrValue("location", ""), folder)
			if data == nil || seen[beside] {
				continue
			}
			seen[beside] = true
			if doc, err := readTree(data); err == nil && doc.Root().Tag == "definitions" {
				out = append(out, x.inline(doc.Root(), path.Dir(beside), seen)...)
			}
		}
	}
	return out
}

// beside reads the file of the folder that an address stands for; nil when there
// is none.
func (x *extraction) beside(location, from string) (name string, data []byte) {
	location, query, _ := strings.Cut(location, "?")
	names := []string{path.Join(from, location), path.Join(from, path.Base(location)), path.Base(location)}
	if key, value, ok := strings.Cut(query, "="); ok {
		names = append([]string{path.Join(from, value+"."+key)}, names...)
	}
	for _, name := range names {
		if strings.Contains(name, ":") {
			continue
		}
		if data, err := os.ReadFile(filepath.Join(x.folder, name)); err == nil {
			return name, data
		}
	}
	return "", nil
}

const (
	nsEncoding     = "http://schemas.xmlsoap.org/soap/encoding/"
	encodingFile   = "soap-encoding.xsd"
	encodingSchema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="` + nsEncoding + `">
<xs:attribute name="arrayType" type="xs:string"/>
<xs:complexType name="Array"><xs:sequence><xs:any minOccurs="0" maxOccurs="unbounded" processContents="lax"/></xs:sequence>
<xs:anyAttribute namespace="##any" processContents="lax"/></xs:complexType>
</xs:schema>`
)

type extraction struct {
	folder, dir string
	files       map[string]string // namespace -> file that has all of it
	done        map[string]string // file beside the description -> file written
}

// all writes the inline schemas and the file that imports them.
func (x *extraction) all(inline []placed) (string, error) {
	byNamespace := map[string][]placed{}
	var order []string
	for _, s := range inline {
		ns := s.SelectAttrValue("targetNamespace", "")
		if byNamespace[ns] == nil {
			x.files[ns] = fmt.Sprintf("inline-%d.xsd", len(order)+1)
			order = append(order, ns)
		}
		byNamespace[ns] = append(byNamespace[ns], s)
	}
	driver := etree.NewDocument()
	all := driver.CreateElement("xs:schema")
	all.CreateAttr("xmlns:xs", nsXSD)
	// With a namespace of its own it may import the schema that has none.
	all.CreateAttr("targetNamespace", "urn:ristmik:all")
	for _, ns := range order {
		imp := all.CreateElement("xs:import")
		if ns != "" {
			imp.CreateAttr("namespace", ns)
		}
		imp.CreateAttr("schemaLocation", x.files[ns])
		if err := x.writeNamespace(ns, byNamespace[ns]); err != nil {
			return "", err
		}
	}
	file := filepath.Join(x.dir, "all.xsd")
	return file, driver.WriteToFile(file)
}

// writeNamespace writes the schemas of one namespace, several as one that
// includes each.
func (x *extraction) writeNamespace(ns string, schemas []placed) error {
	shipped, inCatalogue := contract.CatalogueFile(ns)
	inCatalogue = inCatalogue && x.adds(shipped, schemas)
	if len(schemas) == 1 && !inCatalogue {
		return x.write(schemas[0].Element, x.files[ns], schemas[0].folder)
	}
	together := etree.NewDocument()
	root := together.CreateElement("xs:schema")
	root.CreateAttr("xmlns:xs", nsXSD)
	if ns != "" {
		root.CreateAttr("targetNamespace", ns)
	}
	if inCatalogue {
		root.CreateElement("xs:include").CreateAttr("schemaLocation", shipped)
	}
	for i, s := range schemas {
		part := fmt.Sprintf("%s-part-%d.xsd", strings.TrimSuffix(x.files[ns], ".xsd"), i+1)
		root.CreateElement("xs:include").CreateAttr("schemaLocation", part)
		if err := x.write(s.Element, part, s.folder); err != nil {
			return err
		}
	}
	return together.WriteToFile(filepath.Join(x.dir, x.files[ns]))
}

// adds says whether a file of the catalogue declares nothing that the schemas
// declare themselves.
func (x *extraction) adds(file string, schemas []placed) bool {
	data, err := fs.ReadFile(contract.Catalogue(), file)
	if err != nil {
		return false
	}
	doc, err := readTree(data)
	if err != nil {
		return false
	}
	for _, s := range schemas {
		for _, el := range s.ChildElements() {
			for _, other := range doc.Root().ChildElements() {
				if name := el.SelectAttrValue("name", ""); name != "" && el.Tag == other.Tag && name == other.SelectAttrValue("name", "") {
					return false
				}
			}
		}
	}
	return true
}

// write writes one schema with the namespace declarations that it inherits, its
// imports pointing at files of the same folder; from is the folder it stood in.
func (x *extraction) write(s *etree.Element, file, from string) error {
	out := etree.NewDocument()
	root := s.Copy()
	for at := s.Parent(); at != nil; at = at.Parent() {
		for _, a := range at.Attr {
			declares := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
			if declares && root.SelectAttr(a.FullKey()) == nil {
				root.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	out.SetRoot(root)
	imported := map[string]bool{root.SelectAttrValue("targetNamespace", ""): true, nsXSD: true}
	for _, imp := range root.ChildElements() {
		if imp.NamespaceURI() != nsXSD || imp.Tag != "import" && imp.Tag != "include" {
			continue
		}
		namespace, location := imp.SelectAttrValue("namespace", ""), imp.SelectAttrValue("schemaLocation", "")
		imp.RemoveAttr("schemaLocation")
		if imp.Tag == "import" {
			imported[namespace] = true
		}
		if target, err := x.target(imp.Tag, namespace, location, from); err != nil {
			return err
		} else if target != "" {
			imp.CreateAttr("schemaLocation", target)
		} else if imp.Tag == "include" {
			root.RemoveChild(imp)
		}
	}
	x.addForgotten(root, imported)
	return out.WriteToFile(filepath.Join(x.dir, file))
}

// addForgotten adds imports of the namespaces that are declared, known and not
// imported.
func (x *extraction) addForgotten(root *etree.Element, imported map[string]bool) {
	for _, el := range append(root.FindElements(".//*"), root) {
		for _, a := range el.Attr {
			if a.Space != "xmlns" && (a.Space != "" || a.Key != "xmlns") || imported[a.Value] {
				continue
			}
			file, ok := x.known(a.Value)
			if !ok {
				continue
			}
			imported[a.Value] = true
			imp := etree.NewElement("import")
			imp.Space = root.Space
			imp.CreateAttr("namespace", a.Value)
			imp.CreateAttr("schemaLocation", file)
			root.InsertChildAt(0, imp)
		}
	}
}

// known returns the file that has all of a namespace: what the description
// itself holds before the catalogue, which is then included there.
func (x *extraction) known(namespace string) (string, bool) {
	if file, ok := x.files[namespace]; ok {
		return file, true
	}
	return contract.CatalogueFile(namespace)
}

// target returns the file that an import or include is to name, "" for none.
func (x *extraction) target(kind, namespace, location, from string) (string, error) {
	if kind == "import" {
		if file, ok := x.known(namespace); ok {
			return file, nil
		}
	}
	if location == "" {
		return "", nil
	}
	beside, data := x.beside(location, from)
	if written, ok := x.done[beside]; ok && data != nil {
		return written, nil
	}
	if data == nil {
		return "", nil // not to be had
	}
	doc, err := readTree(data)
	if err != nil {
		return "", err
	}
	file := fmt.Sprintf("file-%d.xsd", len(x.done)+1)
	x.done[beside] = file
	if kind == "import" {
		x.files[namespace] = file
	}
	return file, x.write(doc.Root(), file, path.Dir(beside))
}

// readTree reads a description or schema with room for large ones.
func readTree(data []byte) (*etree.Document, error) {
	limits := soap.DefaultLimits()
	limits.Bytes, limits.Elements = 20<<20, 1_000_000
	if bytes.HasPrefix(data, []byte("\xFF\xFE")) || bytes.HasPrefix(data, []byte("\xFE\xFF")) {
		wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		if err != nil {
			return nil, err
		}
		data = bytes.Replace(wide, []byte("UTF-16"), []byte("UTF-8"), 1)
	}
	return soap.ReadTree(data, limits)
}
