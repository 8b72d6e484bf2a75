package authority_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"ristmik/adapters/consultation"
	"ristmik/mapping"
	"ristmik/soap"
)

// door is one of the two ways in: it takes the content of an operation in the
// REST spelling, and gives the answer in the same, or the code of a refusal.
type door func(w *world, from soap.ClientID, operation string, content map[string]any) (answer map[string]any, refused string)

var doors = map[string]door{"soap": throughSOAP, "rest": throughREST}

func (w *world) spoilt(message []byte) []byte {
	if w.spoil == nil {
		return message
	}
	return []byte(w.spoil(string(message)))
}

func throughREST(w *world, from soap.ClientID, operation string, content map[string]any) (map[string]any, string) {
	w.t.Helper()
	id := fmt.Sprint(content["consultation_id"])
	body := map[string]any{}
	for name, value := range content {
		if name != "consultation_id" {
			body[name] = value
		}
	}
	method, path := http.MethodPost, ""
	switch operation {
	case "listNotices":
		method, path = http.MethodGet, fmt.Sprintf("/notices?after=%v&limit=%v", body["after"], body["limit"])
	case "getConsultation":
		method, path = http.MethodGet, "/consultations/"+url.PathEscape(id)
	case "submitAnswers":
		path = "/answers"
	case "listDigests":
		method, path = http.MethodGet, "/digests?"
		for name, value := range body {
			path += fmt.Sprintf("%s=%v&", name, value)
		}
	case "announceDowntime":
		path = "/downtimes"
	case "getStatistics":
		method, path = http.MethodGet, "/statistics"
	default:
		path = "/consultations/" + url.PathEscape(id) + map[string]string{
			"acknowledgeConsultation": "/acknowledgement", "takeIntoReview": "/review", "requestInformation": "/inquiries",
			"requestExtension": "/extensions", "submitAnswer": "/answers",
		}[operation]
	}
	headers := []string{"X-Road-Client", from.String(), "X-Road-Id", messageID}
	var reader *bytes.Reader
	if method == http.MethodPost {
		data, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = bytes.NewReader(w.spoilt(data))
		headers = append(headers, "Content-Type", "application/json")
	} else {
		reader = bytes.NewReader(nil)
	}
	r := w.do(method, "/rest/v1"+path, reader, headers...)
	tree := map[string]any{}
	d := json.NewDecoder(strings.NewReader(r.body))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		w.t.Fatalf("%d %s", r.status, r.body)
	}
	if r.status == http.StatusOK {
		return tree, ""
	}
	if r.status == http.StatusNotFound {
		return nil, consultation.FaultUnknownConsultation
	}
	errors, _ := tree["errors"].([]any)
	if len(errors) == 0 {
		w.t.Fatalf("%d %s", r.status, r.body)
	}
	return nil, fmt.Sprint(errors[0].(map[string]any)["code"])
}

// camel and snake turn names into the contract's spelling and back.
func respell(v any, name func(string) string) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = respell(v[i], name)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			out[name(key)] = respell(value, name)
		}
		return out
	}
	return v
}

var lists = map[string]string{"notices": "notice", "inquiries": "inquiry", "answers": "answer", "results": "result", "conditions": "condition",
	"attachments": "attachment", "digests": "digest", "reminders": "reminder", "statistics": "statistic"}

func camel(s string) string {
	if one, ok := lists[s]; ok {
		return one
	}
	parts := strings.Split(s, "_")
	for i := range parts[1:] {
		parts[i+1] = strings.ToUpper(parts[i+1][:1]) + parts[i+1][1:]
	}
	return strings.Join(parts, "")
}

func throughSOAP(w *world, from soap.ClientID, operation string, content map[string]any) (map[string]any, string) {
	w.t.Helper()
	op, ok := load(w.t).Operation(operation, "v1")
	if !ok {
		w.t.Fatalf("no operation %s", operation)
	}
	text, err := json.Marshal(respell(content, camel))
	if err != nil {
		w.t.Fatal(err)
	}
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		w.t.Fatal(err)
	}
	body, err := mapping.Encode(op.Input, map[string]any{"request": tree})
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	doc := etree.NewDocument()
	doc.SetRoot(body)
	xml, err := doc.WriteToString()
	if err != nil {
		w.t.Fatal(err)
	}
	m := strings.NewReplacer("<id:serviceCode>submitAnswer<", "<id:serviceCode>"+operation+"<",
		"<id:memberCode>70000591<", "<id:memberCode>"+from.Member+"<", "<id:subsystemCode>konsult<", "<id:subsystemCode>"+from.Subsystem+"<").Replace(message(xml))
	r := w.send(string(w.spoilt([]byte(m))))
	if r.status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", operation, r.status, r.body)
	}
	msg, err := soap.ReadRequest([]byte(r.body), soap.DefaultLimits())
	if err != nil {
		w.t.Fatal(err)
	}
	decoded, err := mapping.Decode(op.Output, msg.Body())
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", operation, err, r.body)
	}
	response, _ := decoded["response"].(map[string]any)
	if code, ok := response["faultCode"].(string); ok {
		return nil, code
	}
	plural := map[string]string{}
	for many, one := range lists {
		plural[one] = many
	}
	var snake func(v any) any
	snake = func(v any) any {
		switch v := v.(type) {
		case []any:
			out := make([]any, len(v))
			for i := range v {
				out[i] = snake(v[i])
			}
			return out
		case map[string]any:
			out := map[string]any{}
			for key, value := range v {
				name := ""
				for _, c := range key {
					if c >= 'A' && c <= 'Z' {
						name += "_"
					}
					name += strings.ToLower(string(c))
				}
				if _, list := value.([]any); list {
					name = plural[key]
				}
				out[name] = snake(value)
			}
			return out
		}
		return v
	}
	return snake(response).(map[string]any), ""
}
