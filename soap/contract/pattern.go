package contract

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Budgets of the patterns of one restriction step. A pattern of a real schema has
// tens of states; the bound on states times characters keeps a hostile one from
// holding a processor for minutes.
const (
	maxPatternRunes = 64 << 10
	maxPatternSize  = 50_000 // states of the automaton, roughly
	maxPatternWork  = 200_000_000
	maxPatternDepth = 100
	maxRepeat       = 1000 // of Go's expressions, nested ones multiplied
)

// pattern is what the pattern facets of one restriction step demand together: a
// value must match one of them.
type pattern struct {
	re   *regexp.Regexp
	size int
	// least and most bound the number of characters where the expression leaves
	// them open, since Go's expressions cannot count so far; most is -1 for none.
	least, most int
	source      []string // as the schema writes them
}

// String is the expression, with its bounds where it has any.
func (p *pattern) String() string {
	if p.least == 0 && p.most < 0 {
		return p.re.String()
	}
	return fmt.Sprintf("%s of %d to %d characters", p.re, p.least, p.most)
}

// check returns the rule that the text breaks, nil for none.
func (p *pattern) check(text string) *Finding {
	if len(text)*p.size > maxPatternWork {
		return &Finding{CodeLength, fmt.Sprintf("must have at most %d characters, the most that can be compared with the form that the schema prescribes", maxPatternWork/p.size)}
	}
	if n := utf8.RuneCountInString(text); n < p.least || p.most >= 0 && n > p.most || !p.re.MatchString(text) {
		return &Finding{CodeFormat, "must have the form that the schema prescribes"}
	}
	return nil
}

// compilePatterns translates the patterns of one restriction step into a regular
// expression that matches whole values (XML Schema part 2, appendix F).
//
// The two languages differ where real schemas step on it: in XML Schema ^ and $
// are plain characters, every pattern is anchored, \i and \c exist, and so do
// classes less others and Unicode blocks. Beside what the recommendation allows,
// a backslash before punctuation and {,n} are taken for what their authors meant.
// What is left is an error.
func compilePatterns(patterns []string) (*pattern, error) {
	alternatives := make([]string, len(patterns))
	out := &pattern{most: -1, source: patterns}
	for i, text := range patterns {
		p := patternParser{runes: []rune(text)}
		if len(p.runes) > maxPatternRunes {
			return nil, fmt.Errorf("pattern facet of more than %d characters", maxPatternRunes)
		}
		if a, least, most, ok := p.counted(); ok && len(patterns) == 1 {
			out.least, out.most, out.size = least, most, a.size
			alternatives[i] = "(?:" + a.text + ")*"
			continue
		}
		p.next = 0
		a, err := p.alternation(0)
		if err == nil && p.more() {
			err = errors.New("pattern facet with an unopened parenthesis")
		}
		if err != nil {
			return nil, err
		}
		if out.size += a.size; out.size > maxPatternSize {
			return nil, errPatternSize
		}
		alternatives[i] = "(?:" + a.text + ")"
	}
	re, err := regexp.Compile(`\A(?:` + strings.Join(alternatives, "|") + `)\z`)
	if err != nil {
		return nil, errors.New("pattern facet that has no equivalent here")
	}
	out.re, out.size = re, max(out.size, 1)
	return out, nil
}

var errPatternSize = fmt.Errorf("pattern facet that needs more than %d states", maxPatternSize)

// piece is a part of an expression in Go's syntax: one that can be repeated as it
// stands, with its size and the product of the repetitions nested in it.
type piece struct {
	text         string
	size, weight int
}

// patternParser reads one pattern of XML Schema by recursive descent.
type patternParser struct {
	runes []rune
	next  int
}

func (p *patternParser) more() bool { return p.next < len(p.runes) }

func (p *patternParser) at(r rune) bool { return p.more() && p.runes[p.next] == r }

func (p *patternParser) take(r rune) bool {
	if p.at(r) {
		p.next++
		return true
	}
	return false
}

// counted reads a pattern that is one character or class and how often it may
// occur, where that is more often than Go's expressions can count.
func (p *patternParser) counted() (a piece, least, most int, ok bool) {
	if !p.more() || p.at('(') {
		return a, 0, 0, false
	}
	a, err := p.atom(0)
	if err != nil {
		return a, 0, 0, false
	}
	least, most, quantified, err := p.quantifier()
	return a, least, most, err == nil && quantified && !p.more() && max(least, most) > maxRepeat
}

// alternation reads branches up to a closing parenthesis or the end.
func (p *patternParser) alternation(depth int) (piece, error) {
	if depth > maxPatternDepth {
		return piece{}, fmt.Errorf("pattern facet nested deeper than %d", maxPatternDepth)
	}
	all := piece{size: 1, weight: 1}
	var text strings.Builder
	for p.more() && !p.at(')') {
		if p.take('|') {
			text.WriteByte('|')
			all.size++
			continue
		}
		one, err := p.repeated(depth)
		if err != nil {
			return piece{}, err
		}
		text.WriteString(one.text)
		all.weight = max(all.weight, one.weight)
		if all.size += one.size; all.size > maxPatternSize {
			return piece{}, errPatternSize
		}
	}
	all.text = text.String()
	return all, nil
}

// repeated reads an atom with what says how often it occurs.
func (p *patternParser) repeated(depth int) (piece, error) {
	a, err := p.atom(depth)
	if err != nil {
		return a, err
	}
	least, most, quantified, err := p.quantifier()
	if err != nil || !quantified {
		return a, err
	}
	if p.at('*') || p.at('+') || p.at('?') || p.at('{') {
		return a, errors.New("pattern facet with two quantifiers in a row")
	}
	return repeat(a, least, most)
}

// repeat writes a repetition in steps that Go's expressions can count.
func repeat(a piece, least, most int) (piece, error) {
	switch {
	case least == 0 && most < 0:
		return piece{a.text + "*", a.size + 1, a.weight}, nil
	case least == 1 && most < 0:
		return piece{a.text + "+", a.size + 1, a.weight}, nil
	case least == 0 && most == 1:
		return piece{a.text + "?", a.size + 1, a.weight}, nil
	case most == 0:
		return piece{"(?:)", 1, 1}, nil
	}
	count := max(least, most)
	if count > maxPatternSize || count*a.size > maxPatternSize {
		return piece{}, errPatternSize
	}
	step := maxRepeat / a.weight
	if step == 0 {
		return piece{}, errPatternSize
	}
	var text strings.Builder
	write := func(n int, form string) {
		for ; n > 0; n -= step {
			fmt.Fprintf(&text, form, a.text, min(n, step))
		}
	}
	write(least, "%s{%d}")
	if most < 0 {
		text.WriteString(a.text + "*")
	} else {
		write(most-least, "%s{0,%d}")
	}
	return piece{"(?:" + text.String() + ")", count * a.size, a.weight * min(count, step)}, nil
}

// quantifier reads ?, *, + or {n}, {n,}, {n,m}, if there is one.
func (p *patternParser) quantifier() (least, most int, ok bool, err error) {
	switch {
	case p.take('*'):
		return 0, -1, true, nil
	case p.take('+'):
		return 1, -1, true, nil
	case p.take('?'):
		return 0, 1, true, nil
	case !p.take('{'):
		return 1, 1, false, nil
	}
	from := p.next
	for p.more() && !p.at('}') {
		p.next++
	}
	inside := string(p.runes[from:p.next])
	if !p.take('}') {
		return 0, 0, false, errors.New("pattern facet with a malformed quantifier")
	}
	first, last, ranged := strings.Cut(inside, ",")
	if first == "" && ranged && last != "" {
		first = "0"
	}
	if least, err = strconv.Atoi(first); err == nil && least >= 0 {
		switch {
		case !ranged:
			return least, least, true, nil
		case last == "":
			return least, -1, true, nil
		}
		if most, err = strconv.Atoi(last); err == nil && most >= least {
			return least, most, true, nil
		}
	}
	return 0, 0, false, errors.New("pattern facet with a malformed quantifier")
}

// atom reads one character, class or group.
func (p *patternParser) atom(depth int) (piece, error) {
	r := p.runes[p.next]
	switch r {
	case '(':
		p.next++
		if p.at('?') {
			return piece{}, errors.New("pattern facet with a group option")
		}
		inner, err := p.alternation(depth + 1)
		if err == nil && !p.take(')') {
			err = errors.New("pattern facet with an unclosed parenthesis")
		}
		inner.text = "(?:" + inner.text + ")"
		return inner, err
	case '[':
		p.next++
		c, err := p.class(depth)
		return piece{c.text(), 1, 1}, err
	case '\\':
		c, err := p.escape()
		return piece{c.text(), 1, 1}, err
	case '*', '+', '?', '{':
		return piece{}, errors.New("pattern facet with a quantifier of nothing")
	case '.':
		p.next++
		return piece{`[^\n\r]`, 1, 1}, nil
	}
	p.next++
	return piece{regexp.QuoteMeta(string(r)), 1, 1}, nil
}
