package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/configs"
)

// one is a type that asks the town alone, with terms as given.
func one(name, leg string) string {
	return fmt.Sprintf("\n  %s:\n    title: {et: Üks, en: One}\n    legs:\n      - {authority: town, fields: [personal_code, given_name, surname], %s}\n", name, leg)
}

// impatient gives up a delivery after so many attempts, without a breaker in
// between.
func impatient(attempts int) func(*configs.Config) {
	return func(cfg *configs.Config) {
		cfg.Delivery.Default.Attempts = attempts
		cfg.Delivery.Default.Base, cfg.Delivery.Default.Cap = time.Millisecond, 5*time.Millisecond
		cfg.Delivery.Default.Breaker = configs.Breaker{Failures: 1000, OpenFor: time.Second, MaxOpen: time.Second}
		town := cfg.Authorities["town"]
		town.Fallback = configs.FallbackDesk
		cfg.Authorities["town"] = town
	}
}

func TestScenario19FallbackToInbox(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{
		consultations: one("one", "mandatory: true, binding: advisory, term: {working_days: 5}, silence: escalate"),
		authorities:   allSilent(), config: impatient(10),
	})
	// The calls arrive, but their answers do not: nobody knows.
	s.must("POST", s.box.ControlURL()+"/control/v1/faults", nil, map[string]any{"kind": "cut", "at": "answer", "times": 10, "service": subsystemOf("town") + "/konsult"}, nil)
	c := s.open("one", "C-1")
	leg := c.leg("town")
	if e := s.happened("consultation.rerouted", leg.ID); e.Data["leg_state"] != "SENT" {
		t.Errorf("after ten attempts: %v", e.Data)
	}
	waiting := s.get(c.ID).leg("town")
	if waiting.ID != leg.ID || waiting.State != "SENT" {
		t.Errorf("in the inbox: %+v", waiting)
	}
	_, notices := s.as(subsystemOf("town"), "GET", "/notices?after=0&limit=10", nil)
	if list, _ := notices["notices"].([]any); len(list) != 1 || list[0].(map[string]any)["consultation_id"] != leg.ID {
		t.Errorf("what waits: %v", notices)
	}
	if status := s.mustAnswer("town", leg, 1, "NO_OBJECTION", nil); status != "accepted" {
		t.Errorf("the first answer is %s", status)
	}
	if status := s.mustAnswer("town", leg, 1, "NO_OBJECTION", nil); status != "duplicate" {
		t.Errorf("the same again is %s", status)
	}
	if outcome := s.completed(c.ID); outcome != "CLEAR" {
		t.Errorf("outcome %s", outcome)
	}
}

func TestScenario21BatchAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: one("one", "mandatory: true, binding: facts, term: {working_days: 5}, silence: escalate"), authorities: allSilent()})
	var list []map[string]any
	for i := range 200 {
		c := s.open("one", fmt.Sprintf("C-%d", i))
		round := 1
		if i < 3 { // revised, and answered as if it had not been
			s.mustAct(c.ID+"/revisions", fmt.Sprintf("r-%d", i), openRequest("one", fmt.Sprintf("C-%d", i), map[string]any{"occupation": "keevitaja"}))
			c = s.get(c.ID)
		}
		a := answerBody(fmt.Sprintf("A-%d", i), round, "FACTS", map[string]any{"consultation_id": c.leg("town").ID})
		if i == 100 {
			a["answer_code"] = "PERHAPS"
		}
		list = append(list, a)
	}
	send := func(old, first string) {
		t.Helper()
		status, out := s.as(subsystemOf("town"), "POST", "/answers", map[string]any{"answers": list})
		results, _ := out["results"].([]any)
		if status != http.StatusOK || len(results) != 200 {
			t.Fatalf("%d %v", status, out)
		}
		for i, one := range results {
			r := one.(map[string]any)
			switch want := first; {
			case i < 3 && (r["status"] != "refused" || r["fault_code"] != "round.not_current"),
				i == 100 && (r["status"] != "refused" || r["fault_code"] != "enum"),
				i >= 3 && i != 100 && r["status"] != want:
				t.Errorf("%d: %v", i, r)
			}
		}
		var stored int
		if err := s.db.pool.QueryRow(t.Context(), `select count(*) from consultation.answer`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if stored != 196 {
			t.Errorf("%s: %d answers are stored", old, stored)
		}
	}
	send("first", "accepted")
	send("again", "duplicate")
}

func TestScenario22InfoRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{authorities: allSilent(), config: func(cfg *configs.Config) {
		prior := cfg.Consultations["VISA.PRIOR"]
		prior.Legs[0].Authority = "town" // who has a system of its own
	}, consultations: one("national", "mandatory: true, binding: advisory, term: {working_days: 10}, silence: escalate, questions: clock_stops, question_term: {working_days: 10}")})
	national, prior := s.open("national", "C-1"), s.open("VISA.PRIOR", "C-2")
	s.happenedToAll("consultation.delivered", national.leg("town").ID, prior.leg("town").ID)
	before := s.get(prior.ID).leg("town").DueAt
	s.clock("2026-03-06T08:00:00Z") // the fourth working day
	for _, c := range []consultationView{national, prior} {
		status, out := s.as(subsystemOf("town"), "POST", "/consultations/"+c.leg("town").ID+"/inquiries", map[string]any{"action_id": "q", "round": 1, "text": "Kes on tööandja?"})
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, out)
		}
	}
	if l := s.get(national.ID).leg("town"); l.State != "INFO_REQUESTED" || l.DueAt != nil {
		t.Errorf("the clock of a national type runs: %+v", l)
	}
	if l := s.get(prior.ID).leg("town"); l.DueAt == nil || !l.DueAt.Equal(*before) {
		t.Errorf("the clock of VISA.PRIOR stands: %+v", l)
	}
	s.clock("2026-03-13T08:00:00Z")
	s.mustAct(national.ID+"/legs/"+national.leg("town").ID+"/information", "i", map[string]any{"text": "OÜ Näidis"})
	l := s.get(national.ID).leg("town")
	// Six working days are left: the 16th to the 20th, and the 23rd.
	if l.State != "IN_REVIEW" || l.DueAt == nil || l.DueAt.Format(time.DateOnly) != "2026-03-23" {
		t.Errorf("after the answer: %s, due %v", l.State, l.DueAt)
	}
	if len(l.Inquiries) != 1 || l.Inquiries[0].Answer != "OÜ Näidis" {
		t.Errorf("the question and its answer: %+v", l.Inquiries)
	}
	if e := s.happened("consultation.deemed_no_objection", prior.leg("town").ID); e.Time.UTC().Format(time.RFC3339) != "2026-03-09T21:59:59Z" {
		t.Errorf("VISA.PRIOR ended at %v", e.Time)
	}
}

func TestScenario23ExtensionLimit(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{authorities: allSilent(), consultations: one("one", "mandatory: true, binding: advisory, term: {working_days: 5}, silence: escalate, extendable: true")})
	c := s.open("one", "C-1")
	leg := c.leg("town")
	s.happened("consultation.delivered", leg.ID)
	// The term of five days ends on the 9th; each extension reaches five working days further.
	for i, step := range []struct{ tooLong, longest string }{{"2026-03-17", "2026-03-16"}, {"2026-03-24", "2026-03-23"}} {
		ask := func(until string) (int, map[string]any) {
			return s.as(subsystemOf("town"), "POST", "/consultations/"+leg.ID+"/extensions",
				map[string]any{"action_id": until, "round": 1, "until": until, "reason": fmt.Sprintf("Põhjus %d", i)})
		}
		if status, out := ask(step.tooLong); status/100 != 4 || !strings.Contains(fmt.Sprint(out), step.longest) {
			t.Errorf("extension %d to %s: %d %v", i+1, step.tooLong, status, out)
		}
		if status, out := ask(step.longest); status != http.StatusOK {
			t.Fatalf("extension %d to %s: %d %v", i+1, step.longest, status, out)
		}
		s.mustAct(c.ID+"/legs/"+leg.ID+"/extension", fmt.Sprint(i), map[string]any{"granted": true})
	}
	var why struct {
		Extensions []map[string]any `json:"extensions"`
	}
	s.must("GET", s.core+"/v1/consultations/"+c.ID+"/legs/"+leg.ID+"/deadline", nil, nil, &why)
	if len(why.Extensions) != 2 || !strings.Contains(fmt.Sprint(why.Extensions), "Põhjus 0") || !strings.Contains(fmt.Sprint(why.Extensions), "Põhjus 1") {
		t.Errorf("the extensions and their reasons: %v", why)
	}
}

func TestScenario25Correction(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: handFive, authorities: allSilent()})
	c := s.open("hand", "C-1")
	s.mustAnswer("security", c.leg("security"), 1, "NO_OBJECTION", nil)
	s.clock("2026-03-02T08:05:00Z")
	correction := map[string]any{"correction": "Vale nupp."}
	if status := s.mustAnswer("security", c.leg("security"), 1, "OBJECTION", correction); status != "accepted" {
		t.Errorf("the correction is %s", status)
	}
	for _, a := range handAuthorities {
		if a != "security" {
			s.mustAnswer(a, c.leg(a), 1, "NO_OBJECTION", nil)
		}
	}
	if outcome := s.completed(c.ID); outcome != "OBJECTED_OVERRIDABLE" {
		t.Errorf("outcome %s", outcome)
	}
	if l := s.get(c.ID).leg("security"); l.Answer.Code != "OBJECTION" || len(l.EarlierAnswers) != 1 {
		t.Errorf("both answers: %+v", l)
	}
	// After the end it is kept, tells the case owner, and changes nothing.
	if status := s.mustAnswer("town", c.leg("town"), 1, "OBJECTION", correction); status != "late" {
		t.Errorf("a correction after the end is %s", status)
	}
	if e := s.happened("consultation.late_answer", c.leg("town").ID); e.Data["adverse"] != true {
		t.Errorf("the task of the case owner: %v", e.Data)
	}
	if got := s.get(c.ID); got.Outcome != "OBJECTED_OVERRIDABLE" || got.leg("town").Answer.Code != "NO_OBJECTION" {
		t.Errorf("after a correction that came too late: %+v", got)
	}
}

func TestScenario28ClassifiedPayload(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: handFive, authorities: allSilent()})
	c := s.open("hand", "C-1")
	const marker = "SALAMARKER-7f3a"
	status, out := s.answer("town", c.leg("town"), 1, "OBJECTION", map[string]any{"justification": marker, "classification": "SALAJANE"})
	if status/100 != 4 || !strings.Contains(fmt.Sprint(out), "classification") || strings.Contains(fmt.Sprint(out), marker) {
		t.Errorf("%d %v", status, out)
	}
	if l := s.get(c.ID).leg("town"); l.Answer != nil {
		t.Errorf("it was taken: %+v", l)
	}
	if n := s.inDatabase(marker); n != 0 {
		t.Errorf("the database holds the text in %d places", n)
	}
	log := s.log.String()
	if strings.Contains(log, marker) || !strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log has the text, or no alarm:\n%s", log)
	}
	if n := s.metric(`ristmik_classified_messages_total`); n != 1 {
		t.Errorf("%v alarms are counted", n)
	}
}

func TestScenario29OutOfBandAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: one("one", "mandatory: true, binding: veto, term: {working_days: 5}, silence: escalate"), authorities: allSilent()})
	c := s.open("one", "C-1")
	s.mustAnswer("town", c.leg("town"), 1, "HANDLED_OUT_OF_BAND", map[string]any{"justification": "S-17/26"})
	if outcome := s.completed(c.ID); outcome != "NEEDS_OUT_OF_BAND_REVIEW" {
		t.Errorf("outcome %s", outcome)
	}
	s.mustAct(c.ID+"/legs/"+c.leg("town").ID+"/confirmation", "k", map[string]any{"official": official})
	if got := s.get(c.ID).Outcome; got != "CLEAR" {
		t.Errorf("after the confirmation: %s", got)
	}
}

func TestScenario30Duplicate(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: handFive, authorities: allSilent()})
	for _, a := range []string{"ministry", "town"} { // by SOAP and by REST: they have it, and we do not know
		service := subsystemOf(a) + "/konsult"
		if a == "ministry" {
			service = subsystemOf(a) + "/consultationRequest/v1"
		}
		s.must("POST", s.box.ControlURL()+"/control/v1/faults", nil, map[string]any{"kind": "cut", "at": "answer", "service": service}, nil)
	}
	c := s.open("hand", "C-1")
	delivered := map[any]bool{}
	s.event("both delivered", func(e sceneEvent) bool {
		if e.Type == "consultation.delivered" && (e.Data["authority"] == "ministry" || e.Data["authority"] == "town") {
			delivered[e.Data["authority"]] = true
		}
		return len(delivered) == 2
	})
	for _, a := range []string{"ministry", "town"} {
		if l := s.get(c.ID).leg(a); l.State != "DELIVERED" {
			t.Errorf("%s is %s", a, l.State)
		}
		if q := s.received(a)[c.leg(a).ID]; q.TimesReceived != 2 {
			t.Errorf("%s got it %d times", a, q.TimesReceived)
		}
	}
}

func TestScenario31LateAdverseAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: one("one", "mandatory: true, binding: veto, term: {calendar_days: 7}, silence: no_objection"), authorities: allSilent()})
	c := s.open("one", "C-1")
	s.happened("consultation.delivered", c.leg("town").ID)
	s.clock("2026-03-09T22:00:01Z")
	if outcome := s.completed(c.ID); outcome != "CLEAR" {
		t.Fatalf("outcome %s", outcome)
	}
	s.clock("2026-03-10T08:00:00Z")
	if status := s.mustAnswer("town", c.leg("town"), 1, "OBJECTION", nil); status != "late" {
		t.Errorf("the objection is %s", status)
	}
	if e := s.happened("consultation.late_answer", c.leg("town").ID); e.Data["adverse"] != true || e.Data["leg_state"] != "DEEMED_NO_OBJECTION" {
		t.Errorf("the case owner is told %v", e.Data)
	}
	got := s.get(c.ID)
	if l := got.leg("town"); got.Outcome != "CLEAR" || !got.ViaSilence || l.State != "DEEMED_NO_OBJECTION" || len(l.LateAnswers) != 1 {
		t.Errorf("afterwards: %+v", got)
	}
}
