package registers_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ristmik/adapters/registers"
)

func TestEveryFormOfNoIsOneProblemDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) {
		r.Refusals = []string{"/Viga"}
		r.Errors = []registers.ErrorField{
			{Code: "/Veakood", Text: "/Veatekst", Good: []string{"0"}},
			{Text: "/lisainfo", Matching: regexp.MustCompile(`^Viga|ei leitud`)},
		}
	})
	for _, tc := range []struct {
		name, answer string
		status       int
		kind, code   string
		reason       string
	}{
		{"fault", "fault:out of order", 502, "retry_later", "provider.server", "out of order"},
		{"fault code", "<faultCode>E1</faultCode><faultString>no such person</faultString>", 422, "business", "E1", "no such person"},
		{"fault code without words", "<faultCode>E1</faultCode><faultString/>", 422, "business", "E1", ""},
		{"fault that the contract does not have", "<fault><faultCode>E2</faultCode><faultString>keelatud</faultString></fault>", 422, "business", "E2", "keelatud"},
		{"field of that name", "<faultCode>E1</faultCode>", 200, "", "", ""},
		{"error field", "<Viga>keelatud</Viga>", 422, "business", "", "keelatud"},
		{"error code", "<Veakood>7</Veakood><Veatekst>isikut ei ole</Veatekst>", 422, "business", "7", "isikut ei ole"},
		{"error code alone", "<Veakood>7</Veakood>", 422, "business", "7", ""},
		{"error text alone", "<Veatekst>isikut ei ole</Veatekst>", 422, "business", "", "isikut ei ole"},
		{"text in the data", "<lisainfo>Andmeid ei leitud</lisainfo>", 422, "business", "", "Andmeid ei leitud"},
		{"no error", "<Veakood>0</Veakood><Veatekst>korras</Veatekst><lisainfo>Seis on eilne</lisainfo>", 200, "", "", ""},
		{"other contract", "<boat/>", 502, "unknown_result", "answer.contract", "the answer does not keep to the contract"},
	} {
		w.says(tc.answer)
		status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"x"}`)
		kind, _ := got["kind"].(string)
		code, _ := got["code"].(string)
		reason, _ := got["reason"].(string)
		if status != tc.status || kind != tc.kind || code != tc.code || reason != tc.reason ||
			status != http.StatusOK && (got["message_id"] == nil || got["turn"] == nil || got["detail"] == nil) {
			t.Errorf("%s: %d %v", tc.name, status, got)
		}
	}
	if log := w.log.String(); strings.Contains(log, "keelatud") || strings.Contains(log, "no such person") || !strings.Contains(log, "register call failed") {
		t.Errorf("the log is %s", log)
	}
	var results []string
	for _, o := range w.seen {
		results = append(results, o.Result)
	}
	if want := []string{"retry_later", "business", "business", "business", "answered", "business", "business", "business", "business", "business", "answered", "unknown_result"}; !slices.Equal(results, want) {
		t.Errorf("observed %v", results)
	}
}

// A REST register may say no with X-Road's own fields in an answer that is none
// by its status, or with those of the configuration.
func TestARESTRegisterRefusesInItsBody(t *testing.T) {
	t.Parallel()
	answer := ""
	w := newRESTWorld(t, func(r *registers.Register) { r.Tolerant = true; r.Refusals = []string{"/viga"} }, func(*http.Request, string) {}, func() (int, string) { return 200, answer })
	for _, tc := range []struct{ answer, code, reason string }{
		{`{"plate":"1","faultCode":"E1","faultString":"keelatud"}`, "E1", "keelatud"},
		{`{"plate":"1","faultString":"keelatud"}`, "", "keelatud"},
		{`{"plate":"1","fault":{"faultCode":"E1","faultString":"keelatud"}}`, "E1", "keelatud"},
		{`{"plate":"1","viga":"keelatud"}`, "", "keelatud"},
	} {
		answer = tc.answer
		status, got := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12"}}`, "X-Road-Issue", "PERMIT-1")
		code, _ := got["code"].(string)
		if status != http.StatusUnprocessableEntity || got["type"] != "/problems/register-refused" || code != tc.code || got["reason"] != tc.reason {
			t.Errorf("%s: %d %v", tc.answer, status, got)
		}
	}
	answer = `{"plate":"1"}`
	if status, got := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12"}}`, "X-Road-Issue", "PERMIT-1"); status != http.StatusOK {
		t.Errorf("no refusal: %d %v", status, got)
	}
}
