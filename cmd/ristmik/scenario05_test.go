package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// blockTwo asks two authorities, over both wires, that know people without a
// personal code too.
const blockTwo = `
  block:
    title: {et: Isik ilma koodita, en: A person without a code}
    legs:
      - {authority: labour, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, birth_date, citizenship, document], term: {working_days: 10}, silence: escalate}
      - {authority: security, mandatory: true, binding: override, fields: [personal_code, given_name, surname, birth_date, document], term: {working_days: 10}, silence: escalate}
  codes:
    title: {et: Ainult koodiga, en: By code only}
    legs:
      - {authority: tax, mandatory: true, binding: facts, fields: [personal_code], term: {working_days: 2}, silence: escalate}
`

// search finds the consultations of a person at the core's door.
func (s *scene) search(person map[string]any) []string {
	s.t.Helper()
	var page struct {
		Consultations []struct {
			ID string `json:"id"`
		} `json:"consultations"`
	}
	s.must("POST", s.core+"/v1/consultations/search", nil, map[string]any{"person": person}, &page)
	ids := []string{}
	for _, c := range page.Consultations {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// personEvent tells what happened to a person's data.
func (s *scene) personEvent(id, kind string, before, after map[string]any) map[string]any {
	s.t.Helper()
	var out map[string]any
	s.must("POST", s.core+"/v1/events", nil, map[string]any{
		"id": id, "type": kind, "occurred_at": "2026-03-02T08:30:00Z", "data": map[string]any{"before": before, "after": after},
	}, &out)
	return out
}

// whoChanged waits for the event that the person of a consultation has changed.
func (s *scene) whoChanged(id string) (changed string, revise bool) {
	s.t.Helper()
	e := s.event("consultation.person_changed of "+id, func(e sceneEvent) bool { return e.Type == "consultation.person_changed" && e.Subject == id })
	revise, _ = e.Data["revision_advised"].(bool)
	return fmt.Sprint(e.Data["changed"]), revise
}

func TestScenario05NoPersonalCode(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: blockTwo, authorities: allSilent()})
	block := map[string]any{
		"given_name": "Ainulaadne", "surname": "Koodita", "birth_date": "1990-02-03", "citizenship": "UKR",
		"document": map[string]any{"number": "FE 271828", "country": "UKR"},
	}
	byCode, byOldCode := map[string]any{"personal_code": "71506150007"}, map[string]any{"personal_code": "71506150400"}
	who := func(person map[string]any) map[string]any { return map[string]any{"person": person} }
	only := func(names ...string) map[string]any {
		part := map[string]any{}
		for _, name := range names {
			part[name] = block[name]
		}
		return part
	}

	// Only a whole block stands for a code, and only where everybody who is asked can know the person by it.
	var problem map[string]any
	if status := s.do("POST", s.core+"/v1/consultations", nil, openRequest("block", "C-0", who(only("given_name", "surname", "birth_date"))), &problem); status != http.StatusUnprocessableEntity ||
		faultsOf(problem) != "/person/citizenship required; /person/document required; " {
		t.Errorf("a part of the block: %d %v", status, problem)
	}
	if status := s.do("POST", s.core+"/v1/consultations", nil, openRequest("codes", "C-0", who(block)), &problem); status != http.StatusUnprocessableEntity ||
		faultsOf(problem) != "/person/personal_code required; " {
		t.Errorf("a register that knows codes: %d %v", status, problem)
	}

	var c consultationView
	if status := s.do("POST", s.core+"/v1/consultations", idempotency("open"), openRequest("block", "C-1", who(block)), &c); status != http.StatusAccepted {
		t.Fatalf("%d %+v", status, c)
	}
	s.happenedToAll("consultation.delivered", c.leg("labour").ID, c.leg("security").ID)
	for authority, sees := range map[string]bool{"labour": true, "security": false} {
		var sent map[string]any
		s.must("GET", s.core+"/v1/consultations/"+c.ID+"/legs/"+c.leg(authority).ID+"/sent", nil, nil, &sent)
		text := fmt.Sprint(sent)
		for _, part := range []string{"Ainulaadne", "1990-02-03", "FE 271828"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s was not told %s", authority, part)
			}
		}
		if strings.Contains(strings.ToLower(text), "citizenship") != sees {
			t.Errorf("%s was told of the citizenship: %v", authority, !sees)
		}
	}
	s.mustAnswer("labour", c.leg("labour"), 1, "NO_OBJECTION", nil)

	spelt := maps.Clone(block)
	spelt["given_name"], spelt["document"] = "AINULAADNE", map[string]any{"number": "fe271828", "country": "UKR"}
	for _, person := range []map[string]any{block, spelt} {
		if got := s.search(person); !slices.Equal(got, []string{c.ID}) {
			t.Errorf("by %v: %v", person, got)
		}
	}
	if got := s.search(byCode); len(got) != 0 {
		t.Errorf("by a code that nobody has yet: %v", got)
	}

	// The person gets a code: the open question and the stored answer are found by both.
	const given = "11111111-1111-4111-8111-111111111111"
	if out := s.personEvent(given, "person.changed", block, byCode); out["duplicate"] != false {
		t.Errorf("%v", out)
	}
	if changed, revise := s.whoChanged(c.ID); changed != "[personal_code]" || revise {
		t.Errorf("changed %s, revision advised: %v", changed, revise)
	}
	if out := s.personEvent(given, "person.changed", block, byCode); out["duplicate"] != true {
		t.Errorf("told again: %v", out)
	}
	later := s.open("block", "C-2") // under the code
	both := []string{c.ID, later.ID}
	slices.Sort(both)
	for _, person := range []map[string]any{block, byCode} {
		if got := s.search(person); !slices.Equal(got, both) {
			t.Errorf("by %v: %v, want %v", person, got, both)
		}
	}
	if now := s.get(c.ID); now.leg("labour").Answer == nil || now.leg("security").State != "DELIVERED" || now.Round != 1 {
		t.Errorf("what was asked and answered has changed: %+v", now)
	}

	// Two codes of one person: all are found by each.
	var other consultationView
	s.must("POST", s.core+"/v1/consultations", idempotency("other"), openRequest("block", "C-3", who(map[string]any{
		"personal_code": "71506150400", "given_name": "Teine", "surname": "Kood"})), &other)
	s.personEvent("22222222-2222-4222-8222-222222222222", "person.merged", byOldCode, byCode)
	if changed, revise := s.whoChanged(other.ID); changed != "[personal_code]" || !revise {
		t.Errorf("merged: changed %s, revision advised: %v", changed, revise)
	}
	all := append(both, other.ID)
	slices.Sort(all)
	for _, person := range []map[string]any{block, byCode, byOldCode} {
		if got := s.search(person); !slices.Equal(got, all) {
			t.Errorf("by %v: %v, want %v", person, got, all)
		}
	}

	// Another surname than authorities were told: they should be asked anew.
	renamed := maps.Clone(block)
	renamed["surname"] = "Uuenimeline"
	s.personEvent("33333333-3333-4333-8333-333333333333", "person.changed", block, renamed)
	if changed, revise := s.whoChanged(c.ID); changed != "[surname]" || !revise {
		t.Errorf("renamed: changed %s, revision advised: %v", changed, revise)
	}
	if got := s.search(renamed); !slices.Equal(got, all) {
		t.Errorf("by the new name: %v", got)
	}
	for _, secret := range []string{"Uuenimeline", "71506150400", "271828"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%s stands in the log", secret)
		}
	}
}
