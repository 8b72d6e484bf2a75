package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/console"
	"ristmik/soap/contract"
)

// watched is a watch with three registers: one that breaks, one that is harmless
// and could not be asked last, and one that has not been compared.
type watched struct {
	mu    sync.Mutex
	noted map[string]string // by register: who, and why
}

func (w *watched) Contracts(context.Context) ([]console.Contract, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	since := time.Now().Add(-time.Hour)
	all := []console.Contract{
		{
			Register: "cars", Title: console.Title{ET: "Liiklusregister", EN: "Traffic register"}, Verdict: contract.Breaking, Since: since, Compared: since, Breaking: 1, Harmless: 12,
			Differences: []contract.Difference{
				{Operation: "find", Version: "v1", Direction: contract.Answer, Path: "/car/<b>", Change: contract.CountChanged, Breaking: true, Used: true, Message: "the field is no list now"},
				{Operation: "more", Change: contract.OperationAdded, Message: "the operation is new"},
			},
		},
		{Register: "boats", Verdict: contract.Harmless, Since: since, Compared: since, Harmless: 1, Error: "partner_down server.serverproxy.service_failed.network_error"},
		{Register: "ships"},
	}
	for i, k := range all {
		if note, ok := w.noted[k.Register]; ok {
			all[i].Acknowledged = true
			all[i].AcknowledgedBy, all[i].Note, _ = strings.Cut(note, ": ")
		}
	}
	return all, nil
}

func (w *watched) Acknowledge(_ context.Context, register, by, reason string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if register != "cars" && register != "boats" {
		return console.ErrUnknownContract
	}
	w.noted[register] = by + ": " + reason
	return nil
}

func newWatchedHub(t *testing.T) *hub {
	t.Helper()
	return newHub(t, func(o *console.Options) { o.Contracts = &watched{noted: map[string]string{}} })
}

// A register whose description has changed is a notice in both languages, with
// what differs and what of it breaks.
func TestChangedContractsAreNotices(t *testing.T) {
	t.Parallel()
	h := newWatchedHub(t)
	for lang, wants := range map[string][2][]string{
		"en": {
			{"One thing needs attention", "Traffic register", "one difference breaks what we use", "boats", "The register’s description has changed, one harmless difference"},
			{`<span class="chip severe">Breaks</span>`, `<span class="chip mild">Harmless</span>`, "not compared yet", "<b>Breaks.</b> the field may occur another number of times: in the answer <code>find/v1</code> <code>/car/&lt;b&gt;</code>", "new operation: <code>more</code>", "and 11 more; the API has all", "Could not be compared last:", "The partner cannot be reached"},
		},
		"et": {
			{"Üks asi vajab tähelepanu", "Liiklusregister", "üks erinevus lõhub seda, mida kasutame", "boats", "Registri kirjeldus on muutunud, üks ohutu erinevus"},
			{`<span class="chip severe">Lõhub</span>`, `<span class="chip mild">Ohutu</span>`, "veel võrdlemata", "<b>Lõhub.</b> väljade arv on teine: vastuses <code>", "uus teenus:", "ja veel 11, kõik on API-s", "Viimati ei saanud võrrelda:"},
		},
	} {
		page := h.get("/?lang=" + lang).body
		verdict, _, _ := strings.Cut(page, "<h2")
		contracts := section(t, page, "contracts")
		for i, in := range []string{verdict, contracts} {
			for _, want := range wants[i] {
				if !strings.Contains(in, want) {
					t.Errorf("%s: %q is missing in %s", lang, want, in)
				}
			}
		}
	}
}

// Whoever takes note says what is being done, and the notice goes.
func TestAContractIsTakenNoteOf(t *testing.T) {
	t.Parallel()
	h := newWatchedHub(t)
	if page := h.get("/?lang=en&ask=note&of=cars").body; !strings.Contains(page, `action="/contracts/cars/acknowledge"`) || strings.Contains(page, `http-equiv="refresh"`) {
		t.Error("the form is not there, or the page throws away what is being written")
	}
	if got := h.form("/contracts/cars/acknowledge", url.Values{"reason": {" "}}); !strings.Contains(got.header.Get("Location"), "ask=note&fault=reason&live=0&of=cars") {
		t.Errorf("without a reason: %d %v", got.status, got.header)
	}
	if got := h.form("/contracts/planes/acknowledge", url.Values{"reason": {"x"}}); !strings.Contains(got.header.Get("Location"), "fault=not_found") {
		t.Errorf("an unknown one: %d %v", got.status, got.header)
	}
	got := h.form("/contracts/cars/acknowledge", url.Values{"reason": {"asked them"}})
	if got.status != http.StatusSeeOther || !strings.Contains(h.get(got.header.Get("Location")+"&lang=en").body, "The change of cars has been noted.") {
		t.Errorf("%d %v", got.status, got.header)
	}
	page := h.get("/?lang=en").body
	verdict, _, _ := strings.Cut(page, "<h2")
	if strings.Contains(verdict, "Traffic register") || !strings.Contains(section(t, page, "contracts"), "Noted by console: asked them") {
		t.Error("the notice stays, or nobody stands there")
	}
	for body, status := range map[string]int{
		`{}`: http.StatusUnprocessableEntity, `{"reason":"x","until":1}`: http.StatusUnprocessableEntity, `{"reason":"x"`: http.StatusBadRequest,
		`{"reason":"new list, Monday","by":"mari"}`: http.StatusOK,
	} {
		if got := h.json("/api/v1/contracts/boats/acknowledge", body); got.status != status {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.json("/api/v1/contracts/planes/acknowledge", `{"reason":"x"}`); got.status != http.StatusNotFound {
		t.Errorf("an unknown one: %d", got.status)
	}
	type told struct {
		Contracts []struct {
			Register, Verdict, Note string
			Acknowledged            bool
			By                      string `json:"acknowledged_by"`
			Differences             []contract.Difference
		}
	}
	list := decode[told](t, h.get("/api/v1/contracts")).Contracts
	if len(list) != 3 || !list[0].Acknowledged || list[0].Differences[0].Change != contract.CountChanged || list[1].By != "mari" || list[2].Verdict != "" || list[2].Differences == nil {
		t.Errorf("%+v", list)
	}
	without := newHub(t)
	if got := without.json("/api/v1/contracts/cars/acknowledge", `{"reason":"x"}`); got.status != http.StatusNotFound {
		t.Errorf("without a watch: %d", got.status)
	}
	if strings.Contains(without.get("/").body, `id="contracts"`) {
		t.Error("without a watch there is a table of nothing")
	}
}
