package authority

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// many are the names of lists in the REST door's spelling, with those of the
// repeated element in the contract's.
var many = map[string]string{
	"notices": "notice", "inquiries": "inquiry", "answers": "answer", "results": "result", "conditions": "condition",
	"attachments": "attachment", "digests": "digest", "reminders": "reminder", "statistics": "statistic",
}

// restSpelling turns content in the contract's spelling into JSON in that of the
// REST door: consultationId becomes consultation_id, a repeated condition
// becomes conditions.
func restSpelling(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = restSpelling(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			key := snake(name)
			if _, list := value.([]any); list {
				for plural, one := range many {
					if one == name {
						key = plural
					}
				}
			}
			out[key] = restSpelling(value)
		}
		return out
	}
	return v
}

// soapSpelling is the way back, from whatever has a JSON form.
func soapSpelling(content any) (map[string]any, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("writing an answer as JSON: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("reading an answer as JSON: %w", err)
	}
	return camelTree(tree).(map[string]any), nil
}

func camelTree(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = camelTree(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			key := soapPath(name)
			if one, ok := many[name]; ok {
				key = one
			}
			out[key] = camelTree(value)
		}
		return out
	}
	return v
}

// snake spells consultationId as consultation_id.
func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// straight is an id in the spelling that the procedure knows; what is none stays
// as it is.
func straight(id string) string {
	if u, err := uuid.Parse(id); err == nil && len(id) == 36 {
		return u.String()
	}
	return id
}
