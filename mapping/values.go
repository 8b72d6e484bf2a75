package mapping

import (
	"strings"

	"ristmik/soap/contract"
)

// emit gives the checked text of a simple type as its JSON value.
func emit(out sink, s *contract.Simple, text string) {
	switch s.Kind {
	case contract.KindBoolean:
		out.bool(text == "true" || text == "1")
	case contract.KindInteger, contract.KindDecimal:
		out.number(jsonNumber(text))
	case contract.KindFloat:
		if strings.HasSuffix(text, "INF") || text == "NaN" {
			out.text(text) // JSON has no such number
			return
		}
		mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
		if scientific {
			out.number(jsonNumber(mantissa) + "e" + exponent)
			return
		}
		out.number(jsonNumber(mantissa))
	default:
		out.text(text)
	}
}

// fromText converts the checked text of a simple type to its value.
func fromText(s *contract.Simple, text string) any {
	var out values
	emit(&out, s, text)
	return out.root
}

// jsonNumber rewrites a number in the form that JSON has for it: XML also allows
// a plus sign, leading zeros and a bare point. No digit that counts is lost.
func jsonNumber(text string) string {
	digits := strings.TrimPrefix(text, "-")
	if first, last := digits[0], digits[len(digits)-1]; last != '.' && (first >= '1' && first <= '9' || first == '0' && (len(digits) == 1 || digits[1] == '.')) {
		return text
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign = "-"
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}
