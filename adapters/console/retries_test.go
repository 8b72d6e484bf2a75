package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Switching retries off says what it cancels, on asks about the old ones; by the page and by the API.
func TestRetriesAreSwitched(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble() // three to tax wait behind their breaker; how many of them were tried is chance
	if _, err := h.pool.Exec(t.Context(), `
update outbox.pending set tries = (id < (select max(id) from outbox.pending where destination = 'tax'))::int where destination = 'tax'`); err != nil {
		t.Fatal(err)
	}
	const of = "/api/v1/destinations/tax/retries"
	if got := h.get(of); !strings.Contains(got.body, `"retries":"on"`) || !strings.Contains(got.body, `"waiting":2`) {
		t.Fatal(got.body)
	}
	for body, want := range map[string]int{
		`{"retries":"off","cancels":2}`:              http.StatusUnprocessableEntity,
		`{"retries":"off","cancels":1,"reason":"x"}`: http.StatusConflict,
		`{"retries":"maybe","reason":"x"}`:           http.StatusUnprocessableEntity,
	} {
		if got := h.json(of, body); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	page := h.get("/?lang=en&live=0&ask=retries_off&of=tax")
	if !strings.Contains(page.body, "2 messages wait to be tried again; they are given up") || !strings.Contains(page.body, `name="cancels" value="2"`) {
		t.Error("the page does not say what is cancelled")
	}
	if got := h.form("/destinations/tax/retries", url.Values{"retries": {"off"}, "cancels": {"2"}, "reason": {"it doubles"}}); got.header.Get("Location") != "/?done=retries&of=tax" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if page := h.get("/?lang=et"); !strings.Contains(page.body, "Luhtunuid ei korrata, console") || !strings.Contains(page.body, "it doubles") || !strings.Contains(page.body, "Kordusteta") {
		t.Error("the page does not say that they are off")
	}
	if _, err := h.pool.Exec(t.Context(), `
with d as (insert into outbox.dead (id, destination, since, reason) select id, destination, now(), 'retries_off' from outbox.pending where destination = 'tax' and tries > 0 returning id),
     p as (update outbox.pending p set due = 'infinity' from d where p.id = d.id)
update outbox.message m set state = 'dead', reason = 'retries_off', settled_at = now() from d where m.id = d.id`); err != nil {
		t.Fatal(err)
	}
	if page := h.get("/?lang=en&live=0&ask=retries_on&of=tax"); !strings.Contains(page.body, "Switching off has cancelled 2 messages") {
		t.Error("the page does not ask about the old ones")
	}
	for body, want := range map[string]int{
		`{"retries":"on","reason":"mended"}`:                http.StatusConflict,
		`{"retries":"on","reason":"mended","old":"forget"}`: http.StatusUnprocessableEntity,
	} {
		if got := h.json(of, body); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.json(of, `{"retries":"on","reason":"mended","old":"discard"}`); got.status != http.StatusOK || !strings.Contains(got.body, `"cancelled":2`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n := h.count(`select count(*) from outbox.message where state = 'discarded'`); n != 2 {
		t.Errorf("%d discarded", n)
	}
}
