package contract

import (
	"encoding/base64"
	"math"
	"math/big"
	"regexp/syntax"
	"strconv"
	"strings"
)

// Example returns a literal of the type, the same one each time. ok is false
// when none was found: facets can contradict one another, and patterns can ask
// for more than is tried here.
func (s *Simple) Example() (text string, ok bool) {
	for _, candidate := range s.candidates() {
		if text := s.Normalize(candidate); s.Check(text) == nil {
			return text, true
		}
	}
	return "", false
}

// temporal are literals of the types of dates and times.
var temporal = map[string]string{
	"date": "2026-11-25", "dateTime": "2026-11-25T10:20:30+02:00", "time": "10:20:30", "gYear": "2026",
	"gYearMonth": "2026-11", "gMonth": "--11", "gMonthDay": "--11-25", "gDay": "---25", "duration": "P1DT2H",
}

// candidates are literals to try, the likeliest first.
func (s *Simple) candidates() []string {
	if s.Enumeration != nil {
		return s.Enumeration
	}
	var out []string
	for _, member := range s.Members {
		if text, ok := member.Example(); ok {
			out = append(out, text)
		}
	}
	for _, pattern := range s.patterns {
		// Of several patterns a literal must match all; the one of the last
		// restriction is usually the narrowest.
		parsed, err := syntax.Parse(pattern.re.String(), syntax.Perl)
		if err != nil {
			continue
		}
		for repeat := range 40 {
			repeat += pattern.least
			out = append([]string{matching(parsed, repeat, 0)}, out...)
		}
	}
	switch s.Kind {
	case KindBoolean:
		out = append(out, "true")
	case KindTemporal:
		out = append(out, temporal[s.Base])
		out = append(out, s.moments()...)
	case KindInteger, KindDecimal:
		out = append(out, s.numbers()...)
	case KindFloat:
		out = append(out, s.floats()...)
	case KindBinary:
		octets := max(s.MinLength, 3)
		if s.MaxLength >= 0 {
			octets = min(octets, s.MaxLength)
		}
		if s.Length >= 0 {
			octets = s.Length
		}
		octets = min(octets, 1<<16)
		if s.Base == "hexBinary" {
			out = append(out, strings.Repeat("00", octets))
		} else {
			out = append(out, base64.StdEncoding.EncodeToString(make([]byte, octets)))
		}
	default:
		out = append(out, "text", "a", "en", "urn:example:a")
		if n := max(s.Length, s.MinLength); n >= 0 {
			out = append(out, strings.Repeat("a", min(n, 1<<16)))
		}
		out = append(out, "")
	}
	return out
}

// numbers are numbers in and around the bounds.
func (s *Simple) numbers() []string {
	out := []string{"1", "0"}
	one := big.NewRat(1, 1)
	for _, b := range s.bounds {
		near := new(big.Rat)
		if b.upper {
			near.Sub(b.limit, one)
		} else {
			near.Add(b.limit, one)
		}
		between := []*big.Rat{b.limit, near, middle(near, b.limit)}
		for _, other := range s.bounds {
			between = append(between, middle(other.limit, b.limit))
		}
		for _, r := range between {
			if r.IsInt() {
				out = append(out, r.Num().String())
			} else {
				out = append(out, strings.TrimRight(r.FloatString(20), "0"))
			}
		}
	}
	return out
}

func middle(a, b *big.Rat) *big.Rat {
	return new(big.Rat).Quo(new(big.Rat).Add(a, b), big.NewRat(2, 1))
}

// floats are floating-point numbers in and around the bounds.
func (s *Simple) floats() []string {
	out := []string{"1", "0"}
	for _, b := range s.bounds {
		limit, err := floatValue(b.text)
		if err != nil {
			continue
		}
		for _, other := range append([]bound{b}, s.bounds...) {
			far, err := floatValue(other.text)
			for _, f := range []float64{limit, limit + 1, limit - 1, limit/2 + far/2} {
				if err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
					out = append(out, strconv.FormatFloat(f, 'g', -1, 64))
				}
			}
		}
	}
	return out
}

// moments are dates, times and durations at and around the bounds.
func (s *Simple) moments() []string {
	var out []string
	if s.Base == "duration" {
		out = append(out, "PT1S", "P1D", "P1Y", "-P1D")
	}
	for _, b := range s.bounds {
		out = append(out, b.text)
		for i, r := range b.text {
			// The digit counts up or down: one of the results is beyond the bound.
			if r >= '0' && r < '9' {
				out = append(out, b.text[:i]+string(r+1)+b.text[i+1:])
			}
			if r > '0' && r <= '9' {
				out = append(out, b.text[:i]+string(r-1)+b.text[i+1:])
			}
		}
	}
	return out
}

// maxExample bounds the length of an example made from a pattern.
const maxExample = 4096

// matching returns a string that the expression matches; repeat is how often
// what may repeat does, beyond what it must.
func matching(re *syntax.Regexp, repeat, depth int) string {
	if depth > 100 {
		return ""
	}
	times := func(least, most int) string {
		n := least + repeat
		if most >= 0 {
			n = min(n, most)
		}
		one := matching(re.Sub[0], repeat, depth+1)
		if len(one)*n > maxExample {
			return ""
		}
		return strings.Repeat(one, n)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpCapture:
		return matching(re.Sub[0], repeat, depth+1)
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(matching(sub, repeat, depth+1))
		}
		return b.String()
	case syntax.OpAlternate:
		return matching(re.Sub[repeat%len(re.Sub)], repeat, depth+1)
	case syntax.OpStar:
		return times(0, -1)
	case syntax.OpPlus:
		return times(1, -1)
	case syntax.OpQuest:
		return times(0, 1)
	case syntax.OpRepeat:
		return times(re.Min, re.Max)
	}
	return ""
}

// pick chooses a character of a class, given as pairs of bounds: a digit or
// letter of ASCII when there is one.
func pick(ranges []rune) rune {
	for _, preferred := range "1a0A2bB" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= preferred && preferred <= ranges[i+1] {
				return preferred
			}
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		if r := max(ranges[i], 0x20); r <= ranges[i+1] {
			return r
		}
	}
	return 'a'
}
