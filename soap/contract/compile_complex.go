package contract

import (
	"strings"

	"github.com/beevik/etree"
)

// complexParts is the compiled content of one complex type.
type complexParts struct {
	simple     *Simple
	attributes []*Attribute
	particle   *Particle
	mixed      bool
	// looseSpaces says of what namespaces attributes may be that are not declared;
	// nil for none.
	looseSpaces func(namespace string) bool
}

// complexType compiles the content of a complex type. depth counts the base
// types and groups gone through, so that circular definitions end.
func (c *compiler) complexType(node *etree.Element, doc *schema, depth int) (complexParts, error) {
	var parts complexParts
	if depth > maxDepth {
		return parts, unsupported("types and groups nested deeper than %d", maxDepth)
	}
	mixed := isTrue(attr(node, "mixed"))
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() != nsXSD {
			continue
		}
		var err error
		switch child.Tag {
		case "annotation":
		case "simpleContent":
			parts, err = c.derived(child, doc, depth, c.simpleBase)
		case "complexContent":
			if said := optional(child, "mixed"); said != nil {
				mixed = isTrue(*said)
			}
			parts, err = c.derived(child, doc, depth, c.complexBase)
		default:
			err = c.addPart(&parts, child, doc, depth)
		}
		if err != nil {
			return parts, err
		}
	}
	parts.mixed = parts.simple == nil && (parts.mixed || mixed) // of the base of an extension, too
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
			p = &Particle{Kind: SequenceParticle, Min: 1, Max: 1, Items: []*Particle{parts.particle, p}}
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

// particle compiles a group or an element of a content model. It returns nil
// for one that can never occur or is empty.
func (c *compiler) particle(node *etree.Element, doc *schema, depth int) (*Particle, error) {
	if depth > maxDepth {
		return nil, unsupported("types and groups nested deeper than %d", maxDepth)
	}
	if err := c.spend(); err != nil {
		return nil, err
	}
	min, max, err := occurrence(node)
	if err != nil {
		return nil, err
	}
	if max == 0 {
		return nil, nil
	}
	if node.Tag == "any" {
		p := &Particle{Kind: AnyParticle, Min: min, Max: max, allows: wildcard(node, doc)}
		if pc := attr(node, "processContents"); pc == "" || pc == "strict" {
			p.Element = c.plainElement(attr(node, "namespace")+" "+doc.target, p.allows)
		}
		return p, nil
	}
	if node.Tag == "element" {
		el, err := c.localElement(node, doc, min, max)
		if err != nil {
			return nil, err
		}
		return &Particle{Kind: ElementParticle, Min: min, Max: max, Element: el}, nil
	}
	group := &Particle{Min: min, Max: max}
	switch node.Tag {
	case "sequence":
		group.Kind = SequenceParticle
	case "choice":
		group.Kind = ChoiceParticle
	case "all":
		group.Kind = AllParticle
	case "group":
		return c.groupReference(node, doc, min, max, depth)
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
	return flatten(group), nil
}

// flatten turns a repeating group of one element into that element repeated,
// which is the same and has a name.
func flatten(group *Particle) *Particle {
	if !group.Repeats() || len(group.Items) != 1 {
		return group
	}
	item := group.Items[0]
	if item.Kind != ElementParticle || item.Element.Max != 1 || item.Element.Min != 1 {
		return group
	}
	el := *item.Element
	el.Min, el.Max = group.Min, group.Max
	return &Particle{Kind: ElementParticle, Min: el.Min, Max: el.Max, Element: &el}
}

// plainElement returns the first global element, by name, of a built-in simple
// type that a wildcard takes, or nil; key says what it takes.
func (c *compiler) plainElement(key string, allows func(string) bool) *Element {
	if el, known := c.plain[key]; known {
		return el
	}
	el := c.findPlain(allows)
	c.plain[key] = el
	return el
}

// lookedAtOnce is how many declarations can be looked at for the price of one that
// is compiled.
const lookedAtOnce = 100

func (c *compiler) findPlain(allows func(string) bool) *Element {
	var best *Name
	c.nodes += 1 + len(c.set.declarations)/lookedAtOnce
	for key, d := range c.set.declarations {
		if key.kind != declElement || d.node == nil || !allows(key.name.Space) || !IsName(key.name.Local) {
			continue
		}
		t, err := d.schema.resolve(d.node, attr(d.node, "type"))
		if err != nil || t.Space != nsXSD || t == anyType || best != nil && best.String() < key.name.String() {
			continue
		}
		name := key.name
		best = &name
	}
	if best == nil {
		return nil
	}
	return c.globalElement(*best)
}

// wildcard reads which namespaces an xs:any takes (XML Schema part 1, 3.10.2).
func wildcard(node *etree.Element, doc *schema) func(string) bool {
	allowed := attr(node, "namespace")
	switch allowed {
	case "", "##any":
		return func(string) bool { return true }
	case "##other":
		return func(ns string) bool { return ns != doc.target && ns != "" }
	}
	list := map[string]bool{}
	for _, ns := range strings.Fields(allowed) {
		switch ns {
		case "##targetNamespace":
			ns = doc.target
		case "##local":
			ns = ""
		}
		list[ns] = true
	}
	return func(ns string) bool { return list[ns] }
}

func (c *compiler) groupReference(node *etree.Element, doc *schema, min, max, depth int) (*Particle, error) {
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
		if max != 1 || min == 0 && p.Repeats() {
			return flatten(&Particle{Kind: SequenceParticle, Min: min, Max: max, Items: []*Particle{p}}), nil
		}
		if min == 0 {
			p.Min = 0
		}
		return p, nil
	}
	return nil, nil
}
