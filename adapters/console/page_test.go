package console_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A hub without messages says that all is well, and knows its destinations.
func TestEmptyHubIsWell(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	page := h.get("/", "Accept-Language", "en")
	if page.status != http.StatusOK || !strings.Contains(page.body, "<h1 id=\"verdict\">All is well</h1>") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	for _, want := range []string{"Labour Inspectorate", "Tax and Customs Board", "Internal Security Service", "No message was given up."} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The first line tells that something is wrong, where and since when; each
// thing tells why in words and whose turn it is.
func TestTroubleIsToldFirst(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	for lang, wants := range map[string][]string{
		"en": {
			"3 things need attention", "Tax and Customs Board, Labour Inspectorate, tax-debts · since ", "The breaker is open",
			"2 messages were given up", "Their turn.", "Ask the partner to grant our subsystem the right", "changed: 3, persons: 120", "Failed",
		},
		"et": {
			"3 asja vajab tähelepanu", "Maksu- ja Tolliamet, Tööinspektsioon, tax-debts · alates ", "Kaitselüliti on lahti",
			"2 sõnumit on luhtunud", "Nende kord.", "Palu vastaspoolelt", "Ebaõnnestus",
		},
	} {
		page := h.get("/?lang=" + lang)
		verdict, _, _ := strings.Cut(page.body, "<h2")
		for i, want := range wants {
			in := page.body
			if i < 6 {
				in = verdict
			}
			if !strings.Contains(in, want) {
				t.Errorf("%s: the page lacks %q where it belongs", lang, want)
			}
		}
		if !regexp.MustCompile(`title="\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d EES?T"`).MatchString(page.body) {
			t.Errorf("%s: no exact Estonian time", lang)
		}
	}
}

// A message to our own Security Server that cannot leave is trouble at once,
// although no partner's breaker opens.
func TestOwnSecurityServerIsNamed(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.publish("security", 1)
	if _, err := h.pool.Exec(t.Context(), `
with tried as (update outbox.message set born = null returning destination, lane, id), lane as (
    insert into outbox.lane (destination, key, ready_at) select destination, lane, now() from tried
)
insert into outbox.pending (destination, lane, id, due, attempt, reason)
select destination, lane, id, now(), 1, 'own_server connect' from tried`); err != nil {
		t.Fatal(err)
	}
	page := h.get("/?lang=en")
	for _, want := range []string{"One thing needs attention", "Our Security Server", "One message cannot leave", "Our turn."} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The switch is remembered; without it the browser's languages decide, and
// Estonian stands in for all others.
func TestLanguageIsTheReaders(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	speaks := func(a answer) string {
		return regexp.MustCompile(`<html lang="(..)">`).FindStringSubmatch(a.body)[1]
	}
	for accept, want := range map[string]string{"": "et", "en-GB,en;q=0.9": "en", "fr": "et", "fr, en;q=0.5": "en", "et-EE, en": "et", ";;": "et"} {
		if got := speaks(h.get("/", "Accept-Language", accept)); got != want {
			t.Errorf("Accept-Language %q shows %s, want %s", accept, got, want)
		}
	}
	switched := h.get("/?lang=en")
	cookie := switched.header.Get("Set-Cookie")
	if speaks(switched) != "en" || !strings.Contains(cookie, "HttpOnly") {
		t.Fatalf("the switch shows %s and sets %q", speaks(switched), cookie)
	}
	name, _, _ := strings.Cut(cookie, ";")
	if got := speaks(h.get("/", "Cookie", name, "Accept-Language", "et")); got != "en" {
		t.Errorf("the choice is not remembered: %s", got)
	}
	if h.get("/?lang=fr").header.Get("Content-Language") != "" || speaks(h.get("/?lang=fr")) != "et" {
		t.Error("an unknown language is not ignored")
	}
}

// The page updates itself, and stops when asked to or when somebody writes.
func TestUpdatesCanBePaused(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	refreshes := func(path string) bool { return strings.Contains(h.get(path).body, `http-equiv="refresh"`) }
	if !refreshes("/") {
		t.Error("the page does not update itself")
	}
	if refreshes("/?live=0") {
		t.Error("the page cannot be paused")
	}
	if refreshes("/?ask=retry&of=" + strconv.FormatInt(h.deadID(), 10)) {
		t.Error("the page throws away what is being written")
	}
}

// A reason is needed; then the message goes again, once, and the browser comes
// back to the page by a redirect.
func TestRetryByForm(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	id := strconv.FormatInt(h.deadID(), 10)
	page := h.get("/?lang=en&ask=retry&of=" + id)
	if !strings.Contains(page.body, `action="/dead/`+id+`/retry"`) || !strings.Contains(page.body, `<label for="reason">`) {
		t.Fatal("the form is not there")
	}
	for _, reason := range []string{"", "  ", strings.Repeat("x", 501), "a\x00b"} {
		got := h.form("/dead/"+id+"/retry", url.Values{"reason": {reason}})
		if got.status != http.StatusSeeOther || !strings.Contains(got.header.Get("Location"), "fault=reason") {
			t.Errorf("reason %.10q: %d to %q", reason, got.status, got.header.Get("Location"))
		}
	}
	if h.dead() != 2 {
		t.Fatal("a message went again without a reason")
	}
	got := h.form("/dead/"+id+"/retry", url.Values{"reason": {"the right was granted"}})
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/?done=retry&of="+id {
		t.Fatalf("%d to %q", got.status, got.header.Get("Location"))
	}
	if told := h.get("/?done=retry&of="+id, "Accept-Language", "en"); !strings.Contains(told.body, "Message "+id+" goes again.") {
		t.Error("the page does not tell what was done")
	}
	if h.dead() != 1 {
		t.Errorf("%d messages are dead, want 1", h.dead())
	}
	var by, reason string
	err := h.pool.QueryRow(t.Context(), `select by, reason from outbox.intervention where message = $1`, h.number(id)).Scan(&by, &reason)
	if err != nil || by != "console" || reason != "the right was granted" {
		t.Errorf("kept: by %q, reason %q, %v", by, reason, err)
	}
	for path, fault := range map[string]string{"/dead/" + id + "/retry": "not_dead", "/dead/999999/retry": "not_found", "/dead/x/retry": "not_found"} {
		got := h.form(path, url.Values{"reason": {"again"}})
		if got.status != http.StatusSeeOther || !strings.Contains(got.header.Get("Location"), "fault="+fault) {
			t.Errorf("%s: %d to %q", path, got.status, got.header.Get("Location"))
		}
	}
}

func TestRunNowByButton(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	got := h.form("/jobs/employment-changes/run", nil)
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/?done=run&of=employment-changes" {
		t.Fatalf("%d to %q", got.status, got.header.Get("Location"))
	}
	if h.count(`select count(*) from schedules.run where trigger = 'manual' and requested_by = 'console'`) != 1 {
		t.Error("no run was asked for")
	}
	if page := h.get("/?lang=en"); !strings.Contains(page.body, "Queued") {
		t.Error("the page does not show that the job is queued")
	}
	if got := h.form("/jobs/nothing/run", nil); !strings.Contains(got.header.Get("Location"), "fault=not_found") {
		t.Errorf("an unknown job leads to %q", got.header.Get("Location"))
	}
}

// What stands in the database or the query is text, whatever it looks like.
func TestNothingBecomesMarkup(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	if _, err := h.pool.Exec(t.Context(), `update outbox.message set kind = '<script>alert(1)</script>', key = '"><img src=x>' || id, reason = '<b>x</b>'`); err != nil {
		t.Fatal(err)
	}
	page := h.get("/?done=retry&of=" + url.QueryEscape("<script>2</script>"))
	for _, bad := range []string{"<script", "<img", "<b>x"} {
		if strings.Contains(page.body, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
}

// The rules that a screen reader and a strict content policy live by.
func TestPageIsAccessible(t *testing.T) {
	t.Parallel()
	h := newWatchedHub(t)
	h.trouble()
	page := h.get("/?lang=en&ask=retry&of=" + strconv.FormatInt(h.deadID(), 10))
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self'") {
		t.Errorf("policy %q", csp)
	}
	reader := xml.NewDecoder(strings.NewReader(page.body))
	reader.Strict, reader.AutoClose = false, xml.HTMLAutoClose
	seen, ids := map[string]int{}, map[string]bool{}
	var targets []string
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		name := n.Name.Local
		seen[name]++
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Name.Local] = a.Value
		}
		if _, inline := attr["style"]; inline || name == "style" || name == "script" {
			t.Errorf("<%s> has a style or script in the page", name)
		}
		if id := attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("id %q is there twice", id)
			}
			ids[id] = true
		}
		if href := attr["href"]; strings.HasPrefix(href, "#") {
			targets = append(targets, href[1:])
		}
		if name == "th" && attr["scope"] == "" {
			t.Error("a header cell has no scope")
		}
		if name == "svg" && attr["aria-hidden"] != "true" {
			t.Error("a picture is neither named nor hidden")
		}
	}
	if seen["caption"] != seen["table"] || seen["table"] != 7 || seen["main"] != 1 || seen["h1"] != 1 || seen["header"] != 1 || seen["footer"] != 1 {
		t.Errorf("elements: %v", seen)
	}
	for _, target := range targets {
		if !ids[target] {
			t.Errorf("a link leads to #%s, which is not there", target)
		}
	}
	for _, asset := range []string{"/console.css", "/icon.svg"} {
		if got := h.get(asset); got.status != http.StatusOK || got.body == "" {
			t.Errorf("%s: %d", asset, got.status)
		}
	}
}

// A database that does not answer is told as such.
func TestPageWithoutDatabase(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.pool.Close()
	page := h.get("/?lang=en")
	if page.status != http.StatusServiceUnavailable || !strings.Contains(page.body, "The state cannot be shown") {
		t.Errorf("%d %s", page.status, page.body)
	}
}
