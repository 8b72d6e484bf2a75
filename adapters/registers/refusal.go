package registers

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"ristmik/mapping"
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

// look returns what an answer has at a JSON pointer, which does not lead into
// arrays; zero where there is no plain value, and for no pointer.
type look func(pointer string) mapping.Plain

// lookIn looks into a value.
func lookIn(data any) look {
	return func(pointer string) mapping.Plain {
		if pointer == "" {
			return mapping.Plain{}
		}
		return plain(at(data, pointer))
	}
}

// words is the text there, which no number is.
func (l look) words(pointer string) string { return textOf(l(pointer)) }

func textOf(p mapping.Plain) string {
	if p.Number {
		return ""
	}
	return strings.TrimSpace(p.Text)
}

// says looks for the error in an answer.
func (e ErrorField) says(in look) (code, text string, refused bool) {
	code, text = strings.TrimSpace(in(e.Code).Text), in.words(e.Text)
	switch {
	case code != "":
		return code, text, !slices.Contains(e.Good, code)
	case text == "":
		return "", "", false
	}
	return "", text, e.Matching == nil || e.Matching.MatchString(text)
}

// refusal finds out whether an answer says no in the fields that the
// configuration names. What X-Road itself has for it, [soap.ReadBusinessFault]
// finds.
func (s *served) refusal(in look) (code, text string, refused bool) {
	for _, pointer := range s.Refusals {
		if text := in.words(pointer); text != "" {
			return "", text, true
		}
	}
	for _, e := range s.Errors {
		if code, text, refused := e.says(in); refused {
			return code, text, true
		}
	}
	return "", "", false
}

// restFaults are the fields of X-Road (PR-MESS D.2) in a body over HTTP.
var restFaults = []ErrorField{{Code: "/faultCode", Text: "/faultString"}, {Code: "/fault/faultCode", Text: "/fault/faultString"}}

// placesOf are the fields of answers that are looked at.
func placesOf(r Register) *mapping.Places {
	pointers := append(slices.Clone(r.Refusals), r.AsOf)
	for _, e := range r.Errors {
		pointers = append(pointers, e.Code, e.Text)
	}
	return mapping.PlacesOf(pointers...)
}

// at returns what a JSON pointer points at, nil when there is nothing.
func at(value any, pointer string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		object, _ := value.(map[string]any)
		value = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return value
}

// plain is the text of a plain value, also of one with attributes.
func plain(value any) mapping.Plain {
	switch v := value.(type) {
	case string:
		return mapping.Plain{Text: v}
	case json.Number:
		return mapping.Plain{Text: v.String(), Number: true}
	case map[string]any:
		if _, deeper := v["#text"].(map[string]any); !deeper {
			return plain(v["#text"])
		}
	}
	return mapping.Plain{}
}

// words is the text of a plain value that is no number.
func words(value any) string { return textOf(plain(value)) }
