package mapping

import (
	"encoding/json"
	"strings"

	"ristmik/soap/contract"
)

// fromText converts the checked text of a simple type to its JSON value.
func fromText(s *contract.Simple, text string) any {
	switch s.Kind {
	case contract.KindBoolean:
		return text == "true" || text == "1"
	case contract.KindInteger, contract.KindDecimal:
		return json.Number(jsonNumber(text))
	case contract.KindFloat:
		if strings.HasSuffix(text, "INF") || text == "NaN" {
			return text // JSON has no such number
		}
		mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
		if scientific {
			return json.Number(jsonNumber(mantissa) + "e" + exponent)
		}
		return json.Number(jsonNumber(mantissa))
	default:
		return text
	}
}

// jsonNumber rewrites a number in the form that JSON has for it: XML also allows
// a plus sign, leading zeros and a bare point. No digit that counts is lost.
func jsonNumber(text string) string {
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
