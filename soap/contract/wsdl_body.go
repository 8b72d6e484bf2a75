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
	parts   []string      // that soap:body lists; nil when it lists none
	files   []string      // parts that travel beside the envelope (WSDL 1.1, 5)
	headers []boundHeader // parts that travel in the header
	refused error
}

// boundHeader is a soap:header of a binding.
type boundHeader struct {
	node          *etree.Element
	message, part string
}

// readBody reads one direction ("input" or "output") of a bound operation. gowsdl
// does not see what is inside mime:multipartRelated, where descriptions put body
// and headers when files travel along, so the tree is read.
func readBody(operation *etree.Element, direction string) boundBody {
	var body boundBody
	for _, d := range operation.ChildElements() {
		if !is(d, nsWSDL, direction) {
			continue
		}
		body.addPart(d)
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

// addPart reads what stands in one direction itself or in one mime:part of it:
// the body, headers, a file.
func (b *boundBody) addPart(part *etree.Element) {
	for _, child := range part.ChildElements() {
		switch {
		case is(child, nsWSDLSOAP, "body"):
			b.use, b.parts = attr(child, "use"), strings.Fields(attr(child, "parts"))
		case is(child, nsWSDLSOAP, "header"):
			b.headers = append(b.headers, boundHeader{child, attr(child, "message"), attr(child, "part")})
		case is(child, nsWSDLMIME, "content"):
			if name := attr(child, "part"); name != "" && !slices.Contains(b.files, name) {
				b.files = append(b.files, name)
			}
		}
	}
}

// headerNamespaces are those of X-Road header fields, of the protocol in use and
// of its forerunners: a part that is such an element never is the body, also
// where the binding forgets to say so.
var headerNamespaces = []string{nsXRoad, "http://x-road.ee/xsd/x-road.xsd", "http://x-rd.net/xsd/xroad.xsd", "http://x-tee.riik.ee/xsd/xtee.xsd"}

// bodyPart picks the part that goes into the SOAP body: the one that soap:body
// lists, or the only one that is neither a header nor a file. It returns the tree
// of the part too, which knows the prefixes that are declared there.
func (d *description) bodyPart(m *message, body boundBody) (*gowsdl.WSDLPart, *etree.Element, error) {
	var found *gowsdl.WSDLPart
	var at *etree.Element
	count, i := 0, -1
	for _, node := range m.node.ChildElements() {
		if !is(node, nsWSDL, "part") {
			continue
		}
		if i++; i >= len(m.Parts) {
			break
		}
		part := m.Parts[i]
		take := slices.Contains(body.parts, part.Name)
		if len(body.parts) == 0 {
			_, element, _ := resolveName(node, part.Element)
			take = !slices.Contains(body.files, part.Name) && !slices.Contains(headerNamespaces, element.Space) &&
				!slices.ContainsFunc(body.headers, func(h boundHeader) bool {
					other, ok := named(d.messages, h.node, h.message)
					return ok && other == m && h.part == part.Name
				})
		}
		if take {
			found, at = part, node
			count++
		}
	}
	if count != 1 {
		return nil, nil, unsupported("message %s with %d body parts", m.Name, count)
	}
	return found, at, nil
}
