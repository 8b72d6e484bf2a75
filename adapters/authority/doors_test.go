package authority_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
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

// newTermWorld is a world whose question to the Labour Inspectorate has a term,
// with a clock that the test moves.
func newTermWorld(t *testing.T) (*world, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	w := newWorld(t)
	var err error
	w.procedure, err = consultation.New(consultation.Options{
		Authorities: []consultation.Authority{{Name: "security", Client: security}, {Name: "labour", Client: labour}},
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "labour", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true,
				Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, Silence: consultation.SilenceEscalate, Extendable: true,
				Questions: consultation.QuestionsStopClock, QuestionTerm: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10}},
			{Authority: "security", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingOverride, Pull: true},
		}}}},
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]soap.ClientID{"konsult": {security, labour}}
	for _, code := range authority.SOAPServices() {
		all[code] = []soap.ClientID{security, labour}
	}
	p, err := authority.New(authority.Options{
		Pool: w.pool, Procedure: w.procedure, Contract: load(t), Self: self, RESTService: "konsult", Callers: all,
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(p)
	w.round = w.open()
	return w, &now
}

// Whatever an authority does with a question, it can do through either door,
// with the same effect and the same answers.
func TestBothDoorsOfferTheSameOperations(t *testing.T) {
	t.Parallel()
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, now := newTermWorld(t)
			leg := w.leg("labour")
			do := func(operation string, content map[string]any) map[string]any {
				t.Helper()
				answer, refused := through(w, labour, operation, content)
				if refused != "" {
					t.Fatalf("%s was refused: %s", operation, refused)
				}
				return answer
			}
			refused := func(code, operation string, content map[string]any) {
				t.Helper()
				if _, got := through(w, labour, operation, content); got != code {
					t.Errorf("%s: refused with %q, want %q", operation, got, code)
				}
			}
			receipt := func(status, state, operation string, content map[string]any) {
				t.Helper()
				if diff := cmp.Diff(map[string]any{"status": status, "leg_state": state}, do(operation, content)); diff != "" {
					t.Errorf("%s:\n%s", operation, diff)
				}
			}

			notices := do("listNotices", map[string]any{"after": 0, "limit": 10})["notices"].([]any)
			if len(notices) != 2 { // this round's, and the one of the world
				t.Fatalf("notices: %v", notices)
			}
			first := notices[1].(map[string]any)
			if first["what"] != "opened" || first["consultation_id"] != leg || first["state"] != "SENT" || first["due_at"] != "2026-03-16T21:59:59Z" {
				t.Errorf("notice %v", first)
			}
			q := do("getConsultation", map[string]any{"consultation_id": leg})
			if q["personal_code"] != "71506150400" || q["surname"] != "Sünteetiline" || q["state"] != "SENT" || q["latest_extension"] != "2026-03-30T20:59:59Z" {
				t.Errorf("question %v", q)
			}
			act := func(id string, more map[string]any) map[string]any {
				content := map[string]any{"action_id": id, "consultation_id": leg, "round": 1}
				for k, v := range more {
					content[k] = v
				}
				return content
			}
			receipt("accepted", "DELIVERED", "acknowledgeConsultation", act("1", nil))
			receipt("duplicate", "DELIVERED", "acknowledgeConsultation", act("1", nil))
			refused("action_id.reused", "takeIntoReview", act("1", nil))
			receipt("accepted", "IN_REVIEW", "takeIntoReview", act("2", nil))
			refused("round.not_current", "takeIntoReview", map[string]any{"action_id": "3", "consultation_id": leg, "round": 2})
			*now = now.AddDate(0, 0, 4)
			receipt("accepted", "INFO_REQUESTED", "requestInformation", act("4", map[string]any{"text": "Palun leping & lisa"}))
			refused("state", "requestInformation", act("5", map[string]any{"text": "Veel"}))
			*now = now.AddDate(0, 0, 4)
			w.decide(leg, consultation.Decision{What: consultation.HappenedSupplied, Text: "Lisatud"})
			refused("extension.too_late", "requestExtension", act("6", map[string]any{"until": "2026-06-01", "reason": "Palju tööd"}))
			refused("extension.rest_day", "requestExtension", act("6", map[string]any{"until": "2026-03-28", "reason": "Palju tööd"}))
			refused("format", "requestExtension", act("6", map[string]any{"until": "homme", "reason": "Palju tööd"}))
			receipt("accepted", "EXTENSION_REQUESTED", "requestExtension", act("6", map[string]any{"until": "2026-03-27", "reason": "Palju tööd"}))
			q = do("getConsultation", map[string]any{"consultation_id": leg})
			inquiry, _ := q["inquiries"].([]any)
			if len(inquiry) != 1 || inquiry[0].(map[string]any)["answer"] != "Lisatud" || q["extension_asked"] != "2026-03-27T21:59:59Z" {
				t.Errorf("question %v", q)
			}
			w.decide(leg, consultation.Decision{What: consultation.HappenedExtensionGranted})
			answer := func(id, code string, more map[string]any) map[string]any {
				content := map[string]any{"answer_id": id, "consultation_id": leg, "round": 1, "answer_code": code, "answered_at": "2026-03-10T10:00:00Z"}
				for k, v := range more {
					content[k] = v
				}
				return content
			}
			receipt("accepted", "ANSWERED", "submitAnswer", answer("a", "NO_OBJECTION", nil))
			refused("already_answered", "submitAnswer", answer("b", "OPINION_POSITIVE", nil))
			correction := map[string]any{"correction": "Vale nupp", "legal_ground": "VMS § 124", "justification": "Alus"}
			receipt("accepted", "ANSWERED", "submitAnswer", answer("b", "OPINION_NEGATIVE", correction))
			receipt("duplicate", "ANSWERED", "submitAnswer", answer("b", "OPINION_NEGATIVE", correction))

			// What comes by the other door now is kept, and counts for nothing.
			for other, through := range doors {
				if other == name {
					continue
				}
				if got, code := through(w, labour, "submitAnswer", answer("c", "NO_OBJECTION", nil)); code != "" || got["status"] != "late" || got["leg_state"] != "ANSWERED" {
					t.Errorf("by %s after %s: %v %s", other, name, got, code)
				}
			}

			// Another authority's question is nobody's.
			theirs := w.leg("security")
			refused("consultation.unknown", "getConsultation", map[string]any{"consultation_id": theirs})
			refused("consultation.unknown", "takeIntoReview", map[string]any{"action_id": "1", "consultation_id": theirs, "round": 1})

			if got := do("listNotices", map[string]any{"after": first["position"], "limit": 10})["notices"].([]any); len(got) != 2 ||
				got[0].(map[string]any)["what"] != "info_supplied" || got[1].(map[string]any)["what"] != "extension_granted" {
				t.Errorf("notices after that: %v", got)
			}
			refused("range", "listNotices", map[string]any{"after": 0, "limit": 501})
			refused("range", "listNotices", map[string]any{"after": -1, "limit": 1})

			c, err := w.procedure.Get(context.Background(), w.pool, w.round.ID)
			if err != nil {
				t.Fatal(err)
			}
			if l := c.Legs[0]; l.Answer.Code != "OPINION_NEGATIVE" || l.Answer.Door != name || len(l.EarlierAnswers) != 1 || len(l.LateAnswers) != 1 {
				t.Errorf("stored: %+v", l)
			}

			w.round = w.open()
			leg = w.leg("labour")
			receipt("accepted", "REJECTED_BY_RECEIVER", "submitAnswer", answer("d", "NOT_COMPETENT", nil))
		})
	}
}

// decide is what the case owner does.
func (w *world) decide(leg string, d consultation.Decision) {
	w.t.Helper()
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		_, err := w.procedure.Decide(ctx, tx, w.round.ID, leg, d)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Of many answers in one message, each stands for itself.
func TestABatchOfAnswers(t *testing.T) {
	t.Parallel()
	const good, old = 40, 3
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := newTermWorld(t)
			var answers []any
			for i := range good + old + 1 {
				w.round = w.open()
				a := map[string]any{
					"answer_id": fmt.Sprintf("a%d", i), "consultation_id": w.leg("labour"), "round": 1, "answer_code": "OPINION_POSITIVE", "answered_at": "2026-03-02T07:00:00Z",
				}
				switch {
				case i < old:
					a["round"] = 7
				case i == old:
					a["answer_code"] = "PERHAPS"
				}
				answers = append(answers, a)
			}
			for try, want := range []map[string]int{{"accepted": good, "refused": old + 1}, {"duplicate": good, "refused": old + 1}} {
				got := map[string]int{}
				results, code := through(w, labour, "submitAnswers", map[string]any{"answers": answers})
				if code != "" {
					t.Fatal(code)
				}
				for i, r := range results["results"].([]any) {
					r := r.(map[string]any)
					got[r["status"].(string)]++
					if r["answer_id"] != fmt.Sprintf("a%d", i) {
						t.Errorf("result %d: %v", i, r)
					}
					if i < old && r["fault_code"] != "round.not_current" || i == old && r["fault_code"] != "enum" || i > old && r["leg_state"] != "ANSWERED" {
						t.Errorf("result %d: %v", i, r)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("try %d:\n%s", try, diff)
				}
			}
		})
	}
}
