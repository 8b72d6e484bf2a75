package authority_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	"ristmik/soap"
)

// newTermWorld is a world whose question to the Labour Inspectorate has a term,
// with a clock that the test moves.
func newTermWorld(t *testing.T) (*world, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	w := newWorld(t)
	var err error
	w.procedure, err = consultation.New(consultation.Options{
		Authorities: []consultation.Authority{{Name: "security", Client: security}, {Name: "labour", Client: labour}},
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "labour", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true,
				Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, Silence: consultation.SilenceEscalate, Extendable: true,
				Questions: consultation.QuestionsStopClock, QuestionTerm: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10}},
			{Authority: "security", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingOverride, Pull: true},
		}}}},
		Now: func() time.Time { return now },
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
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(p)
	w.round = w.open()
	return w, &now
}

// Whatever an authority does with a question, it can do through either door,
// with the same effect and the same answers.
func TestBothDoorsOfferTheSameOperations(t *testing.T) {
	t.Parallel()
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, now := newTermWorld(t)
			leg := w.leg("labour")
			do := func(operation string, content map[string]any) map[string]any {
				t.Helper()
				answer, refused := through(w, labour, operation, content)
				if refused != "" {
					t.Fatalf("%s was refused: %s", operation, refused)
				}
				return answer
			}
			refused := func(code, operation string, content map[string]any) {
				t.Helper()
				if _, got := through(w, labour, operation, content); got != code {
					t.Errorf("%s: refused with %q, want %q", operation, got, code)
				}
			}
			receipt := func(status, state, operation string, content map[string]any) {
				t.Helper()
				if diff := cmp.Diff(map[string]any{"status": status, "leg_state": state}, do(operation, content)); diff != "" {
					t.Errorf("%s:\n%s", operation, diff)
				}
			}

			notices := do("listNotices", map[string]any{"after": 0, "limit": 10})["notices"].([]any)
			if len(notices) != 2 { // this round's, and the one of the world
				t.Fatalf("notices: %v", notices)
			}
			first := notices[1].(map[string]any)
			if first["what"] != "opened" || first["consultation_id"] != leg || first["state"] != "SENT" || first["due_at"] != "2026-03-16T21:59:59Z" {
				t.Errorf("notice %v", first)
			}
			q := do("getConsultation", map[string]any{"consultation_id": leg})
			if q["personal_code"] != "71506150400" || q["surname"] != "Sünteetiline" || q["state"] != "SENT" || q["latest_extension"] != "2026-03-30T20:59:59Z" {
				t.Errorf("question %v", q)
			}
			act := func(id string, more map[string]any) map[string]any {
				content := map[string]any{"action_id": id, "consultation_id": leg, "round": 1}
				for k, v := range more {
					content[k] = v
				}
				return content
			}
			receipt("accepted", "DELIVERED", "acknowledgeConsultation", act("1", nil))
			receipt("duplicate", "DELIVERED", "acknowledgeConsultation", act("1", nil))
			refused("action_id.reused", "takeIntoReview", act("1", nil))
			receipt("accepted", "IN_REVIEW", "takeIntoReview", act("2", nil))
			refused("round.not_current", "takeIntoReview", map[string]any{"action_id": "3", "consultation_id": leg, "round": 2})
			*now = now.AddDate(0, 0, 4)
			receipt("accepted", "INFO_REQUESTED", "requestInformation", act("4", map[string]any{"text": "Palun leping & lisa"}))
			refused("state", "requestInformation", act("5", map[string]any{"text": "Veel"}))
			*now = now.AddDate(0, 0, 4)
			w.decide(leg, consultation.Decision{What: consultation.HappenedSupplied, Text: "Lisatud"})
			refused("extension.too_late", "requestExtension", act("6", map[string]any{"until": "2026-06-01", "reason": "Palju tööd"}))
			refused("extension.rest_day", "requestExtension", act("6", map[string]any{"until": "2026-03-28", "reason": "Palju tööd"}))
			refused("format", "requestExtension", act("6", map[string]any{"until": "homme", "reason": "Palju tööd"}))
			receipt("accepted", "EXTENSION_REQUESTED", "requestExtension", act("6", map[string]any{"until": "2026-03-27", "reason": "Palju tööd"}))
			q = do("getConsultation", map[string]any{"consultation_id": leg})
			inquiry, _ := q["inquiries"].([]any)
			if len(inquiry) != 1 || inquiry[0].(map[string]any)["answer"] != "Lisatud" || q["extension_asked"] != "2026-03-27T21:59:59Z" {
				t.Errorf("question %v", q)
			}
			w.decide(leg, consultation.Decision{What: consultation.HappenedExtensionGranted})
			answer := func(id, code string, more map[string]any) map[string]any {
				content := map[string]any{"answer_id": id, "consultation_id": leg, "round": 1, "answer_code": code, "answered_at": "2026-03-10T10:00:00Z"}
				for k, v := range more {
					content[k] = v
				}
				return content
			}
			receipt("accepted", "ANSWERED", "submitAnswer", answer("a", "NO_OBJECTION", nil))
			refused("already_answered", "submitAnswer", answer("b", "OPINION_POSITIVE", nil))
			correction := map[string]any{"correction": "Vale nupp", "legal_ground": "VMS § 124", "justification": "Alus"}
			receipt("accepted", "ANSWERED", "submitAnswer", answer("b", "OPINION_NEGATIVE", correction))
			receipt("duplicate", "ANSWERED", "submitAnswer", answer("b", "OPINION_NEGATIVE", correction))

			// What comes by the other door now is kept, and counts for nothing.
			for other, through := range doors {
				if other == name {
					continue
				}
				if got, code := through(w, labour, "submitAnswer", answer("c", "NO_OBJECTION", nil)); code != "" || got["status"] != "late" || got["leg_state"] != "ANSWERED" {
					t.Errorf("by %s after %s: %v %s", other, name, got, code)
				}
			}

			// Another authority's question is nobody's.
			theirs := w.leg("security")
			refused("consultation.unknown", "getConsultation", map[string]any{"consultation_id": theirs})
			refused("consultation.unknown", "takeIntoReview", map[string]any{"action_id": "1", "consultation_id": theirs, "round": 1})

			if got := do("listNotices", map[string]any{"after": first["position"], "limit": 10})["notices"].([]any); len(got) != 2 ||
				got[0].(map[string]any)["what"] != "info_supplied" || got[1].(map[string]any)["what"] != "extension_granted" {
				t.Errorf("notices after that: %v", got)
			}
			refused("range", "listNotices", map[string]any{"after": 0, "limit": 501})
			refused("range", "listNotices", map[string]any{"after": -1, "limit": 1})

			c, err := w.procedure.Get(context.Background(), w.pool, w.round.ID)
			if err != nil {
				t.Fatal(err)
			}
			if l := c.Legs[0]; l.Answer.Code != "OPINION_NEGATIVE" || l.Answer.Door != name || len(l.EarlierAnswers) != 1 || len(l.LateAnswers) != 1 {
				t.Errorf("stored: %+v", l)
			}

			w.round = w.open()
			leg = w.leg("labour")
			receipt("accepted", "REJECTED_BY_RECEIVER", "submitAnswer", answer("d", "NOT_COMPETENT", nil))
		})
	}
}

// decide is what the case owner does.
func (w *world) decide(leg string, d consultation.Decision) {
	w.t.Helper()
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		_, err := w.procedure.Decide(ctx, tx, w.round.ID, leg, d)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
