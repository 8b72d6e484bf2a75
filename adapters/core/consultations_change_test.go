package core_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/soap"
)

// opened opens a consultation over the door.
func (w *world) opened(change map[string]any) consultation.Consultation {
	w.t.Helper()
	return w.consultation(w.do("POST", "/v1/consultations", consultationBody(change)), http.StatusAccepted)
}

func (w *world) consultation(r reply, status int) consultation.Consultation {
	w.t.Helper()
	var c consultation.Consultation
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.status != status {
		w.t.Fatalf("%d %s", r.status, r.body)
	}
	return c
}

func clientOf(authority string) soap.ClientID {
	return soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: authority}
}

// authority does something with its question, as its own doors let it.
func (w *world) authority(fn func(ctx context.Context, tx pgx.Tx) error) {
	w.t.Helper()
	ctx := context.Background()
	if err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return fn(ctx, tx) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) answers(c consultation.Consultation, i int, code consultation.AnswerCode) {
	w.t.Helper()
	w.authority(func(ctx context.Context, tx pgx.Tx) error {
		_, err := w.procedure.Receive(ctx, tx, consultation.Answer{
			AnswerID: "a", LegID: c.Legs[i].ID, Round: c.Round, Code: code, LegalGround: "VMS § 124", Justification: "Alus", AnsweredAt: noon,
			From: clientOf(c.Legs[i].Authority), Door: "rest",
		})
		return err
	})
}

func TestTheCaseOwnerAnswersAuthorities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.opened(nil)
	at := "/v1/consultations/" + c.ID + "/legs/" + c.Legs[1].ID
	act := func(id string, what consultation.Happening, text, until, reason string) {
		t.Helper()
		w.authority(func(ctx context.Context, tx pgx.Tx) error {
			_, err := w.procedure.Act(ctx, tx, consultation.Deed{
				ID: id, LegID: c.Legs[1].ID, Round: 1, What: what, Text: text, Until: until, Reason: reason, From: clientOf("labour"), Door: "rest",
			})
			return err
		})
	}
	if r := w.do("POST", at+"/information", `{"text":"Leping"}`); r.status != http.StatusConflict || r.codes(t)[0] != " state" {
		t.Errorf("what nobody asked: %d %s", r.status, r.body)
	}
	act("1", consultation.HappenedAsked, "Palun leping", "", "")
	if got := w.consultation(w.do("POST", at+"/information", `{"text":"Leping on toimikus"}`), http.StatusOK).Legs[1]; got.State != consultation.LegInReview || got.Inquiries[0].Answer != "Leping on toimikus" {
		t.Errorf("%+v", got)
	}
	act("2", consultation.HappenedExtensionAsked, "", "2026-03-16", "Kontroll kestab")
	if got := w.consultation(w.do("GET", "/v1/consultations/"+c.ID, ""), http.StatusOK).Legs[1]; got.Wanted == nil || got.State != consultation.LegExtensionRequested {
		t.Errorf("%+v", got)
	}
	if r := w.do("POST", at+"/extension", `{"granted":false}`); r.status != http.StatusUnprocessableEntity || r.codes(t)[0] != "/reason required" {
		t.Errorf("a denial without a reason: %d %s", r.status, r.body)
	}
	got := w.consultation(w.do("POST", at+"/extension", `{"granted":true}`), http.StatusOK).Legs[1]
	if got.DueAt == nil || got.DueAt.Format(time.DateOnly) != "2026-03-16" {
		t.Errorf("%+v", got)
	}
	if r := w.do("POST", at+"/closing", `{"reason":"Ei vasta","official":"EE81506150008"}`); r.status != http.StatusConflict {
		t.Errorf("closing too early: %d %s", r.status, r.body)
	}
	if got := w.consultation(w.do("POST", strings.Replace(at, c.Legs[1].ID, c.Legs[0].ID, 1)+"/rerouting", `{"reason":"Teenus on maas"}`), http.StatusOK).Legs[0]; got.State != consultation.LegSent {
		t.Errorf("%+v", got)
	}
	var timeline struct{ Moments []consultation.Moment }
	if err := json.Unmarshal([]byte(w.do("GET", "/v1/consultations/"+c.ID+"/timeline", "").body), &timeline); err != nil {
		t.Fatal(err)
	}
	var happened []string
	for _, m := range timeline.Moments {
		if m.LegID == c.Legs[1].ID {
			happened = append(happened, m.What+" by "+m.Actor)
		}
	}
	if want := "opened by core, info_requested by authority, info_supplied by core, extension_requested by authority, extension_granted by core"; strings.Join(happened, ", ") != want {
		t.Errorf("%s", strings.Join(happened, ", "))
	}
}

func TestRoundsAreRevisedWithdrawnAndOverridden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.opened(nil)
	at := "/v1/consultations/" + c.ID
	second := w.consultation(w.do("POST", at+"/revisions", consultationBody(map[string]any{"occupation": "Kokk"}), "Idempotency-Key", "k"), http.StatusOK)
	if second.Round != 2 || second.Legs[0].ID == c.Legs[0].ID {
		t.Errorf("%+v", second)
	}
	// The same key for another consultation is another request.
	other := w.opened(nil)
	if got := w.consultation(w.do("POST", "/v1/consultations/"+other.ID+"/revisions", consultationBody(map[string]any{"occupation": "Kokk"}), "Idempotency-Key", "k"), http.StatusOK); got.ID != other.ID {
		t.Errorf("the key gave the answer of another consultation: %+v", got)
	}
	if got := w.consultation(w.do("POST", at+"/withdrawal", `{"reason":"Tagasi võetud"}`), http.StatusOK); got.State != consultation.RoundCancelled {
		t.Errorf("%+v", got)
	}
	if r := w.do("POST", at+"/override", `{"reason":"Isikul on alaealine laps Eestis","official":"EE81506150008"}`); r.status != http.StatusConflict {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := w.do("POST", at+"/override", `{"reason":"","official":"EE81506150008"}`); r.status != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := w.do("GET", at+"/progress", ""); r.status != http.StatusOK || strings.Contains(r.body, "labour") || !strings.Contains(r.body, "PROCESSED") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestConsultationsAreListedInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for i := range 7 {
		change := map[string]any{}
		if i%2 == 1 {
			change["case_reference"] = "ELT-2026/ODD"
		}
		ids = append(ids, w.opened(change).ID)
	}
	list := func(query string) consultation.Page {
		t.Helper()
		r := w.do("GET", "/v1/consultations"+query, "")
		var p consultation.Page
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return p
	}
	seen := map[string]bool{}
	pages := 0
	for next := ""; ; pages++ {
		p := list("?limit=3&after=" + next)
		for _, c := range p.Consultations {
			if seen[c.ID] || c.Legs != 5 || c.OpenLegs != 5 || c.NextDueAt == nil {
				t.Errorf("%+v", c)
			}
			seen[c.ID] = true
		}
		if next = p.Next; next == "" {
			break
		}
		w.opened(map[string]any{"case_reference": "ELT-2026/LATER"})
	}
	for _, id := range ids {
		if !seen[id] {
			t.Errorf("%s was left out", id)
		}
	}
	if pages < 2 {
		t.Errorf("%d pages", pages)
	}
	w.answers(w.consultation(w.do("GET", "/v1/consultations/"+ids[0], ""), http.StatusOK), 1, consultation.CodeObjection)
	for query, want := range map[string]int{
		"?case_reference=ELT-2026%2FODD": 3, "?state=COMPLETE": 0, "?leg_state=ANSWERED": 1, "?leg_state=ANSWERED&authority=tax": 0,
		"?authority=labour&leg_state=ANSWERED": 1, "?due_before=" + url.QueryEscape("2026-03-01T00:00:00Z"): 0, "?outcome=OPEN&case_reference=ELT-2026%2FODD": 3,
		"?due_before=" + url.QueryEscape("2026-04-01T00:00:00Z") + "&case_reference=ELT-2026%2F004711": 3, "?type=nothing": 0,
	} {
		if got := len(list(query).Consultations); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for _, query := range []string{"?stat=OPEN", "?limit=0", "?limit=x", "?after=x", "?due_before=tomorrow", "?state=A&state=B"} {
		if r := w.do("GET", "/v1/consultations"+query, ""); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}
