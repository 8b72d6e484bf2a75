package console_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
	"ristmik/soap"
)

// giveUp makes a message to tax that spent its attempts and opened the breaker
// with the last, and two behind it; then the breaker's time passes.
func (h *hub) giveUp() {
	h.t.Helper()
	err := pgx.BeginFunc(h.t.Context(), h.pool, func(tx pgx.Tx) error {
		var all []outbox.Message
		for _, key := range []string{"first", "second", "third"} {
			all = append(all, outbox.Message{Destination: "tax", Lane: "person", Kind: "permit.issued", Key: key, Payload: []byte(secret)})
		}
		return outbox.Publish(h.t.Context(), tx, all...)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	relay, err := outbox.NewRelay(h.pool, []outbox.Destination{{
		Name: "tax",
		Policy: outbox.Policy{
			Base: time.Millisecond, Cap: 2 * time.Millisecond, MaxAttempts: 2,
			Breaker: outbox.BreakerPolicy{Failures: 2, OpenFor: time.Hour, MaxOpen: time.Hour},
		},
		Sender: outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
			return outbox.Outcome{Result: outbox.ResultRetry, Reason: "partner_down server.serverproxy.service_failed.network_error", CountsAgainst: true}
		}),
	}}, outbox.Options{Owner: "test", Poll: 20 * time.Millisecond})
	if err != nil {
		h.t.Fatal(err)
	}
	h.during(relay.Run, func(context.Context) bool {
		return h.dead() == 1 && h.count(`select count(*) from outbox.breaker where state = 'open'`) == 1
	})
}

func (h *hub) breakerTimePasses() {
	h.t.Helper()
	if _, err := h.pool.Exec(h.t.Context(), `update outbox.breaker set open_until = now() - interval '9 minutes'`); err != nil {
		h.t.Fatal(err)
	}
}

// section is the part of the page below the heading with an id.
func section(t *testing.T, body, id string) string {
	t.Helper()
	_, after, ok := strings.Cut(body, `<h2 id="`+id+`"`)
	if !ok {
		t.Fatalf("no section %s", id)
	}
	part, _, _ := strings.Cut(after, "</section>")
	return part
}

// What waits behind a dead message is counted as that, everywhere.
func TestBlockedIsAStateOfItsOwn(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.giveUp()
	h.publish("tax", 1)
	var tax struct{ Blocked, Parked, Dead int }
	for _, d := range decode[struct {
		Deliveries []struct {
			Destination           string
			Blocked, Parked, Dead int
		}
	}](t, h.get("/api/v1/deliveries")).Deliveries {
		if d.Destination == "tax" {
			tax.Blocked, tax.Parked, tax.Dead = d.Blocked, d.Parked, d.Dead
		}
	}
	if tax.Blocked != 2 || tax.Parked != 1 || tax.Dead != 1 {
		t.Errorf("%+v", tax)
	}
	metrics := h.get("/metrics").body
	for _, want := range []string{
		`ristmik_deliveries{destination="tax",state="blocked"} 2`, `ristmik_deliveries{destination="tax",state="parked"} 1`,
		`ristmik_deliveries{destination="labour",state="blocked"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s", want)
		}
	}
	for lang, wants := range map[string][]string{
		"en": {"One message was given up; 2 wait behind", `<td role="cell" class="n blocked" data-label="Behind a given-up one">2</td>`, `data-label="Held by breaker">1</td>`},
		"et": {"Üks sõnum on luhtunud; järel ootab 2", `<td role="cell" class="n blocked" data-label="Luhtunu järel">2</td>`, `data-label="Lüliti taga">1</td>`},
	} {
		page := h.get("/?lang=" + lang).body
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
	}
}

// Messages of destinations that are not configured are counted too.
func TestBlockedOfStrangersIsAddedUp(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.giveUp()
	for _, table := range []string{"message", "pending", "lane", "dead", "breaker", "feed", "feed_position"} {
		if _, err := h.pool.Exec(t.Context(), `update outbox.`+table+` set destination = 'stranger'`); err != nil {
			t.Fatal(err)
		}
	}
	if want := `ristmik_deliveries{destination="other",state="blocked"} 2`; !strings.Contains(h.get("/metrics").body, want) {
		t.Errorf("no %s", want)
	}
}

// A breaker that would try now and has no message to try with waits for one;
// with a message, or before its time, it is open and messages wait.
func TestBreakerWithNothingToProbeWith(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.giveUp()
	const open, ago = "The breaker is open: messages wait", ` ago</span>`
	next := regexp.MustCompile(`(?s)data-label="Next try".*?</td>`)
	if page := h.get("/?lang=en").body; !strings.Contains(page, open) || !regexp.MustCompile(`>in \d+`).MatchString(next.FindString(page)) {
		t.Errorf("before its time: %s", next.FindString(page))
	}
	h.breakerTimePasses()
	for lang, wants := range map[string][3]string{
		"en": {"The breaker waits for the next message to probe with", `<span class="chip mild">Awaits a message</span>`, "with the next message"},
		"et": {"Kaitselüliti ootab järgmist sõnumit, millega proovida", `<span class="chip mild">Ootab sõnumit</span>`, "järgmise sõnumiga"},
	} {
		page := h.get("/?lang=" + lang).body
		verdict, _, _ := strings.Cut(page, "<h2")
		breakers := section(t, page, "breakers")
		if !strings.Contains(verdict, wants[0]) || !strings.Contains(breakers, wants[1]) || !strings.Contains(breakers, wants[2]) {
			t.Errorf("%s: %s", lang, breakers)
		}
		if lang == "en" && (strings.Contains(verdict, open) || strings.Contains(next.FindString(breakers), ago) || !strings.Contains(verdict, "One thing needs attention")) {
			t.Errorf("it is told as an error: %s", next.FindString(breakers))
		}
		if changes := section(t, page, "changes"); strings.Contains(changes, wants[1]) {
			t.Errorf("%s: the history is told as the present", lang)
		}
	}
	// One that waits for its next attempt is tried then.
	h.publish("tax", 1)
	if _, err := h.pool.Exec(t.Context(), `
update outbox.message m set not_before = now() + interval '30 minutes'
where exists (select from outbox.untaken u where u.id = m.id)`); err != nil {
		t.Fatal(err)
	}
	if page := h.get("/?lang=en").body; !strings.Contains(page, open) || !strings.Contains(next.FindString(page), ">in 29 min<") {
		t.Errorf("with a message for later: %s", next.FindString(page))
	}
}

// Nobody tries a dead message again by itself, so no row may say so.
func TestAdviceOnDeadMessages(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.giveUp()
	for lang, want := range map[string]string{
		"en": "<b>Their turn.</b> The partner could not be reached, and the hub has given up. Send again when it is mended. <code",
		"et": "<b>Nende kord.</b> Vastaspoolega ei saanud ühendust ja ise enam ei proovita. Kui see on korras, saada uuesti. <code",
	} {
		page := h.get("/?lang=" + lang).body
		if !strings.Contains(section(t, page, "dead"), want) {
			t.Errorf("%s: %s", lang, section(t, page, "dead"))
		}
		if verdict, _, _ := strings.Cut(page, "<h2"); !strings.Contains(verdict, strings.TrimSuffix(want[strings.Index(want, "</b> ")+5:], " <code")) {
			t.Errorf("%s: the first line does not say it", lang)
		}
	}
	mended := map[soap.Kind]bool{
		soap.KindRetryNow: true, soap.KindRetryLater: true, soap.KindWait: true, soap.KindPartnerDown: true,
		soap.KindFixRights: true, soap.KindOwnServer: true,
	}
	for _, kind := range soap.Kinds() {
		if _, err := h.pool.Exec(t.Context(), `update outbox.message set reason = $1 where state = 'dead'`, string(kind)); err != nil {
			t.Fatal(err)
		}
		for lang, wrong := range map[string][]string{
			"en": {"tries again", "the hub waits", "Nobody’s turn"}, "et": {"ise uuesti", "ootame", "Ootame"},
		} {
			row := section(t, h.get("/?lang="+lang).body, "dead")
			for _, bad := range wrong {
				if strings.Contains(row, bad) {
					t.Errorf("%s, %s: a dead message says %q", kind, lang, bad)
				}
			}
			if lang == "en" && strings.Contains(row, "Send again when it is mended.") != mended[kind] {
				t.Errorf("%s: send again when mended is %v", kind, !mended[kind])
			}
		}
	}
}
