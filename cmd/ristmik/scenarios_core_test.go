package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/sandbox"
)

// fiveLegs asks a register, three authorities that are sent their questions by
// both wires, and one more.
const fiveLegs = `
  five:
    title: {et: Viis, en: Five}
    legs:
      - {authority: tax, mandatory: true, binding: facts, fields: [personal_code], term: {working_days: 2}, silence: escalate, questions: none}
      - {authority: labour, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, employer_code], term: {working_days: 5}, silence: escalate}
      - {authority: security, mandatory: true, binding: override, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: ministry, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
`

// handFive is the same with authorities that answer only when the test lets
// them.
const handFive = `
  hand:
    title: {et: Käsitsi, en: By hand}
    legs:
      - {authority: embassy, mandatory: true, binding: facts, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: labour, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: security, mandatory: true, binding: override, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: ministry, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
`

var handAuthorities = []string{"embassy", "labour", "security", "ministry", "town"}

// allSilent are characters that never answer by themselves.
func allSilent() map[string]sandbox.Authority {
	all := map[string]sandbox.Authority{}
	for _, a := range sceneAuthorities {
		all[a.system] = sandbox.Authority{Manner: "silent"}
	}
	return all
}

func TestScenario01FanOut(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: fiveLegs, authorities: allSilent()})
	var c consultationView
	if status := s.do("POST", s.core+"/v1/consultations", idempotency("1"), openRequest("five", "C-1", nil), &c); status != http.StatusAccepted || len(c.Legs) != 5 || c.Round != 1 {
		t.Fatalf("%d %+v", status, c)
	}
	arrived := map[any]bool{}
	s.event("five questions on their way", func(e sceneEvent) bool {
		if e.Type == "consultation.delivered" || e.Type == "consultation.answered" {
			arrived[e.Data["leg_id"]] = true
		}
		return len(arrived) == 5
	})
	for _, l := range s.get(c.ID).Legs {
		if want := map[string]string{"tax": "ANSWERED"}[l.Authority]; l.State != "DELIVERED" && l.State != want {
			t.Errorf("%s is %s", l.Authority, l.State)
		}
	}
}

func TestScenario02IdempotentPost(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: fiveLegs, authorities: allSilent()})
	ids := make([]string, 50)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			var c consultationView
			status := http.StatusServiceUnavailable
			for status == http.StatusServiceUnavailable { // all connections to the database are in use: it is asked again
				status = s.do("POST", s.core+"/v1/consultations", idempotency("the-same"), openRequest("five", "C-1", nil), &c)
			}
			if status != http.StatusAccepted {
				t.Errorf("status %d", status)
			}
			ids[i] = c.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("two ids under one key: %q and %q", ids[0], id)
		}
	}
	var rounds, legs int
	if err := s.db.pool.QueryRow(t.Context(), `select (select count(*) from consultation.round), (select count(*) from consultation.leg)`).Scan(&rounds, &legs); err != nil {
		t.Fatal(err)
	}
	if rounds != 1 || legs != 5 {
		t.Errorf("%d rounds, %d legs", rounds, legs)
	}
	if status := s.do("POST", s.core+"/v1/consultations", idempotency("the-same"), openRequest("five", "C-2", nil), nil); status != http.StatusConflict && status != http.StatusUnprocessableEntity {
		t.Errorf("another body under the same key: %d", status)
	}
}

func TestScenario04Validation(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: fiveLegs, authorities: allSilent()})
	for code, want := range map[string]string{
		"36805280108": "/person/personal_code personal_code.checksum", "06805280106": "/person/personal_code personal_code.first_digit",
		"30202309914": "/person/personal_code personal_code.date", "71506150400": "",
	} {
		var out map[string]any
		person := map[string]any{"personal_code": code, "given_name": "Mai", "surname": "Näidis"}
		status := s.do("POST", s.core+"/v1/consultations", idempotency(code), openRequest("five", "C-"+code, map[string]any{"person": person}), &out)
		switch got := faultsOf(out); {
		case want == "" && status != http.StatusAccepted:
			t.Errorf("%s: %d %v", code, status, out)
		case want != "" && (status != http.StatusUnprocessableEntity || got != want+"; "):
			t.Errorf("%s: %d %s", code, status, got)
		}
	}
}

func TestScenario06NewRevision(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: handFive, authorities: allSilent()})
	c := s.open("hand", "C-1")
	for _, a := range handAuthorities[:3] {
		s.mustAnswer(a, c.leg(a), 1, "NO_OBJECTION", nil)
	}
	s.mustAct(c.ID+"/revisions", "r", openRequest("hand", "C-1", map[string]any{"employer": map[string]any{"registry_code": "10000018"}}))
	var superseded int
	if err := s.db.pool.QueryRow(t.Context(), `select count(*) from consultation.leg where consultation_id = $1 and round = 1 and state = 'SUPERSEDED'`, c.ID).Scan(&superseded); err != nil {
		t.Fatal(err)
	}
	if superseded != 5 {
		t.Errorf("%d legs of the first round are superseded", superseded)
	}
	if status := s.mustAnswer("town", c.leg("town"), 1, "APPROVED", nil); status != "late" {
		t.Errorf("an answer to the old revision is %s", status)
	}
	now := s.get(c.ID)
	if now.Round != 2 || now.State != "COLLECTING" || now.Outcome != "OPEN" || len(now.Legs) != 5 {
		t.Errorf("after the revision: %+v", now)
	}
	for _, l := range now.Legs {
		if l.Answer != nil || c.leg(l.Authority).ID == l.ID {
			t.Errorf("the new round begins with %+v", l)
		}
	}
}

// permutations are all orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for i := 0; i <= len(p); i++ {
			all = append(all, append(append(append([]int{}, p[:i]...), n-1), p[i:]...))
		}
	}
	return all
}

func TestScenario07OutcomeOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: handFive, authorities: allSilent()})
	said := map[string]string{"embassy": "FACTS", "labour": "OPINION_NEGATIVE", "security": "OBJECTION", "ministry": "APPROVED_WITH_CONDITIONS", "town": "NO_OBJECTION"}
	orders := permutations(len(handAuthorities))
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, order := range orders {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c := s.open("hand", fmt.Sprintf("C-%d", i))
			for _, n := range order {
				a := handAuthorities[n]
				s.mustAnswer(a, c.leg(a), 1, said[a], nil)
			}
			if got := s.get(c.ID); got.State != "COMPLETE" || got.Outcome != "OBJECTED_OVERRIDABLE" {
				t.Errorf("in the order %v: %s %s", order, got.State, got.Outcome)
			}
		})
	}
	all.Wait()
	if len(orders) != 120 {
		t.Errorf("%d orders", len(orders))
	}
}

func TestScenario08Override(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: handFive, authorities: allSilent()})
	c := s.open("hand", "C-1")
	for _, a := range handAuthorities {
		code := "NO_OBJECTION"
		if a == "security" {
			code = "OBJECTION"
		}
		s.mustAnswer(a, c.leg(a), 1, code, nil)
	}
	if got := s.get(c.ID).Outcome; got != "OBJECTED_OVERRIDABLE" {
		t.Fatalf("outcome %s", got)
	}
	if status, out := s.act(c.ID+"/override", "o1", map[string]any{"reason": "", "official": official}); status != http.StatusUnprocessableEntity || !strings.Contains(faultsOf(out), "/reason") {
		t.Errorf("without a reason: %d %v", status, out)
	}
	if status, _ := s.act(c.ID+"/override", "o2", map[string]any{"reason": "Liiga lühike.", "official": official}); status != http.StatusUnprocessableEntity {
		t.Errorf("with a short reason: %d", status)
	}
	const reason = "Ülekaalukas avalik huvi: haiglal on vaja arsti."
	if status, out := s.act(c.ID+"/override", "o3", map[string]any{"reason": reason, "official": official}); status != http.StatusOK {
		t.Errorf("with a reason: %d %v", status, out)
	}
	var moments []map[string]any
	s.timeline(c.ID, &moments)
	found := false
	for _, m := range moments {
		found = found || m["what"] == "overridden" && m["reason"] == reason && m["official"] == official
	}
	if !found {
		t.Errorf("the reason is not in the audit trail: %v", moments)
	}
}

// ltr has a term of 15 working days that counts from the opening.
const ltr = `
  ltr:
    title: {et: Lühiajaline töötamine, en: Short-term employment}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 15, legal_basis: "VMS § 106"}, counts_from: opening, silence: escalate, extendable: true}
`

func TestScenario09WorkingDayDeadline(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: ltr, authorities: allSilent(), from: "2026-02-16T08:00:00Z"})
	c := s.open("ltr", "C-1")
	leg := c.leg("town")
	due := time.Date(2026, 3, 10, 21, 59, 59, 0, time.UTC) // 23:59:59 in Tallinn
	if leg.DueAt == nil || !leg.DueAt.Truncate(time.Second).Equal(due) {
		t.Fatalf("due %v", leg.DueAt)
	}
	var why map[string]any
	s.must("GET", s.core+"/v1/consultations/"+c.ID+"/legs/"+leg.ID+"/deadline", nil, nil, &why)
	if text := fmt.Sprint(why); !strings.Contains(text, "2026-02-24") || !strings.Contains(text, "VMS § 106") {
		t.Errorf("the explanation: %v", why)
	}
	s.happened("consultation.delivered", leg.ID)
	ask := func(until string) (int, map[string]any) {
		return s.as(subsystemOf("town"), "POST", "/consultations/"+leg.ID+"/extensions", map[string]any{"action_id": until, "round": 1, "until": until, "reason": "Vajame aega."})
	}
	if status, out := ask("2026-04-01"); status/100 != 4 || !strings.Contains(fmt.Sprint(out), "2026-03-31") {
		t.Errorf("one day too long: %d %v", status, out)
	}
	if status, out := ask("2026-03-31"); status != http.StatusOK {
		t.Fatalf("the longest: %d %v", status, out)
	}
	s.mustAct(c.ID+"/legs/"+leg.ID+"/extension", "g", map[string]any{"granted": true})
	if got := s.get(c.ID).leg("town").DueAt; got == nil || got.Format(time.DateOnly) != "2026-03-31" {
		t.Errorf("extended to %v", got)
	}
}

func TestScenario10SISSilence(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{authorities: allSilent(), consultations: "\n"})
	proven := s.open("SIS.PRE_PERMIT", "C-1")
	// The bureau fetches and acknowledges the first; it never sees the second one.
	s.happened("consultation.delivered", proven.leg("sirene").ID)
	s.character("sirene", map[string]any{"fetches": false})
	unproven := s.open("SIS.PRE_PERMIT", "C-2")
	end := time.Date(2026, 3, 12, 21, 59, 59, 0, time.UTC)
	if due := s.get(proven.ID).leg("sirene").DueAt; due == nil || !due.Truncate(time.Second).Equal(end) {
		t.Errorf("due %v", due)
	}
	s.freeze(end.Add(time.Second).Format(time.RFC3339))
	states := map[string]string{}
	s.event("both ends", func(e sceneEvent) bool {
		if e.Type == "consultation.deemed_no_objection" || e.Type == "consultation.delivery_problem" {
			states[e.Subject] = fmt.Sprint(e.Data["leg_state"])
		}
		return len(states) == 2
	})
	if states[proven.ID] != "DEEMED_NO_OBJECTION" || states[unproven.ID] != "DELIVERY_PROBLEM" {
		t.Errorf("%v", states)
	}
	if c := s.get(proven.ID); c.State != "COMPLETE" || c.Outcome != "CLEAR" || !c.ViaSilence {
		t.Errorf("with proof: %+v", c)
	}
	if c := s.get(unproven.ID); c.State != "COLLECTING" {
		t.Errorf("without proof: %+v", c)
	}
}

func TestScenario11ETIASHoursAcrossDST(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{authorities: allSilent(), consultations: `
  etias:
    title: {et: ETIAS, en: ETIAS}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {hours: 60, legal_basis: "2018/1240, 28"}, silence: no_objection}
`})
	s.freeze("2026-03-28T10:00:00Z") // 12:00 in Tallinn
	c := s.open("etias", "C-1")
	s.happened("consultation.delivered", c.leg("town").ID)
	end := time.Date(2026, 3, 30, 22, 0, 0, 0, time.UTC) // 01:00 on the 31st, summer time
	if due := s.get(c.ID).leg("town").DueAt; due == nil || !due.Equal(end) {
		t.Fatalf("due %v", due)
	}
	s.freeze(end.Add(-time.Second).Format(time.RFC3339))
	if l := s.get(c.ID).leg("town"); l.State != "DELIVERED" {
		t.Errorf("a second before the end: %s", l.State)
	}
	s.freeze(end.Format(time.RFC3339))
	if e := s.happened("consultation.deemed_no_objection", c.leg("town").ID); !e.Time.Equal(end) {
		t.Errorf("deemed at %v", e.Time)
	}
}
