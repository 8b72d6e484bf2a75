package soap

import (
	"bytes"
	"hash/maphash"
	"unicode/utf8"
)

// startTag reads a start tag or an empty element tag.
func (s *scanner) startTag() error {
	start, depth := s.pos, len(s.open)
	if depth == 0 && s.rooted {
		return s.fail("a second root element")
	}
	if s.elements++; s.elements > s.lim.Elements {
		return s.fail("too many elements")
	}
	if depth >= s.lim.Depth {
		return s.fail("elements are nested too deeply")
	}
	outside := len(s.bindings)
	s.pos++
	prefix, local, err := s.name()
	if err != nil {
		return err
	}
	name := s.src[start+1 : s.pos]
	empty, err := s.attributes()
	if err != nil {
		return err
	}
	var space []byte
	known := true
	if len(prefix) > 0 || depth < outlined {
		space, known = s.lookup(prefix)
	}
	if !known || string(prefix) == "xmlns" {
		return s.fail("an element with a prefix that is not declared")
	}
	if s.outline != nil {
		switch {
		case depth < outlined:
			if err := s.outline.enter(depth, start, s.pos, space, local, s.bindings[:outside]); err != nil {
				return err
			}
		case namesFault(local):
			s.outline.faulty = true
		}
	}
	s.rooted = true
	s.open = append(s.open, frame{name, outside})
	if empty {
		s.close()
	}
	return nil
}

// name reads a qualified name.
func (s *scanner) name() (prefix, local []byte, err error) {
	rest, colon := s.src[s.pos:], -1
	rest = rest[:min(len(rest), s.lim.Name+1)]
	end := asciiName(rest, 0)
	if end > 0 && end+1 < len(rest) && rest[end] == ':' {
		if local := asciiName(rest, end+1); local > end+1 {
			end, colon = local, end
		}
	}
	// What is left is rare: a second colon, half a name, or letters beyond ASCII.
	if end < len(rest) && (rest[end] == ':' || rest[end] >= utf8.RuneSelf) {
		if end, colon, err = s.oddName(rest); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case end > s.lim.Name:
		return nil, nil, s.fail("a name is too long")
	case end == 0:
		return nil, nil, s.fail("a name was expected")
	}
	s.pos += end
	if colon < 0 {
		return nil, rest[:end], nil
	}
	return rest[:colon], rest[colon+1 : end], nil
}

// asciiName returns the end of the name in ASCII without a colon at i.
func asciiName(b []byte, i int) int {
	if i < len(b) && class[b[i]]&isStart != 0 {
		for i++; i < len(b) && class[b[i]]&isName != 0; i++ {
		}
	}
	return i
}

// oddName reads any qualified name, character by character.
func (s *scanner) oddName(rest []byte) (end, colon int, err error) {
	colon = -1
	first := true // of a half
	for end < len(rest) {
		c := rest[end]
		if c == ':' {
			if first || colon >= 0 {
				return 0, 0, s.fail("a name was expected")
			}
			colon, first = end, true
			end++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			// A character that the limit cut in two is looked at whole.
			if r, n = utf8.DecodeRune(s.src[s.pos+end:]); r == utf8.RuneError && n <= 1 {
				return 0, 0, s.fail(notXML)
			}
		}
		if first && !nameStart(r) || !nameRune(r) {
			break
		}
		first = false
		end += n
	}
	if first && end <= s.lim.Name {
		return 0, 0, s.fail("a name was expected")
	}
	return end, colon, nil
}

// attributes reads the rest of a start tag, takes its namespace declarations
// into scope, checks its attributes and tells whether the element is empty.
func (s *scanner) attributes() (empty bool, err error) {
	s.attrs = s.attrs[:0]
	if s.pos < len(s.src) && s.src[s.pos] == '>' {
		s.pos++
		return false, nil
	}
	declares := false
	for {
		spaced := s.skipSpace()
		rest := s.src[s.pos:]
		switch {
		case len(rest) == 0:
			return false, s.fail("the document ends inside a tag")
		case rest[0] == '>' || rest[0] == '/' && len(rest) > 1 && rest[1] == '>':
			s.pos += 1
			if empty = rest[0] == '/'; empty {
				s.pos++
			}
			if len(s.attrs) == 0 {
				return empty, nil
			}
			if declares {
				if err := s.declare(); err != nil {
					return false, err
				}
			}
			return empty, s.distinct()
		case !spaced:
			return false, s.fail("white space was expected before an attribute")
		case len(s.attrs) >= s.lim.Attributes, s.attributed >= 2*s.lim.Elements:
			// The second bound keeps many full elements from adding up.
			return false, s.fail("too many attributes")
		}
		s.attributed++
		a, err := s.attribute()
		if err != nil {
			return false, err
		}
		if isDeclaration(a.prefix, a.local) {
			declares = true
		}
		s.attrs = append(s.attrs, a)
	}
}

// isDeclaration tells whether an attribute of this name declares a namespace.
func isDeclaration(prefix, local []byte) bool {
	return string(prefix) == "xmlns" || len(prefix) == 0 && string(local) == "xmlns"
}

func (s *scanner) attribute() (attr, error) {
	prefix, local, err := s.name()
	if err != nil {
		return attr{}, err
	}
	s.skipSpace()
	if s.pos == len(s.src) || s.src[s.pos] != '=' {
		return attr{}, s.fail("an attribute without a value")
	}
	s.pos++
	s.skipSpace()
	if s.pos == len(s.src) || s.src[s.pos] != '"' && s.src[s.pos] != '\'' {
		return attr{}, s.fail("an attribute value without quotes")
	}
	quote := s.src[s.pos]
	s.pos++
	rest := s.src[s.pos:]
	rest = rest[:min(len(rest), s.lim.AttributeValue+1)]
	for i := 0; i < len(rest); {
		c := rest[i]
		n := 1
		switch {
		case class[c]&isQuiet != 0:
		case c == quote:
			s.pos += i + 1
			return attr{prefix, local, rest[:i]}, nil
		case c == '"' || c == '\'':
		case c == '<':
			s.pos += i
			return attr{}, s.fail(`"<" in an attribute value`)
		case c == '&':
			var reason string
			if _, n, reason = reference(s.src[s.pos+i:]); reason != "" {
				s.pos += i
				return attr{}, s.fail(reason)
			}
		default:
			if n = wide(s.src[s.pos+i:]); n == 0 || c < utf8.RuneSelf {
				s.pos += i
				return attr{}, s.fail(notXML)
			}
		}
		i += n
	}
	return attr{}, s.fail("an attribute value is too long or does not end")
}

func (s *scanner) skipSpace() bool {
	start := s.pos
	for s.pos < len(s.src) && class[s.src[s.pos]]&isSpace != 0 {
		s.pos++
	}
	return s.pos > start
}

// declare takes the namespace declarations of the tag into scope.
func (s *scanner) declare() error {
	for _, a := range s.attrs {
		if !isDeclaration(a.prefix, a.local) {
			continue
		}
		uri := attributeValue(a.value)
		prefix := a.local
		switch {
		case len(a.prefix) == 0:
			prefix = nil
		case len(uri) == 0:
			return s.fail("a prefix bound to no namespace")
		case string(a.local) == "xmlns":
			return s.fail("the prefix xmlns is declared")
		}
		if (string(prefix) == "xml") != (string(uri) == NSXML) || string(uri) == NSXMLNS {
			return s.fail("a reserved prefix or namespace is redefined")
		}
		if len(s.bindings) >= s.lim.Namespaces {
			return s.fail("too many namespaces in scope")
		}
		s.bindings = append(s.bindings, binding{prefix, uri})
	}
	return nil
}

// lookup returns the namespace of a prefix; the empty prefix is always known.
func (s *scanner) lookup(prefix []byte) ([]byte, bool) {
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if string(s.bindings[i].prefix) == string(prefix) {
			return s.bindings[i].uri, true
		}
	}
	switch string(prefix) {
	case "", "xmlns":
		return nil, true
	case "xml":
		return nsXML, true
	}
	return nil, false
}

var nsXML = []byte(NSXML)

// distinct refuses an attribute with an undeclared prefix and two with one
// name, also when they are spelled with two prefixes of one namespace.
func (s *scanner) distinct() error {
	for _, a := range s.attrs {
		if len(a.prefix) > 0 {
			if _, ok := s.lookup(a.prefix); !ok {
				return s.fail("an attribute with a prefix that is not declared")
			}
		}
	}
	const few = 8
	if len(s.attrs) > few {
		return s.distinctMany()
	}
	for i := range s.attrs {
		for j := range i {
			if s.same(&s.attrs[i], &s.attrs[j]) {
				return s.fail("an attribute is given twice")
			}
		}
	}
	return nil
}

// distinctMany is a hash table over local names. Its seed is random, so that
// nobody can send names that collide, and a name can come back only as often as
// there are namespaces in scope, so that the cost stays linear.
func (s *scanner) distinctMany() error {
	size := 16
	for size < 2*len(s.attrs) {
		size *= 2
	}
	if cap(s.table) < size {
		s.table = make([]int, size)
	}
	table := s.table[:size]
	clear(table)
	for i := range s.attrs {
		a := &s.attrs[i]
		h := int(maphash.Bytes(s.seed, a.local)) & (size - 1)
		for ; table[h] != 0; h = (h + 1) & (size - 1) {
			if s.same(a, &s.attrs[table[h]-1]) {
				return s.fail("an attribute is given twice")
			}
		}
		table[h] = i + 1
	}
	return nil
}

// same tells whether two attributes of the tag have one expanded name.
func (s *scanner) same(a, b *attr) bool {
	if !bytes.Equal(a.local, b.local) {
		return false
	}
	if bytes.Equal(a.prefix, b.prefix) {
		return true
	}
	if len(a.prefix) == 0 || len(b.prefix) == 0 || string(a.prefix) == "xmlns" || string(b.prefix) == "xmlns" {
		return false
	}
	x, _ := s.lookup(a.prefix)
	y, _ := s.lookup(b.prefix)
	return bytes.Equal(x, y)
}
