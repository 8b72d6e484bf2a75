package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"ristmik/soap/contract"
)

// maxFloatDigits is the number of decimal digits that a float64 holds exactly.
// A float with more is what is left of a number that has already lost some.
const maxFloatDigits = 15

// toText converts a JSON value to the text of a simple type, or says what kind
// of value is expected.
func toText(s *contract.Simple, value any) (text, problem string) {
	switch s.Kind {
	case contract.KindBoolean:
		if v, ok := value.(bool); ok {
			return strconv.FormatBool(v), ""
		}
		return "", "must be true or false"
	case contract.KindInteger, contract.KindDecimal, contract.KindFloat:
		return numberText(value)
	default:
		switch v := value.(type) {
		case string:
			return v, ""
		default:
			return "", "must be a string"
		}
	}
}

func numberText(value any) (text, problem string) {
	switch v := value.(type) {
	case json.Number:
		return v.String(), ""
	case string:
		return v, ""
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), ""
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return "", "must be a number"
		}
		text = strconv.FormatFloat(v, 'f', -1, 64)
		if len(strings.Trim(strings.ReplaceAll(text, ".", ""), "-0")) > maxFloatDigits {
			return "", "must be a number that keeps all its digits"
		}
		return text, ""
	default:
		return "", "must be a number"
	}
}

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

// toSlice returns the items of an array.
func toSlice(value any) ([]any, bool) {
	switch v := value.(type) {
	case []any:
		return v, true
	case []map[string]any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out, true
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out, true
	default:
		return nil, false
	}
}
