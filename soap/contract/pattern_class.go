package contract

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// These are the character classes of XML Schema regular expressions, in a form
// that can stand inside a bracket of Go's syntax.
const (
	classDigit    = `\p{Nd}`
	classNotDigit = `\P{Nd}`
	classWord     = `\p{L}\p{M}\p{N}\p{S}`
	classNotWord  = `\p{P}\p{Z}\p{C}`
	classSpace    = ` \t\n\r`
	classNotSpace = `\x{0}-\x{8}\x{b}\x{c}\x{e}-\x{1f}\x{21}-\x{10FFFF}`
	classInitial  = `\p{L}\p{Nl}_:`
	classNameChar = `\p{L}\p{N}\p{Mn}\p{Mc}_:.\x{b7}\-`
)

// class is a set of characters: what stands inside a bracket of Go's syntax.
type class struct {
	members string
	negated bool
	single  rune // the character of a class of one that is written as an escape, else 0
}

// text is the class as an expression.
func (c class) text() string {
	if c.negated {
		return "[^" + c.members + "]"
	}
	return "[" + c.members + "]"
}

// inside is the class as a member of another one.
func (c class) inside() (string, error) {
	if !c.negated {
		return c.members, nil
	}
	ranges, err := rangesOf(c.text())
	return membersOf(ranges), err
}

// class reads what follows an opening bracket, up to the closing one: single
// characters, ranges, escapes, and at the end perhaps a class to take away
// (XML Schema part 2, F.1, productions 11 to 22).
func (p *patternParser) class(depth int) (class, error) {
	if depth > maxPatternDepth {
		return class{}, fmt.Errorf("pattern facet nested deeper than %d", maxPatternDepth)
	}
	c := class{negated: p.take('^')}
	var members strings.Builder
	for first := true; p.more(); first = false {
		switch {
		case p.at(']') && first:
			return c, errors.New("pattern facet with an empty class")
		case p.take(']'):
			c.members = members.String()
			return c, nil
		case p.at('['):
			return c, errors.New("pattern facet with a bracket inside a class")
		case p.at('-') && !first && p.next+1 < len(p.runes) && p.runes[p.next+1] == '[':
			p.next += 2
			less, err := p.class(depth + 1)
			if err != nil {
				return c, err
			}
			if !p.take(']') {
				return c, errors.New("pattern facet with a class subtraction that is not last")
			}
			c.members = members.String()
			return c.without(less)
		}
		low, err := p.member()
		if err != nil {
			return c, err
		}
		if low.single != 0 && p.ranges() {
			p.next++
			high, err := p.member()
			if err != nil {
				return c, err
			}
			if high.single < low.single {
				return c, errors.New("pattern facet with a range that runs backwards")
			}
			fmt.Fprintf(&members, `\x{%x}-\x{%x}`, low.single, high.single)
			continue
		}
		text, err := low.inside()
		if err != nil {
			return c, err
		}
		members.WriteString(text)
	}
	return c, errors.New("pattern facet with an unclosed bracket")
}

// ranges says whether a hyphen comes next that makes a range with what follows;
// at the end of a class and before a class it stands for itself.
func (p *patternParser) ranges() bool {
	if !p.at('-') || p.next+1 >= len(p.runes) {
		return false
	}
	switch following := p.runes[p.next+1]; following {
	case ']', '[':
		return false
	case '\\':
		return p.next+2 < len(p.runes) && !strings.ContainsRune("dDwWsSiIcCpP", p.runes[p.next+2])
	}
	return true
}

// member reads one character or escape inside a class.
func (p *patternParser) member() (class, error) {
	if p.at('\\') {
		return p.escape()
	}
	r := p.runes[p.next]
	p.next++
	return oneOf(r), nil
}

func oneOf(r rune) class {
	return class{members: fmt.Sprintf(`\x{%x}`, r), single: r}
}

// escape reads a backslash and what it stands before.
func (p *patternParser) escape() (class, error) {
	if p.next++; !p.more() {
		return class{}, errors.New("pattern facet ending in a backslash")
	}
	r := p.runes[p.next]
	p.next++
	switch r {
	case 'd':
		return class{members: classDigit}, nil
	case 'D':
		return class{members: classNotDigit}, nil
	case 'w':
		return class{members: classWord}, nil
	case 'W':
		return class{members: classNotWord}, nil
	case 's':
		return class{members: classSpace}, nil
	case 'S':
		return class{members: classNotSpace}, nil
	case 'i', 'I':
		return class{members: classInitial, negated: r == 'I'}, nil
	case 'c', 'C':
		return class{members: classNameChar, negated: r == 'C'}, nil
	case 'n':
		return oneOf('\n'), nil
	case 'r':
		return oneOf('\r'), nil
	case 't':
		return oneOf('\t'), nil
	case 'p', 'P':
		return p.property(r == 'P')
	}
	if r > unicode.MaxASCII || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return class{}, errors.New("pattern facet with an unknown escape")
	}
	return oneOf(r), nil
}

// property reads a category or a block of Unicode in braces.
func (p *patternParser) property(negated bool) (class, error) {
	from := p.next + 1
	if !p.take('{') {
		return class{}, errors.New("pattern facet with a malformed category")
	}
	for p.more() && !p.at('}') {
		p.next++
	}
	name := string(p.runes[from:p.next])
	if !p.take('}') {
		return class{}, errors.New("pattern facet with a malformed category")
	}
	if block, isBlock := strings.CutPrefix(name, "Is"); isBlock {
		members, known := blocks[block]
		if !known {
			return class{}, errors.New("pattern facet with an unknown Unicode block")
		}
		return class{members: members, negated: negated}, nil
	}
	if unicode.Categories[name] == nil || len(name) > 2 {
		return class{}, errors.New("pattern facet with an unknown category")
	}
	return class{members: `\p{` + name + `}`, negated: negated}, nil
}

// without is the class less another one.
func (c class) without(less class) (class, error) {
	have, err := rangesOf(c.text())
	if err != nil {
		return class{}, err
	}
	gone, err := rangesOf(less.text())
	if err != nil {
		return class{}, err
	}
	var left []rune
	for i := 0; i+1 < len(have); i += 2 {
		low, high := have[i], have[i+1]
		for j := 0; j+1 < len(gone) && low <= high; j += 2 {
			if gone[j+1] < low || gone[j] > high {
				continue
			}
			if gone[j] > low {
				left = append(left, low, gone[j]-1)
			}
			low = gone[j+1] + 1
		}
		if low <= high {
			left = append(left, low, high)
		}
	}
	if left == nil {
		return class{}, errors.New("pattern facet with a class of nothing")
	}
	return class{members: membersOf(left)}, nil
}

// rangesOf returns the characters of a class of Go's syntax as pairs of bounds,
// in order.
func rangesOf(text string) ([]rune, error) {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, errors.New("pattern facet with a class that has no equivalent here")
	}
	switch re.Op {
	case syntax.OpCharClass:
		return re.Rune, nil
	case syntax.OpLiteral:
		return []rune{re.Rune[0], re.Rune[0]}, nil
	case syntax.OpAnyChar:
		return []rune{0, unicode.MaxRune}, nil
	case syntax.OpNoMatch:
		return nil, nil
	}
	return nil, errors.New("pattern facet with a class that has no equivalent here")
}

func membersOf(ranges []rune) string {
	var out strings.Builder
	for i := 0; i+1 < len(ranges); i += 2 {
		fmt.Fprintf(&out, `\x{%x}-\x{%x}`, ranges[i], ranges[i+1])
	}
	return out.String()
}
