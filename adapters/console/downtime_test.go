package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An outage that a partner has announced is kept, seen before and while it lasts, and withdrawn; by the page and by the API.
func TestOutagesAreAnnouncedByFormAndAPI(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.publish("tax", 1)
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		t.Fatal(err)
	}
	at := func(in time.Duration) string { return time.Now().Add(in).In(zone).Format("2006-01-02T15:04") }
	if page := h.get("/?lang=en").body; strings.Contains(page, "Announce an outage") {
		t.Error("nothing has been sent to anybody yet")
	}
	for _, c := range []struct{ from, until, reason, to string }{
		{at(24 * time.Hour), at(26 * time.Hour), " ", "fault=reason"},
		{at(24 * time.Hour), at(23 * time.Hour), "their move", "fault=times"},
		{"tomorrow", at(26 * time.Hour), "their move", "fault=times"},
		{at(24 * time.Hour), at(26 * time.Hour), "their move", "/?done=announce&of=tax"},
	} {
		got := h.form("/destinations/tax/announce", url.Values{"from": {c.from}, "until": {c.until}, "reason": {c.reason}})
		if !strings.Contains(got.header.Get("Location"), c.to) {
			t.Errorf("%+v: %d %v", c, got.status, got.header)
		}
	}
	page := h.get("/?lang=en").body
	if !strings.Contains(page, "Announced outage from ") || !strings.Contains(page, "console: their move") || strings.Contains(page, "things to watch") {
		t.Error("the page does not tell of what is coming, or thinks that it is here")
	}
	const of = "/api/v1/destinations/tax/downtimes"
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for body, want := range map[string]int{
		`{"until":"` + soon + `"}`:                      http.StatusUnprocessableEntity,
		`{"reason":"x"}`:                                http.StatusUnprocessableEntity,
		`{"reason":"x","until":"soon"}`:                 http.StatusUnprocessableEntity,
		`{"reason":"x","until":"2020-01-01T00:00:00Z"}`: http.StatusUnprocessableEntity,
	} {
		if got := h.json(of, body); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.json("/api/v1/destinations/nobody/downtimes", `{"reason":"x","until":"`+soon+`"}`); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
	made := h.json(of, `{"reason":"their upgrade","until":"`+soon+`","by":"mari"}`)
	var d struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal([]byte(made.body), &d); err != nil || made.status != http.StatusCreated {
		t.Fatalf("%d %s", made.status, made.body)
	}
	for lang, wants := range map[string][]string{
		"en": {"One thing to watch", "Announced outage until ", "mari: their upgrade", `<span class="chip mild">Outage</span>`, "Withdraw the outage"},
		"et": {"Üks asi jälgida", "Teatatud katkestus kuni "},
	} {
		page := h.get("/?lang=" + lang).body
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
	}
	if got := h.get("/api/v1/deliveries"); !strings.Contains(got.body, `"parked":1`) {
		t.Error(got.body)
	}
	if got := h.get("/api/v1/breakers"); !strings.Contains(got.body, `"downtime":true`) || !strings.Contains(got.body, `"downtime_reason":"their upgrade"`) {
		t.Error(got.body)
	}
	withdraw := "/api/v1/downtimes/" + strconv.FormatInt(d.ID, 10) + "/withdraw"
	if got := h.json(withdraw, `{"reason":"they are done"}`); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.json(withdraw, `{"reason":"again"}`); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
	var left struct {
		Downtimes []struct {
			From time.Time `json:"from"`
		} `json:"downtimes"`
	}
	if err := json.Unmarshal([]byte(h.get("/api/v1/downtimes").body), &left); err != nil || len(left.Downtimes) != 1 {
		t.Fatalf("%+v, %v", left, err)
	}
	form := url.Values{"from": {left.Downtimes[0].From.Format(time.RFC3339Nano)}, "reason": {"put off"}}
	if page := h.get("/?ask=withdraw&of=tax").body; !strings.Contains(page, `name="from" value="`+form.Get("from")+`"`) {
		t.Error("the form does not say which outage is withdrawn")
	}
	for _, to := range []string{"/?done=withdraw&of=tax", "fault=not_found"} {
		if got := h.form("/destinations/tax/withdraw", form); !strings.Contains(got.header.Get("Location"), to) {
			t.Errorf("%d %v", got.status, got.header)
		}
	}
}
