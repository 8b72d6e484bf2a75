package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// compiler turns declarations into the model. A type is allocated when it is
// first named and filled from a queue, so that recursive schemas end in a cyclic
// graph instead of an endless loop, and nesting costs no stack.
type compiler struct {
	set       *schemaSet
	named     map[Name]*Type
	anonymous map[*etree.Element]*Type
	queue     []pendingType
	nodes     int

	children map[Name][]Name     // complex types by their direct base; filled when first asked
	plain    map[string]*Element // what plainElement found, by what the wildcard takes
}

// pendingType is a type that is known by address but not filled yet.
type pendingType struct {
	t      *Type
	node   *etree.Element
	schema *schema
}

func newCompiler(set *schemaSet) *compiler {
	return &compiler{set: set, named: map[Name]*Type{}, anonymous: map[*etree.Element]*Type{}, plain: map[string]*Element{}}
}

// run fills the types that are queued, and those that they name.
func (c *compiler) run() error {
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.fill(next)
		if err := c.within(); err != nil {
			return err
		}
	}
	return nil
}

// within is the error of a budget that is used up.
func (c *compiler) within() error {
	if c.nodes > maxDeclarations {
		return fmt.Errorf("%w: more than %d declarations in use", ErrTooLarge, maxDeclarations)
	}
	return c.set.inTime()
}

// spend counts one declaration more.
func (c *compiler) spend() error {
	c.nodes++
	return c.within()
}

func (c *compiler) fill(p pendingType) {
	if p.node.Tag == "simpleType" {
		p.t.Simple, p.t.Unsupported = c.simpleType(p.node, p.schema, 0)
		return
	}
	p.t.Abstract = isTrue(attr(p.node, "abstract"))
	if p.t.Name.Local != "" {
		p.t.Derived = c.derivedFrom(p.t.Name)
		if p.t.Abstract && len(p.t.Derived) == 0 {
			p.t.Unsupported = unsupported("abstract type %s, from which no other is derived", p.t.Name)
			return
		}
	}
	content, err := c.complexType(p.node, p.schema, 0)
	if err == nil {
		err = index(content.particle)
	}
	if err != nil {
		p.t.Unsupported = err
		return
	}
	p.t.Simple, p.t.Attributes, p.t.Content = content.simple, content.attributes, content.particle
	p.t.Mixed = content.mixed
	p.t.AnyAttribute, p.t.looseSpaces = content.looseSpaces != nil, content.looseSpaces
}

// globalElement compiles the element that a message part names.
func (c *compiler) globalElement(name Name) *Element {
	d, err := c.set.lookup(declElement, name)
	if err == nil && !IsName(name.Local) {
		err = unsupported("xs:element with a name that is no XML name")
	}
	if err != nil {
		return &Element{Namespace: name.Space, Name: name.Local, Min: 1, Max: 1, Type: &Type{Unsupported: err}}
	}
	return c.declaredElement(d, name.Space, name.Local, 1, 1)
}

// localElement compiles an element inside a content model.
func (c *compiler) localElement(node *etree.Element, doc *schema, min, max int) (*Element, error) {
	if ref := attr(node, "ref"); ref != "" {
		name, err := doc.resolve(node, ref)
		if err != nil {
			return nil, err
		}
		d, err := c.set.lookup(declElement, name)
		if err != nil {
			return nil, err
		}
		return c.declaredElement(d, name.Space, name.Local, min, max), nil
	}
	name := attr(node, "name")
	if !reNCName.MatchString(name) {
		return nil, unsupported("xs:element with a name that is no XML name")
	}
	space := ""
	form := attr(node, "form")
	if form == "qualified" || form == "" && doc.elementsQualified {
		space = doc.target
	}
	return c.declaredElement(declaration{node: node, schema: doc}, space, name, min, max), nil
}

func (c *compiler) declaredElement(d declaration, space, name string, min, max int) *Element {
	c.nodes++
	el := &Element{
		Namespace: space, Name: name, Min: min, Max: max,
		Nillable: isTrue(attr(d.node, "nillable")),
		Default:  optional(d.node, "default"),
		Fixed:    optional(d.node, "fixed"),
		Doc:      documentation(d.node),
	}
	constraint := identityConstraint(d.node)
	switch {
	case constraint != "":
		el.Type = &Type{Unsupported: unsupported("identity constraint %s", constraint)}
	case isTrue(attr(d.node, "abstract")):
		el.Type = &Type{Unsupported: unsupported("abstract element %s", name)}
	case c.set.substituted[Name{space, name}]:
		el.Type = &Type{Unsupported: unsupported("substitution group of element %s", name)}
	default:
		el.Type = c.typeOf(d.node, d.schema)
	}
	return el
}

// identityConstraint names the rule of an element about values that are unique or
// refer to one another, "" for none (XML Schema part 1, 3.11). Such a rule is about
// a document as a whole, which the model does not see.
func identityConstraint(node *etree.Element) string {
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() == nsXSD && (child.Tag == "unique" || child.Tag == "key" || child.Tag == "keyref") {
			return "xs:" + child.Tag + " " + attr(child, "name")
		}
	}
	return ""
}

// typeOf returns the type of an element or attribute declaration: the anonymous
// one inside it or the named one.
func (c *compiler) typeOf(node *etree.Element, doc *schema) *Type {
	for _, child := range node.ChildElements() {
		if child.NamespaceURI() != nsXSD || child.Tag != "complexType" && child.Tag != "simpleType" {
			continue
		}
		if t, known := c.anonymous[child]; known {
			return t
		}
		t := &Type{}
		c.anonymous[child] = t
		c.queue = append(c.queue, pendingType{t, child, doc})
		return t
	}
	qname := attr(node, "type")
	if qname == "" {
		return c.typeNamed(anyType)
	}
	name, err := doc.resolve(node, qname)
	if err != nil {
		return &Type{Unsupported: err}
	}
	return c.typeNamed(name)
}

func (c *compiler) typeNamed(name Name) *Type {
	if t, known := c.named[name]; known {
		return t
	}
	t := &Type{Name: name}
	c.named[name] = t
	if name == anyType {
		t.Any = true
		return t
	}
	if name.Space == nsXSD {
		s, ok := builtinSimple(name.Local)
		if !ok {
			t.Unsupported = unsupported("built-in type xs:%s", name.Local)
		}
		t.Simple = s
		return t
	}
	d, err := c.set.lookup(declType, name)
	if err != nil {
		t.Unsupported = err
		return t
	}
	c.queue = append(c.queue, pendingType{t, d.node, d.schema})
	return t
}

// anyType is the type of an element without one.
var anyType = Name{nsXSD, "anyType"}

// maxCountDigits is the number of digits of the largest count that is kept as one.
const maxCountDigits = 9

// occurrence reads minOccurs and maxOccurs.
func occurrence(node *etree.Element) (min, max int, err error) {
	min, max = 1, 1
	if v := optional(node, "minOccurs"); v != nil {
		if min, err = strconv.Atoi(strings.TrimSpace(*v)); err != nil || min < 0 {
			return 0, 0, unsupported("minOccurs that is no count")
		}
	}
	if v := optional(node, "maxOccurs"); v != nil {
		if bound := strings.TrimSpace(*v); bound == "unbounded" || len(bound) > maxCountDigits && isInteger(bound) && bound[0] != '-' {
			return min, Unbounded, nil // no message holds as many as would break a larger bound
		}
		if max, err = strconv.Atoi(strings.TrimSpace(*v)); err != nil || max < 0 {
			return 0, 0, unsupported("maxOccurs that is no count")
		}
	}
	if min > max {
		return 0, 0, unsupported("minOccurs above maxOccurs")
	}
	return min, max, nil
}

// documentation returns the title that the schema gives a declaration (the
// English one where it says so, else the first), or else its documentation, on
// one line.
func documentation(node *etree.Element) string {
	title, text := "", ""
	for _, annotation := range node.ChildElements() {
		if !is(annotation, nsXSD, "annotation") {
			continue
		}
		for _, info := range annotation.ChildElements() {
			if info.Tag == "documentation" && text == "" {
				text = oneLine(info.Text())
			}
			for _, el := range info.ChildElements() {
				if el.Tag != "title" {
					continue
				}
				if el.SelectAttrValue("xml:lang", "") == "en" {
					return oneLine(el.Text())
				}
				if title == "" {
					title = oneLine(el.Text())
				}
			}
		}
	}
	if title != "" {
		return title
	}
	return text
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func isTrue(v string) bool {
	v = strings.TrimSpace(v)
	return v == "true" || v == "1"
}

// optional returns the unprefixed attribute, nil when there is none. etree's own
// selection also finds prefixed attributes, with which tools annotate schemas.
func optional(node *etree.Element, key string) *string {
	for _, a := range node.Attr {
		if a.Space == "" && a.Key == key {
			v := a.Value
			return &v
		}
	}
	return nil
}

// attr returns the unprefixed attribute, "" when there is none.
func attr(node *etree.Element, key string) string {
	if v := optional(node, key); v != nil {
		return *v
	}
	return ""
}
