package soap

// Span is a range of bytes, Start inclusive, End exclusive.
type Span struct{ Start, End int }

// Of returns the bytes of text in the span.
func (s Span) Of(text []byte) []byte { return text[s.Start:s.End] }

// Outline is a document that passed the gate and where the parts of a SOAP
// message lie in it. Spans reach from the "<" of the start tag to the ">" of
// the end tag; a part that is not there has the zero Span, which no element
// has. Nothing but the spans is held: there is no tree and no copy.
type Outline struct {
	// Text is the document in UTF-8: the bytes that were scanned, not a copy,
	// unless they were in ISO-8859-1. It must not be changed.
	Text []byte
	// Envelope, Header and Body are of the namespace NSEnvelope. Header is the
	// first child of Envelope by this name in front of Body, Body the first one
	// by that name.
	Envelope, Header, Body Span
	// Blocks are the child elements of Header, in order.
	Blocks []Span
	// Wrapper is the first child element of Body.
	Wrapper Span
	// Children is how many child elements Body has.
	Children int

	start        int    // behind byte order mark and XML declaration
	wrapperStart Span   // the wrapper's start tag
	space, local []byte // the wrapper's name
	scope        []binding
	fault        bool // the wrapper is a SOAP Fault
	faulty       bool // some element has a name of [BusinessFault]
	stray        bool // the envelope holds more than a Header and a Body behind it

	path   [outlined]*Span // the open part of each level that is noted, or nil
	around [8]binding      // room for the scope around the wrapper
}

// outlined is how many levels of elements an outline knows: envelope, header
// and body, blocks and wrapper.
const outlined = 3

// mostBlocks bounds the header blocks of a message. X-Road has ten.
const mostBlocks = 256

// Scan passes a document through the gate and returns its outline. It allocates
// no more than a few times, whatever the document's size, and takes time
// linear in it. A document that is no SOAP message passes as well, with a zero
// Envelope. The error is a *SyntaxError; see ReadTree for what is refused. More
// than 256 header blocks are refused, too.
func Scan(data []byte, lim Limits) (*Outline, error) {
	lim = lim.orDefaults()
	text, start, err := decode(data, lim)
	if err != nil {
		return nil, err
	}
	o := &Outline{Text: text, start: start}
	if err := scan(text, start, lim, o); err != nil {
		return nil, err
	}
	return o, nil
}

// enter notes the start tag at the given offsets of an element depth levels
// below the document, and the declarations in scope around it.
func (o *Outline) enter(depth, start, end int, space, local []byte, around []binding) error {
	o.path[depth] = nil
	part := func(s *Span) {
		s.Start, o.path[depth] = start, s
	}
	soap := string(space) == NSEnvelope
	switch {
	case depth == 0:
		if soap && string(local) == "Envelope" {
			part(&o.Envelope)
		}
	case depth == 1:
		switch {
		case o.path[0] == nil:
		case !soap:
			o.stray = true
		case string(local) == "Header" && o.Header.Start == 0 && o.Body.Start == 0:
			part(&o.Header)
		case string(local) == "Body" && o.Body.Start == 0:
			part(&o.Body)
		default:
			o.stray = true
		}
	case o.path[1] == nil:
	case o.path[1] == &o.Header:
		if len(o.Blocks) == mostBlocks {
			return &SyntaxError{start, "too many header blocks"}
		}
		if o.Blocks == nil {
			o.Blocks = make([]Span, 0, 12)
		}
		o.Blocks = append(o.Blocks, Span{})
		part(&o.Blocks[len(o.Blocks)-1])
	default:
		if o.Children++; o.Children == 1 {
			part(&o.Wrapper)
			o.wrapperStart = Span{start, end}
			o.space, o.local = space, local
			o.scope = append(o.around[:0], around...)
			o.fault = soap && string(local) == "Fault"
		}
	}
	return nil
}

// leave notes the end of the element depth levels below the document.
func (o *Outline) leave(depth, end int) {
	if o.path[depth] != nil {
		o.path[depth].End = end
		o.path[depth] = nil
	}
}
