package interop_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// sample is a call of one operation that goes well and, where there is one, a
// call that the service refuses inside its answer.
type sample struct {
	operation, version string
	good, refused      map[string]any
	at                 []string // where the good answer says
	want               string   // this; "" is anything
	faultCode          string   // of the refusal
}

// calls are those of a sample: the good one, one for a version that there is
// not and, where there is one, the one that is refused.
func (s sample) calls() []call {
	base := call{Operation: s.operation, Version: s.version, UserID: "EE81506151050", Issue: "Õ-1 <&>", Body: s.good}
	absent, refused := base, base
	absent.Version, refused.Body = "v99", s.refused
	list := []call{base, absent}
	if s.refused != nil {
		list = append(list, refused)
	}
	for i := range list {
		list[i].ID = uuid.NewString()
	}
	return list
}

// checkCalls has a library make the calls of samples, and checks what it read;
// unknown is the fault of a version that there is not.
func checkCalls(t *testing.T, l library, j job, unknown string, samples ...sample) {
	t.Helper()
	j.Catalogue = catalogue(t)
	for _, s := range samples {
		j.Calls = append(j.Calls, s.calls()...)
	}
	out := l.run(t, j)
	for _, s := range samples {
		if !slices.Contains(out.Operations, s.operation) {
			t.Errorf("the description has %v, not %s", out.Operations, s.operation)
		}
		n := len(s.calls())
		s.check(t, j, j.Calls[0], out.Results[:n], unknown)
		j.Calls, out.Results = j.Calls[n:], out.Results[n:]
	}
}

// check checks the results of the calls of a sample, of which good is the first.
func (s sample) check(t *testing.T, j job, good call, results []result, unknown string) {
	t.Helper()
	got := results[0]
	if v := text(got.Body, s.at...); got.Fault != nil || v == "" || s.want != "" && v != s.want {
		t.Errorf("%s, good call: fault %+v, answer %v", s.operation, got.Fault, got.Body)
	}
	h := got.Header
	if text(h, "id") != good.ID || text(h, "userId") != good.UserID || text(h, "issue") != good.Issue || text(h, "protocolVersion") != "4.0" {
		t.Errorf("%s: the answer's header is another: %v", s.operation, h)
	}
	if text(h, "client", "memberCode") != j.Client[2] || text(h, "client", "subsystemCode") != j.Client[3] ||
		text(h, "service", "serviceCode") != s.operation || text(h, "service", "serviceVersion") != s.version {
		t.Errorf("%s: the answer's identifiers are others: %v", s.operation, h)
	}
	if got := results[1]; got.Fault == nil || got.Fault.Code != unknown || got.Fault.String == "" {
		t.Errorf("%s, a version that there is not: %+v", s.operation, got)
	}
	if s.refused == nil {
		return
	}
	if got := results[2]; got.Fault != nil || text(got.Body, "response", "faultCode") != s.faultCode {
		t.Errorf("%s, refused call: fault %+v, answer %v", s.operation, got.Fault, got.Body)
	}
}

// answer is a good answer to a question.
func answer(question string) map[string]any {
	return map[string]any{"request": map[string]any{
		"answerId": "A-" + uuid.NewString(), "consultationId": question, "round": 1, "answerCode": "APPROVED_WITH_CONDITIONS",
		"justification": "Vastuväiteid ei ole: õäöü <&>",
		"condition": []map[string]any{
			{"code": "K1", "text": "üks", "validUntil": "2027-01-31"}, {"code": "K2", "text": "kaks"},
		},
		"answeredAt": "2026-11-20T12:00:00Z",
	}}
}

// nobodys is the id of no question.
const nobodys = "0b1d2a7e-5c0f-4b7e-9a55-000000000000"

// callOf is a call of an operation that is about a question which has just been
// asked, and the same about no question.
func callOf(operation, question string) (sample, bool) {
	act := func(question string, more map[string]any) map[string]any {
		request := map[string]any{"actionId": "T-" + uuid.NewString(), "consultationId": question, "round": 1}
		maps.Copy(request, more)
		return map[string]any{"request": request}
	}
	receipt := func(state string, more map[string]any) sample {
		return sample{
			good: act(question, more), refused: act(nobodys, more),
			at: []string{"response", "legState"}, want: state, faultCode: "consultation.unknown",
		}
	}
	switch operation {
	case "submitAnswer":
		return sample{
			good: answer(question), refused: answer(nobodys),
			at: []string{"response", "legState"}, want: "ANSWERED", faultCode: "consultation.unknown",
		}, true
	case "submitAnswers":
		return sample{
			good: map[string]any{"request": map[string]any{"answer": []any{answer(question)["request"]}}},
			at:   []string{"response", "result", "legState"}, want: "ANSWERED",
		}, true
	case "listNotices":
		return sample{
			good:    map[string]any{"request": map[string]any{"after": 0, "limit": 500}},
			refused: map[string]any{"request": map[string]any{"after": 0, "limit": 501}},
			at:      []string{"response", "notice", "what"}, want: "opened", faultCode: "range",
		}, true
	case "listDigests":
		return sample{
			good:    map[string]any{"request": map[string]any{"afterDay": "2026-11-01", "limit": 100}},
			refused: map[string]any{"request": map[string]any{"limit": 101}},
			at:      []string{"response", "digest", "reminder", "caseType"}, want: "residence_permit.employment", faultCode: "range",
		}, true
	case "announceDowntime":
		downtime := func(until string) map[string]any {
			return map[string]any{"request": map[string]any{
				"downtimeId": "K-" + uuid.NewString(), "from": "2026-12-01T20:00:00Z", "until": until, "reason": "Hooldus & uuendus",
			}}
		}
		return sample{
			good: downtime("2026-12-02T02:00:00Z"), refused: downtime("2026-12-01T19:00:00Z"),
			at: []string{"response", "status"}, want: "accepted", faultCode: "range",
		}, true
	case "getStatistics":
		return sample{
			good: map[string]any{"request": map[string]any{}},
			at:   []string{"response", "statistic", "caseType"}, want: "residence_permit.employment",
		}, true
	case "getConsultation":
		return sample{
			good:    map[string]any{"request": map[string]any{"consultationId": question}},
			refused: map[string]any{"request": map[string]any{"consultationId": nobodys}},
			at:      []string{"response", "personalCode"}, want: person, faultCode: "consultation.unknown",
		}, true
	case "getAttachment":
		request := func(question string) map[string]any {
			return map[string]any{"request": map[string]any{"consultationId": question, "attachmentId": fileOf(question), "packaging": "MTOM"}}
		}
		return sample{
			good: request(question), refused: request(nobodys),
			at: []string{"response", "attachment", "name"}, want: "tööleping.pdf", faultCode: "consultation.unknown",
		}, true
	case "acknowledgeConsultation":
		return receipt("DELIVERED", nil), true
	case "takeIntoReview":
		return receipt("IN_REVIEW", nil), true
	case "requestInformation":
		return receipt("INFO_REQUESTED", map[string]any{"text": "Palun leping & lisa"}), true
	case "requestExtension":
		return receipt("EXTENSION_REQUESTED", map[string]any{"until": "2026-12-11", "reason": "Palju tööd"}), true
	}
	return sample{}, false
}

// Every operation of the hub's description is called by every library, at the
// provider's own door and through a Security Server.
func TestOtherMakersCallTheProvider(t *testing.T) {
	t.Parallel()
	url, ask, operations := provider(t)
	for _, l := range libraries {
		for _, way := range []string{"straight", "through the Security Server"} {
			t.Run(l.name+" "+way, func(t *testing.T) {
				t.Parallel()
				l.args(t)
				j := job{WSDL: url + "/soap?wsdl", Endpoint: url + "/soap", Client: parts(security), Provider: parts(hub)}
				unknown := "client.unknown_service"
				if way != "straight" {
					j.Endpoint, unknown = securityServer(t, "", url+"/soap").URL()+"/", "server.serverproxy.unknown_service"
				}
				var samples []sample
				for _, op := range operations {
					s, ok := callOf(op.Code, ask(t))
					if !ok {
						t.Fatalf("no call of %s is known here", op.Code)
					}
					s.operation, s.version = op.Code, op.Version
					samples = append(samples, s)
				}
				checkCalls(t, l, j, unknown, samples...)
			})
		}
	}
}
