package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"ristmik/adapters/sandbox"
)

// twoLegs is a type that asks one authority by SOAP and one by REST, both with a
// term, questions and extensions.
const twoLegs = `
  two:
    title: {et: Kaks, en: Two}
    legs:
      - {authority: ministry, mandatory: true, binding: override, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate, extendable: true, questions: clock_stops, question_term: {working_days: 5}}
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, employer_code], term: {working_days: 5}, silence: escalate, extendable: true, questions: clock_stops, question_term: {working_days: 5}}
`

// Every manner of an authority by both wires, of one that is sent its questions
// and of one that fetches them.
func TestAuthoritiesHaveCharacters(t *testing.T) {
	t.Parallel()
	for _, fetches := range []bool{false, true} {
		t.Run(fmt.Sprintf("fetches=%t", fetches), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, sceneOptions{consultations: twoLegs, authorities: map[string]sandbox.Authority{
				"ministry": {Fetches: fetches}, "town": {Fetches: fetches},
			}, unserved: fetches})
			for i, m := range []struct {
				manner string
				play   func(t *testing.T, s *scene, c consultationView)
				did    map[string]string
			}{
				{"prompt", nil, nil},
				{"repeats", nil, nil},
				{"changes_mind", nil, map[string]string{"correct": ""}},
				{"nonsense", nil, map[string]string{
					"nonsense: unknown question": "refused", "nonsense: wrong round": "refused",
					"nonsense: objection without ground": "refused", "nonsense: garbage": "refused",
				}},
				{"asks_back", answerInquiries, map[string]string{"review": "accepted", "ask": "accepted"}},
				{"extends", grantExtensions, map[string]string{"review": "accepted", "look": "accepted", "extend": "accepted"}},
				{"old_revision", reviseOnce, map[string]string{"stale": "refused"}},
			} {
				s.character("ministry", map[string]any{"manner": m.manner})
				s.character("town", map[string]any{"manner": m.manner})
				c := s.open("two", fmt.Sprintf("C-%d", i))
				if m.play != nil {
					m.play(t, s, c)
				}
				if outcome := s.completed(c.ID); outcome == "" {
					t.Errorf("%s: no outcome", m.manner)
				}
				done := s.get(c.ID)
				for _, system := range []string{"ministry", "town"} {
					leg := done.leg(system)
					if leg.State != "ANSWERED" || leg.Answer == nil {
						t.Fatalf("%s, %s: %+v", m.manner, system, leg)
					}
					want := 1
					if m.manner == "repeats" {
						want = 3
					}
					s.eventually(m.manner+" by "+system, func() bool {
						q := s.received(system)[leg.ID]
						for name, result := range m.did {
							if got, ok := q.did()[name]; !ok || !strings.HasPrefix(got, result) {
								return false
							}
						}
						return q.Deliveries == want
					})
					if q := s.received(system)[leg.ID]; fetches && q.did()["acknowledge"] == "" {
						t.Errorf("%s, %s: a question that was fetched is not acknowledged: %+v", m.manner, system, q)
					}
				}
			}
		})
	}
}

func answerInquiries(t *testing.T, s *scene, c consultationView) {
	t.Helper()
	for range c.Legs {
		e := s.event("a question back", func(e sceneEvent) bool { return e.Type == "consultation.info_requested" && e.Subject == c.ID })
		s.mustAct(c.ID+"/legs/"+e.Data["leg_id"].(string)+"/information", "i/"+e.Data["leg_id"].(string), map[string]any{"text": "Vastus."})
	}
}

func grantExtensions(t *testing.T, s *scene, c consultationView) {
	t.Helper()
	for range c.Legs {
		e := s.event("a wish for more time", func(e sceneEvent) bool {
			return e.Type == "consultation.extension_requested" && e.Subject == c.ID
		})
		s.mustAct(c.ID+"/legs/"+e.Data["leg_id"].(string)+"/extension", "e/"+e.Data["leg_id"].(string), map[string]any{"granted": true})
	}
}

func reviseOnce(t *testing.T, s *scene, c consultationView) {
	t.Helper()
	s.eventually("both questions of the first round", func() bool {
		return s.received("ministry")[c.leg("ministry").ID].ID != "" && s.received("town")[c.leg("town").ID].ID != ""
	})
	s.mustAct(c.ID+"/revisions", "r/"+c.ID, openRequest("two", c.Case, map[string]any{"employer": map[string]any{"registry_code": "10000018"}}))
	s.eventually("the answers to what was superseded", func() bool {
		return s.received("ministry")[c.leg("ministry").ID].Status == "late" && s.received("town")[c.leg("town").ID].Status == "late"
	})
}

// One who is late answers after the end, one who is silent never does, until
// somebody says otherwise; what a mixture does depends on the seed only.
func TestAuthoritiesAreLateSilentAndMixed(t *testing.T) {
	t.Parallel()
	drawn := func() map[string]string {
		s := newScene(t, sceneOptions{consultations: twoLegs, authorities: map[string]sandbox.Authority{
			"ministry": {Manner: "late"}, "town": {Manner: "silent"},
		}})
		c := s.open("two", "C-1")
		s.event("both delivered", func() func(sceneEvent) bool {
			n := 0
			return func(e sceneEvent) bool {
				if e.Type == "consultation.delivered" {
					n++
				}
				return n == 2
			}
		}())
		s.eventually("a look at the end", func() bool { return s.received("ministry")[c.leg("ministry").ID].did()["look"] != "" })
		s.clock("2026-03-10T08:00:00Z")
		s.happened("consultation.answered", c.leg("ministry").ID)
		if l := s.get(c.ID).leg("ministry"); !l.Late {
			t.Errorf("a late answer: %+v", l)
		}
		if q := s.received("town")[c.leg("town").ID]; q.Answered || q.TimesReceived != 1 {
			t.Errorf("a silent authority: %+v", q)
		}
		s.character("town", map[string]any{"manner": "prompt"})
		s.completed(c.ID)

		s.character("town", map[string]any{"manner": "mixed", "hold": true})
		ids := map[string]string{}
		for i := range 12 {
			name := fmt.Sprintf("M-%d", i)
			ids[s.open("two", name).leg("town").ID] = name
		}
		mix := map[string]string{}
		s.eventually("twelve questions", func() bool {
			for id, q := range s.received("town") {
				if ids[id] != "" {
					mix[ids[id]] = q.Manner
				}
			}
			return len(mix) == len(ids)
		})
		return mix
	}
	first, second := drawn(), drawn()
	if !maps.Equal(first, second) {
		t.Errorf("the same seed drew %v and %v", first, second)
	}
	if kinds := slices.Compact(slices.Sorted(maps.Values(first))); len(kinds) < 4 {
		t.Errorf("a mixture of %v", kinds)
	}
}
