package main

import (
	"net/url"
	"testing"

	"ristmik/adapters/sandbox"
)

// Authorities that announce a downtime by either wire are sent nothing in it, no
// attempt is spent, and have their questions when they are back.
func TestAuthoritiesAnnounceDowntimes(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: twoLegs, authorities: map[string]sandbox.Authority{"ministry": {}, "town": {}}})
	for _, system := range []string{"ministry", "town"} {
		var out map[string]string
		s.must("POST", s.box.ControlURL()+"/control/v1/authorities/"+system+"/downtimes", nil, map[string]any{"from": "2026-03-02T20:00:00Z", "until": "2026-03-03T00:00:00Z"}, &out)
		s.event("the announcement of "+system, func(e sceneEvent) bool {
			return e.Type == "consultation.downtime_announced" && e.Data["authority"] == system
		})
	}
	s.clock("2026-03-02T20:00:01Z")
	for _, system := range []string{"ministry", "town"} {
		s.eventually(system+" down", func() bool { return s.isDown(system) })
	}
	c := s.open("two", "C-1")
	var held struct {
		Downtimes []map[string]any `json:"downtimes"`
	}
	s.must("GET", s.core+"/v1/consultations/downtimes", nil, nil, &held)
	if len(held.Downtimes) != 2 {
		t.Errorf("the core sees %v", held)
	}
	s.clock("2026-03-03T00:00:01Z")
	if outcome := s.completed(c.ID); outcome != "CLEAR" {
		t.Errorf("outcome %s", outcome)
	}
	var due struct {
		Consultations []map[string]any `json:"consultations"`
	}
	s.must("GET", s.core+"/v1/consultations?authority=town&limit=10&case_reference="+url.QueryEscape("C-1"), nil, nil, &due)
	if len(due.Consultations) != 1 {
		t.Errorf("found again: %v", due)
	}
	for _, system := range []string{"ministry", "town"} {
		if q := s.received(system)[c.leg(system).ID]; q.TimesReceived != 1 {
			t.Errorf("%s got it %d times", system, q.TimesReceived)
		}
	}
}

// isDown says whether a simulated system is switched off.
func (s *scene) isDown(system string) bool {
	s.t.Helper()
	var page struct {
		Services []struct {
			Name string `json:"name"`
			Down bool   `json:"down"`
		} `json:"services"`
	}
	s.must("GET", s.box.ControlURL()+"/control/v1/services", nil, nil, &page)
	for _, one := range page.Services {
		if one.Name == system {
			return one.Down
		}
	}
	s.t.Fatalf("no system %s", system)
	return false
}
