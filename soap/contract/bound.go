package contract

import (
	"math/big"
	"strconv"
	"strings"
)

// bound is one of the four facets minInclusive, maxInclusive, minExclusive and
// maxExclusive of a number, a date or a time.
type bound struct {
	text      string   // as in the schema
	limit     *big.Rat // of a decimal number; only read, so calls can share it
	upper     bool
	exclusive bool
	near      int64 // the limit, where whole says that it is a whole number of 64 bits
	whole     bool
}

// newBound returns the bound of that text, which must be a literal of the kind.
func newBound(kind Kind, text string, upper, exclusive bool) bound {
	b := bound{text: text, upper: upper, exclusive: exclusive}
	if kind != KindInteger && kind != KindDecimal {
		return b
	}
	limit, ok := new(big.Rat).SetString(text)
	if !ok {
		limit = new(big.Rat)
	}
	b.limit = limit
	if b.whole = limit.IsInt() && limit.Num().IsInt64(); b.whole {
		b.near = limit.Num().Int64()
	}
	return b
}

// rule says in words what the bound demands.
func (b *bound) rule() string {
	word := "at least"
	switch {
	case b.upper && b.exclusive:
		word = "less than"
	case b.upper:
		word = "at most"
	case b.exclusive:
		word = "more than"
	}
	return "must be " + word + " " + b.text
}

// checkBounds says which bound the text, a literal of the type, is beyond. A value
// that cannot be compared with a bound (a time without zone with one that has it
// and is near, NaN) does not keep it (XML Schema part 2, 3.2.7.4).
func (s *Simple) checkBounds(text string) *Finding {
	if len(s.bounds) == 0 || s.smallInteger(text) {
		return nil
	}
	var value *big.Rat
	if s.Kind == KindInteger || s.Kind == KindDecimal {
		var ok bool
		if value, ok = new(big.Rat).SetString(text); !ok {
			return &Finding{CodeFormat, "must be a valid " + s.Base}
		}
	}
	for i := range s.bounds {
		b := &s.bounds[i]
		c, comparable := 0, true
		if value != nil {
			c = value.Cmp(b.limit)
		} else {
			c, comparable = compareLiterals(s.Kind, s.Base, text, b.text)
		}
		if b.upper {
			c = -c
		}
		if !comparable || c < 0 || c == 0 && b.exclusive {
			return &Finding{CodeRange, b.rule()}
		}
	}
	return nil
}

// smallInteger says whether the text is a whole number that is within the bounds
// for a reason that is cheap to see: all of them are far from where it is.
func (s *Simple) smallInteger(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	if s.Kind != KindInteger || err != nil {
		return false
	}
	for _, b := range s.bounds {
		if !b.whole || b.upper && n >= b.near || !b.upper && n <= b.near {
			return false
		}
	}
	return true
}

// Same says whether two texts, both normalised literals of the type, stand for
// one value: 1 and 01.0, true and 1, one moment in two time zones.
func (s *Simple) Same(a, b string) bool {
	if a == b {
		return true
	}
	for _, member := range s.Members {
		if member.Check(a) == nil && member.Check(b) == nil && member.Same(a, b) {
			return true
		}
	}
	switch s.Kind {
	case KindString:
		return false
	case KindBinary:
		if s.Base == "hexBinary" {
			return strings.EqualFold(a, b)
		}
		return strings.ReplaceAll(a, " ", "") == strings.ReplaceAll(b, " ", "")
	}
	c, comparable := compareLiterals(s.Kind, s.Base, a, b)
	return comparable && c == 0
}

// compareLiterals orders two literals of a built-in type as cmp.Compare does;
// false when neither is before the other and they are not equal.
func compareLiterals(kind Kind, base, a, b string) (int, bool) {
	switch kind {
	case KindBoolean:
		return strings.Compare(plainBoolean(a), plainBoolean(b)), true
	case KindInteger, KindDecimal:
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			return 0, false
		}
		return x.Cmp(y), true
	case KindFloat:
		x, errX := floatValue(a)
		y, errY := floatValue(b)
		switch {
		case errX != nil || errY != nil || x != y && !(x < y) && !(x > y):
			return 0, false
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	case KindTemporal:
		if base == "duration" {
			return compareDurations(a, b)
		}
		return compareMoments(base, a, b)
	}
	return 0, false
}

func plainBoolean(text string) string {
	switch text {
	case "1":
		return "true"
	case "0":
		return "false"
	}
	return text
}

// floatValue reads a floating-point literal; one too large for a float is
// infinite, as the recommendation rounds it.
func floatValue(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && f != 0 {
		return f, nil
	}
	return f, err
}
