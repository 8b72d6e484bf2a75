package registers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ristmik/adapters/web"
	"ristmik/soap/contract"
)

// writtenRequest is what the parameters of a call become.
type writtenRequest struct {
	path, query string
	header      map[string]string
}

// write puts the parameters where the description has them. What is wrong is
// wrong for X-Road or for the style, not for the schema, which has been checked.
func write(op *contract.RESTOperation, object map[string]any) (writtenRequest, []web.FieldError) {
	out := writtenRequest{path: op.Endpoint.Path, header: map[string]string{}}
	var faults []web.FieldError
	var query []string
	for _, p := range op.Parameters {
		group, _ := object[p.In].(map[string]any)
		value, has := group[p.Name]
		if !has {
			continue
		}
		encode := escaped
		if p.In == "header" {
			encode = func(text string) string { return text }
		}
		pairs, ok := style(p, value, encode)
		if !ok {
			faults = append(faults, web.FieldError{Path: web.Pointer(p.In, p.Name), Code: "type", Message: "The description says no way to write such a value here."})
			continue
		}
		switch p.In {
		case "path":
			text := pairs[0].value
			if text == "" || strings.Contains(text, "%2F") {
				faults = append(faults, web.FieldError{Path: web.Pointer(p.In, p.Name), Code: "format", Message: "A part of a path is not empty and has no slash."})
				continue
			}
			out.path = strings.ReplaceAll(out.path, "{"+p.Name+"}", text)
		case "header":
			out.header[p.Name] = pairs[0].value
		default:
			for _, pair := range pairs {
				query = append(query, pair.name+"="+pair.value)
			}
		}
	}
	out.query = strings.Join(query, "&")
	slices.SortStableFunc(faults, func(a, b web.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return out, faults
}

// written is one name and value, encoded.
type written struct{ name, value string }

// style writes the value of a parameter (OpenAPI 3.1, 4.8.12.3); ok is false for
// a value that the style has no form for.
func style(p contract.RESTParameter, value any, encode func(string) string) (pairs []written, ok bool) {
	name := encode(p.Name)
	if p.JSON {
		text, err := json.Marshal(value)
		return []written{{name, encode(string(text))}}, err == nil
	}
	switch v := value.(type) {
	case []any:
		var list []string
		for _, one := range v {
			text, ok := plainText(one)
			if !ok {
				return nil, false
			}
			list = append(list, encode(text))
			pairs = append(pairs, written{name, encode(text)})
		}
		if p.Style == "form" && p.Explode {
			return pairs, true
		}
		separator := map[string]string{"spaceDelimited": "%20", "pipeDelimited": "%7C"}[p.Style]
		if separator == "" {
			separator = ","
		}
		return []written{{name, strings.Join(list, separator)}}, p.Style != "deepObject"
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, ok := plainText(v[key])
			if !ok {
				return nil, false
			}
			field := encode(key)
			if p.Style == "deepObject" {
				field = encode(p.Name + "[" + key + "]")
			}
			pairs = append(pairs, written{field, encode(text)})
		}
		return pairs, p.Style == "deepObject" || p.Style == "form" && p.Explode
	}
	text, ok := plainText(value)
	return []written{{name, encode(text)}}, ok
}

// plainText is the text of a value that is neither null, a list nor an object.
func plainText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// escaped percent-encodes everything but letters, digits and "-._~" (RFC 3986,
// 2.3).
func escaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
