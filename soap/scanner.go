package soap

import (
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// scanner is a strict XML 1.0 parser for documents without a document type
// declaration. encoding/xml is not used because it accepts undeclared
// prefixes, duplicate attributes and half of what is not well-formed, and
// checking behind it costs more than reading once.
//
// The input holds legal characters only and its line ends are normalised, so
// nothing below looks at either again.
type scanner struct {
	src string
	pos int
	lim Limits
	doc *etree.Document

	open       []frame
	bindings   []binding
	attrs      []attr // of the tag being read; reused
	elements   int
	attributed int // attributes in the whole document
	rooted     bool

	// Text before the next tag: one slice of src as long as nothing had to be
	// replaced, else collected in buf.
	text string
	buf  strings.Builder
}

// frame is an element that is not closed yet.
type frame struct {
	el       *etree.Element
	name     string
	bindings int // how many were in scope outside
}

// binding is a namespace declaration in scope.
type binding struct{ prefix, uri string }

// attr is an attribute as written; uri is filled in once the declarations of
// the tag are known.
type attr struct{ prefix, local, value, uri string }

func (s *scanner) fail(reason string) error { return &SyntaxError{s.pos, reason} }

// document reads prolog, root and what may follow it.
func (s *scanner) document() error {
	for s.pos < len(s.src) {
		var err error
		switch {
		case s.src[s.pos] != '<':
			err = s.charData()
		case s.has("</"):
			err = s.endTag()
		case s.has("<?"):
			err = s.instruction()
		case s.has("<!--"):
			err = s.comment()
		case s.has("<![CDATA["):
			err = s.cdata()
		case s.has("<!"):
			err = s.fail("a document type declaration, which messages must not have")
		default:
			err = s.startTag()
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

func (s *scanner) has(prefix string) bool { return strings.HasPrefix(s.src[s.pos:], prefix) }

// charData reads text up to the next "<".
func (s *scanner) charData() error {
	end := strings.IndexByte(s.src[s.pos:], '<')
	if end < 0 {
		end = len(s.src)
	} else {
		end += s.pos
	}
	run := s.src[s.pos:end]
	if len(s.open) == 0 {
		if strings.Trim(run, whiteSpace) != "" {
			return s.fail("text outside the root element")
		}
		s.pos = end
		return nil
	}
	if i := strings.Index(run, "]]>"); i >= 0 {
		s.pos += i
		return s.fail(`"]]>" in text`)
	}
	for {
		i := strings.IndexByte(run, '&')
		if i < 0 {
			s.addText(run)
			s.pos = end
			return nil
		}
		s.addText(run[:i])
		s.pos += i
		value, n, reason := reference(run[i:])
		if reason != "" {
			return s.fail(reason)
		}
		s.addText(value)
		s.pos += n
		run = run[i+n:]
	}
}

// addText appends to the text before the next tag.
func (s *scanner) addText(t string) {
	switch {
	case t == "":
	case s.text == "" && s.buf.Len() == 0:
		s.text = t
	default:
		if s.buf.Len() == 0 {
			s.buf.WriteString(s.text)
			s.text = ""
		}
		s.buf.WriteString(t)
	}
}

// flush puts the collected text into the innermost element.
func (s *scanner) flush() {
	t := s.text
	if s.buf.Len() > 0 {
		t = s.buf.String()
		s.buf = strings.Builder{}
	}
	s.text = ""
	if t != "" && len(s.open) > 0 {
		// SetData, other than the constructor, marks white space as such.
		s.open[len(s.open)-1].el.CreateText("").SetData(t)
	}
}

func (s *scanner) cdata() error {
	if len(s.open) == 0 {
		return s.fail("a CDATA section outside the root element")
	}
	body := s.pos + len("<![CDATA[")
	n := strings.Index(s.src[body:], "]]>")
	if n < 0 {
		return s.fail("a CDATA section does not end")
	}
	s.addText(s.src[body : body+n])
	s.pos = body + n + len("]]>")
	return nil
}

func (s *scanner) comment() error {
	body := s.pos + len("<!--")
	n := strings.Index(s.src[body:], "--")
	if n < 0 || !strings.HasPrefix(s.src[body+n:], "-->") {
		return s.fail(`a comment does not end or has "--" inside`)
	}
	s.pos = body + n + len("-->")
	return nil
}

// instruction checks a processing instruction and drops it.
func (s *scanner) instruction() error {
	body := s.src[s.pos+len("<?"):]
	n := strings.Index(body, "?>")
	if n < 0 {
		return s.fail("a processing instruction does not end")
	}
	target := body[:n]
	if i := strings.IndexAny(target, whiteSpace); i >= 0 {
		target = target[:i]
	}
	switch {
	case strings.EqualFold(target, "xml"):
		return s.fail("an XML declaration that is not at the start, or a second one")
	case len(target) > s.lim.Name || !ncName(target):
		return s.fail("a processing instruction without a proper target")
	}
	s.pos += len("<?") + n + len("?>")
	return nil
}

func (s *scanner) endTag() error {
	if len(s.open) == 0 {
		return s.fail("an end tag without a start tag")
	}
	top := s.open[len(s.open)-1]
	rest := s.src[s.pos+len("</"):]
	after, ok := strings.CutPrefix(rest, top.name)
	if !ok {
		return s.fail("an end tag that does not match its start tag")
	}
	trimmed := strings.TrimLeft(after, whiteSpace)
	if !strings.HasPrefix(trimmed, ">") {
		return s.fail("an end tag that does not match its start tag")
	}
	s.flush()
	s.pos = len(s.src) - len(trimmed) + 1
	s.close()
	return nil
}

// close leaves the innermost element.
func (s *scanner) close() {
	top := s.open[len(s.open)-1]
	s.bindings = s.bindings[:top.bindings]
	s.open = s.open[:len(s.open)-1]
}

// reference reads an entity or character reference at the start of t and
// returns its value and length, or why it is refused.
func reference(t string) (value string, n int, reason string) {
	// No reference worth reading is longer: &#x10FFFF; with some leading zeros.
	end := strings.IndexByte(t[:min(len(t), 32)], ';')
	if end < 0 {
		return "", 0, "a reference that does not end"
	}
	name := t[1:end]
	switch name {
	case "lt":
		return "<", end + 1, ""
	case "gt":
		return ">", end + 1, ""
	case "amp":
		return "&", end + 1, ""
	case "apos":
		return "'", end + 1, ""
	case "quot":
		return `"`, end + 1, ""
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return "", 0, "an entity that is not declared"
	}
	base := rune(10)
	if d, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = d, 16
	}
	var r rune
	for i := range len(digits) {
		d := rune(unhex(digits[i]))
		if d < 0 || d >= base || r > utf8.MaxRune {
			return "", 0, "a malformed character reference"
		}
		r = r*base + d
	}
	if digits == "" || !legalRune(r) {
		return "", 0, "a reference to a character that XML cannot hold"
	}
	return string(r), end + 1, ""
}
