package contract

import (
	"github.com/beevik/etree"
)

// complexParts is the compiled content of one complex type.
type complexParts struct {
	simple     *Simple
	attributes []*Attribute
	particle   *Particle
}

// complexType compiles the content of a complex type. depth counts the base
// types and groups gone through, so that circular definitions end.
func (c *compiler) complexType(node *etree.Element, doc *schema, depth int) (complexParts, error) {
	var parts complexParts
	switch {
	case depth > maxDepth:
		return parts, unsupported("types and groups nested deeper than %d", maxDepth)
	case isTrue(attr(node, "mixed")):
		return parts, unsupported("mixed content")
	}
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() != nsXSD {
			continue
		}
		var err error
		switch child.Tag {
		case "annotation":
		case "simpleContent":
			parts, err = c.derived(child, doc, depth, c.simpleExtension)
		case "complexContent":
			if isTrue(attr(child, "mixed")) {
				return parts, unsupported("mixed content")
			}
			parts, err = c.derived(child, doc, depth, c.complexExtension)
		default:
			err = c.addPart(&parts, child, doc, depth)
		}
		if err != nil {
			return parts, err
		}
	}
	return parts, nil
}

// addPart adds the group or attribute in child to the parts.
func (c *compiler) addPart(parts *complexParts, child *etree.Element, doc *schema, depth int) error {
	switch child.Tag {
	case "sequence", "choice", "all", "group":
		p, err := c.particle(child, doc, depth+1)
		if err != nil {
			return err
		}
		if parts.particle != nil && p != nil {
			// What an extension adds comes after what its base has.
			p = &Particle{Kind: SequenceParticle, Min: 1, Items: []*Particle{parts.particle, p}}
		}
		if p != nil {
			parts.particle = p
		}
	case "attribute", "attributeGroup", "anyAttribute":
		return c.addAttribute(parts, child, doc, depth+1)
	case "annotation":
	default:
		return unsupported("xs:%s in a complex type", child.Tag)
	}
	return nil
}

// derived compiles the one derivation inside simpleContent or complexContent.
// Only extension is supported: a restriction repeats its base in a way that can
// only be checked, not derived.
func (c *compiler) derived(content *etree.Element, doc *schema, depth int,
	extend func(base Name, depth int) (complexParts, error)) (complexParts, error) {
	for _, child := range content.ChildElements() {
		if child.NamespaceURI() != nsXSD || child.Tag == "annotation" {
			continue
		}
		if child.Tag != "extension" {
			return complexParts{}, unsupported("xs:%s of %s", child.Tag, content.Tag)
		}
		base, err := doc.resolve(child, attr(child, "base"))
		if err != nil {
			return complexParts{}, err
		}
		parts, err := extend(base, depth)
		if err != nil {
			return complexParts{}, err
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

func (c *compiler) simpleExtension(base Name, depth int) (complexParts, error) {
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

func (c *compiler) complexExtension(base Name, depth int) (complexParts, error) {
	if base.Space == nsXSD {
		return complexParts{}, unsupported("extension of xs:%s", base.Local)
	}
	d, err := c.set.lookup(declType, base)
	if err != nil {
		return complexParts{}, err
	}
	if d.node.Tag != "complexType" {
		return complexParts{}, unsupported("complex extension of simple type %s", base)
	}
	return c.complexType(d.node, d.schema, depth+1)
}

// particle compiles a group or an element of a content model. It returns nil
// for one that can never occur or is empty.
func (c *compiler) particle(node *etree.Element, doc *schema, depth int) (*Particle, error) {
	if depth > maxDepth {
		return nil, unsupported("types and groups nested deeper than %d", maxDepth)
	}
	if c.nodes++; c.nodes > maxDeclarations {
		return nil, ErrTooLarge
	}
	min, max, err := occurrence(node)
	if err != nil {
		return nil, err
	}
	if max == 0 {
		return nil, nil
	}
	if node.Tag == "element" {
		el, err := c.localElement(node, doc, min, max)
		if err != nil {
			return nil, err
		}
		return &Particle{Kind: ElementParticle, Min: min, Element: el}, nil
	}
	if max != 1 {
		return nil, unsupported("repeating xs:%s", node.Tag)
	}
	group := &Particle{Min: min}
	switch node.Tag {
	case "sequence":
		group.Kind = SequenceParticle
	case "choice":
		group.Kind = ChoiceParticle
	case "all":
		group.Kind = AllParticle
	case "group":
		return c.groupReference(node, doc, min, depth)
	default:
		return nil, unsupported("xs:%s", node.Tag)
	}
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() != nsXSD || child.Tag == "annotation" {
			continue
		}
		item, err := c.particle(child, doc, depth+1)
		if err != nil {
			return nil, err
		}
		if item == nil {
			if group.Kind == ChoiceParticle {
				// An empty branch is a way to choose nothing.
				group.Min = 0
			}
			continue
		}
		group.Items = append(group.Items, item)
	}
	if len(group.Items) == 0 {
		return nil, nil
	}
	return group, nil
}

func (c *compiler) groupReference(node *etree.Element, doc *schema, min, depth int) (*Particle, error) {
	name, err := doc.resolve(node, attr(node, "ref"))
	if err != nil {
		return nil, err
	}
	d, err := c.set.lookup(declGroup, name)
	if err != nil {
		return nil, err
	}
	for _, child := range d.node.ChildElements() {
		if child.NamespaceURI() != nsXSD || child.Tag == "annotation" {
			continue
		}
		p, err := c.particle(child, d.schema, depth+1)
		if err != nil || p == nil {
			return nil, err
		}
		if min == 0 {
			p.Min = 0
		}
		return p, nil
	}
	return nil, nil
}
