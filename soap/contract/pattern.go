package contract

import (
	"fmt"
	"regexp"
	"strings"
)

// These are the character classes of XML Schema regular expressions, in a form
// that can stand inside a bracket of Go's syntax.
const (
	classDigit    = `\p{Nd}`
	classWord     = `\p{L}\p{M}\p{N}\p{S}`
	classNotWord  = `\p{P}\p{Z}\p{C}`
	classSpace    = ` \t\n\r`
	classNotSpace = `\x{0}-\x{8}\x{b}\x{c}\x{e}-\x{1f}\x{21}-\x{10FFFF}`
	classInitial  = `\p{L}\p{Nl}_:`
	classNameChar = `\p{L}\p{N}\p{Mn}\p{Mc}_:.\x{b7}\-`
)

// compilePatterns translates the patterns of one restriction step, of which a
// value must match one, into a regular expression that matches whole values.
//
// The two languages differ where real schemas step on it: in XML Schema ^ and $
// are plain characters, every pattern is anchored, and \i and \c exist. What Go
// cannot express (class subtraction, Unicode blocks) is an error.
func compilePatterns(patterns []string) (*regexp.Regexp, error) {
	alternatives := make([]string, len(patterns))
	for i, p := range patterns {
		t, err := translatePattern(p)
		if err != nil {
			return nil, err
		}
		alternatives[i] = "(?:" + t + ")"
	}
	re, err := regexp.Compile(`\A(?:` + strings.Join(alternatives, "|") + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("pattern facet that has no equivalent here")
	}
	return re, nil
}

func translatePattern(pattern string) (string, error) {
	var out strings.Builder
	runes := []rune(pattern)
	inClass := false
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '\\':
			if i+1 >= len(runes) {
				return "", fmt.Errorf("pattern facet ending in a backslash")
			}
			i++
			n, err := translateEscape(&out, runes[i:], inClass)
			if err != nil {
				return "", err
			}
			i += n - 1
		case inClass && r == '[':
			return "", fmt.Errorf("pattern facet with class subtraction")
		case inClass && r == ']':
			inClass = false
			out.WriteRune(r)
		case inClass:
			out.WriteRune(r)
		case r == '[':
			inClass = true
			out.WriteRune(r)
			if i+1 < len(runes) && runes[i+1] == '^' {
				i++
				out.WriteRune('^')
			}
		case r == '^' || r == '$':
			out.WriteString(`\` + string(r))
		case r == '.':
			out.WriteString(`[^\n\r]`)
		case r == '(' && i+1 < len(runes) && runes[i+1] == '?':
			return "", fmt.Errorf("pattern facet with a group option")
		default:
			out.WriteRune(r)
		}
	}
	return out.String(), nil
}

// translateEscape writes the escape that begins with rest[0] (the character
// after the backslash) and returns how many characters of rest it took.
func translateEscape(out *strings.Builder, rest []rune, inClass bool) (int, error) {
	set := func(class string, negate bool) {
		switch {
		case inClass:
			out.WriteString(class)
		case negate:
			out.WriteString("[^" + class + "]")
		default:
			out.WriteString("[" + class + "]")
		}
	}
	switch r := rest[0]; r {
	case 'd':
		set(classDigit, false)
	case 'D':
		out.WriteString(`\P{Nd}`)
	case 'w':
		set(classWord, false)
	case 'W':
		set(classNotWord, false)
	case 's':
		set(classSpace, false)
	case 'S':
		set(classNotSpace, false)
	case 'i':
		set(classInitial, false)
	case 'c':
		set(classNameChar, false)
	case 'I', 'C':
		if inClass {
			return 0, fmt.Errorf("pattern facet with \\%c inside a class", r)
		}
		if r == 'I' {
			set(classInitial, true)
		} else {
			set(classNameChar, true)
		}
	case 'p', 'P':
		end := strings.IndexRune(string(rest), '}')
		if len(rest) < 2 || rest[1] != '{' || end < 0 {
			return 0, fmt.Errorf("pattern facet with a malformed category")
		}
		name := string(rest)[2:end]
		if len(name) > 2 {
			return 0, fmt.Errorf("pattern facet with a Unicode block")
		}
		out.WriteString(`\` + string(r) + "{" + name + "}")
		return len([]rune(string(rest)[:end+1])), nil
	case 'n', 'r', 't', '\\', '|', '.', '-', '^', '?', '*', '+', '{', '}', '(', ')', '[', ']', '$':
		out.WriteString(`\` + string(r))
	default:
		return 0, fmt.Errorf("pattern facet with an unknown escape")
	}
	return 1, nil
}
