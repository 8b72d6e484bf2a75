package contract

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// nsEncoding is the namespace of SOAP encoding, whose arrays are no schema types.
const nsEncoding = "http://schemas.xmlsoap.org/soap/encoding/"

// derived compiles the one derivation inside simpleContent or complexContent;
// base compiles the type that it names.
func (c *compiler) derived(content *etree.Element, doc *schema, depth int,
	base func(name Name, depth int) (complexParts, error)) (complexParts, error) {
	for _, child := range content.ChildElements() {
		if child.NamespaceURI() != nsXSD || child.Tag == "annotation" {
			continue
		}
		if child.Tag != "extension" && child.Tag != "restriction" {
			return complexParts{}, unsupported("xs:%s of %s", child.Tag, content.Tag)
		}
		name, err := doc.resolve(child, attr(child, "base"))
		if err != nil {
			return complexParts{}, err
		}
		parts, err := base(name, depth)
		if err != nil {
			return complexParts{}, err
		}
		if child.Tag == "restriction" {
			return c.restricted(parts, child, doc, depth)
		}
		for _, part := range child.ChildElements() {
			if part.NamespaceURI() != nsXSD {
				continue
			}
			if err := c.addPart(&parts, part, doc, depth); err != nil {
				return complexParts{}, err
			}
		}
		return parts, nil
	}
	return complexParts{}, unsupported("empty %s", content.Tag)
}

// restricted compiles a restriction. Of complex content it states the content
// anew and keeps the attributes of its base but for those that it states itself
// or prohibits; of simple content it adds facets (XML Schema part 1, 3.4.2).
func (c *compiler) restricted(base complexParts, node *etree.Element, doc *schema, depth int) (complexParts, error) {
	parts := complexParts{simple: base.simple}
	if base.simple != nil {
		for _, child := range node.ChildElements() {
			if !is(child, nsXSD, "simpleType") {
				continue
			}
			s, err := c.simpleType(child, doc, depth+1)
			if err != nil {
				return parts, err
			}
			parts.simple = s
		}
		s, err := restrict(parts.simple, node)
		if err != nil {
			return parts, err
		}
		parts.simple = s
	}
	prohibited := map[string]bool{}
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() != nsXSD || base.simple != nil && !attributeLike(child.Tag) {
			continue
		}
		if child.Tag == "attribute" && attr(child, "use") == "prohibited" {
			prohibited[attr(child, "name")+localPart(attr(child, "ref"))] = true
			continue
		}
		if err := c.addPart(&parts, child, doc, depth); err != nil {
			return parts, err
		}
	}
	// xs:anyAttribute is not inherited by a restriction.
	for _, inherited := range base.attributes {
		stated := slices.ContainsFunc(parts.attributes, func(a *Attribute) bool { return a.Name == inherited.Name })
		if !stated && !prohibited[inherited.Name] {
			parts.attributes = append(parts.attributes, inherited)
		}
	}
	return parts, nil
}

// attributeLike tells the members of a restriction of simple content that are
// no facets.
func attributeLike(tag string) bool {
	return tag == "attribute" || tag == "attributeGroup" || tag == "anyAttribute"
}

// simpleBase compiles the base of simple content: a simple type, or a complex
// type whose content is simple.
func (c *compiler) simpleBase(base Name, depth int) (complexParts, error) {
	if base.Space != nsXSD {
		d, err := c.set.lookup(declType, base)
		if err != nil {
			return complexParts{}, err
		}
		if d.node.Tag == "complexType" {
			return c.complexType(d.node, d.schema, depth+1)
		}
	}
	s, err := c.simpleNamed(base, depth+1)
	return complexParts{simple: s}, err
}

// complexBase compiles the base of complex content. Everything may be derived
// from xs:anyType, which then adds nothing of its own.
func (c *compiler) complexBase(base Name, depth int) (complexParts, error) {
	switch {
	case base == anyType:
		return complexParts{}, nil
	case base.Space == nsXSD:
		return complexParts{}, unsupported("derivation from xs:%s", base.Local)
	case base.Space == nsEncoding:
		return complexParts{}, unsupported("SOAP-encoded %s", base.Local)
	}
	d, err := c.set.lookup(declType, base)
	if err != nil {
		return complexParts{}, err
	}
	if d.node.Tag != "complexType" {
		return complexParts{}, unsupported("complex content of simple type %s", base)
	}
	return c.complexType(d.node, d.schema, depth+1)
}

// derivedFrom returns the named types derived from a named complex type,
// directly or not, sorted by name.
func (c *compiler) derivedFrom(base Name) []*Type {
	if c.children == nil {
		c.children = c.set.children()
	}
	var names []Name
	seen := map[Name]bool{base: true}
	for pending := c.children[base]; len(pending) > 0; pending = pending[1:] {
		if name := pending[0]; !seen[name] {
			seen[name] = true
			names = append(names, name)
			pending = append(pending, c.children[name]...)
		}
	}
	slices.SortFunc(names, func(a, b Name) int { return strings.Compare(a.String(), b.String()) })
	c.nodes += len(names) // of which every base has a list, so that a chain has their square
	types := make([]*Type, 0, len(names))
	for _, name := range names {
		types = append(types, c.typeNamed(name))
	}
	return types
}

// children returns the names of the complex types that each type is the direct
// base of.
func (s *schemaSet) children() map[Name][]Name {
	out := map[Name][]Name{}
	for key, d := range s.declarations {
		if key.kind != declType || d.node == nil || d.node.Tag != "complexType" {
			continue
		}
		for _, content := range d.node.ChildElements() {
			if content.Tag != "complexContent" && content.Tag != "simpleContent" {
				continue
			}
			for _, derivation := range content.ChildElements() {
				if base, err := d.schema.resolve(derivation, attr(derivation, "base")); err == nil && base.Local != "" {
					out[base] = append(out[base], key.name)
				}
			}
		}
	}
	return out
}
