package contract

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
	"github.com/hooklift/gowsdl"
)

// operations returns the operations of every SOAP 1.1 binding. An operation that
// stands in two bindings with the same version is taken once; twice in one
// binding is an error, because nobody can tell which of them is the service.
func (d *description) operations(c *compiler) ([]*Operation, error) {
	type key struct{ code, version string }
	seen := map[key]*gowsdl.WSDLBinding{} // the binding where it stands
	var out []*Operation
	for _, f := range d.files {
		bindings := f.nodes("binding")
		for i, binding := range f.wsdl.Binding {
			if i >= len(bindings) || !hasSOAP11(bindings[i]) {
				continue
			}
			nodes := operationNodes(bindings[i])
			port, _ := named(d.portTypes, bindings[i], binding.Type)
			for j, bound := range binding.Operations {
				if j >= len(nodes) {
					break
				}
				if err := c.set.inTime(); err != nil {
					return nil, err
				}
				op := &Operation{
					Code:       bound.Name,
					Version:    versionOf(nodes[j]),
					SOAPAction: bound.SOAPOperation.SOAPAction,
				}
				if at, twice := seen[key{op.Code, op.Version}]; twice && at == binding {
					return nil, fmt.Errorf("operation %s with version %q stands twice", op.Code, op.Version)
				} else if twice {
					continue
				}
				seen[key{op.Code, op.Version}] = binding
				out = append(out, op)
				op.Unsupported = d.operation(c, op, binding, bound, nodes[j], port)
			}
		}
	}
	return out, nil
}

// operation fills an operation, or says why it cannot be used.
func (d *description) operation(c *compiler, op *Operation, binding *gowsdl.WSDLBinding, bound *gowsdl.WSDLOperation,
	node *etree.Element, port *portType) error {
	in, out := readBody(node, "input"), readBody(node, "output")
	if err := checkStyle(binding, bound, in, out); err != nil {
		return err
	}
	var abstract *abstractOperation
	if port != nil {
		abstract = port.operations[bound.Name]
	}
	switch {
	case abstract == nil && d.missing != "":
		return unsupported("operation %s of the description %s, which is not beside this one", op.Code, d.missing)
	case abstract == nil:
		return unsupported("operation %s, which its port type does not have", op.Code)
	}
	readTitles(op, abstract.node)
	readNotes(op, abstract.node)
	op.InputFiles, op.OutputFiles = in.files, out.files
	var err error
	if op.Input, err = d.wrapper(c, abstract, abstract.Input.Message, in); err != nil {
		return err
	}
	op.Output, err = d.wrapper(c, abstract, abstract.Output.Message, out)
	return err
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
func (d *description) wrapper(c *compiler, op *abstractOperation, qname string, body boundBody) (*Element, error) {
	local := localPart(qname)
	if local == "" {
		return nil, unsupported("operation without request or answer")
	}
	m, ok := named(d.messages, op.node, qname)
	switch {
	case !ok && d.missing != "":
		return nil, unsupported("message %s of the description %s, which is not beside this one", local, d.missing)
	case !ok:
		return nil, unsupported("message %s, which is not declared", local)
	}
	part, node, err := d.bodyPart(m, body)
	if err != nil {
		return nil, err
	}
	if part.Element == "" {
		return nil, unsupported("message %s whose part %s has a type and no element", local, part.Name)
	}
	_, name, ok := resolveName(node, part.Element)
	if !ok {
		return nil, unsupported("name %s with an undeclared prefix", part.Element)
	}
	return c.globalElement(name), nil
}

// hasSOAP11 says whether the binding is for SOAP 1.1: it has that soap:binding,
// or none at all.
func hasSOAP11(binding *etree.Element) bool {
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
	for _, el := range operation.ChildElements() {
		if el.Tag == "version" {
			return strings.TrimSpace(el.Text())
		}
	}
	return ""
}

// readTitles reads the titles of an operation by language (PR-MESS 3).
func readTitles(op *Operation, node *etree.Element) {
	op.titles = map[string]string{}
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

func localPart(qname string) string {
	return qname[strings.LastIndexByte(qname, ':')+1:]
}
