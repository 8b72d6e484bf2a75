package soap

import "unicode/utf8"

// declaration starts every message we write.
const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// legalRune tells whether XML 1.0 can hold r (production Char).
func legalRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// legal tells whether s is UTF-8 that XML 1.0 can hold.
func legal(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 || !legalRune(r) {
			return false
		}
		i += n
	}
	return true
}

// escaped writes s as character data. A carriage return is written as a
// reference, because a reader turns a raw one into a line feed.
func (b text) escaped(s string) text {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c >= ' ' && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>'
	}
	if plain {
		return append(b, s...)
	}
	for _, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '\r':
			b = append(b, "&#xD;"...)
		case !legalRune(r):
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// nameStart and nameRune are the productions NameStartChar and NameChar of
// XML 1.0 (fifth edition) without the colon, as Namespaces in XML wants them.
func nameStart(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
	case r >= 0xC0 && r <= 0x2FF:
		return r != 0xD7 && r != 0xF7
	case r >= 0x370 && r <= 0x1FFF:
		return r != 0x37E
	}
	return r >= 0x200C && r <= 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
		r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0xEFFFF
}

func nameRune(r rune) bool {
	return nameStart(r) || r == '-' || r == '.' || r >= '0' && r <= '9' || r == 0xB7 ||
		r >= 0x300 && r <= 0x36F || r >= 0x203F && r <= 0x2040
}

// ncName tells whether s is a name without a colon.
func ncName(s string) bool {
	if s == "" {
		return false
	}
	for i, r := range s {
		if i == 0 && !nameStart(r) || !nameRune(r) {
			return false
		}
	}
	return true
}
