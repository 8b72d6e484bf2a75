package soap

import (
	"bytes"
	"hash/maphash"
	"sync"
)

// scanner is the gate: a strict reader of XML 1.0 without document type
// declarations that looks at every byte once, builds nothing and, where the
// document is a SOAP message, notes where its parts lie. Everything that works
// on a document afterwards (Tokens, trees) relies on it and checks nothing.
//
// encoding/xml cannot do this: it accepts undeclared prefixes, duplicate
// attributes and half of what is not well-formed.
type scanner struct {
	src     []byte
	pos     int
	lim     Limits
	outline *Outline // nil when nobody asks for the parts of a message

	open       []frame
	bindings   []binding
	attrs      []attr // of the tag being read
	table      []int  // to find duplicates among many attributes
	seed       maphash.Seed
	elements   int
	attributed int // attributes in the whole document
	rooted     bool
}

// frame is an element that is not closed yet.
type frame struct {
	name     []byte
	bindings int // how many were in scope outside
}

// binding is a namespace declaration in scope.
type binding struct{ prefix, uri []byte }

// attr is an attribute as written.
type attr struct{ prefix, local, value []byte }

// scanners are kept for the next document, with room for an ordinary one.
var scanners = sync.Pool{New: func() any {
	return &scanner{
		seed: maphash.MakeSeed(), open: make([]frame, 0, 32), bindings: make([]binding, 0, 16), attrs: make([]attr, 0, 16),
	}
}}

// scan checks the document text, whose markup begins at start, and fills
// outline if there is one. The error is a *SyntaxError.
func scan(text []byte, start int, lim Limits, outline *Outline) error {
	s := scanners.Get().(*scanner)
	s.src, s.pos, s.lim, s.outline = text, start, lim, outline
	s.open, s.bindings, s.attrs = s.open[:0], s.bindings[:0], s.attrs[:0]
	s.elements, s.attributed, s.rooted = 0, 0, false
	err := s.document()
	// What is kept for the next document must not hold on to this one.
	clear(s.open[:cap(s.open)])
	clear(s.bindings[:cap(s.bindings)])
	clear(s.attrs[:cap(s.attrs)])
	s.src, s.outline = nil, nil
	scanners.Put(s)
	return err
}

func (s *scanner) fail(reason string) error { return &SyntaxError{s.pos, reason} }

// document reads prolog, root and what may follow it.
func (s *scanner) document() error {
	for s.pos < len(s.src) {
		var err error
		if s.src[s.pos] != '<' {
			err = s.charData()
		} else if rest := s.src[s.pos+1:]; len(rest) == 0 {
			err = s.fail("the document ends inside a tag")
		} else {
			switch rest[0] {
			case '/':
				err = s.endTag()
			case '?':
				err = s.instruction()
			case '!':
				switch {
				case bytes.HasPrefix(rest, []byte("!--")):
					err = s.comment()
				case bytes.HasPrefix(rest, []byte("![CDATA[")):
					err = s.cdata()
				default:
					err = s.fail("a document type declaration, which messages must not have")
				}
			default:
				err = s.startTag()
			}
		}
		if err != nil {
			return err
		}
	}
	switch {
	case len(s.open) > 0:
		return s.fail("the document ends inside an element")
	case !s.rooted:
		return s.fail("the document has no root element")
	}
	return nil
}

// charData checks text up to the next "<".
func (s *scanner) charData() error {
	src, i := s.src, s.pos
	if len(s.open) == 0 {
		for i < len(src) && class[src[i]]&isSpace != 0 {
			i++
		}
		s.pos = i
		if i < len(src) && src[i] != '<' {
			return s.fail("text outside the root element")
		}
		return nil
	}
	for {
		i = plainEnd(src, i)
		if i == len(src) || src[i] == '<' {
			s.pos = i
			return nil
		}
		n := 1
		switch c := src[i]; {
		case c == ']':
			if i+2 < len(src) && src[i+1] == ']' && src[i+2] == '>' {
				s.pos = i
				return s.fail(`"]]>" in text`)
			}
		case c == '&':
			var reason string
			if _, n, reason = reference(src[i:]); reason != "" {
				s.pos = i
				return s.fail(reason)
			}
		default:
			if n = wide(src[i:]); n == 0 || c < 0x80 {
				s.pos = i
				return s.fail(notXML)
			}
		}
		i += n
	}
}

const notXML = "a byte or character that XML cannot hold"

// skip steps over markup of the form open, content, end.
func (s *scanner) skip(open, content, end int) error {
	if i := illegalAt(s.src[s.pos+open : s.pos+open+content]); i >= 0 {
		s.pos += open + i
		return s.fail(notXML)
	}
	s.pos += open + content + end
	return nil
}

func (s *scanner) cdata() error {
	const open, end = "<![CDATA[", "]]>"
	if len(s.open) == 0 {
		return s.fail("a CDATA section outside the root element")
	}
	n := bytes.Index(s.src[s.pos+len(open):], []byte(end))
	if n < 0 {
		return s.fail("a CDATA section does not end")
	}
	return s.skip(len(open), n, len(end))
}

func (s *scanner) comment() error {
	const open, end = "<!--", "-->"
	body := s.src[s.pos+len(open):]
	n := bytes.Index(body, []byte("--"))
	if n < 0 || !bytes.HasPrefix(body[n:], []byte(end)) {
		return s.fail(`a comment does not end or has "--" inside`)
	}
	return s.skip(len(open), n, len(end))
}

// instruction checks a processing instruction.
func (s *scanner) instruction() error {
	const open, end = "<?", "?>"
	body := s.src[s.pos+len(open):]
	n := bytes.Index(body, []byte(end))
	if n < 0 {
		return s.fail("a processing instruction does not end")
	}
	target := body[:n]
	for i, c := range target {
		if class[c]&isSpace != 0 {
			target = target[:i]
			break
		}
		if i > s.lim.Name {
			break
		}
	}
	switch {
	case len(target) == 3 && bytes.EqualFold(target, []byte("xml")):
		return s.fail("an XML declaration that is not at the start, or a second one")
	case len(target) > s.lim.Name || !ncName(string(target)):
		return s.fail("a processing instruction without a proper target")
	}
	return s.skip(len(open), n, len(end))
}

func (s *scanner) endTag() error {
	const mismatch = "an end tag that does not match its start tag"
	if len(s.open) == 0 {
		return s.fail("an end tag without a start tag")
	}
	name := s.open[len(s.open)-1].name
	rest := s.src[s.pos+len("</"):]
	if len(rest) <= len(name) || string(rest[:len(name)]) != string(name) {
		return s.fail(mismatch)
	}
	i := len(name)
	for i < len(rest) && class[rest[i]]&isSpace != 0 {
		i++
	}
	if i == len(rest) || rest[i] != '>' {
		return s.fail(mismatch)
	}
	s.pos += len("</") + i + 1
	s.close()
	return nil
}

// close leaves the innermost element; pos is behind its end.
func (s *scanner) close() {
	last := len(s.open) - 1
	s.bindings = s.bindings[:s.open[last].bindings]
	s.open = s.open[:last]
	if last < outlined && s.outline != nil {
		s.outline.leave(last, s.pos)
	}
}
