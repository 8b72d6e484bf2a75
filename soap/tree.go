package soap

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// SyntaxError says why ReadTree refused a document. It never quotes the
// document, because documents hold personal data.
type SyntaxError struct {
	// Offset is where, in bytes of the document after line ends were
	// normalised.
	Offset int
	// Reason is what, as words of ours.
	Reason string
}

// Error returns reason and place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("XML refused at byte %d: %s", e.Offset, e.Reason)
}

// ReadTree reads one XML 1.0 document and is the only door from bytes to a
// tree. The error is a *SyntaxError.
//
// Refused are: documents over the limits, document type declarations of any
// kind (so there are no entities but the five of XML), anything that is not
// well-formed by XML 1.0 and Namespaces in XML, and every encoding but UTF-8
// (with or without a byte order mark), US-ASCII and ISO-8859-1.
//
// The tree holds elements, attributes and text, nothing else. Comments and
// processing instructions are dropped and CDATA sections are text, so that a
// value has one reading everywhere, whatever was put inside it; nothing is
// ever fetched or included. The tree shares memory with a copy of the document.
func ReadTree(data []byte, lim Limits) (*etree.Document, error) {
	lim = lim.orDefaults()
	if len(data) > lim.Bytes {
		return nil, &SyntaxError{lim.Bytes, fmt.Sprintf("the document is larger than %d bytes", lim.Bytes)}
	}
	text, start, err := decode(data)
	if err != nil {
		return nil, err
	}
	s := &scanner{src: text, pos: start, lim: lim, doc: etree.NewDocument()}
	s.doc.WriteSettings = writeSettings()
	if err := s.document(); err != nil {
		return nil, err
	}
	return s.doc, nil
}

// writeSettings are the only ones that do not change data: by default etree
// writes line ends in attributes and carriage returns in text as they are, and
// the next reader turns them into spaces and line feeds.
func writeSettings() etree.WriteSettings {
	return etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}
}

// decode checks the encoding and returns the document as UTF-8 with normalised
// line ends (XML 1.0, 2.11) and the offset behind the XML declaration.
func decode(data []byte) (string, int, error) {
	body, marked := bytes.CutPrefix(data, []byte("\xEF\xBB\xBF"))
	if bytes.HasPrefix(body, []byte("\xFE\xFF")) || bytes.HasPrefix(body, []byte("\xFF\xFE")) {
		return "", 0, &SyntaxError{0, "the document is in UTF-16; allowed are UTF-8, US-ASCII and ISO-8859-1"}
	}
	start, encoding, err := xmlDeclaration(body)
	if err != nil {
		return "", 0, err
	}
	var text string
	switch strings.ToLower(encoding) {
	case "", "utf-8":
		text = string(body)
	case "us-ascii", "ascii":
		if i := bytes.IndexFunc(body, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			return "", 0, &SyntaxError{i, "a character outside US-ASCII, which is the declared encoding"}
		}
		text = string(body)
	case "iso-8859-1", "latin1":
		if marked {
			return "", 0, &SyntaxError{0, "a UTF-8 byte order mark before a document declared as ISO-8859-1"}
		}
		text = latin1(body)
	default:
		return "", 0, &SyntaxError{0, "the declared encoding is not supported; allowed are UTF-8, US-ASCII and ISO-8859-1"}
	}
	if i := illegalAt(text); i >= 0 {
		return "", 0, &SyntaxError{i, "a byte or character that XML cannot hold"}
	}
	if strings.IndexByte(text, '\r') >= 0 {
		// The declaration becomes shorter as well.
		head := normalizeLines(text[:start])
		text, start = head+normalizeLines(text[start:]), len(head)
	}
	return text, start, nil
}

func normalizeLines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// latin1 maps each byte to the character with its number.
func latin1(b []byte) string {
	var out strings.Builder
	out.Grow(len(b) + len(b)/8)
	for _, c := range b {
		out.WriteRune(rune(c))
	}
	return out.String()
}

// illegalAt returns the offset of the first byte that is not UTF-8 or the
// first character that XML cannot hold, or -1.
func illegalAt(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !legalRune(r) {
			return i
		}
		i += n
	}
	return -1
}

// xmlDeclaration reads the XML declaration, if there is one, and returns the
// offset behind it and the declared encoding.
func xmlDeclaration(b []byte) (end int, encoding string, err error) {
	const open = "<?xml"
	if !bytes.HasPrefix(b, []byte(open)) || len(b) == len(open) || !blank(b[len(open)]) {
		return 0, "", nil
	}
	stop := bytes.Index(b, []byte("?>"))
	if stop < 0 || stop > 256 {
		return 0, "", &SyntaxError{0, "the XML declaration does not end"}
	}
	rest := string(b[len(open):stop])
	want := []string{"version", "encoding", "standalone"}
	for i := 0; ; {
		trimmed := strings.TrimLeft(rest, whiteSpace)
		if trimmed == "" {
			if i == 0 {
				return 0, "", &SyntaxError{0, "the XML declaration has no version"}
			}
			return stop + 2, encoding, nil
		}
		name, value, after, ok := pseudoAttribute(trimmed)
		at := -1
		for j := i; j < len(want); j++ {
			if want[j] == name {
				at = j
			}
		}
		if !ok || len(trimmed) == len(rest) || at < 0 || i == 0 && at != 0 {
			return 0, "", &SyntaxError{0, "the XML declaration is malformed"}
		}
		switch name {
		case "version":
			if value != "1.0" {
				return 0, "", &SyntaxError{0, "the document is not XML 1.0"}
			}
		case "encoding":
			encoding = value
			if !encodingName(value) {
				return 0, "", &SyntaxError{0, "the XML declaration is malformed"}
			}
		case "standalone":
			if value != "yes" && value != "no" {
				return 0, "", &SyntaxError{0, "the XML declaration is malformed"}
			}
		}
		i, rest = at+1, after
	}
}

// encodingName is the production EncName.
func encodingName(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if i == 0 && !letter || !letter && (c < '0' || c > '9') && strings.IndexByte("._-", c) < 0 {
			return false
		}
	}
	return s != ""
}

// pseudoAttribute reads name="value" and returns what follows it.
func pseudoAttribute(s string) (name, value, rest string, ok bool) {
	name, rest, ok = strings.Cut(s, "=")
	name = strings.TrimRight(name, whiteSpace)
	rest = strings.TrimLeft(rest, whiteSpace)
	if !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", "", "", false
	}
	value, rest, ok = strings.Cut(rest[1:], rest[:1])
	return name, value, rest, ok
}

// whiteSpace is the production S.
const whiteSpace = " \t\r\n"

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
