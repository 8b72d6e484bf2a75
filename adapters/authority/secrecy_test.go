package authority_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/soap"
)

const trace = "KANAARILIND-5b1e"

// guardedWorld is a world whose alarms and log can be seen, with every service
// open to both authorities.
func guardedWorld(t *testing.T) (*world, func() []consultation.Alarm) {
	t.Helper()
	var mu sync.Mutex
	var alarms []consultation.Alarm
	w := newWorld(t)
	var err error
	w.procedure, err = consultation.New(consultation.Options{
		Authorities: []consultation.Authority{{Name: "security", Client: security}, {Name: "labour", Client: labour}},
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "labour", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true},
			{Authority: "security", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingOverride, Pull: true},
		}}}},
		Alarm: func(a consultation.Alarm) {
			mu.Lock()
			defer mu.Unlock()
			alarms = append(alarms, a)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]soap.ClientID{"konsult": {security, labour}}
	for _, code := range authority.SOAPServices() {
		all[code] = []soap.ClientID{security, labour}
	}
	p, err := authority.New(authority.Options{
		Pool: w.pool, Procedure: w.procedure, Contract: load(t), Self: self, RESTService: "konsult", Callers: all,
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(p)
	w.round = w.open()
	return w, func() []consultation.Alarm {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(alarms)
	}
}

// What an authority says that is more secret than AK leaves no trace, by either
// door: one answer that tells why, and an alarm without content.
func TestNothingIsKeptOfWhatIsTooSecret(t *testing.T) {
	t.Parallel()
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, alarms := guardedWorld(t)
			leg := w.leg("labour")
			answer := func(id, level string) map[string]any {
				return map[string]any{
					"answer_id": id, "consultation_id": leg, "round": 1, "answer_code": "NO_OBJECTION", "justification": trace,
					"answered_at": "2026-03-02T12:00:00+02:00", "classification": level,
				}
			}
			// The contract would not let it out, so it is written on the way.
			marked := func(level string) {
				w.spoil = strings.NewReplacer("AVALIK", level).Replace
			}
			before := len(alarms())
			for _, message := range []struct {
				operation string
				content   map[string]any
			}{
				{"requestInformation", map[string]any{"action_id": trace, "consultation_id": leg, "round": 1, "text": trace}},
				{"requestExtension", map[string]any{"action_id": trace, "consultation_id": leg, "round": 1, "until": "2026-03-27", "reason": trace}},
			} {
				message.content["classification"] = "AVALIK"
				marked("SALAJANE")
				if _, refused := through(w, labour, message.operation, message.content); refused != consultation.FaultClassified {
					t.Errorf("%s: %s", message.operation, refused)
				}
			}
			for _, level := range []string{"PIIRATUD", "KONFIDENTSIAALNE", "SALAJANE", "NATO SECRET", "?"} {
				marked(level)
				if _, refused := through(w, labour, "submitAnswer", answer(trace, "AVALIK")); refused != consultation.FaultClassified {
					t.Errorf("%s: %s", level, refused)
				}
			}
			// In a batch only the one that is too secret is refused.
			w.spoil = nil
			results, refused := through(w, labour, "submitAnswers", map[string]any{"answers": []any{answer("b1", "SALAJANE"), answer("b2", "AVALIK")}})
			if refused != "" {
				t.Fatal(refused)
			}
			list := results["results"].([]any)
			if first, second := list[0].(map[string]any), list[1].(map[string]any); first["fault_code"] != consultation.FaultClassified || second["status"] != "accepted" {
				t.Errorf("%v", list)
			}
			if got := len(alarms()) - before; got != 8 {
				t.Errorf("%d alarms", got)
			}
			if a := alarms()[before]; a != (consultation.Alarm{Door: name, From: labour.String()}) {
				t.Errorf("alarm %+v", a)
			}
			// The one that was taken has the trace too: nothing else may have it.
			if tables := postgrestest.Holds(t, w.pool, trace); !slices.Equal(tables, []string{"consultation.answer"}) {
				t.Errorf("it stands in %v", tables)
			}
			var answers int
			if err := w.pool.QueryRow(t.Context(), `select count(*) from consultation.answer where classification = 'AVALIK'`).Scan(&answers); err != nil || answers != 1 {
				t.Errorf("%d answers (%v)", answers, err)
			}
			for _, line := range w.log.take() {
				if strings.Contains(line, trace) || strings.Contains(line, "SALAJANE") {
					t.Errorf("log: %s", line)
				}
			}
		})
	}
}

// Whose answer it is that others may not know of does not stand in the log,
// whether it is taken or refused.
func TestTheLogDoesNotNameAHiddenAuthority(t *testing.T) {
	t.Parallel()
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := guardedWorld(t)
			if _, err := w.pool.Exec(t.Context(), `update consultation.leg set hidden = true, policy = policy || '{"hidden": true}' where authority = 'security'`); err != nil {
				t.Fatal(err)
			}
			w.log.take()
			leg := w.leg("security")
			answer := map[string]any{
				"answer_id": "a", "consultation_id": leg, "round": 1, "answer_code": "NO_OBJECTION", "answered_at": "2026-03-02T12:00:00+02:00",
			}
			for range 2 { // the second one is a duplicate
				if _, refused := through(w, security, "submitAnswer", answer); refused != "" {
					t.Fatal(refused)
				}
			}
			answer["justification"] = "muu"
			if _, refused := through(w, security, "submitAnswer", answer); refused != consultation.FaultAnswerIDReused {
				t.Error(refused)
			}
			if _, refused := through(w, security, "takeIntoReview", map[string]any{"action_id": "1", "consultation_id": leg, "round": 1}); refused != consultation.FaultState {
				t.Error(refused)
			}
			lines := w.log.take()
			for _, line := range lines {
				if strings.Contains(line, security.Member) || strings.Contains(line, "security") || strings.Contains(line, messageID) {
					t.Errorf("log: %s", line)
				}
			}
			if len(lines) != 2 { // two refusals, of nobody
				t.Errorf("%d lines", len(lines))
			}
		})
	}
}
