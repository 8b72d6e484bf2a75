package main

import (
	"slices"
	"strings"
	"testing"

	"ristmik/configs"
)

// pushed asks two authorities, one over each wire, that are sent what becomes of
// their questions.
const pushed = `
  pushed:
    title: {et: Kaks, en: Two}
    legs:
      - {authority: labour, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate, extendable: true}
      - {authority: security, mandatory: true, binding: override, hidden: true, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate, extendable: true}
`

// sceneTold is a notice as an authority of the sandbox remembers it.
type sceneTold struct {
	ID            string   `json:"id"`
	Day           string   `json:"day"`
	Entries       []string `json:"entries"`
	TimesReceived int      `json:"times_received"`
}

// told is what was sent to an authority beside questions.
func (s *scene) told(system string) []sceneTold {
	s.t.Helper()
	var page struct{ Told []sceneTold }
	s.must("GET", s.box.ControlURL()+"/control/v1/received/"+system, nil, nil, &page)
	return page.Told
}

// Authorities whose policy says so are sent what becomes of their questions, and
// one digest a day, over either wire: nothing twice, even when a reply is lost,
// and nothing by the way of questions that anybody counts when the question is
// hidden.
func TestNoticesAndDigestsAreSent(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: pushed, authorities: allSilent(), config: func(cfg *configs.Config) {
		for _, name := range []string{"labour", "security"} {
			a := cfg.Authorities[name]
			a.Notices = configs.NoticesPush
			cfg.Authorities[name] = a
		}
	}})
	systems := map[string]string{"labour": "labour-inspectorate", "security": "security-service"}
	services := map[string]string{"labour": subsystemOf("labour") + "/konsult", "security": subsystemOf("security") + "/consultationNotice/v1"}
	hears := func(authority, what string, leg legView, times int) {
		t.Helper()
		var last []sceneTold
		s.eventually(what+" at "+authority, func() bool {
			last = s.told(systems[authority])
			return slices.ContainsFunc(last, func(n sceneTold) bool {
				return slices.Equal(n.Entries, []string{leg.ID + " " + what}) && n.TimesReceived == times
			})
		})
	}
	opened := func(reference string) consultationView {
		t.Helper()
		c := s.open("pushed", reference)
		s.happenedToAll("consultation.delivered", c.leg("labour").ID, c.leg("security").ID)
		return c
	}

	withdrawn := opened("C-1")
	for _, service := range services { // they have the notice, and we do not know
		s.must("POST", s.box.ControlURL()+"/control/v1/faults", nil, map[string]any{"kind": "cut", "at": "answer", "service": service}, nil)
	}
	s.mustAct(withdrawn.ID+"/withdrawal", "w", map[string]any{"reason": "Taotlus võeti tagasi"})
	for authority := range systems { // before anything else goes that way
		hears(authority, "withdrawn", withdrawn.leg(authority), 2)
	}
	revised := opened("C-2")
	s.mustAct(revised.ID+"/revisions", "r", openRequest("pushed", "C-2", map[string]any{"purpose": "Muu"}))
	extended := opened("C-3")
	if status, out := s.as(subsystemOf("labour"), "POST", "/consultations/"+extended.leg("labour").ID+"/extensions",
		map[string]any{"action_id": "x", "round": 1, "until": "2026-03-20", "reason": "Põhjus"}); status != 200 {
		t.Fatalf("%d %v", status, out)
	}
	s.mustAct(extended.ID+"/legs/"+extended.leg("labour").ID+"/extension", "e", map[string]any{"granted": true})
	for authority := range systems {
		hears(authority, "superseded", revised.leg(authority), 1)
	}
	hears("labour", "extension_granted", extended.leg("labour"), 1)

	// Half of ten working days has passed on the 9th: one digest for all that waits.
	current := s.get(revised.ID)
	s.clock("2026-03-09T07:05:00Z")
	s.happenedToAll("consultation.reminded", current.leg("labour").ID, current.leg("security").ID, extended.leg("security").ID)
	s.clock("2026-03-09T07:15:00Z")
	for authority, want := range map[string][]string{
		"labour":   {current.leg("labour").ID},
		"security": {current.leg("security").ID, extended.leg("security").ID},
	} {
		for i := range want {
			want[i] += " reminded"
		}
		slices.Sort(want)
		s.eventually("digest at "+authority, func() bool {
			for _, n := range s.told(systems[authority]) {
				slices.Sort(n.Entries)
				if n.Day == "2026-03-09" && slices.Equal(n.Entries, want) {
					return true
				}
			}
			return false
		})
	}
	for authority, system := range systems {
		days := 0
		for _, n := range s.told(system) {
			if n.Day != "" {
				days++
			}
			if n.Day != "" && n.TimesReceived != 1 {
				t.Errorf("%s got a digest %d times", authority, n.TimesReceived)
			}
		}
		if days != 1 {
			t.Errorf("%s got %d digests", authority, days)
		}
	}
	var ways string
	if err := s.db.pool.QueryRow(t.Context(), `select string_agg(distinct destination, ' ') from outbox.message where kind = 'consultation.notice'`).Scan(&ways); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(ways, "security") || !strings.Contains(ways, "hidden-") || !strings.Contains(ways, "labour.consultations") {
		t.Errorf("notices went by %s", ways)
	}
}
