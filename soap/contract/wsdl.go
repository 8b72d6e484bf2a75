package contract

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"
	"github.com/hooklift/gowsdl"
)

// ErrNotWSDL is returned for a file that is not a WSDL 1.1 description.
var ErrNotWSDL = errors.New("not a WSDL 1.1 description")

// description is the WSDL layer of a contract: gowsdl's types, and the tree for
// what they do not hold (xrd:version, titles, MIME bodies, prefixes).
type description struct {
	namespace string
	wsdl      gowsdl.WSDL
	root      *etree.Element
}

// readDescription reads the WSDL layer. gowsdl sees the document without
// wsdl:types, because its schema types lose declarations and are not used.
func readDescription(doc *etree.Document) (*description, error) {
	if !is(doc.Root(), nsWSDL, "definitions") {
		return nil, ErrNotWSDL
	}
	bare := doc.Copy()
	for _, child := range bare.Root().ChildElements() {
		if is(child, nsWSDL, "types") {
			bare.Root().RemoveChild(child)
		}
	}
	bare.WriteSettings.CanonicalText = true
	bare.WriteSettings.CanonicalAttrVal = true
	data, err := bare.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotWSDL, err)
	}
	d := &description{root: doc.Root()}
	if err := xml.Unmarshal(data, &d.wsdl); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotWSDL, err)
	}
	d.namespace = d.wsdl.TargetNamespace
	return d, nil
}

// operations returns the operations of every SOAP 1.1 binding. An operation that
// stands in two bindings with the same version is taken once; twice in one
// binding is an error, because nobody can tell which of them is the service.
func (d *description) operations(c *compiler) ([]*Operation, error) {
	portTypes := map[string]*gowsdl.WSDLPortType{}
	for _, p := range d.wsdl.PortTypes {
		portTypes[p.Name] = p
	}
	type key struct{ code, version string }
	seen := map[key]string{} // the binding where it stands
	var out []*Operation
	for _, binding := range d.wsdl.Binding {
		bindingNode := d.child(d.root, "binding", binding.Name)
		if !hasSOAP11(bindingNode) {
			continue
		}
		nodes := operationNodes(bindingNode)
		for i, bound := range binding.Operations {
			node := d.child(bindingNode, "operation", bound.Name)
			if i < len(nodes) && nodes[i].SelectAttrValue("name", "") == bound.Name {
				node = nodes[i] // another version may have the same name
			}
			op := &Operation{
				Code:       bound.Name,
				Version:    versionOf(node),
				SOAPAction: bound.SOAPOperation.SOAPAction,
			}
			if at, twice := seen[key{op.Code, op.Version}]; twice && at == binding.Name {
				return nil, fmt.Errorf("operation %s with version %q stands twice", op.Code, op.Version)
			} else if twice {
				continue
			}
			seen[key{op.Code, op.Version}] = binding.Name
			out = append(out, op)

			abstract := findOperation(portTypes[localPart(binding.Type)], bound.Name)
			if abstract == nil {
				op.Unsupported = unsupported("operation %s, which its port type does not have", op.Code)
				continue
			}
			d.readTitles(op, localPart(binding.Type))
			in, out := readBody(node, "input", bound.Input.SOAPBody), readBody(node, "output", bound.Output.SOAPBody)
			if op.Unsupported = checkStyle(binding, bound, in, out); op.Unsupported != nil {
				continue
			}
			op.InputFiles, op.OutputFiles = in.files, out.files
			op.Input, op.Unsupported = d.wrapper(c, abstract.Input.Message, in, bound.Input.SOAPHeader)
			if op.Unsupported != nil {
				continue
			}
			op.Output, op.Unsupported = d.wrapper(c, abstract.Output.Message, out, bound.Output.SOAPHeader)
		}
	}
	return out, nil
}

// operationNodes are the operations of a binding in their order.
func operationNodes(binding *etree.Element) []*etree.Element {
	var nodes []*etree.Element
	for _, el := range binding.ChildElements() {
		if el.Tag == "operation" && el.NamespaceURI() == nsWSDL {
			nodes = append(nodes, el)
		}
	}
	return nodes
}

// checkStyle refuses everything but document/literal.
func checkStyle(binding *gowsdl.WSDLBinding, bound *gowsdl.WSDLOperation, bodies ...boundBody) error {
	style := bound.SOAPOperation.Style
	if style == "" {
		style = binding.SOAPBinding.Style
	}
	if style != "" && style != "document" {
		return unsupported("%s style", style)
	}
	for _, body := range bodies {
		if body.use != "" && body.use != "literal" {
			return unsupported("%s use", body.use)
		}
		if body.refused != nil {
			return body.refused
		}
	}
	return nil
}

// wrapper finds the element that is the body of a message.
func (d *description) wrapper(c *compiler, message string, body boundBody, headers []*gowsdl.WSDLSOAPHeader) (*Element, error) {
	local := localPart(message)
	if local == "" {
		return nil, unsupported("operation without request or answer")
	}
	var declared *gowsdl.WSDLMessage
	for _, m := range d.wsdl.Messages {
		if m.Name == local {
			declared = m
			break
		}
	}
	if declared == nil {
		return nil, unsupported("message %s, which is not declared", local)
	}
	part, err := bodyPart(declared, body, headers)
	if err != nil {
		return nil, err
	}
	if part.Element == "" {
		return nil, unsupported("message %s whose part %s has a type and no element", local, part.Name)
	}
	// The tree knows which prefixes are declared where the part stands.
	node := d.child(d.child(d.root, "message", local), "part", part.Name)
	if node == nil {
		node = d.root
	}
	_, name, ok := resolveName(node, part.Element)
	if !ok {
		return nil, unsupported("name %s with an undeclared prefix", part.Element)
	}
	return c.globalElement(name), nil
}

// child returns the wsdl child of that tag and name attribute, or nil.
func (d *description) child(parent *etree.Element, tag, name string) *etree.Element {
	if parent == nil {
		return nil
	}
	for _, el := range parent.ChildElements() {
		if is(el, nsWSDL, tag) && attr(el, "name") == name {
			return el
		}
	}
	return nil
}

// hasSOAP11 says whether the binding is for SOAP 1.1: it has that soap:binding,
// or none at all.
func hasSOAP11(binding *etree.Element) bool {
	if binding == nil {
		return false
	}
	other := false
	for _, el := range binding.ChildElements() {
		if el.Tag != "binding" {
			continue
		}
		if el.NamespaceURI() == nsWSDLSOAP {
			return true
		}
		other = true
	}
	return !other
}

// versionOf reads the version of a bound operation. A Security Server takes a
// child called version of any namespace, so that older descriptions work too.
func versionOf(operation *etree.Element) string {
	if operation == nil {
		return ""
	}
	for _, el := range operation.ChildElements() {
		if el.Tag == "version" {
			return strings.TrimSpace(el.Text())
		}
	}
	return ""
}

// readTitles reads the titles of an operation by language (PR-MESS 3).
func (d *description) readTitles(op *Operation, portType string) {
	op.titles = map[string]string{}
	node := d.child(d.child(d.root, "portType", portType), "operation", op.Code)
	if node == nil {
		return
	}
	for _, doc := range node.ChildElements() {
		if !is(doc, nsWSDL, "documentation") {
			continue
		}
		for _, title := range doc.ChildElements() {
			if title.Tag != "title" {
				continue
			}
			text := oneLine(title.Text())
			if op.Title == "" {
				op.Title = text
			}
			// Only a stated language counts: the default is English, but titles
			// without one are in Estonian as often as not.
			if lang := title.SelectAttrValue("xml:lang", ""); lang != "" {
				op.titles[lang] = text
			}
		}
	}
	if english, ok := op.titles["en"]; ok {
		op.Title = english
	}
}

func findOperation(p *gowsdl.WSDLPortType, name string) *gowsdl.WSDLOperation {
	if p == nil {
		return nil
	}
	for _, op := range p.Operations {
		if op.Name == name {
			return op
		}
	}
	return nil
}

func localPart(qname string) string {
	return qname[strings.LastIndexByte(qname, ':')+1:]
}
