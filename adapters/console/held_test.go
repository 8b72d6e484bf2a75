package console_test

import (
	"strings"
	"testing"
	"time"

	"ristmik/adapters/console"
	"ristmik/outbox"
)

// Our own Security Server has a breaker and no messages; while it is open, that is the one alarm.
func TestOneAlarmTellsOfOurOwnServer(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) {
		o.Gateway = "security-server"
		titles := map[string]console.Title{"security-server": {ET: "Meie turvaserver", EN: "Our Security Server"}}
		for name, title := range o.Titles {
			titles[name] = title
		}
		o.Titles = titles
	})
	h.publish("security", 1)
	for _, sql := range []string{
		`update outbox.pending set reason = 'own_server connect', published_at = now() - interval '1 h'`,
		`insert into outbox.breaker (destination, state, open_until, opened_reason, open_count) values ('security-server', 'open', now() + interval '1 min', 'all_fail', 1)`,
		`insert into outbox.breaker (destination, gateway) values ('security', 'security-server')`,
	} {
		if _, err := h.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for lang, wants := range map[string][]string{
		"en": {"One thing needs attention", "nothing is sent until the server answers again", "All partners fail at once", "Awaits the server"},
		"et": {"Üks asi vajab tähelepanu", "midagi ei saadeta, kuni turvaserver jälle vastab", "Kõik vastaspooled tõrguvad korraga", "Ootab turvaserverit"},
	} {
		page := h.get("/?lang=" + lang)
		for _, want := range wants {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
		if table, _, _ := strings.Cut(page.body, `id="dead"`); strings.Count(table, "security-server</code>") != 0 {
			t.Errorf("%s: it stands among the destinations", lang)
		}
	}
	if m := h.get("/metrics"); !strings.Contains(m.body, `ristmik_breaker_state{destination="security-server",state="open"} 1`) {
		t.Error("no metric tells that it is open")
	}
	if api := h.get("/api/v1/breakers"); !strings.Contains(api.body, `"gateway":"security-server"`) || !strings.Contains(h.get("/api/v1/deliveries").body, `"parked":1`) {
		t.Error(api.body)
	}
}

// A destination that no metric tells of is named for what it is, and not for whose.
func TestHiddenDestinationsHaveAName(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) { o.Uncounted = func(name string) bool { return name == "hidden-1" } })
	h.publish("hidden-1", 1)
	for lang, want := range map[string]string{"en": "Hidden consultation requests", "et": "Varjatud kooskõlastuspäringud"} {
		if page := h.get("/?lang=" + lang); !strings.Contains(page.body, want) {
			t.Errorf("%s: the page lacks %q", lang, want)
		}
	}
	if m := h.get("/metrics"); strings.Contains(m.body, "hidden-1") {
		t.Error("a metric tells of it")
	}
}

// The page says who has paused what and why, what is outside its hours, how the last trial ended, and which job has not
// begun.
func TestThePageSaysWhyNothingIsSent(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	if err := outbox.Pause(t.Context(), h.pool, "labour", "Mari Maasikas", "audit of the register", 0); err != nil {
		t.Fatal(err)
	}
	if err := outbox.Pause(t.Context(), h.pool, "security", "Jüri Mets", "exercise", time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := h.runner.RunNow(t.Context(), "tax-debts", "test"); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`insert into outbox.breaker (destination, state, open_until, opened_reason, probe_reason, open_count, shut_until)
		 values ('tax', 'open', now() + interval '1 h', 'partner_down connect', 'unknown_result time_out', 2, now() + interval '9 h')`,
		`insert into schedules.missed (schedule, due) select name, now() + interval '1 min' from schedules.schedule where name = 'tax-debts'`,
		`update schedules.schedule set paused_at = now(), paused_by = 'Kati Kask', paused_reason = 'wrong data' where name = 'tax-debts'`,
	} {
		if _, err := h.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for lang, wants := range map[string][]string{
		"en": {"Paused by Mari Maasikas", "audit of the register", "Paused by Jüri Mets until ", "Outside hours", "Sending begins again", "Last trial:", "The partner may have acted", "The job has not begun in time", "Paused by Kati Kask", "wrong data"},
		"et": {"Peatatud, Mari Maasikas", "Peatatud, Jüri Mets, kuni ", "Suletud ajal", "Saatmine algab jälle", "Viimane proov:", "Töö ei ole õigel ajal alanud", "Peatatud, Kati Kask"},
	} {
		page := h.get("/?lang=" + lang)
		for _, want := range wants {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s: the page lacks %q", lang, want)
			}
		}
	}
}
