package consultation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
)

// histories are the types on which anything happens: mandatory and optional
// legs, every rule for silence, a veto that ends the rest.
func histories() map[string]consultation.TypePolicy {
	leg := func(authority string, binding consultation.Binding, mandatory bool, silence consultation.Silence) consultation.LegPolicy {
		return consultation.LegPolicy{
			Authority: authority, Fields: seen, Binding: binding, Mandatory: mandatory, Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 5}, Silence: silence,
			Extendable: true, Questions: consultation.QuestionsStopClock, QuestionTerm: &calendar.Rule{Unit: calendar.WorkingDays, Length: 3},
		}
	}
	legs := []consultation.LegPolicy{
		leg("tax", consultation.BindingOverride, true, consultation.SilenceEscalate),
		leg("labour", consultation.BindingAdvisory, false, consultation.SilenceProceed),
		leg("security", consultation.BindingVeto, true, consultation.SilenceNoObjection),
	}
	return map[string]consultation.TypePolicy{"patient": {Legs: slices.Clone(legs)}, "hasty": {FailFast: true, Legs: slices.Clone(legs)}}
}

// history is one consultation to which anything happens, and what must hold of
// it.
type history struct {
	*timedWorld
	rt    *rapid.T
	c     consultation.Consultation
	ended map[string]consultation.LegState // by the legs of all rounds
	n     int
}

// everything is all that the database holds of the consultation.
func (h *history) everything() string {
	h.rt.Helper()
	var text string
	err := h.pool.QueryRow(context.Background(), `
		with leg as (select * from consultation.leg where consultation_id = $1::uuid)
		select jsonb_build_object(
			'rounds', (select jsonb_agg(to_jsonb(r) order by r.number) from consultation.round r where r.consultation_id = $1),
			'legs', (select jsonb_agg(to_jsonb(l) order by l.id) from leg l),
			'answers', (select jsonb_agg(to_jsonb(a) order by a.leg_id, a.answer_id) from consultation.answer a where a.leg_id in (select id from leg)),
			'deeds', (select jsonb_agg(to_jsonb(d) order by d.leg_id, d.deed_id) from consultation.deed d where d.leg_id in (select id from leg)),
			'timers', (select jsonb_agg(to_jsonb(t) order by t.leg_id, t.what) from consultation.timer t where t.leg_id in (select id from leg)),
			'happenings', (select jsonb_agg(to_jsonb(x) order by x.leg_id, x.number) from consultation.happening x where x.leg_id in (select id from leg)),
			'inquiries', (select jsonb_agg(to_jsonb(i) order by i.leg_id, i.number) from consultation.inquiry i where i.leg_id in (select id from leg)),
			'notices', (select jsonb_agg(to_jsonb(n) order by n.id) from consultation.notice n where n.leg_id in (select id from leg)),
			'events', (select jsonb_agg(to_jsonb(e) order by e.event_id) from outbox.event e where e.subject = $2)
		)::text`, h.c.ID, h.c.ID).Scan(&text)
	if err != nil {
		h.rt.Fatal(err)
	}
	return text
}

// twice does something that has an id and does it again: the second time
// changes nothing, whether the first was taken or refused.
func (h *history) twice(do func() error) {
	h.rt.Helper()
	for i := range 2 {
		before := h.everything()
		err := do()
		if _, refused := errors.AsType[*consultation.Refusal](err); err != nil && !refused {
			h.rt.Fatal(err)
		}
		if diff := cmp.Diff(before, h.everything()); (i == 1 || err != nil) && diff != "" {
			h.rt.Fatalf("something changed that was refused or came again (%v):\n%s", err, diff)
		}
	}
}

// once does what a person of the case owner does.
func (h *history) once(do func(ctx context.Context, tx pgx.Tx) error) {
	h.rt.Helper()
	before := h.everything()
	err := h.in(do)
	if _, refused := errors.AsType[*consultation.Refusal](err); err != nil && !refused {
		h.rt.Fatal(err)
	}
	if err != nil && before != h.everything() {
		h.rt.Fatalf("a refusal (%v) changed something", err)
	}
}

func (h *history) id() string { h.n++; return fmt.Sprintf("id-%d", h.n) }

// anything lets one thing happen.
func (h *history) anything() {
	now := h.get(h.c.ID)
	c := now
	if rapid.IntRange(0, 3).Draw(h.rt, "old round") == 0 {
		c = h.c // the first round may have been superseded
	}
	authority := rapid.SampledFrom([]string{"tax", "labour", "security"}).Draw(h.rt, "authority")
	act := func(d consultation.Deed) func() error {
		return func() error { _, err := h.act(d); return err }
	}
	switch what := rapid.SampledFrom([]string{
		"answer", "answer", "answer", "correct", "acknowledge", "take", "ask", "extend", "die",
		"supply", "rule", "close", "reroute", "revise", "withdraw", "time", "time",
	}).Draw(h.rt, "what"); what {
	case "answer", "correct":
		code := rapid.SampledFrom([]consultation.AnswerCode{
			consultation.CodeNoObjection, consultation.CodeObjection, consultation.CodeOpinionNegative, consultation.CodeApprovedWithConditions,
			consultation.CodePermitDenied, consultation.CodeNotCompetent, consultation.CodeHandledOutOfBand,
		}).Draw(h.rt, "code")
		a := answer(c, authority, h.id(), code)
		a.Door = rapid.SampledFrom([]string{"soap", "rest"}).Draw(h.rt, "door")
		if what == "correct" {
			a.Correction = "Vale nupp"
		}
		h.twice(func() error { _, err := h.receive(a); return err })
	case "acknowledge":
		h.twice(act(deed(c, authority, h.id(), consultation.HappenedDelivered)))
	case "take":
		h.twice(act(deed(c, authority, h.id(), consultation.HappenedTaken)))
	case "ask":
		d := deed(c, authority, h.id(), consultation.HappenedAsked)
		d.Text = "Kes on tööandja?"
		h.twice(act(d))
	case "extend":
		d := deed(c, authority, h.id(), consultation.HappenedExtensionAsked)
		d.Until, d.Reason = calendar.DayOf(h.now.AddDate(0, 0, rapid.IntRange(0, 20).Draw(h.rt, "days"))).String(), "Vajame aega"
		h.twice(act(d))
	case "die":
		// The outbox tells of a death once; another one is of a message that a person has sent again.
		h.once(func(ctx context.Context, tx pgx.Tx) error {
			return h.OnDead(ctx, tx, h.delivery(c, authority), "http.500")
		})
	case "supply", "rule", "close", "reroute":
		d := map[string]consultation.Decision{
			"supply": {What: consultation.HappenedSupplied, Text: "OÜ Näidis"}, "close": {What: consultation.HappenedClosed, Reason: "Ei oota enam", Official: "EE81506150008"},
			"rule":    {What: rapid.SampledFrom([]consultation.Happening{consultation.HappenedExtensionGranted, consultation.HappenedExtensionDenied}).Draw(h.rt, "ruling"), Reason: "Nii on"},
			"reroute": {What: consultation.HappenedRerouted, Reason: "Teenus on maas"},
		}[what]
		if d.What == consultation.HappenedExtensionGranted {
			d.Reason = ""
		}
		h.once(func(ctx context.Context, tx pgx.Tx) error {
			_, err := h.Decide(ctx, tx, now.ID, leg(now, authority).ID, d)
			return err
		})
	case "revise":
		r := request(now.Type)
		r.Occupation = "Keevitaja " + h.id()
		h.once(func(ctx context.Context, tx pgx.Tx) error { _, err := h.Revise(ctx, tx, now.ID, r); return err })
	case "withdraw":
		if rapid.IntRange(0, 4).Draw(h.rt, "really") == 0 {
			h.once(func(ctx context.Context, tx pgx.Tx) error {
				_, err := h.Withdraw(ctx, tx, now.ID, "Taotlus on tagasi võetud")
				return err
			})
		}
	case "time":
		h.now = h.now.Add(time.Duration(rapid.IntRange(1, 4*24*60).Draw(h.rt, "minutes")) * time.Minute)
		h.twice(func() error { _, err := h.FireTimers(context.Background(), h.pool); return err })
	}
	h.check()
}

// check looks at what must hold at any time.
func (h *history) check() {
	h.rt.Helper()
	rows, err := h.pool.Query(context.Background(), `select id::text, state from consultation.leg where consultation_id = $1`, h.c.ID)
	if err != nil {
		h.rt.Fatal(err)
	}
	var id string
	var state consultation.LegState
	_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		if was, ended := h.ended[id]; ended && was != state && state != consultation.LegSuperseded {
			h.rt.Fatalf("a leg left its end %s for %s", was, state)
		}
		if state.Final() {
			h.ended[id] = state
		}
		return nil
	})
	if err != nil {
		h.rt.Fatal(err)
	}
	c := h.get(h.c.ID)
	objects := false
	for _, l := range c.Legs {
		if l.Answer != nil && (l.Answer.Code == consultation.CodeObjection || l.Answer.Code == consultation.CodePermitDenied) {
			objects = true
		}
	}
	if c.Outcome == consultation.OutcomeClear && objects {
		h.rt.Fatalf("clear in spite of an objection: %+v", c)
	}
	if open := slices.ContainsFunc(c.Legs, func(l consultation.Leg) bool { return !l.State.Final() }); (c.State == consultation.RoundComplete) == open && c.State != consultation.RoundCancelled {
		h.rt.Fatalf("a round that is %s with legs %+v", c.State, c.Legs)
	}
}

// Whatever happens to a consultation in whatever order, by whatever door and on
// whatever round: what comes again or is refused changes nothing, nothing leaves
// its end but by a revision, no objection is ever forgotten, and time and the
// officials end it.
func TestAnyHistoryOfAConsultation(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, histories())
	rapid.Check(t, func(rt *rapid.T) {
		w.now = noon
		h := &history{timedWorld: w, rt: rt, ended: map[string]consultation.LegState{}}
		h.c = w.open(rapid.SampledFrom([]string{"patient", "hasty"}).Draw(rt, "type"))
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			h.anything()
		}
		w.now = w.now.AddDate(1, 0, 0)
		if _, err := w.FireTimers(context.Background(), w.pool); err != nil {
			rt.Fatal(err)
		}
		for _, l := range h.get(h.c.ID).Legs {
			if !l.State.Final() {
				h.once(func(ctx context.Context, tx pgx.Tx) error {
					_, err := h.Decide(ctx, tx, h.c.ID, l.ID, consultation.Decision{What: consultation.HappenedClosed, Reason: "Ei oota enam", Official: "EE81506150008"})
					return err
				})
			}
		}
		h.check()
		if c := h.get(h.c.ID); c.State == consultation.RoundCollecting {
			rt.Fatalf("it never ends: %+v", c)
		}
	})
}
