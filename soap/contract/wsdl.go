package contract

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"

	"github.com/beevik/etree"
	"github.com/hooklift/gowsdl"
)

// ErrNotWSDL is returned for a file that is not a WSDL 1.1 description.
var ErrNotWSDL = errors.New("not a WSDL 1.1 description")

// description is the WSDL layer of a contract: the files that it is made of, the
// one named first and those that it imports in turn, and what they declare by
// name. gowsdl's types hold most of it, the trees what those do not hold
// (xrd:version, titles, MIME bodies, prefixes).
type description struct {
	namespace string
	files     []*wsdlFile
	messages  map[Name]*message
	portTypes map[Name]*portType
	missing   string // an import that is not here, for what is said of names that are not declared
}

// wsdlFile is one file of a description.
type wsdlFile struct {
	wsdl gowsdl.WSDL
	root *etree.Element
}

type message struct {
	*gowsdl.WSDLMessage
	node *etree.Element
}

type portType struct {
	operations map[string]*abstractOperation
}

// abstractOperation is an operation of a port type.
type abstractOperation struct {
	*gowsdl.WSDLOperation
	node *etree.Element
}

// readDescription reads the WSDL layer of the file called name and of those that
// it imports (WSDL 1.1, 2.1.1), and adds the schemas in all of them to the set.
func readDescription(doc *etree.Document, name string, set *schemaSet) (*description, error) {
	d := &description{messages: map[Name]*message{}, portTypes: map[Name]*portType{}}
	if err := d.add(doc, name, set); err != nil {
		return nil, err
	}
	d.namespace = d.files[0].wsdl.TargetNamespace
	return d, nil
}

func (d *description) add(doc *etree.Document, name string, set *schemaSet) error {
	root := doc.Root()
	if !is(root, nsWSDL, "definitions") {
		return ErrNotWSDL
	}
	f := &wsdlFile{root: root}
	if err := f.read(); err != nil {
		return err
	}
	d.files = append(d.files, f)
	d.index(f)
	if err := set.addInline(root, name); err != nil {
		return fmt.Errorf("reading schemas: %w", err)
	}
	for _, child := range root.ChildElements() {
		if !is(child, nsWSDL, "import") {
			continue
		}
		if err := d.follow(attr(child, "namespace"), attr(child, "location"), name, set); err != nil {
			return err
		}
	}
	return nil
}

// follow adds the description or schema that an import names, from the folder
// only. What is not there costs the operations that need it.
func (d *description) follow(namespace, location, from string, set *schemaSet) error {
	if _, inCatalogue := catalogueByNamespace[namespace]; inCatalogue || location == "" {
		return nil
	}
	for _, candidate := range candidates(location, from) {
		if _, err := fs.Stat(set.fsys, candidate); err != nil {
			continue
		}
		doc, err := set.document(set.fsys, "wsdl:", candidate, "")
		switch {
		case err != nil && overBudget(err):
			return err
		case err != nil:
			continue
		case doc == nil:
			return nil // read before
		case is(doc.Root(), nsXSD, "schema"):
			return set.addSchema(doc.Root(), candidate, "", false)
		case is(doc.Root(), nsWSDL, "definitions"):
			return d.add(doc, candidate, set)
		}
	}
	if d.missing == "" {
		d.missing = location
	}
	return nil
}

// read lets gowsdl see the file without wsdl:types, because its schema types lose
// declarations and are not used.
func (f *wsdlFile) read() error {
	bare := etree.NewDocument()
	bare.WriteSettings.CanonicalText = true
	bare.WriteSettings.CanonicalAttrVal = true
	top := etree.NewElement(f.root.FullTag())
	top.Attr = append(top.Attr, f.root.Attr...)
	for _, child := range f.root.ChildElements() {
		if !is(child, nsWSDL, "types") {
			top.AddChild(child.Copy())
		}
	}
	bare.SetRoot(top)
	data, err := bare.WriteToBytes()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotWSDL, err)
	}
	if err := xml.Unmarshal(data, &f.wsdl); err != nil {
		return fmt.Errorf("%w: %w", ErrNotWSDL, err)
	}
	return nil
}

// index notes what the file declares; the first declaration of a name counts.
func (d *description) index(f *wsdlFile) {
	space := f.wsdl.TargetNamespace
	messages, ports := f.nodes("message"), f.nodes("portType")
	for i, m := range f.wsdl.Messages {
		name := Name{space, m.Name}
		if _, known := d.messages[name]; !known && i < len(messages) {
			d.messages[name] = &message{m, messages[i]}
		}
	}
	for i, p := range f.wsdl.PortTypes {
		name := Name{space, p.Name}
		if _, known := d.portTypes[name]; known || i >= len(ports) {
			continue
		}
		one := &portType{operations: map[string]*abstractOperation{}}
		nodes := operationNodes(ports[i])
		for j, op := range p.Operations {
			if _, known := one.operations[op.Name]; !known && j < len(nodes) {
				one.operations[op.Name] = &abstractOperation{op, nodes[j]}
			}
		}
		d.portTypes[name] = one
	}
}

// nodes are the children of the file's root of that tag, in the order in which
// gowsdl lists them too.
func (f *wsdlFile) nodes(tag string) []*etree.Element {
	var out []*etree.Element
	for _, el := range f.root.ChildElements() {
		if is(el, nsWSDL, tag) {
			out = append(out, el)
		}
	}
	return out
}

// operationNodes are the operations of a binding or port type in their order.
func operationNodes(parent *etree.Element) []*etree.Element {
	var nodes []*etree.Element
	for _, el := range parent.ChildElements() {
		if is(el, nsWSDL, "operation") {
			nodes = append(nodes, el)
		}
	}
	return nodes
}

// named finds what a name in an attribute of node means. Where the prefix says
// nothing that is declared, as in many hand-written files, the local name decides,
// if only one thing has it.
func named[T any](all map[Name]T, node *etree.Element, qname string) (found T, ok bool) {
	_, name, _ := resolveName(node, qname)
	if found, ok = all[name]; ok {
		return found, true
	}
	count := 0
	for other, value := range all {
		if other.Local == name.Local {
			found = value
			count++
		}
	}
	return found, count == 1
}
