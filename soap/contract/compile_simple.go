package contract

import (
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// simpleNamed compiles a simple type by name.
func (c *compiler) simpleNamed(name Name, depth int) (*Simple, error) {
	if name.Space == nsXSD {
		if s, ok := builtinSimple(name.Local); ok {
			return s, nil
		}
		return nil, unsupported("built-in type xs:%s", name.Local)
	}
	d, err := c.set.lookup(declType, name)
	if err != nil {
		return nil, err
	}
	if d.node.Tag != "simpleType" {
		return nil, unsupported("complex type %s where a simple one must be", name)
	}
	return c.simpleType(d.node, d.schema, depth+1)
}

// simpleType compiles a simpleType element: a restriction of another one, or a
// union of several.
func (c *compiler) simpleType(node *etree.Element, doc *schema, depth int) (*Simple, error) {
	if depth > maxDepth {
		return nil, unsupported("types and groups nested deeper than %d", maxDepth)
	}
	if err := c.spend(); err != nil {
		return nil, err
	}
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() != nsXSD || child.Tag == "annotation" {
			continue
		}
		if child.Tag == "union" {
			return c.union(child, doc, depth)
		}
		if child.Tag != "restriction" {
			return nil, unsupported("xs:%s", child.Tag)
		}
		base, err := c.restrictionBase(child, doc, depth)
		if err != nil {
			return nil, err
		}
		return restrict(base, child)
	}
	return nil, unsupported("empty xs:simpleType")
}

// union compiles a union: what any of its members allows. Its values are of the
// members' kind in JSON where they agree about it, and text otherwise.
func (c *compiler) union(node *etree.Element, doc *schema, depth int) (*Simple, error) {
	u := &Simple{
		Base: "union", Whitespace: Collapse,
		Length: -1, MinLength: -1, MaxLength: -1, TotalDigits: -1, FractionDigits: -1,
	}
	for _, qname := range strings.Fields(attr(node, "memberTypes")) {
		name, err := doc.resolve(node, qname)
		if err != nil {
			return nil, err
		}
		member, err := c.simpleNamed(name, depth+1)
		if err != nil {
			return nil, err
		}
		u.Members = append(u.Members, member)
	}
	for _, child := range node.ChildElements() {
		if !is(child, nsXSD, "simpleType") {
			continue
		}
		member, err := c.simpleType(child, doc, depth+1)
		if err != nil {
			return nil, err
		}
		u.Members = append(u.Members, member)
	}
	if len(u.Members) == 0 {
		return nil, unsupported("xs:union without members")
	}
	u.Kind = u.Members[0].Kind
	for _, member := range u.Members {
		if member.Kind != u.Kind {
			u.Kind = KindString
		}
	}
	return u, nil
}

func (c *compiler) restrictionBase(restriction *etree.Element, doc *schema, depth int) (*Simple, error) {
	if base := attr(restriction, "base"); base != "" {
		name, err := doc.resolve(restriction, base)
		if err != nil {
			return nil, err
		}
		return c.simpleNamed(name, depth+1)
	}
	for _, child := range restriction.ChildElements() {
		if is(child, nsXSD, "simpleType") {
			return c.simpleType(child, doc, depth+1)
		}
	}
	return nil, unsupported("xs:restriction without a base")
}

// restrict applies the facets of one restriction step to s, which the caller
// owns.
func restrict(s *Simple, restriction *etree.Element) (*Simple, error) {
	var enumeration, patterns []string
	for _, facet := range restriction.ChildElements() {
		if facet.NamespaceURI() != nsXSD {
			continue
		}
		value := attr(facet, "value")
		var err error
		switch facet.Tag {
		case "annotation", "simpleType", "attribute", "attributeGroup", "anyAttribute":
			// What is no facet is compiled by the caller.
		case "enumeration":
			enumeration = append(enumeration, value)
		case "pattern":
			patterns = append(patterns, value)
		case "length":
			err = setCount(&s.Length, value, facet.Tag)
		case "minLength":
			err = setCount(&s.MinLength, value, facet.Tag)
		case "maxLength":
			err = setCount(&s.MaxLength, value, facet.Tag)
		case "totalDigits":
			err = setCount(&s.TotalDigits, value, facet.Tag)
		case "fractionDigits":
			err = setCount(&s.FractionDigits, value, facet.Tag)
		case "minInclusive", "minExclusive", "maxInclusive", "maxExclusive":
			err = addBound(s, facet.Tag, value)
		case "whiteSpace":
			switch value {
			case "replace":
				s.Whitespace = max(s.Whitespace, Replace)
			case "collapse":
				s.Whitespace = Collapse
			}
		default:
			err = unsupported("facet xs:%s", facet.Tag)
		}
		if err != nil {
			return nil, err
		}
	}
	if enumeration != nil {
		for i, v := range enumeration {
			enumeration[i] = s.Normalize(v)
		}
		s.Enumeration = enumeration
	}
	if patterns != nil {
		re, err := compilePatterns(patterns)
		if err != nil {
			return nil, unsupported("%s", err)
		}
		s.patterns = append(s.patterns, re)
	}
	return s, nil
}

func setCount(target *int, value, facet string) error {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 0 {
		return unsupported("facet xs:%s that is no count", facet)
	}
	*target = n
	return nil
}

func addBound(s *Simple, facet, value string) error {
	switch s.Kind {
	case KindInteger, KindDecimal, KindFloat, KindTemporal:
	default:
		return unsupported("facet xs:%s of xs:%s", facet, s.Base)
	}
	value = s.Normalize(value)
	if len(value) > maxNumberLength || s.check != nil && !s.check(value) && !(s.Kind == KindInteger && isDecimal(value)) {
		return unsupported("facet xs:%s that is no %s", facet, s.Base)
	}
	s.bounds = append(s.bounds, newBound(s.Kind, value, strings.HasPrefix(facet, "max"), strings.HasSuffix(facet, "Exclusive")))
	return nil
}

// addAttribute adds the attribute, or those of the group, to the parts.
func (c *compiler) addAttribute(parts *complexParts, node *etree.Element, doc *schema, depth int) error {
	if depth > maxDepth {
		return unsupported("types and groups nested deeper than %d", maxDepth)
	}
	if err := c.spend(); err != nil {
		return err
	}
	switch node.Tag {
	case "anyAttribute":
		more, before := wildcard(node, doc), parts.looseSpaces
		parts.looseSpaces = more
		if before != nil { // an extension adds to what its base takes
			parts.looseSpaces = func(ns string) bool { return before(ns) || more(ns) }
		}
		return nil
	case "attributeGroup":
		name, err := doc.resolve(node, attr(node, "ref"))
		if err != nil {
			return err
		}
		d, err := c.set.lookup(declAttributeGroup, name)
		if err != nil {
			return err
		}
		for _, child := range d.node.ChildElements() {
			if child.NamespaceURI() != nsXSD || child.Tag == "annotation" {
				continue
			}
			if err := c.addAttribute(parts, child, d.schema, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if attr(node, "use") == "prohibited" {
		return nil
	}
	a := &Attribute{
		Name:     attr(node, "name"),
		Required: attr(node, "use") == "required",
		Fixed:    optional(node, "fixed"),
	}
	if ref := attr(node, "ref"); ref != "" {
		name, err := doc.resolve(node, ref)
		if err != nil {
			return err
		}
		d, err := c.set.lookup(declAttribute, name)
		if err != nil {
			return err
		}
		a.Namespace, a.Name = name.Space, name.Local
		if a.Fixed == nil {
			a.Fixed = optional(d.node, "fixed")
		}
		node, doc = d.node, d.schema
	} else if form := attr(node, "form"); form == "qualified" || form == "" && doc.attributeQualified {
		a.Namespace = doc.target
	}
	var err error
	if a.Type, err = c.attributeType(node, doc, depth); err != nil {
		return err
	}
	for _, known := range parts.attributes {
		if known.Name == a.Name {
			return unsupported("attribute %s declared twice", a.Name)
		}
	}
	parts.attributes = append(parts.attributes, a)
	return nil
}

func (c *compiler) attributeType(node *etree.Element, doc *schema, depth int) (*Simple, error) {
	for _, child := range node.ChildElements() {
		if is(child, nsXSD, "simpleType") {
			return c.simpleType(child, doc, depth+1)
		}
	}
	qname := attr(node, "type")
	if qname == "" {
		s, _ := builtinSimple("anySimpleType")
		return s, nil
	}
	name, err := doc.resolve(node, qname)
	if err != nil {
		return nil, err
	}
	return c.simpleNamed(name, depth+1)
}
