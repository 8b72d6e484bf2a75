package authority_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/authority"
	"ristmik/adapters/web"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

func problemOf(t *testing.T, got response) web.Problem {
	t.Helper()
	var p web.Problem
	if got.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %s: %s", got.status, got.header.Get("Content-Type"), got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// An answer by REST has the same effect as one by SOAP, once.
func TestRESTAnswerIsTakenOnce(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-140", "C-168")
	w := newWorld(t)
	for _, want := range []string{`{"status":"accepted","leg_state":"ANSWERED"}`, `{"status":"duplicate","leg_state":"ANSWERED"}`} {
		got := w.rest(w.leg("labour"), restBody("B-1"))
		if got.status != http.StatusOK || strings.TrimSpace(got.body) != want || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%d %s, want %s", got.status, got.body, want)
		}
	}
	var door, id, from string
	if err := w.pool.QueryRow(t.Context(), `select door, message_id, from_client from consultation.answer`).Scan(&door, &id, &from); err != nil || door != "rest" || id != messageID || from != labour.String() {
		t.Errorf("stored: door %q, message %q, from %q, %v", door, id, from, err)
	}
	want := []authority.Observation{{Door: "rest", Result: "accepted"}, {Door: "rest", Result: "duplicate"}}
	if diff := cmp.Diff(want, w.results()); diff != "" {
		t.Error(diff)
	}
	if lines := w.log.take(); len(lines) != 2 || strings.Contains(strings.Join(lines, ""), "B-1") {
		t.Errorf("each message that was taken is one line, without its content: %v", lines)
	}
}

// An answer that comes after the round was complete is kept as late.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(w.answerOf("A-1"))
	w.rest(w.leg("labour"), restBody("B-1"))
	if got := w.rest(w.leg("labour"), restBody("B-2")); got.status != http.StatusOK || !strings.Contains(got.body, `"late"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.send(w.answerOf("A-2")); got.status != http.StatusOK || !strings.Contains(got.body, "<status>late</status>") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A consultation that is another's and one that is not there cannot be told
// apart.
func TestUnknownAndForeignConsultationsLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bodies []string
	for _, leg := range []string{w.leg("security"), "0b1d2a7e-5c0f-4b7e-9a55-000000000000", "x", w.leg("labour") + "%00", strings.ToUpper(w.leg("security"))} {
		got := w.rest(leg, restBody("B-1"))
		if got.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", leg, got.status, got.body)
		}
		bodies = append(bodies, got.body)
		w.oneLine(leg)
	}
	if strings.Contains(bodies[0], w.leg("security")) || len(slices.Compact(slices.Clone(bodies))) != 1 {
		t.Errorf("the answers differ: %q", bodies)
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
}

// Who calls must not depend on who reads: one X-Road-Client, one value.
func TestRESTCallerIsNamedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	json := []string{"Content-Type", "application/json"}
	id := []string{"X-Road-Id", messageID}
	me := []string{"X-Road-Client", labour.String()}
	join := func(lists ...[]string) []string { return slices.Concat(lists...) }
	for name, c := range map[string]struct {
		headers []string
		field   string
	}{
		"none":            {join(json, id), "X-Road-Client"},
		"two":             {join(json, id, me, me), "X-Road-Client"},
		"two different":   {join(json, id, []string{"X-Road-Client", security.String()}, me), "X-Road-Client"},
		"a list":          {join(json, id, []string{"X-Road-Client", security.String() + ", " + labour.String()}), "X-Road-Client"},
		"empty":           {join(json, id, []string{"X-Road-Client", ""}), "X-Road-Client"},
		"two parts":       {join(json, id, []string{"X-Road-Client", "EE/GOV"}), "X-Road-Client"},
		"five parts":      {join(json, id, []string{"X-Road-Client", labour.String() + "/x"}), "X-Road-Client"},
		"an empty part":   {join(json, id, []string{"X-Road-Client", "EE//79990000/jarelevalve"}), "X-Road-Client"},
		"no message id":   {join(json, me), "X-Road-Id"},
		"two message ids": {join(json, me, id, id), "X-Road-Id"},
		"long message id": {join(json, me, []string{"X-Road-Id", strings.Repeat("a", 256)}), "X-Road-Id"},
		"spaces in it":    {join(json, me, []string{"X-Road-Id", "a b"}), "X-Road-Id"},
		"two officials":   {join(json, me, id, []string{"X-Road-UserId", "EE1", "X-Road-UserId", "EE2"}), "X-Road-UserId"},
	} {
		got := w.rest(w.leg("labour"), restBody("B-1"), c.headers...)
		p := problemOf(t, got)
		if got.status != http.StatusBadRequest || len(p.Errors) != 1 || p.Errors[0].Path != c.field {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		w.oneLine(name)
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
	member := soap.ClientID{Instance: "EE", Class: "GOV", Member: "79990000"}
	if got := w.rest(w.leg("labour"), restBody("B-1"), join(json, id, []string{"X-Road-Client", member.String()})...); got.status != http.StatusForbidden {
		t.Errorf("the member instead of its subsystem: %d", got.status)
	}
}

// Every offending field is named at once, and nothing is stored.
func TestRESTFieldsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := problemOf(t, w.rest(w.leg("labour"), `{"round":"one","answer_code":"`+marker+`","justification":7,"conditions":[{"code":"","text":"x","valid_until":"`+marker+`"},{"text":"y"}],"answered_at":"yesterday","`+marker+`":1}`))
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Path+" "+e.Code)
		if e.Message == "" || strings.Contains(e.Message, marker) {
			t.Errorf("%s: message %q", e.Path, e.Message)
		}
	}
	slices.Sort(got)
	want := []string{
		"/" + marker + " unknown_field", "/answer_code enum", "/answer_id required", "/answered_at format", "/conditions/0/code length",
		"/conditions/0/valid_until format", "/conditions/1/code required", "/justification type", "/round type",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || p.Status != http.StatusUnprocessableEntity {
		t.Errorf("status %d\n%s", p.Status, diff)
	}
	w.oneLine("many faults")
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
}

func TestRESTRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *authority.Options) { o.Limits = soap.Limits{Bytes: 4096} })
	good := restBody("B-1")
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"not JSON":           {`{"answer_id":`, http.StatusBadRequest, ""},
		"an array":           {`[` + good + `]`, http.StatusUnprocessableEntity, ""},
		"null":               {`null`, http.StatusUnprocessableEntity, ""},
		"two documents":      {good + good, http.StatusBadRequest, ""},
		"a key twice":        {strings.Replace(good, `{`, `{"round":2,`, 1), http.StatusBadRequest, "/round"},
		"too large":          {strings.Replace(good, marker, strings.Repeat("x", 5000), 1), http.StatusRequestEntityTooLarge, ""},
		"round of a half":    {strings.Replace(good, `"round":1`, `"round":1.5`, 1), http.StatusUnprocessableEntity, "/round"},
		"a huge round":       {strings.Replace(good, `"round":1`, `"round":1e400`, 1), http.StatusUnprocessableEntity, "/round"},
		"a leap second":      {strings.Replace(good, `2026-11-20T12:00:00Z`, `2026-12-31T23:59:60Z`, 1), http.StatusUnprocessableEntity, "/answered_at"},
		"wrong round":        {strings.Replace(good, `"round":1`, `"round":2`, 1), http.StatusUnprocessableEntity, "/round"},
		"no ground":          {strings.Replace(good, `"legal_ground":"TLS § 3",`, ``, 1), http.StatusUnprocessableEntity, "/legal_ground"},
		"needless condition": {strings.Replace(good, `"round"`, `"conditions":[{"code":"a","text":"b"}],"round"`, 1), http.StatusUnprocessableEntity, "/conditions"},
	} {
		got := w.rest(w.leg("labour"), c.body)
		p := problemOf(t, got)
		if got.status != c.status || strings.Contains(got.body, marker) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if c.field != "" && (len(p.Errors) != 1 || p.Errors[0].Path != c.field) {
			t.Errorf("%s: %s", name, got.body)
		}
		w.oneLine(name)
	}
	if got := w.rest(w.leg("labour"), good, "X-Road-Client", labour.String(), "X-Road-Id", messageID, "Content-Type", "text/plain"); got.status != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d", got.status)
	}
	w.oneLine("text")
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
	w.rest(w.leg("labour"), good)
	for name, body := range map[string]string{
		"the id of another answer": strings.Replace(good, "OPINION_NEGATIVE", "OBJECTION", 1),
		"a second answer":          restBody("B-2"),
	} {
		if got := w.rest(w.leg("labour"), body); got.status != http.StatusConflict {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestRESTPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leg := w.leg("labour")
	for path, status := range map[string]int{
		"/": 404, "/rest/v1/nothing": 404, "/rest/v1/consultations/" + leg + "/answers": 405,
		// Not in their shortest form.
		"/rest//v1/consultations/" + leg + "/answers": 400, "/rest/v1/../v1/consultations/" + leg + "/answers": 400,
		"/rest/v1/consultations/..%2F" + leg + "/answers": 400, "/rest/v1/consultations/" + leg + "/answers/": 400, "/soap/": 400,
	} {
		got := w.do(http.MethodGet, path, nil)
		if p := problemOf(t, got); got.status != status || p.Status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := w.do(http.MethodDelete, "/rest/v1/consultations/"+leg+"/answers", nil); got.header.Get("Allow") != "POST" {
		t.Errorf("Allow: %q", got.header.Get("Allow"))
	}
}
