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
	// Any says that the type is xs:anyType: any text, attributes and elements.
	Any bool
	// Mixed says that text may stand among the child elements, which are then told in
	// their order.
	Mixed bool
	// AnyAttribute says that attributes beside the declared ones are allowed
	// (xs:anyAttribute): those that TakesAttribute says.
	AnyAttribute bool
	// Abstract says that no element can be of the type itself: it names one of
	// Derived with xsi:type.
	Abstract bool
	// Derived are the named types that are derived from this one, directly or
	// not, sorted by name. An element may name one of them with xsi:type.
	Derived []*Type
	// Unsupported names the construct that keeps this type from being used.
	Unsupported error

	looseSpaces func(namespace string) bool // of AnyAttribute
}

// TakesAttribute says whether an attribute of the namespace ("" is none) that is
// not declared may stand beside those that are.
func (t *Type) TakesAttribute(namespace string) bool {
	return t.AnyAttribute && (t.looseSpaces == nil || t.looseSpaces(namespace))
}

// Named returns the type among t and those derived from it that has this name,
// given as the local name or, where that is not enough, as {namespace}local.
// ok is false when there is none, and when a local name fits several.
func (t *Type) Named(name string) (found *Type, ok bool) {
	if name == "" {
		return nil, false
	}
	for _, d := range append([]*Type{t}, t.Derived...) {
		if d.Name.String() == name {
			return d, true
		}
		if d.Name.Local == name {
			if found != nil {
				return nil, false
			}
			found = d
		}
	}
	return found, found != nil
}

// IsSimple says whether a value of the type is one plain JSON value and not an
// object.
func (t *Type) IsSimple() bool {
	return t.Simple != nil && len(t.Attributes) == 0 && !t.AnyAttribute && len(t.Derived) == 0
}

// Attribute is one attribute of an element.
type Attribute struct {
	// Namespace is "" for an unqualified attribute.
	Namespace, Name string
	Required        bool
	Fixed           *string
	Type            *Simple
}

// ParticleKind tells the kinds of particle apart.
type ParticleKind int

// The kinds of particle of a content model.
const (
	ElementParticle ParticleKind = iota
	SequenceParticle
	ChoiceParticle
	AllParticle
	// AnyParticle is xs:any: any elements of the namespaces that it allows.
	AnyParticle
)

// Particle is a node of a content model: an element, a wildcard, or a group of
// particles in sequence, by choice or in any order.
type Particle struct {
	Kind ParticleKind
	// Min and Max bound the occurrence of a group or wildcard; Max is Unbounded
	// (-1) for no bound. For an element see Element.
	Min, Max int
	// Items are the members of a group.
	Items []*Particle
	// Element is the element of an ElementParticle. For a wildcard that takes
	// only declared elements it is one of them, as an example, or nil.
	Element *Element

	allows   func(namespace string) bool // of a wildcard
	starts   map[Name]bool
	elements map[string]*Element // of the XML: with those inside repeating groups
	fields   map[string]*Element // of the JSON object: without them
	wild     *Particle           // the wildcard in it, if any
	repeats  *Particle           // the repeating group in it, if any
	empty    bool
}

// Repeats says whether the particle is a group that may occur more than once.
func (p *Particle) Repeats() bool {
	return p.Max != 1 && p.Kind != ElementParticle && p.Kind != AnyParticle
}

// StartsWith says whether an instance of the particle can begin with the named
// element.
func (p *Particle) StartsWith(n Name) bool {
	return p.starts[n] || p.wild != nil && p.wild.allows(n.Space)
}

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

// Takes says whether an element of that name has a place in the particle.
func (p *Particle) Takes(n Name) bool {
	if p == nil {
		return false
	}
	el := p.elements[n.Local]
	return el != nil && el.Namespace == n.Space || p.wild != nil && p.wild.allows(n.Space)
}

// Field returns the element of that local name as [Particle.Holds] does, but
// not one inside a repeating group: each occurrence of such a group is an object
// of its own.
func (p *Particle) Field(local string) *Element {
	if p == nil {
		return nil
	}
	return p.fields[local]
}

// Wildcard returns the wildcard in the particle, or nil. A type has one at the
// most, for what it takes has no names.
func (p *Particle) Wildcard() *Particle {
	if p == nil {
		return nil
	}
	return p.wild
}

// Group returns the repeating group in the particle, or nil. A type has one at
// the most, for it has no name either.
func (p *Particle) Group() *Particle {
	if p == nil {
		return nil
	}
	return p.repeats
}

// Allows says whether the wildcard takes elements of the namespace; "" is none.
func (p *Particle) Allows(namespace string) bool { return p.Kind == AnyParticle && p.allows(namespace) }

// Emptiable says whether an instance of the particle can consist of no element
// at all.
func (p *Particle) Emptiable() bool { return p.empty }

// IsName says whether s can be the local name of an element or attribute
// (NCName of Namespaces in XML).
func IsName(s string) bool { return reNCName.MatchString(s) }
