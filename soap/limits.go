package soap

// Limits bound what one XML document may ask of us. A zero field means the
// value of DefaultLimits.
type Limits struct {
	// Bytes is the size of the whole document.
	Bytes int
	// Header is the size of names and values in the SOAP header, in bytes.
	Header int
	// Depth is how deep elements may nest; the root is level 1.
	Depth int
	// Elements is the number of elements in the document.
	Elements int
	// Attributes is the number of attributes, namespace declarations included,
	// of one element.
	Attributes int
	// Namespaces is the number of namespace declarations in scope at any place.
	Namespaces int
	// Name is the length of one element or attribute name, in bytes.
	Name int
	// AttributeValue is the length of one attribute value, in bytes.
	AttributeValue int
}

// DefaultLimits returns the limits for messages: far above what any register
// sends, far below what hurts.
func DefaultLimits() Limits {
	return Limits{
		Bytes:          10 << 20,
		Header:         64 << 10,
		Depth:          64,
		Elements:       100_000,
		Attributes:     256,
		Namespaces:     64,
		Name:           256,
		AttributeValue: 64 << 10,
	}
}

// LimitsOf returns the default limits for documents of up to that many bytes, with
// as many elements as so many can sensibly hold.
func LimitsOf(bytes int) Limits {
	l := DefaultLimits()
	l.Bytes = bytes
	l.Elements = max(l.Elements, bytes/bytesAnElement)
	return l
}

// bytesAnElement is how few bytes an element takes on the average of a document
// that says anything.
const bytesAnElement = 16

// orDefaults fills zero fields.
func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	for _, f := range []struct{ have, def *int }{
		{&l.Bytes, &d.Bytes}, {&l.Header, &d.Header}, {&l.Depth, &d.Depth}, {&l.Elements, &d.Elements},
		{&l.Attributes, &d.Attributes}, {&l.Namespaces, &d.Namespaces}, {&l.Name, &d.Name},
		{&l.AttributeValue, &d.AttributeValue},
	} {
		if *f.have <= 0 {
			*f.have = *f.def
		}
	}
	return l
}
