package consultation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
)

func (w *world) act(d consultation.Deed) (r consultation.Receipt, err error) {
	err = w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		r, err = w.Act(ctx, tx, d)
		return err
	})
	return r, err
}

func (w *world) mustAct(d consultation.Deed) consultation.Receipt {
	w.t.Helper()
	r, err := w.act(d)
	if err != nil {
		w.t.Fatalf("%s: %v", d.What, err)
	}
	return r
}

// deed is something that an authority does with its question.
func deed(c consultation.Consultation, authority, id string, what consultation.Happening) consultation.Deed {
	d := consultation.Deed{
		ID: id, LegID: leg(c, authority).ID, Round: c.Round, What: what, From: clientOf(authority), Door: "rest", MessageID: "m-" + id,
	}
	switch what {
	case consultation.HappenedAsked:
		d.Text = "Palun tööleping"
	case consultation.HappenedExtensionAsked:
		d.Until, d.Reason = "2026-03-31", "Kontroll kestab"
	}
	return d
}

// change runs a method of the core's side.
func (w *world) change(fn func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error)) (c consultation.Consultation, err error) {
	err = w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		c, err = fn(ctx, tx)
		return err
	})
	return c, err
}

func (w *world) decide(c consultation.Consultation, authority string, d consultation.Decision) (consultation.Consultation, error) {
	return w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
		return w.Decide(ctx, tx, c.ID, leg(c, authority).ID, d)
	})
}

func (w *world) mustDecide(c consultation.Consultation, authority string, d consultation.Decision) consultation.Consultation {
	w.t.Helper()
	got, err := w.decide(c, authority, d)
	if err != nil {
		w.t.Fatalf("%s: %v", d.What, err)
	}
	return got
}

// national is a term of working days that may be extended and whose clock stops.
func national(days int) consultation.LegPolicy {
	return consultation.LegPolicy{
		Mandatory: true, Fields: seen, Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: days}, Silence: consultation.SilenceEscalate, Extendable: true,
		Questions: consultation.QuestionsStopClock, QuestionTerm: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10},
	}
}

func TestAQuestionBackStopsTheClockWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 10:00:00")
	c := w.open("one")
	w.deliver(c)
	w.at("2026-03-06 15:00:00") // day 4
	ask := deed(c, "labour", "q1", consultation.HappenedAsked)
	if r := w.mustAct(ask); r != (consultation.Receipt{Status: "accepted", First: "accepted", LegState: "INFO_REQUESTED"}) {
		t.Errorf("%+v", r)
	}
	if got := w.due(c); got != "paused" {
		t.Errorf("due %s", got)
	}
	if r := w.mustAct(ask); r.Status != consultation.StatusDuplicate || r.LegState != "INFO_REQUESTED" {
		t.Errorf("again: %+v", r)
	}
	w.at("2026-03-18 09:00:00")
	got := w.mustDecide(c, "labour", consultation.Decision{What: consultation.HappenedSupplied, Text: "Leping lisatud"})
	want := []consultation.Inquiry{{Text: "Palun tööleping", AskedAt: got.Legs[0].Inquiries[0].AskedAt, Answer: "Leping lisatud", AnsweredAt: &w.now}}
	if diff := cmp.Diff(want, got.Legs[0].Inquiries); diff != "" || got.Legs[0].State != consultation.LegInReview {
		t.Errorf("%s\n%s", got.Legs[0].State, diff)
	}
	if got := w.due(c); got != "2026-03-26 23:59:59" { // 6 days were left
		t.Errorf("due %s", got)
	}
	if diff := cmp.Diff([]string{
		"consultation.requested", "consultation.delivered", "consultation.info_requested", "consultation.info_supplied",
	}, w.types(c.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestAQuestionBackThatNobodyAnswersEnds(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 10:00:00")
	c := w.open("one")
	w.mustAct(deed(c, "labour", "q1", consultation.HappenedAsked))
	w.at("2026-03-16 23:59:59")
	w.fire(1)
	if got := w.get(c.ID).Legs[0]; got.State != consultation.LegInReview || got.Inquiries[0].Answer != "" {
		t.Errorf("%+v", got)
	}
	if got := w.due(c); got != "2026-03-30 23:59:59" {
		t.Errorf("due %s", got)
	}
}

func TestAnExtensionWithinTheLaw(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(15)))
	w.at("2026-02-16 10:00:00")
	c := w.open("one")
	w.deliver(c)
	tooLate := deed(c, "labour", "e0", consultation.HappenedExtensionAsked)
	tooLate.Until = "2026-04-01"
	_, err := w.act(tooLate)
	r, ok := errors.AsType[*consultation.Refusal](err)
	if !ok || r.Kind != consultation.RefusedConflict || r.Violations[0].Code != consultation.FaultExtensionLate || !strings.Contains(r.Violations[0].Message, "2026-03-31") {
		t.Errorf("to 1 April: %v", err)
	}
	w.mustAct(deed(c, "labour", "e1", consultation.HappenedExtensionAsked))
	if got := w.get(c.ID).Legs[0]; got.State != consultation.LegExtensionRequested || got.Wanted == nil || got.Wanted.Reason != "Kontroll kestab" {
		t.Errorf("%+v", got)
	}
	if got := w.due(c); got != "2026-03-10 23:59:59" {
		t.Errorf("before it is granted: %s", got)
	}
	got := w.mustDecide(c, "labour", consultation.Decision{What: consultation.HappenedExtensionGranted})
	if got.Legs[0].State != consultation.LegInReview || got.Legs[0].Wanted != nil || w.due(c) != "2026-03-31 23:59:59" {
		t.Errorf("%+v", got.Legs[0])
	}
	again := deed(c, "labour", "e2", consultation.HappenedExtensionAsked)
	again.Until = "2026-04-22" // 15 working days more
	w.mustAct(again)
	w.mustDecide(c, "labour", consultation.Decision{What: consultation.HappenedExtensionDenied, Reason: "Menetlus peab lõppema"})
	if got := w.due(c); got != "2026-03-31 23:59:59" {
		t.Errorf("after the second was denied: %s", got)
	}
	if _, err := w.decide(c, "labour", consultation.Decision{What: consultation.HappenedExtensionGranted}); !hasCode(err, consultation.FaultState) {
		t.Errorf("granting what nobody wants: %v", err)
	}
}

func hasCode(err error, code string) bool {
	r, ok := errors.AsType[*consultation.Refusal](err)
	return ok && r.Kind == consultation.RefusedConflict && r.Violations[0].Code == code
}

func TestACorrectionCountsWhileTheRoundCollects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	w.mustReceive(answer(c, "labour", "l1", consultation.CodeNoObjection))
	correction := answer(c, "labour", "l2", consultation.CodeObjection)
	correction.Correction = "Vale nupp"
	for i, want := range []consultation.ReceiptStatus{"accepted", "duplicate"} {
		if r := w.mustReceive(correction); r.Status != want || r.LegState != consultation.LegAnswered {
			t.Errorf("%d: %+v", i, r)
		}
	}
	w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
	got := w.get(c.ID)
	if l := leg(got, "labour"); got.Outcome != consultation.OutcomeObjectedOverridable || l.Answer.AnswerID != "l2" || len(l.EarlierAnswers) != 1 || l.EarlierAnswers[0].AnswerID != "l1" {
		t.Errorf("%+v", got)
	}
	late := answer(c, "labour", "l3", consultation.CodeNoObjection)
	late.Correction = "Jälle vale nupp"
	if r := w.mustReceive(late); r.Status != consultation.StatusLate {
		t.Errorf("after the round: %+v", r)
	}
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeObjectedOverridable {
		t.Errorf("%+v", got)
	}
	fresh := w.open("short")
	correction = answer(fresh, "labour", "x", consultation.CodeObjection)
	correction.Correction = "Mida?"
	if _, err := w.receive(correction); !hasCode(err, consultation.FaultNotAnswered) {
		t.Errorf("a correction of nothing: %v", err)
	}
}

func TestAnObjectionIsSetAsideWithAReasonOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	override := func(reason, official string) error {
		_, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
			return w.Override(ctx, tx, c.ID, reason, official)
		})
		return err
	}
	const reason, official = "Isikul on alaealine laps Eestis", "EE81506150008"
	if err := override(reason, official); !hasCode(err, consultation.FaultNotOverridable) {
		t.Errorf("before there is an outcome: %v", err)
	}
	w.mustReceive(answer(c, "labour", "l", consultation.CodeObjection))
	w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
	for _, tc := range []struct{ reason, official, want string }{
		{"", official, "/reason required"}, {"Sest nii on vaja", official, "/reason length"}, {reason, "81506150008", "/official official.format"},
	} {
		if diff := cmp.Diff([]string{tc.want}, codes(override(tc.reason, tc.official))); diff != "" {
			t.Errorf("%q: %s", tc.reason, diff)
		}
	}
	for range 2 {
		if err := override(reason, official); err != nil {
			t.Fatal(err)
		}
	}
	moments, err := w.Timeline(context.Background(), w.pool, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	overridden := 0
	for _, m := range moments {
		if m.What == "overridden" && m.Reason == reason && m.Official == official {
			overridden++
		}
	}
	if overridden != 1 || w.types(c.ID)[len(w.types(c.ID))-1] != "consultation.overridden" {
		t.Errorf("%+v", moments)
	}
}

func TestAnAnswerOutOfBandWaitsForAnOfficial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	out := answer(c, "labour", "l", consultation.CodeHandledOutOfBand)
	out.Justification = "S-17/26"
	w.mustReceive(out)
	w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeOutOfBandReview {
		t.Fatalf("%+v", got)
	}
	confirm := func(authority string) (consultation.Consultation, error) {
		return w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
			return w.Confirm(ctx, tx, c.ID, leg(c, authority).ID, "EE81506150008")
		})
	}
	if _, err := confirm("security"); !hasCode(err, consultation.FaultState) {
		t.Errorf("confirming another answer: %v", err)
	}
	for range 2 {
		if got, err := confirm("labour"); err != nil || got.Outcome != consultation.OutcomeClear {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if n := w.count("select count(*) from outbox.event where type = 'consultation.outcome_changed'"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestAnotherAuthorityIsAskedInstead(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(consultation.LegPolicy{Mandatory: true}))
	all := authorities()
	all[2].Pull = true
	var err error
	w.Procedure, err = consultation.New(consultation.Options{
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"one": {Legs: []consultation.LegPolicy{
			{Authority: "labour", Mandatory: true, Fields: seen, Binding: consultation.BindingOverride, Destination: "d"},
		}}}}, Authorities: all, Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.open("one")
	w.mustReceive(answer(c, "labour", "n", consultation.CodeNotCompetent))
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeIncomplete {
		t.Fatalf("%+v", got)
	}
	readdress := func(authority string) (consultation.Consultation, error) {
		return w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
			return w.Readdress(ctx, tx, c.ID, c.Legs[0].ID, authority, "Nende pädevus", "EE81506150008")
		})
	}
	for _, tc := range []struct{ authority, want string }{
		{"labour", "/authority authority.unknown"}, {"tax", "/authority authority.unknown"}, {"", "/authority authority.unknown"},
	} {
		if _, err := readdress(tc.authority); cmp.Diff([]string{tc.want}, codes(err)) != "" {
			t.Errorf("to %q: %v", tc.authority, err)
		}
	}
	got, err := readdress("security")
	if err != nil || got.State != consultation.RoundCollecting || len(got.Legs) != 2 || got.Legs[0].ReplacedBy != got.Legs[1].ID || got.Legs[1].State != consultation.LegSent {
		t.Fatalf("%+v %v", got, err)
	}
	asked, err := w.Fetch(context.Background(), w.pool, security, got.Legs[1].ID)
	if err != nil || asked.Question.PersonalCode != "71506150007" || asked.Question.LegID != got.Legs[1].ID {
		t.Errorf("%+v %v", asked, err)
	}
	w.mustReceive(answer(got, "security", "s", consultation.CodeApproved))
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeClear {
		t.Errorf("%+v", got)
	}
	if n := w.count("select count(*) from outbox.event where type = 'consultation.round_completed'"); n != 2 {
		t.Errorf("completed %d times", n)
	}
}

func TestAnOfficialEndsTheWaiting(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(5)))
	c := w.open("one")
	closing := consultation.Decision{What: consultation.HappenedClosed, Reason: "Ei vasta", Official: "EE81506150008"}
	if _, err := w.decide(c, "labour", closing); !hasCode(err, consultation.FaultState) {
		t.Errorf("before the term has passed: %v", err)
	}
	w.deliver(c)
	w.at("2026-03-20 10:00:00")
	w.fire(1)
	if _, err := w.decide(c, "labour", consultation.Decision{What: consultation.HappenedClosed}); cmp.Diff([]string{"/reason required", "/official official.format"}, codes(err)) != "" {
		t.Errorf("without a reason: %v", err)
	}
	if got := w.mustDecide(c, "labour", closing); got.Outcome != consultation.OutcomeIncomplete || got.Legs[0].State != consultation.LegClosedNoAnswer || !got.Unanswered {
		t.Errorf("%+v", got)
	}
	if r := w.mustReceive(answer(c, "labour", "l", consultation.CodeOpinionPositive)); r.Status != consultation.StatusLate {
		t.Errorf("an answer after that: %+v", r)
	}
}

func TestEveryFaultOfADeedIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(5)))
	c := w.open("one")
	for _, tc := range []struct {
		name   string
		change func(*consultation.Deed)
		want   []string
	}{
		{"nothing", func(d *consultation.Deed) { *d = consultation.Deed{LegID: d.LegID, From: d.From} },
			[]string{"/action_id required", "/action enum", "/round round.not_current"}},
		{"what only timers do", func(d *consultation.Deed) { d.What = consultation.HappenedDue }, []string{"/action enum"}},
		{"too much", func(d *consultation.Deed) { d.Text, d.Until, d.Reason = "a", "b", "c" },
			[]string{"/text not_allowed", "/until not_allowed", "/reason not_allowed"}},
		{"an empty question", func(d *consultation.Deed) { d.What, d.Text = consultation.HappenedAsked, " " }, []string{"/text required"}},
		{"an empty extension", func(d *consultation.Deed) { d.What = consultation.HappenedExtensionAsked }, []string{"/until required", "/reason required"}},
		{"no end", func(d *consultation.Deed) {
			d.What, d.Until, d.Reason = consultation.HappenedExtensionAsked, "31.03.2026", "x"
		}, []string{"/until format"}},
		{"a rest day", func(d *consultation.Deed) {
			d.What, d.Until, d.Reason = consultation.HappenedExtensionAsked, "2026-03-14", "x"
		}, []string{"/until extension.rest_day"}},
		{"another authority", func(d *consultation.Deed) { d.From = security }, []string{"/consultation_id consultation.unknown"}},
	} {
		d := deed(c, "labour", "x", consultation.HappenedTaken)
		tc.change(&d)
		_, err := w.act(d)
		if diff := cmp.Diff(tc.want, codes(err)); diff != "" {
			t.Errorf("%s (%v):\n%s", tc.name, err, diff)
		}
	}
	if n := w.count("select (select count(*) from consultation.deed) + (select count(*) from consultation.happening)"); n != 0 {
		t.Errorf("%d rows were stored", n)
	}
	w.mustAct(deed(c, "labour", "x", consultation.HappenedTaken))
	other := deed(c, "labour", "x", consultation.HappenedDelivered)
	if _, err := w.act(other); !hasCode(err, consultation.FaultActionIDReused) {
		t.Errorf("another deed under the id: %v", err)
	}
}
