package registers

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// ErrorField is where the answers of a register say that something is wrong, in
// fields of its own beside the data or in a text.
type ErrorField struct {
	// Code and Text are JSON pointers into answers; one of them may be "".
	Code, Text string
	// Good are the values at Code that say that nothing is wrong, such as "0".
	Good []string
	// Matching finds the texts at Text that are an error, where others are not;
	// nil means that every text is one.
	Matching *regexp.Regexp
}

// says looks for the error in an answer.
func (e ErrorField) says(data any) (code, text string, refused bool) {
	if e.Code != "" {
		code = plainWords(at(data, e.Code))
	}
	if e.Text != "" {
		text = words(at(data, e.Text))
	}
	switch {
	case code != "":
		return code, text, !slices.Contains(e.Good, code)
	case text == "":
		return "", "", false
	}
	return "", text, e.Matching == nil || e.Matching.MatchString(text)
}

// refusal finds out whether an answer says no: by the fields that X-Road has for
// it, in the wrapper or in an object directly below it, or by those that the
// configuration names.
func (s *served) refusal(data map[string]any) (code, text string, refused bool) {
	places := []map[string]any{data}
	for _, v := range data {
		if object, ok := v.(map[string]any); ok {
			places = append(places, object)
			if fault, ok := object["fault"].(map[string]any); ok {
				places = append(places, fault)
			}
		}
	}
	for _, place := range places {
		code, text = words(place["faultCode"]), words(place["faultString"])
		if code != "" || text != "" {
			return code, text, true
		}
	}
	for _, pointer := range s.Refusals {
		if text := words(at(data, pointer)); text != "" {
			return "", text, true
		}
	}
	for _, e := range s.Errors {
		if code, text, refused := e.says(data); refused {
			return code, text, true
		}
	}
	return "", "", false
}

// at returns what a JSON pointer points at, nil when there is nothing.
func at(value any, pointer string) any {
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		object, _ := value.(map[string]any)
		value = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return value
}

// words is the text of a plain value, also one with attributes.
func words(value any) string {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v)
	case map[string]any:
		return words(v["#text"])
	}
	return ""
}

// plainWords is words for codes, which may be numbers.
func plainWords(value any) string {
	if object, ok := value.(map[string]any); ok {
		value = object["#text"]
	}
	if n, ok := value.(json.Number); ok {
		return n.String()
	}
	return words(value)
}
