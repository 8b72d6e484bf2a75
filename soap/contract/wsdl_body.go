package contract

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
	"github.com/hooklift/gowsdl"
)

// boundBody is what a binding says about the body of one message.
type boundBody struct {
	use     string
	parts   []string // that soap:body lists; nil when it lists none
	files   []string // parts that travel beside the envelope (WSDL 1.1, 5)
	refused error
}

// readBody reads the body of one direction ("input" or "output") of a bound
// operation. gowsdl does not see the one inside mime:multipartRelated, where
// descriptions put it when files travel along, so the tree is read.
func readBody(operation *etree.Element, direction string, plain gowsdl.WSDLSOAPBody) boundBody {
	body := boundBody{use: plain.Use, parts: strings.Fields(plain.Parts)}
	if operation == nil {
		return body
	}
	for _, d := range operation.ChildElements() {
		if !is(d, nsWSDL, direction) {
			continue
		}
		for _, multipart := range d.ChildElements() {
			if multipart.NamespaceURI() != nsWSDLMIME {
				continue
			}
			if multipart.Tag != "multipartRelated" {
				body.refused = unsupported("mime:%s body", multipart.Tag)
				return body
			}
			for _, part := range multipart.ChildElements() {
				body.addPart(part)
			}
		}
	}
	return body
}

// addPart reads one mime:part: the one with the envelope or one with a file.
func (b *boundBody) addPart(part *etree.Element) {
	for _, child := range part.ChildElements() {
		switch {
		case is(child, nsWSDLSOAP, "body"):
			b.use, b.parts = attr(child, "use"), strings.Fields(attr(child, "parts"))
		case is(child, nsWSDLMIME, "content"):
			if name := attr(child, "part"); name != "" && !slices.Contains(b.files, name) {
				b.files = append(b.files, name)
			}
		}
	}
}

// bodyPart picks the part that goes into the SOAP body: the one that soap:body
// lists, or the only one that is neither a header nor a file.
func bodyPart(m *gowsdl.WSDLMessage, body boundBody, headers []*gowsdl.WSDLSOAPHeader) (*gowsdl.WSDLPart, error) {
	var found []*gowsdl.WSDLPart
	for _, part := range m.Parts {
		take := slices.Contains(body.parts, part.Name)
		if len(body.parts) == 0 {
			take = !slices.Contains(body.files, part.Name) &&
				!slices.ContainsFunc(headers, func(h *gowsdl.WSDLSOAPHeader) bool {
					return localPart(h.Message) == m.Name && h.Part == part.Name
				})
		}
		if take {
			found = append(found, part)
		}
	}
	if len(found) != 1 {
		return nil, unsupported("message %s with %d body parts", m.Name, len(found))
	}
	return found[0], nil
}
