package soap

import "strings"

// maxBoundary is the length of a boundary (RFC 2046 5.1.1).
const maxBoundary = 70

// mediaType reads a Content-Type: the type in lower case and its parameters,
// names in lower case, values quoted or not. Values are not held to the
// letters of a token, because boundaries with "=" are sent bare in practice.
// A parameter that stands there twice makes the value unreadable: which of two
// boundaries is meant must not be a matter of taste.
func mediaType(v string) (string, map[string]string, bool) {
	media, rest, _ := strings.Cut(v, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	main, sub, ok := strings.Cut(media, "/")
	if !ok || !token(main) || !token(sub) {
		return "", nil, false
	}
	params := map[string]string{}
	for {
		rest = strings.TrimLeft(rest, " \t\r\n;")
		if rest == "" {
			return media, params, true
		}
		name, after, found := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := params[name]; !found || !token(name) || twice {
			return "", nil, false
		}
		var value string
		if value, rest, ok = parameter(strings.TrimLeft(after, " \t")); !ok {
			return "", nil, false
		}
		params[name] = value
	}
}

// parameter reads the value of a parameter and returns what follows it.
func parameter(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		value = strings.TrimSpace(value)
		return value, rest, value != "" && !strings.ContainsAny(value, "\"\r\n\x00")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			rest = strings.TrimLeft(s[i+1:], " \t\r\n")
			return b.String(), rest, rest == "" || rest[0] == ';'
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// goodBoundary tells whether b can be a boundary: printable, not too long, not
// ending in a blank.
func goodBoundary(b string) bool {
	for i := range len(b) {
		if b[i] < ' ' || b[i] > '~' {
			return false
		}
	}
	return b != "" && len(b) <= maxBoundary && !strings.HasSuffix(b, " ")
}

// token tells whether s is a token of RFC 2045.
func token(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// printable replaces control characters, for a text of ours that holds a
// foreign value.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
