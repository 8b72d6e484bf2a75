package contract

// Unbounded is the value of Max for maxOccurs="unbounded".
const Unbounded = -1

// Name is a qualified XML name. Space is "" for an unqualified name.
type Name struct{ Space, Local string }

// String returns the name in the {namespace}local notation.
func (n Name) String() string {
	if n.Space == "" {
		return n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

// Element is one element declaration at one place: its name on the wire, how
// often it may occur there, and its type.
type Element struct {
	// Namespace is "" when the element is unqualified local, as most local
	// elements of Estonian services are.
	Namespace string
	// Name is the local name.
	Name string
	// Min and Max bound the occurrence; Max is Unbounded (-1) for no bound.
	Min, Max int
	// Nillable says that xsi:nil="true" may stand for a value.
	Nillable bool
	// Default and Fixed are the values of the attributes of these names, nil
	// when absent.
	Default, Fixed *string
	// Type is never nil. Recursive schemas make the graph of types cyclic.
	Type *Type
	// Doc is the title or documentation in the schema, on one line.
	Doc string
}

// Many says whether the element is an array in JSON: whenever more than one
// occurrence is allowed, however many there are in one message.
func (e *Element) Many() bool { return e.Max != 1 }

// Type is the type of an element. A simple type has Simple and neither
// attributes nor content; simple content has Simple and Attributes; a complex
// type has Content (nil for an empty element) and Attributes.
type Type struct {
	// Name is the name of a named type, empty for an anonymous one.
	Name Name
	// Simple is the value space of text content, nil for a complex type.
	Simple *Simple
	// Attributes in schema order.
	Attributes []*Attribute
	// Content is the particle tree of child elements, nil when there are none.
	Content *Particle
	// Unsupported names the construct that keeps this type from being used.
	Unsupported error
}

// IsSimple says whether a value of the type is one plain JSON value and not an
// object.
func (t *Type) IsSimple() bool { return t.Simple != nil && len(t.Attributes) == 0 }

// Attribute is one attribute of an element.
type Attribute struct {
	// Namespace is "" for an unqualified attribute.
	Namespace, Name string
	Required        bool
	Fixed           *string
	Type            *Simple
}

// ParticleKind tells the four kinds of particle apart.
type ParticleKind int

// The kinds of particle of a content model.
const (
	ElementParticle ParticleKind = iota
	SequenceParticle
	ChoiceParticle
	AllParticle
)

// Particle is a node of a content model: an element, or a group of particles in
// sequence, by choice or in any order.
type Particle struct {
	Kind ParticleKind
	// Min is the smallest occurrence of a group, 0 or 1; the largest is always
	// 1, since repeating groups are not supported. For an element see Element.
	Min int
	// Items are the members of a group.
	Items []*Particle
	// Element is set for an ElementParticle only.
	Element *Element

	starts   map[Name]bool
	elements map[string]*Element
	empty    bool
}

// StartsWith says whether an instance of the particle can begin with the named
// element.
func (p *Particle) StartsWith(n Name) bool { return p.starts[n] }

// Holds returns the element of that local name anywhere in the particle (not in
// the types of its elements), or nil. A local name is unique within a type,
// except in different branches of a choice, where any of the equal declarations
// is returned.
func (p *Particle) Holds(local string) *Element {
	if p == nil {
		return nil
	}
	return p.elements[local]
}

// Emptiable says whether an instance of the particle can consist of no element
// at all.
func (p *Particle) Emptiable() bool { return p.empty }
