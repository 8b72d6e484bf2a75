package console_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ristmik/adapters/console"
	"ristmik/outbox"
)

// An operator discards a dead message and edits another one on the page; who has seen the body, and why, is kept before it
// is shown.
func TestDeadMessagesAreDiscardedAndEditedByForm(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) {
		o.Check = func(was, will outbox.Message) error {
			if !strings.HasPrefix(string(will.Payload), string(was.Payload)) {
				return errors.New("it is about something else")
			}
			return nil
		}
	})
	h.trouble()
	id := strconv.FormatInt(h.deadID(), 10)
	page := h.get("/?lang=en").body
	for _, action := range []string{"Send again", "Discard", "Edit"} {
		if !strings.Contains(page, `aria-label="`+action+": message "+id+`"`) {
			t.Errorf("the page has no button to %s", action)
		}
	}
	if got := h.get("/?lang=en&ask=body&of=" + id); !strings.Contains(got.body, `action="/dead/`+id+`/body"`) || !strings.Contains(got.body, "Why must the body be seen?") {
		t.Error("nobody asks why the body must be seen")
	}
	if got := h.form("/dead/"+id+"/body", url.Values{"reason": {" "}}); !strings.Contains(got.header.Get("Location"), "fault=reason") {
		t.Errorf("%d %v", got.status, got.header)
	}
	shown := h.form("/dead/"+id+"/body", url.Values{"reason": {"a wrong number"}}, "Accept-Language", "en", "X-May-Show", "body")
	if shown.status != http.StatusOK || !strings.Contains(shown.body, secret+"</textarea>") || shown.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", shown.status, shown.body)
	}
	was := regexp.MustCompile(`name="was" value="([0-9a-f]+)"`).FindStringSubmatch(shown.body)[1]
	if n := h.count(`select count(*) from outbox.intervention where action = 'read' and by = 'console' and reason = 'a wrong number'`); n != 1 {
		t.Errorf("%d readings are kept", n)
	}
	edit := url.Values{"reason": {"mended"}, "was": {was}, "body": {"another person's"}}
	if got := h.form("/dead/"+id+"/edit", edit); !strings.Contains(got.header.Get("Location"), "fault=refused") {
		t.Errorf("%d %v", got.status, got.header)
	}
	edit.Set("body", secret+"\r\nmended")
	edit.Set("delay", "1h0m0s")
	if got := h.form("/dead/"+id+"/edit", edit); got.header.Get("Location") != "/?done=edit&of="+id {
		t.Errorf("%d %v", got.status, got.header)
	}
	if n := h.count(`select count(*) from outbox.message where id = ` + id + ` and generation = 2 and payload = '` + secret + `\012mended'`); n != 1 {
		t.Error("the message is not as edited")
	}
	other := strconv.FormatInt(h.deadID(), 10)
	if got := h.form("/dead/"+other+"/discard", url.Values{"reason": {"sent by post"}}); got.header.Get("Location") != "/?done=discard&of="+other {
		t.Errorf("%d %v", got.status, got.header)
	}
	for path, fault := range map[string]string{"/dead/" + other + "/discard": "not_dead", "/dead/999999/body": "not_found", "/dead/" + other + "/burn": "not_found", "/dead/" + other + "/edit": "not_dead"} {
		if got := h.form(path, url.Values{"reason": {"again"}}); !strings.Contains(got.header.Get("Location"), "fault="+fault) {
			t.Errorf("%s: %d to %q", path, got.status, got.header.Get("Location"))
		}
	}
	if h.dead() != 0 {
		t.Errorf("%d are dead", h.dead())
	}
}

// What is hidden is not shown, and a body that nobody can check is not changed; its time may be.
func TestABodyThatIsHiddenOrCannotBeCheckedStays(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) {
		o.Uncounted = func(destination string) bool { return destination == "labour" }
	})
	h.trouble()
	id := strconv.FormatInt(h.deadID(), 10)
	at := "/api/v1/dead/" + id
	for path, body := range map[string]string{at + "/body": `{"reason":"look"}`, at + "/edit": `{"reason":"mended","body":"x"}`} {
		if got := h.json(path, body); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for body, want := range map[string]int{
		`{"reason":"later","delay":"soon"}`:             http.StatusUnprocessableEntity,
		`{"reason":"later","delay":"-1h"}`:              http.StatusUnprocessableEntity,
		`{"reason":"","delay":"1h"}`:                    http.StatusUnprocessableEntity,
		`{"reason":"l","delay":"2h","expires":"1h"}`:    http.StatusUnprocessableEntity,
		`{"reason":"l","delay":"1h","until":"morning"}`: http.StatusUnprocessableEntity,
	} {
		if got := h.json(at+"/edit", body); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.json(at+"/edit", `{"reason":"later","delay":"1h"}`); got.status != http.StatusOK || !strings.Contains(got.body, `"generation":2`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.json("/api/v1/dead/999999/discard", `{"reason":"x"}`); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A destination is paused, resumed, and its breaker tripped and reset, with who, why and for how long.
func TestDestinationsAreSteeredByFormAndAPI(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) { o.Gateway = "security-server" })
	h.trouble()
	const at = "/api/v1/destinations/security"
	for path, want := range map[string]int{
		at + `/pause {"reason":"their upgrade","for":"2h","by":"mari"}`: http.StatusOK,
		at + `/pause {"reason":" "}`:                                    http.StatusUnprocessableEntity,
		at + `/pause {"reason":"x","for":"long"}`:                       http.StatusUnprocessableEntity,
		at + `/trip {"reason":"they asked us to"}`:                      http.StatusUnprocessableEntity,
		`/api/v1/destinations/nobody/trip {"reason":"x","for":"1h"}`:    http.StatusNotFound,
		`/api/v1/destinations/security/burn {"reason":"x","for":"1h"}`:  http.StatusNotFound,
	} {
		path, body, _ := strings.Cut(path, " ")
		if got := h.json(path, body); got.status != want {
			t.Errorf("%s %s: %d %s", path, body, got.status, got.body)
		}
	}
	page := h.get("/?lang=en&ask=resume&of=security").body
	if !strings.Contains(page, "their upgrade") || !strings.Contains(page, `action="/destinations/security/resume"`) {
		t.Error("the page does not tell of the pause, or has no form to end it")
	}
	for _, step := range []struct {
		action string
		values url.Values
		to     string
	}{
		{"resume", url.Values{"reason": {"they are back"}}, "/?done=resume&of=security"},
		{"trip", url.Values{"reason": {"they fail"}}, "fault=duration"},
		{"trip", url.Values{"reason": {"they fail"}, "for": {"15m0s"}}, "/?done=trip&of=security"},
		{"reset", url.Values{"reason": {""}}, "fault=reason"},
		{"reset", url.Values{"reason": {"mended"}}, "/?done=reset&of=security"},
	} {
		if got := h.form("/destinations/security/"+step.action, step.values); !strings.Contains(got.header.Get("Location"), step.to) {
			t.Errorf("%+v: %d %v", step, got.status, got.header)
		}
		if step.to == "/?done=trip&of=security" {
			page := h.get("/?lang=en&ask=reset&of=security").body
			if !strings.Contains(page, "they fail") || !strings.Contains(page, `action="/destinations/security/reset"`) {
				t.Error("the page does not tell of the tripped breaker")
			}
		}
	}
	if page := h.get("/?lang=et&ask=trip&of=security").body; !strings.Contains(page, "Ava kaitselüliti") || !strings.Contains(page, `<option value="15m0s">15 min</option>`) {
		t.Error("the form is not there in Estonian")
	}
	if n := h.count(`select count(*) from outbox.control where destination = 'security' and reason <> '' and by <> ''`); n != 4 {
		t.Errorf("%d controls are kept", n)
	}
}

// All that died for one reason goes again, or is given up, at once: as many as the operator was told. The job has a page.
func TestBulkJobsByFormAndAPI(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	const because = "fix_rights server.serverproxy.access_denied"
	ask := url.Values{"lang": {"en"}, "ask": {"all_retry"}, "of": {"labour"}, "because": {because}}
	page := h.get("/?" + ask.Encode()).body
	if !strings.Contains(page, "2 messages are selected") || !strings.Contains(page, `name="count" value="2"`) {
		t.Error("the form does not say how many are meant")
	}
	values := url.Values{"action": {"retry"}, "destination": {"labour"}, "because": {because}, "count": {"3"}, "rate": {"1"}, "reason": {"granted"}}
	if got := h.form("/bulk", values); !strings.Contains(got.header.Get("Location"), "fault=changed") || !strings.Contains(got.header.Get("Location"), "because=fix_rights") {
		t.Errorf("%d %v", got.status, got.header)
	}
	values.Set("count", "2")
	got := h.form("/bulk", values)
	at := got.header.Get("Location")
	if !regexp.MustCompile(`^/bulk/\d+$`).MatchString(at) {
		t.Fatalf("%d %v", got.status, got.header)
	}
	for lang, wants := range map[string][]string{
		"en": {"Send all again: 0 of 2", "console: granted", "<progress max=\"2\" value=\"0\">", "2 left", "Running", "Pause the job", "Left"},
		"et": {"Saada kõik uuesti: 0 / 2", "järel 2", "Käib", "Peata töö"},
	} {
		page := h.get(at + "?lang=" + lang)
		for _, want := range wants {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s: the page of the job lacks %q", lang, want)
			}
		}
	}
	if got := h.form(at+"/pause", url.Values{"reason": {"wait"}}); got.header.Get("Location") != at {
		t.Errorf("%d %v", got.status, got.header)
	}
	if page := h.get(at + "?lang=en&ask=bulk_resume").body; !strings.Contains(page, `action="`+at+`/resume"`) || !strings.Contains(page, "console: wait") || strings.Contains(page, `http-equiv="refresh"`) {
		t.Error("a paused job cannot be resumed")
	}
	if got := h.json("/api/v1"+at+"/pause", `{"reason":"again"}`); got.status != http.StatusConflict {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.json("/api/v1"+at+"/stop", `{"reason":"enough","by":"mari"}`); got.status != http.StatusOK || !strings.Contains(got.body, `"state":"stopped"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.get("/api/v1/bulk/selection?destination=labour"); !strings.Contains(got.body, `"count":2`) {
		t.Error(got.body)
	}
	for body, want := range map[string]int{
		`{"action":"discard","reason":"x"}`:                                  http.StatusUnprocessableEntity,
		`{"action":"burn","reason":"x","count":2}`:                           http.StatusUnprocessableEntity,
		`{"action":"discard","count":2}`:                                     http.StatusUnprocessableEntity,
		`{"action":"discard","reason":"x","count":1}`:                        http.StatusConflict,
		`{"action":"discard","reason":"x","ids":[1],"destination":"labour"}`: http.StatusUnprocessableEntity,
	} {
		if got := h.json("/api/v1/bulk", body); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	made := h.json("/api/v1/bulk", `{"action":"discard","destination":"labour","count":2,"reason":"by post","by":"mari"}`)
	var job struct {
		ID    int64  `json:"id"`
		State string `json:"state"`
	}
	if err := json.Unmarshal([]byte(made.body), &job); err != nil || made.status != http.StatusCreated {
		t.Fatalf("%d %s", made.status, made.body)
	}
	if _, err := outbox.CarryOn(t.Context(), h.pool, job.ID, nil); err != nil {
		t.Fatal(err)
	}
	of := made.header.Get("Location")
	if got := h.get(of + "?limit=1"); !strings.Contains(got.body, `"done":2`) || !strings.Contains(got.body, `"next_after"`) || strings.Count(got.body, `"result":"done"`) != 1 {
		t.Error(got.body)
	}
	for path, want := range map[string]int{of + "?limit=0": http.StatusBadRequest, of + "?after=x": http.StatusBadRequest, "/api/v1/bulk/99": http.StatusNotFound, "/api/v1/bulk/x": http.StatusNotFound, "/bulk/99": http.StatusSeeOther} {
		if got := h.get(path); got.status != want {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := h.get("/api/v1/bulk"); strings.Count(got.body, `"action"`) != 2 {
		t.Error(got.body)
	}
	page = h.get("/?lang=en").body
	if !strings.Contains(page, "Bulk jobs") || !strings.Contains(page, "mari: by post") || !strings.Contains(page, `href="`+at+`"`) {
		t.Error("the page does not list the jobs")
	}
}
