package soap

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// decode checks size and encoding and returns the document as UTF-8 and the
// offset behind byte order mark and XML declaration. Characters are not checked.
func decode(data []byte, lim Limits) (text []byte, start int, err error) {
	refuse := func(reason string) ([]byte, int, error) { return nil, 0, &SyntaxError{0, reason} }
	if len(data) > lim.Bytes {
		return nil, 0, &SyntaxError{lim.Bytes, fmt.Sprintf("the document is larger than %d bytes", lim.Bytes)}
	}
	body, marked := bytes.CutPrefix(data, []byte("\xEF\xBB\xBF"))
	if bytes.HasPrefix(body, []byte("\xFE\xFF")) || bytes.HasPrefix(body, []byte("\xFF\xFE")) {
		return refuse("the document is in UTF-16; allowed are UTF-8, US-ASCII and ISO-8859-1")
	}
	start, encoding, reason := xmlDeclaration(body)
	if reason != "" {
		return refuse(reason)
	}
	start += len(data) - len(body)
	named := func(name string) bool { return bytes.EqualFold(encoding, []byte(name)) }
	switch {
	case len(encoding) == 0, named("utf-8"):
	case named("us-ascii"), named("ascii"):
		for i, c := range body {
			if c >= utf8.RuneSelf {
				return nil, 0, &SyntaxError{i, "a character outside US-ASCII, which is the declared encoding"}
			}
		}
	case named("iso-8859-1"), named("latin1"):
		if marked {
			return refuse("a UTF-8 byte order mark before a document declared as ISO-8859-1")
		}
		return latin1(data), start, nil
	default:
		return refuse("the declared encoding is not supported; allowed are UTF-8, US-ASCII and ISO-8859-1")
	}
	return data, start, nil
}

// latin1 maps each byte to the character with its number.
func latin1(b []byte) []byte {
	n := len(b)
	for _, c := range b {
		n += int(c >> 7)
	}
	out := make([]byte, 0, n)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// xmlDeclaration reads the XML declaration, if there is one, and returns the
// offset behind it and the declared encoding.
func xmlDeclaration(b []byte) (end int, encoding []byte, reason string) {
	const open, malformed = "<?xml", "the XML declaration is malformed"
	if !bytes.HasPrefix(b, []byte(open)) || len(b) == len(open) || class[b[len(open)]]&isSpace == 0 {
		return 0, nil, ""
	}
	stop := bytes.Index(b[:min(len(b), 256)], []byte("?>"))
	if stop < 0 {
		return 0, nil, "the XML declaration does not end"
	}
	rest := b[len(open):stop]
	want := [...]string{"version", "encoding", "standalone"}
	for i := 0; ; {
		trimmed := bytes.TrimLeft(rest, whiteSpace)
		if len(trimmed) == 0 {
			if i == 0 {
				return 0, nil, "the XML declaration has no version"
			}
			return stop + 2, encoding, ""
		}
		name, value, after, ok := pseudoAttribute(trimmed)
		at := -1
		for j := i; j < len(want); j++ {
			if want[j] == string(name) {
				at = j
			}
		}
		if !ok || len(trimmed) == len(rest) || at < 0 || i == 0 && at != 0 {
			return 0, nil, malformed
		}
		switch want[at] {
		case "version":
			if string(value) != "1.0" {
				return 0, nil, "the document is not XML 1.0"
			}
		case "encoding":
			if encoding = value; !encodingName(value) {
				return 0, nil, malformed
			}
		case "standalone":
			if string(value) != "yes" && string(value) != "no" {
				return 0, nil, malformed
			}
		}
		i, rest = at+1, after
	}
}

// encodingName is the production EncName.
func encodingName(s []byte) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if i == 0 && !letter || !letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) > 0
}

// pseudoAttribute reads name="value" and returns what follows it.
func pseudoAttribute(s []byte) (name, value, rest []byte, ok bool) {
	name, rest, ok = bytes.Cut(s, []byte("="))
	name = bytes.TrimRight(name, whiteSpace)
	rest = bytes.TrimLeft(rest, whiteSpace)
	if !ok || len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
		return nil, nil, nil, false
	}
	value, rest, ok = bytes.Cut(rest[1:], rest[:1])
	return name, value, rest, ok
}

// whiteSpace is the production S.
const whiteSpace = " \t\r\n"

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
