package contract

import "regexp"

// Kind is the family of a built-in simple type; it decides how a value looks in
// JSON and how it is compared.
type Kind int

// The families of built-in types.
const (
	KindString   Kind = iota // text: JSON string
	KindBoolean              // JSON true or false
	KindInteger              // whole number of any size: JSON number
	KindDecimal              // decimal number of any size: JSON number
	KindFloat                // floating point: JSON number, or "INF", "-INF", "NaN"
	KindTemporal             // date, time, duration: checked, kept as text
	KindBinary               // base64 or hexadecimal text
)

// Whitespace says what happens to white space before a value is looked at (XML
// Schema part 2, 4.3.6).
type Whitespace int

// The three treatments, from the mildest to the strongest.
const (
	Preserve Whitespace = iota
	Replace
	Collapse
)

// Simple is a simple type: a built-in base and the facets that restrict it.
type Simple struct {
	// Base is the local name of the built-in type it derives from, for example
	// "date".
	Base string
	Kind Kind
	// Enumeration is the list of allowed values, nil for no such restriction.
	Enumeration []string
	// Length, MinLength and MaxLength count characters, or octets for binary
	// types; -1 means not set.
	Length, MinLength, MaxLength int
	// TotalDigits and FractionDigits are -1 when not set.
	TotalDigits, FractionDigits int
	Whitespace                  Whitespace
	// Members are the types of a union, of which a value must fit one.
	Members []*Simple

	patterns []*pattern // all must match
	bounds   []bound    // all must hold
	check    func(string) bool
}

// builtin describes one built-in type of XML Schema.
type builtin struct {
	kind     Kind
	space    Whitespace
	check    func(string) bool
	min, max string // inclusive bounds of the integer types, "" for none
}

var (
	reFloat        = lazily(`^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|-?INF|NaN)$`)
	reLanguage     = lazily(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)
	reName         = lazily(`^[\p{L}\p{Nl}_:][\p{L}\p{N}\p{Mn}\p{Mc}_:.·-]*$`)
	reNCName       = lazily(`^[\p{L}\p{Nl}_][\p{L}\p{N}\p{Mn}\p{Mc}_.·-]*$`)
	reNMToken      = lazily(`^[\p{L}\p{N}\p{Mn}\p{Mc}_:.·-]+$`)
	reHexBinary    = lazily(`^([0-9a-fA-F]{2})*$`)
	reBase64Binary = regexp.MustCompile(`^(([A-Za-z0-9+/] ?){4})*(([A-Za-z0-9+/] ?){3}[A-Za-z0-9+/]|([A-Za-z0-9+/] ?){2}[AEIMQUYcgkosw048] ?=|[A-Za-z0-9+/] ?[AQgw] ?= ?=)?$`)
)

// isInteger says whether s is digits, perhaps with a sign in front.
func isInteger(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isBoolean(s string) bool { return s == "true" || s == "false" || s == "1" || s == "0" }

// isDecimal says whether s is digits, perhaps with a sign in front and a point
// anywhere among them.
func isDecimal(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	digits, points := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points <= 1
}

// builtins are the built-in types that the model knows. The list types
// (NMTOKENS, IDREFS, ENTITIES) and those that mean something only together with
// the rest of a document (QName, NOTATION, ENTITY) are missing on purpose.
var builtins = map[string]builtin{
	"string":           {kind: KindString, space: Preserve},
	"normalizedString": {kind: KindString, space: Replace},
	"token":            {kind: KindString, space: Collapse},
	"anySimpleType":    {kind: KindString, space: Preserve},
	"anyURI":           {kind: KindString, space: Collapse},
	"language":         {kind: KindString, space: Collapse, check: reLanguage.MatchString},
	"Name":             {kind: KindString, space: Collapse, check: reName.MatchString},
	"NCName":           {kind: KindString, space: Collapse, check: reNCName.MatchString},
	"ID":               {kind: KindString, space: Collapse, check: reNCName.MatchString},
	"IDREF":            {kind: KindString, space: Collapse, check: reNCName.MatchString},
	"NMTOKEN":          {kind: KindString, space: Collapse, check: reNMToken.MatchString},
	"boolean":          {kind: KindBoolean, space: Collapse, check: isBoolean},

	"decimal":            {kind: KindDecimal, space: Collapse, check: isDecimal},
	"integer":            {kind: KindInteger, space: Collapse, check: isInteger},
	"nonNegativeInteger": {kind: KindInteger, space: Collapse, check: isInteger, min: "0"},
	"positiveInteger":    {kind: KindInteger, space: Collapse, check: isInteger, min: "1"},
	"nonPositiveInteger": {kind: KindInteger, space: Collapse, check: isInteger, max: "0"},
	"negativeInteger":    {kind: KindInteger, space: Collapse, check: isInteger, max: "-1"},
	"long":               {kind: KindInteger, space: Collapse, check: isInteger, min: "-9223372036854775808", max: "9223372036854775807"},
	"int":                {kind: KindInteger, space: Collapse, check: isInteger, min: "-2147483648", max: "2147483647"},
	"short":              {kind: KindInteger, space: Collapse, check: isInteger, min: "-32768", max: "32767"},
	"byte":               {kind: KindInteger, space: Collapse, check: isInteger, min: "-128", max: "127"},
	"unsignedLong":       {kind: KindInteger, space: Collapse, check: isInteger, min: "0", max: "18446744073709551615"},
	"unsignedInt":        {kind: KindInteger, space: Collapse, check: isInteger, min: "0", max: "4294967295"},
	"unsignedShort":      {kind: KindInteger, space: Collapse, check: isInteger, min: "0", max: "65535"},
	"unsignedByte":       {kind: KindInteger, space: Collapse, check: isInteger, min: "0", max: "255"},
	"float":              {kind: KindFloat, space: Collapse, check: reFloat.MatchString},
	"double":             {kind: KindFloat, space: Collapse, check: reFloat.MatchString},

	"date":       {kind: KindTemporal, space: Collapse, check: isDate},
	"dateTime":   {kind: KindTemporal, space: Collapse, check: isDateTime},
	"time":       {kind: KindTemporal, space: Collapse, check: isTime},
	"gYear":      {kind: KindTemporal, space: Collapse, check: isYear},
	"gYearMonth": {kind: KindTemporal, space: Collapse, check: isYearMonth},
	"gMonth":     {kind: KindTemporal, space: Collapse, check: isMonth},
	"gMonthDay":  {kind: KindTemporal, space: Collapse, check: isMonthDay},
	"gDay":       {kind: KindTemporal, space: Collapse, check: isDay},
	"duration":   {kind: KindTemporal, space: Collapse, check: isDuration},

	"base64Binary": {kind: KindBinary, space: Collapse, check: reBase64Binary.MatchString},
	"hexBinary":    {kind: KindBinary, space: Collapse, check: reHexBinary.MatchString},
}

// builtinSimple returns a fresh simple type for the built-in of that name.
func builtinSimple(name string) (*Simple, bool) {
	b, ok := builtins[name]
	if !ok {
		return nil, false
	}
	s := &Simple{
		Base: name, Kind: b.kind, Whitespace: b.space, check: b.check,
		Length: -1, MinLength: -1, MaxLength: -1, TotalDigits: -1, FractionDigits: -1,
	}
	if b.min != "" {
		s.bounds = append(s.bounds, newBound(b.kind, b.min, false, false))
	}
	if b.max != "" {
		s.bounds = append(s.bounds, newBound(b.kind, b.max, true, false))
	}
	return s, true
}
