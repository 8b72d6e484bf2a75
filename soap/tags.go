package soap

import (
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// startTag reads a start tag or an empty element tag.
func (s *scanner) startTag() error {
	if len(s.open) == 0 && s.rooted {
		return s.fail("a second root element")
	}
	s.flush()
	if s.elements++; s.elements > s.lim.Elements {
		return s.fail("too many elements")
	}
	if len(s.open) >= s.lim.Depth {
		return s.fail("elements are nested too deeply")
	}
	outside := len(s.bindings)
	s.pos++
	name, err := s.name()
	if err != nil {
		return err
	}
	empty, err := s.attributes()
	if err != nil {
		return err
	}
	if err := s.declare(); err != nil {
		return err
	}
	prefix, _, qualified := strings.Cut(name, ":")
	if !qualified {
		prefix = ""
	}
	if _, ok := s.lookup(prefix); !ok || prefix == "xmlns" {
		return s.fail("an element with a prefix that is not declared")
	}
	if err := s.distinct(); err != nil {
		return err
	}

	parent := &s.doc.Element
	if len(s.open) > 0 {
		parent = s.open[len(s.open)-1].el
	}
	el := parent.CreateElement(name)
	s.give(el)
	s.rooted = true
	s.open = append(s.open, frame{el, name, outside})
	if empty {
		s.close()
	}
	return nil
}

// give puts the attributes of the tag on el. CreateAttr looks for an attribute
// of the same name each time, which adds up; the first one that it made is
// copied instead, because it knows its element, as all of them must.
func (s *scanner) give(el *etree.Element) {
	if len(s.attrs) == 0 {
		return
	}
	made := *el.CreateAttr("a", "")
	el.Attr = make([]etree.Attr, len(s.attrs))
	for i, a := range s.attrs {
		made.Space, made.Key, made.Value = a.prefix, a.local, a.value
		el.Attr[i] = made
	}
}

// name reads a qualified name.
func (s *scanner) name() (string, error) {
	rest := s.src[s.pos:]
	end := 0
	for end < len(rest) && end <= s.lim.Name {
		c := rest[end]
		if c < utf8.RuneSelf {
			if c != ':' && !nameRune(rune(c)) {
				break
			}
			end++
			continue
		}
		r, n := utf8.DecodeRuneInString(rest[end:])
		if !nameRune(r) {
			break
		}
		end += n
	}
	if end > s.lim.Name {
		return "", s.fail("a name is too long")
	}
	name := rest[:end]
	prefix, local, qualified := strings.Cut(name, ":")
	if !ncName(prefix) || qualified && !ncName(local) {
		return "", s.fail("a name was expected")
	}
	s.pos += end
	return name, nil
}

// attributes reads the rest of a start tag into s.attrs and tells whether the
// element is empty.
func (s *scanner) attributes() (empty bool, err error) {
	s.attrs = s.attrs[:0]
	for {
		spaced := s.skipSpace()
		switch {
		case s.has(">"):
			s.pos++
			return false, nil
		case s.has("/>"):
			s.pos += 2
			return true, nil
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
		s.attrs = append(s.attrs, a)
	}
}

func (s *scanner) attribute() (attr, error) {
	name, err := s.name()
	if err != nil {
		return attr{}, err
	}
	s.skipSpace()
	if !s.has("=") {
		return attr{}, s.fail("an attribute without a value")
	}
	s.pos++
	s.skipSpace()
	if !s.has(`"`) && !s.has("'") {
		return attr{}, s.fail("an attribute value without quotes")
	}
	quote := s.src[s.pos]
	s.pos++
	rest := s.src[s.pos:]
	end := strings.IndexByte(rest[:min(len(rest), s.lim.AttributeValue+1)], quote)
	if end < 0 {
		return attr{}, s.fail("an attribute value is too long or does not end")
	}
	value, reason := attributeValue(rest[:end])
	if reason != "" {
		return attr{}, s.fail(reason)
	}
	s.pos += end + 1
	a := attr{value: value}
	var qualified bool
	if a.prefix, a.local, qualified = strings.Cut(name, ":"); !qualified {
		a.prefix, a.local = "", name
	}
	return a, nil
}

// attributeValue resolves references and turns white space into spaces (XML
// 1.0, 3.3.3).
func attributeValue(raw string) (value, reason string) {
	if !strings.ContainsAny(raw, "<&\t\n") {
		return raw, ""
	}
	var b strings.Builder
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case '<':
			return "", `"<" in an attribute value`
		case '&':
			v, n, reason := reference(raw[i:])
			if reason != "" {
				return "", reason
			}
			b.WriteString(v)
			i += n
			continue
		case '\t', '\n':
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
		i++
	}
	return b.String(), ""
}

func (s *scanner) skipSpace() bool {
	start := s.pos
	for s.pos < len(s.src) && blank(s.src[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

// declare takes the namespace declarations of the tag into scope.
func (s *scanner) declare() error {
	for _, a := range s.attrs {
		prefix := a.local
		switch {
		case a.prefix == "" && a.local == "xmlns":
			prefix = ""
		case a.prefix != "xmlns":
			continue
		case a.value == "":
			return s.fail("a prefix bound to no namespace")
		case a.local == "xmlns":
			return s.fail("the prefix xmlns is declared")
		}
		if (prefix == "xml") != (a.value == NSXML) || a.value == NSXMLNS {
			return s.fail("a reserved prefix or namespace is redefined")
		}
		if len(s.bindings) >= s.lim.Namespaces {
			return s.fail("too many namespaces in scope")
		}
		s.bindings = append(s.bindings, binding{prefix, a.value})
	}
	return nil
}

// lookup returns the namespace of a prefix; the empty prefix is always known.
func (s *scanner) lookup(prefix string) (string, bool) {
	switch prefix {
	case "xml":
		return NSXML, true
	case "xmlns":
		return NSXMLNS, true
	}
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == prefix {
			return s.bindings[i].uri, true
		}
	}
	return "", prefix == ""
}

// distinct resolves the attributes of the tag and refuses two with one name,
// also when they are spelled with two prefixes of one namespace.
func (s *scanner) distinct() error {
	type expanded struct{ uri, local string }
	var seen map[expanded]bool
	if len(s.attrs) > 8 {
		seen = make(map[expanded]bool, len(s.attrs))
	}
	for i := range s.attrs {
		a := &s.attrs[i]
		if a.prefix != "" {
			uri, ok := s.lookup(a.prefix)
			if !ok {
				return s.fail("an attribute with a prefix that is not declared")
			}
			a.uri = uri
		} else if a.local == "xmlns" {
			a.uri = NSXMLNS
		}
		if seen != nil {
			key := expanded{a.uri, a.local}
			if seen[key] {
				return s.fail("an attribute is given twice")
			}
			seen[key] = true
			continue
		}
		for _, b := range s.attrs[:i] {
			if b.uri == a.uri && b.local == a.local {
				return s.fail("an attribute is given twice")
			}
		}
	}
	return nil
}
