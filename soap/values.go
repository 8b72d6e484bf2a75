package soap

import (
	"strings"
	"unicode/utf8"
)

// reference reads an entity or character reference at the start of t and
// returns its value and length, or why it is refused.
func reference[T string | []byte](t T) (value rune, n int, reason string) {
	// No reference worth reading is longer: &#x10FFFF; with some leading zeros.
	end := 1
	for end < min(len(t), 32) && t[end] != ';' {
		end++
	}
	if end >= min(len(t), 32) {
		return 0, 0, "a reference that does not end"
	}
	name := t[1:end]
	switch string(name) {
	case "lt":
		return '<', end + 1, ""
	case "gt":
		return '>', end + 1, ""
	case "amp":
		return '&', end + 1, ""
	case "apos":
		return '\'', end + 1, ""
	case "quot":
		return '"', end + 1, ""
	}
	if len(name) == 0 || name[0] != '#' {
		return 0, 0, "an entity that is not declared"
	}
	digits, base := name[1:], rune(10)
	if len(digits) > 0 && digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	var r rune
	for i := range len(digits) {
		d := rune(unhex(digits[i]))
		if d < 0 || d >= base || r > utf8.MaxRune {
			return 0, 0, "a malformed character reference"
		}
		r = r*base + d
	}
	if len(digits) == 0 || !legalRune(r) {
		return 0, 0, "a reference to a character that XML cannot hold"
	}
	return r, end + 1, ""
}

// attributeValue returns the value of an attribute that was checked: references
// resolved and each white space, or carriage return and line feed together, a
// space (XML 1.0, 2.11 and 3.3.3). It is raw itself where nothing changes.
func attributeValue[T string | []byte](raw T) T {
	i := 0
	for i < len(raw) && raw[i] != '&' && raw[i] != '\t' && raw[i] != '\n' && raw[i] != '\r' {
		i++
	}
	if i == len(raw) {
		return raw
	}
	out := append(make([]byte, 0, len(raw)), raw[:i]...)
	for i < len(raw) {
		switch c := raw[i]; c {
		case '&':
			r, n, _ := reference(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		case '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			out = append(out, ' ')
		case '\t', '\n':
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
		i++
	}
	return T(out)
}

// isSimple tells whether a run of checked text is its own value.
func isSimple(run string, references bool) bool {
	if len(run) > 64 {
		return strings.IndexByte(run, '\r') < 0 && (!references || strings.IndexByte(run, '&') < 0)
	}
	for i := range len(run) {
		if c := run[i]; c == '\r' || c == '&' && references {
			return false
		}
	}
	return true
}

// appendText appends the value of a run of checked text: line ends normalised
// and, outside CDATA sections, references resolved.
func appendText(out []byte, run string, references bool) []byte {
	for i := 0; i < len(run); {
		switch c := run[i]; {
		case c == '\r':
			if i+1 < len(run) && run[i+1] == '\n' {
				i++
			}
			out = append(out, '\n')
			i++
		case c == '&' && references:
			r, n, _ := reference(run[i:])
			out = utf8.AppendRune(out, r)
			i += n
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}
