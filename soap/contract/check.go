package contract

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNumberLength bounds the text of a number, in bytes. Schema numbers have no
// bound, but comparing one of a million digits is a way to keep a server busy.
const maxNumberLength = 400

// The codes of [Finding], which say what rule a value breaks.
const (
	CodeFormat    = "format"    // not of the lexical form of the type, or not of the pattern
	CodeEnum      = "enum"      // none of the listed values
	CodeLength    = "length"    // too short, too long, too many digits
	CodeRange     = "range"     // below or above a bound
	CodeCharacter = "character" // holds a character that XML cannot carry
)

// Finding is a rule that a value breaks. Its message names the rule and never
// the value, which may be personal data.
type Finding struct{ Code, Message string }

// Normalize applies the white space rule of the type and returns the text that
// counts.
func (s *Simple) Normalize(text string) string {
	switch s.Whitespace {
	case Replace:
		return strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, text)
	case Collapse:
		if !spaced(text) {
			return text
		}
		return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
			return r == ' ' || r == '\t' || r == '\n' || r == '\r'
		}), " ")
	default:
		return text
	}
}

// spaced says whether the text holds white space. What is not a string is short.
func spaced(text string) bool {
	for i := range len(text) {
		if c := text[i]; c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			return true
		}
	}
	return false
}

// Check says what rule the text, already normalised, breaks, or returns nil when
// it is a valid literal of the type.
func (s *Simple) Check(text string) *Finding {
	if !IsText(text) {
		return &Finding{CodeCharacter, "holds a character that XML cannot carry"}
	}
	return s.CheckRead(text)
}

// CheckRead is Check for text of a document that has passed the gate, whose
// characters are known to be those of XML.
func (s *Simple) CheckRead(text string) *Finding {
	numeric := s.Kind == KindInteger || s.Kind == KindDecimal
	if (numeric || s.Kind == KindFloat) && len(text) > maxNumberLength {
		return &Finding{CodeLength, fmt.Sprintf("must have at most %d characters", maxNumberLength)}
	}
	if len(s.Members) > 0 && !slices.ContainsFunc(s.Members, func(m *Simple) bool { return m.Check(m.Normalize(text)) == nil }) {
		return &Finding{CodeFormat, "must be a value of one of the types that the schema unites"}
	}
	if s.check != nil && !s.check(text) {
		return &Finding{CodeFormat, "must be a valid " + s.Base}
	}
	if s.Enumeration != nil && !slices.Contains(s.Enumeration, text) && !slices.ContainsFunc(s.Enumeration, func(v string) bool { return s.Same(v, text) }) {
		return &Finding{CodeEnum, "must be one of the values that the schema lists" + listed(s.Enumeration)}
	}
	if f := s.checkLength(text); f != nil {
		return f
	}
	for _, p := range s.patterns {
		if f := p.check(text); f != nil {
			return f
		}
	}
	if len(s.Members) > 0 {
		return nil
	}
	if numeric {
		if f := s.checkDigits(text); f != nil {
			return f
		}
	}
	return s.checkBounds(text)
}

func (s *Simple) checkLength(text string) *Finding {
	if s.Length < 0 && s.MinLength < 0 && s.MaxLength < 0 {
		return nil
	}
	n, unit := utf8.RuneCountInString(text), "characters"
	switch s.Base {
	case "base64Binary":
		n, unit = base64.RawStdEncoding.DecodedLen(len(strings.TrimRight(strings.ReplaceAll(text, " ", ""), "="))), "octets"
	case "hexBinary":
		n, unit = len(text)/2, "octets"
	}
	switch {
	case s.Length >= 0 && n != s.Length:
		return &Finding{CodeLength, fmt.Sprintf("must have exactly %d %s", s.Length, unit)}
	case s.MinLength >= 0 && n < s.MinLength:
		return &Finding{CodeLength, fmt.Sprintf("must have at least %d %s", s.MinLength, unit)}
	case s.MaxLength >= 0 && n > s.MaxLength:
		return &Finding{CodeLength, fmt.Sprintf("must have at most %d %s", s.MaxLength, unit)}
	}
	return nil
}

func (s *Simple) checkDigits(text string) *Finding {
	if s.TotalDigits >= 0 || s.FractionDigits >= 0 {
		whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
		whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
		if s.TotalDigits >= 0 && len(whole)+len(fraction) > s.TotalDigits {
			return &Finding{CodeLength, fmt.Sprintf("must have at most %d digits", s.TotalDigits)}
		}
		if s.FractionDigits >= 0 && len(fraction) > s.FractionDigits {
			return &Finding{CodeLength, fmt.Sprintf("must have at most %d fraction digits", s.FractionDigits)}
		}
	}
	return nil
}

// IsText says whether the text is UTF-8 and holds only characters that XML
// 1.0 allows; no escape can carry the others.
func IsText(text string) bool {
	plain := true
	for i := 0; i < len(text) && plain; i++ {
		plain = text[i] >= 0x20 && text[i] < utf8.RuneSelf
	}
	if plain {
		return true
	}
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

// listed names the allowed values when they are few enough to read.
func listed(values []string) string {
	if len(values) > 20 {
		return ""
	}
	return ": " + strings.Join(values, ", ")
}
