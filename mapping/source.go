package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"ristmik/soap/contract"
)

// source is a value to be written as XML: a Go value, or a node of a JSON text.
// The zero source is null.
type source struct {
	value any
	text  *jsonText // where it is not nil, the value is its node at
	at    int32
}

// kind is how a source looks in JSON.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
	kindOther // no JSON value
)

func (s source) kind() kind {
	if s.text != nil {
		return s.text.nodes[s.at].kind
	}
	switch s.value.(type) {
	case nil:
		return kindNull
	case string:
		return kindString
	case map[string]any:
		return kindObject
	case bool:
		return kindBool
	case json.Number, float64, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return kindNumber
	case []any, []map[string]any, []string:
		return kindArray
	}
	return kindOther
}

// string is the value of a string.
func (s source) string() string {
	if s.text != nil {
		return s.text.nodes[s.at].value
	}
	v, _ := s.value.(string)
	return v
}

// bool is the value of a boolean.
func (s source) bool() bool {
	if s.text != nil {
		return s.text.nodes[s.at].value == "true"
	}
	v, _ := s.value.(bool)
	return v
}

// maxFloatDigits is the number of decimal digits that a float64 holds exactly.
// A float with more is what is left of a number that has already lost some.
const maxFloatDigits = 15

// number is the text of a number, or what is wrong with it.
func (s source) number() (text, problem string) {
	if s.text != nil {
		return s.text.nodes[s.at].value, ""
	}
	switch v := s.value.(type) {
	case json.Number:
		return string(v), ""
	case int:
		return strconv.Itoa(v), ""
	case int64:
		return strconv.FormatInt(v, 10), ""
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
		return fmt.Sprint(v), ""
	}
}

// field returns the value of a key of an object.
func (s source) field(key string) (source, bool) {
	if s.text != nil {
		at, ok := s.text.find(s.at, key)
		return source{text: s.text, at: at}, ok
	}
	object, _ := s.value.(map[string]any)
	v, ok := object[key]
	return source{value: v}, ok
}

// size is how many keys an object or items an array has.
func (s source) size() int {
	if s.text != nil {
		return int(s.text.nodes[s.at].size)
	}
	switch v := s.value.(type) {
	case map[string]any:
		return len(v)
	case []any:
		return len(v)
	case []map[string]any:
		return len(v)
	case []string:
		return len(v)
	}
	return 0
}

// keys returns the keys of an object, sorted; one that stands twice comes twice.
func (s source) keys() []string {
	var keys []string
	if s.text != nil {
		for at := range s.text.children(s.at) {
			keys = append(keys, s.text.nodes[at].key)
		}
	} else if object, ok := s.value.(map[string]any); ok {
		keys = make([]string, 0, len(object))
		for key := range object {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// items calls f with every item of an array in turn.
func (s source) items(f func(i int, item source)) {
	if s.text != nil {
		i := 0
		for at := range s.text.children(s.at) {
			f(i, source{text: s.text, at: at})
			i++
		}
		return
	}
	switch v := s.value.(type) {
	case []any:
		for i := range v {
			f(i, source{value: v[i]})
		}
	case []map[string]any:
		for i := range v {
			f(i, source{value: v[i]})
		}
	case []string:
		for i := range v {
			f(i, source{value: v[i]})
		}
	}
}

// filled says whether a value is more than null and an empty array.
func (s source) filled() bool {
	switch s.kind() {
	case kindNull:
		return false
	case kindArray:
		return s.size() > 0
	}
	return true
}

// toText converts a JSON value to the text of a simple type, or says what kind
// of value is expected.
func toText(t *contract.Simple, s source) (text, problem string) {
	k := s.kind()
	switch t.Kind {
	case contract.KindBoolean:
		if k == kindBool {
			return strconv.FormatBool(s.bool()), ""
		}
		return "", "must be true or false"
	case contract.KindInteger, contract.KindDecimal, contract.KindFloat:
		switch k {
		case kindNumber:
			return s.number()
		case kindString:
			return s.string(), ""
		}
		return "", "must be a number"
	}
	if k == kindString {
		return s.string(), ""
	}
	return "", "must be a string"
}
