package consultation_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
)

func TestTheLastAnswerCompletesTheRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("residence_permit.employment")
	for i, a := range []consultation.Answer{
		answer(c, "security", "s1", consultation.CodeApproved), answer(c, "tax", "t1", consultation.CodeNoData),
	} {
		r := w.mustReceive(a)
		if r != (consultation.Receipt{Status: "accepted", First: "accepted", LegState: "ANSWERED"}) {
			t.Errorf("answer %d: %+v", i, r)
		}
		if got := w.get(c.ID); got.State != consultation.RoundCollecting || got.Outcome != consultation.OutcomeOpen || got.CompletedAt != nil {
			t.Errorf("after answer %d: %+v", i, got)
		}
	}
	last := answer(c, "labour", "l1", consultation.CodeApprovedWithConditions)
	last.Door = "rest"
	w.mustReceive(last)
	got := w.get(c.ID)
	if got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeClearWithConditions || got.CompletedAt == nil || !got.CompletedAt.Equal(noon) {
		t.Fatalf("completed: %+v", got)
	}
	want := &consultation.GivenAnswer{
		AnswerID: "l1", Code: consultation.CodeApprovedWithConditions, Conditions: last.Conditions, Classification: consultation.LevelInternal,
		AnsweredAt: last.AnsweredAt, ReceivedAt: noon, Door: "rest", MessageID: "m-l1",
	}
	if diff := cmp.Diff(want, leg(got, "labour").Answer); diff != "" {
		t.Errorf("stored answer:\n%s", diff)
	}
	if at := leg(got, "labour").DeliveredAt; at == nil || !at.Equal(noon) {
		t.Errorf("an answer proves the delivery; delivered at %v", at)
	}
	events := w.events(c.ID)
	if diff := cmp.Diff([]string{
		"consultation.requested", "consultation.requested", "consultation.requested",
		"consultation.answered", "consultation.answered", "consultation.answered", "consultation.round_completed",
	}, w.types(c.ID)); diff != "" {
		t.Error(diff)
	}
	wantData := map[string]any{
		"consultation_id": c.ID, "round": 1.0, "case_reference": c.CaseReference, "case_type": c.Type, "outcome": "CLEAR_WITH_CONDITIONS",
		"legs": []any{
			map[string]any{"leg_id": c.Legs[0].ID, "authority": "tax", "leg_state": "ANSWERED", "answer_code": "NO_DATA"},
			map[string]any{"leg_id": c.Legs[1].ID, "authority": "labour", "leg_state": "ANSWERED", "answer_code": "APPROVED_WITH_CONDITIONS"},
			map[string]any{"leg_id": c.Legs[2].ID, "authority": "security", "leg_state": "ANSWERED", "answer_code": "APPROVED"},
		},
	}
	if diff := cmp.Diff(wantData, events[len(events)-1].Data); diff != "" {
		t.Errorf("round_completed:\n%s", diff)
	}
}

func TestConditionsOfEveryLegCountForTheOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	w.mustReceive(answer(c, "labour", "l", consultation.CodeApprovedWithConditions))
	other := answer(c, "security", "s", consultation.CodeApprovedWithConditions)
	other.Conditions = []consultation.Condition{{Code: "wage", Text: "Kahekordne keskmine"}}
	w.mustReceive(other)
	if got := w.get(c.ID).Outcome; got != consultation.OutcomeAdverseOpinion {
		t.Errorf("contradicting conditions: %s", got)
	}
}

func TestAnOptionalLegHoldsTheRoundToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	w.mustReceive(answer(c, "labour", "l", consultation.CodeApproved))
	if got := w.get(c.ID).State; got != consultation.RoundCollecting {
		t.Fatalf("the round did not wait: %s", got)
	}
	w.mustReceive(answer(c, "security", "s", consultation.CodeObjection))
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeBlocked {
		t.Errorf("outcome %s", got.Outcome)
	}
}

func TestNotCompetentEndsTheLegWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
	if r := w.mustReceive(answer(c, "labour", "l", consultation.CodeNotCompetent)); r.LegState != consultation.LegRejectedByReceiver {
		t.Errorf("receipt %+v", r)
	}
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeIncomplete || leg(got, "labour").State != consultation.LegRejectedByReceiver {
		t.Errorf("%+v", got)
	}
}

func TestARepeatedAnswerGetsTheFirstReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	a := answer(c, "labour", "l1", consultation.CodeObjection)
	w.mustReceive(a)
	before := w.types(c.ID)
	a.MessageID, a.Door = "another exchange", "rest"
	a.AnsweredAt = a.AnsweredAt.In(time.FixedZone("EET", 7200))
	a.Conditions = []consultation.Condition{}
	a.LegID = strings.ToUpper(a.LegID)
	for range 3 {
		if r := w.mustReceive(a); r != (consultation.Receipt{Status: "duplicate", First: "accepted", LegState: "ANSWERED"}) {
			t.Errorf("%+v", r)
		}
	}
	if diff := cmp.Diff(before, w.types(c.ID)); diff != "" {
		t.Errorf("a repetition told something:\n%s", diff)
	}
	if n := w.count("select count(*) from consultation.answer"); n != 1 {
		t.Errorf("%d answers", n)
	}
}

func TestWhatContradictsAnEarlierAnswerIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	first := answer(c, "labour", "l1", consultation.CodeObjection)
	w.mustReceive(first)
	for _, c := range []struct {
		name   string
		change func(*consultation.Answer)
		want   string
	}{
		{"another code", func(a *consultation.Answer) { a.Code = consultation.CodeOpinionNegative }, "/answer_id answer_id.reused"},
		{"another reason", func(a *consultation.Answer) { a.Justification += "." }, "/answer_id answer_id.reused"},
		{"another moment", func(a *consultation.Answer) { a.AnsweredAt = a.AnsweredAt.Add(time.Second) }, "/answer_id answer_id.reused"},
		{"another id", func(a *consultation.Answer) { a.AnswerID = "l2" }, "/answer_id already_answered"},
		{"another id and code", func(a *consultation.Answer) { a.AnswerID, a.Code = "l2", consultation.CodeApproved }, "/answer_id already_answered"},
	} {
		a := first
		c.change(&a)
		_, err := w.receive(a)
		refusal, _ := errors.AsType[*consultation.Refusal](err)
		if diff := cmp.Diff([]string{c.want}, codes(err)); diff != "" || refusal.Kind != consultation.RefusedConflict {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAnAnswerAfterTheRoundIsKeptAsLateAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	w.mustReceive(answer(c, "labour", "l1", consultation.CodeApproved))
	w.mustReceive(answer(c, "security", "s1", consultation.CodeNoObjection))
	late := answer(c, "security", "s2", consultation.CodeObjection)
	if r := w.mustReceive(late); r != (consultation.Receipt{Status: "late", First: "late", LegState: "ANSWERED"}) {
		t.Errorf("%+v", r)
	}
	if r := w.mustReceive(late); r != (consultation.Receipt{Status: "duplicate", First: "late", LegState: "ANSWERED"}) {
		t.Errorf("repeated: %+v", r)
	}
	got := w.get(c.ID)
	if got.Outcome != consultation.OutcomeClear || leg(got, "security").Answer.Code != consultation.CodeNoObjection {
		t.Errorf("%+v", got)
	}
	if l := leg(got, "security").LateAnswers; len(l) != 1 || l[0].AnswerID != "s2" {
		t.Errorf("late answers: %+v", l)
	}
	events := w.events(c.ID)
	if e := events[len(events)-1]; e.Type != "consultation.late_answer" || e.Data["answer_code"] != "OBJECTION" {
		t.Errorf("last event %+v", e)
	}
}

func TestWhoMayNotAnswerLearnsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	theirs := answer(c, "labour", "x", consultation.CodeApproved)
	theirs.From = security
	stranger := answer(c, "labour", "x", consultation.CodeApproved)
	stranger.From = taxBoard
	member := answer(c, "labour", "x", consultation.CodeApproved)
	member.From.Subsystem = ""
	missing := answer(c, "labour", "x", "BAD")
	missing.LegID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
	nonsense := missing
	nonsense.LegID = "no id at all"
	whole := missing
	whole.LegID = c.ID
	var said string
	for i, a := range []consultation.Answer{theirs, stranger, member, missing, nonsense, whole} {
		_, err := w.receive(a)
		refusal, ok := errors.AsType[*consultation.Refusal](err)
		if !ok || refusal.Kind != consultation.RefusedUnknown {
			t.Fatalf("answer %d: %v", i, err)
		}
		if words := fmt.Sprintf("%+v", *refusal); said == "" {
			said = words
		} else if words != said {
			t.Errorf("answer %d is refused with other words:\n%s\n%s", i, words, said)
		}
	}
}

func TestEveryFaultOfAnAnswerIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	for _, tc := range []struct {
		name   string
		change func(*consultation.Answer)
		want   []string
	}{
		{"nothing said", func(a *consultation.Answer) {
			*a = consultation.Answer{LegID: a.LegID, From: a.From}
		}, []string{"/answer_id required", "/answer_code enum", "/answered_at range", "/round round.not_current"}},
		{"objection without reasons", func(a *consultation.Answer) { a.Code = consultation.CodeObjection }, []string{"/legal_ground required", "/justification required"}},
		{"negative opinion without reasons", func(a *consultation.Answer) { a.Code = consultation.CodeOpinionNegative }, []string{"/legal_ground required", "/justification required"}},
		{"denial with blank reasons", func(a *consultation.Answer) {
			a.Code, a.LegalGround, a.Justification = consultation.CodePermitDenied, "  ", "\n"
		}, []string{"/legal_ground required", "/justification required"}},
		{"conditions missing", func(a *consultation.Answer) { a.Code = consultation.CodeApprovedWithConditions }, []string{"/conditions required"}},
		{"conditions where none can be", func(a *consultation.Answer) {
			a.Conditions = []consultation.Condition{{Code: "c", Text: "t"}}
		}, []string{"/conditions conditions.not_allowed"}},
		{"bad conditions", func(a *consultation.Answer) {
			a.Code = consultation.CodeApprovedWithConditions
			a.Conditions = []consultation.Condition{{Code: "c", Text: "t"}, {ValidUntil: "31.12.2026"}}
		}, []string{"/conditions/1/code required", "/conditions/1/text required", "/conditions/1/valid_until format"}},
		{"too long", func(a *consultation.Answer) {
			a.AnswerID, a.Justification = strings.Repeat("i", 101), strings.Repeat("õ", 4001)
		}, []string{"/answer_id length", "/justification length"}},
		{"characters", func(a *consultation.Answer) { a.AnswerID, a.LegalGround = "a\x00", "\xff" }, []string{"/answer_id character", "/legal_ground character"}},
		{"other rounds", func(a *consultation.Answer) { a.Round = 2 }, []string{"/round round.not_current"}},
		{"no moment", func(a *consultation.Answer) { a.AnsweredAt = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC) }, []string{"/answered_at range"}},
		{"a moment past the last year", func(a *consultation.Answer) {
			a.AnsweredAt = time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -2*3600))
		}, []string{"/answered_at range"}},
	} {
		a := answer(c, "labour", "x", consultation.CodeApproved)
		tc.change(&a)
		_, err := w.receive(a)
		if diff := cmp.Diff(tc.want, codes(err)); diff != "" {
			t.Errorf("%s (%v):\n%s", tc.name, err, diff)
		}
	}
	if n := w.count("select count(*) from consultation.answer"); n != 0 {
		t.Errorf("%d answers were stored", n)
	}
}

// Whatever comes at the same moment comes one after the other: each round is
// completed once, by the last answer, and its outcome knows all answers.
func TestTwoLastAnswersAtOnceCompleteTheRoundOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const rounds = 40
	for range rounds {
		c := w.open("short")
		start := make(chan struct{})
		var wg sync.WaitGroup
		for _, a := range []consultation.Answer{
			answer(c, "labour", "l", consultation.CodeObjection), answer(c, "security", "s", consultation.CodeNoObjection),
		} {
			wg.Go(func() {
				<-start
				if r, err := w.receive(a); err != nil || r.Status != consultation.StatusAccepted {
					t.Errorf("%s: %+v %v", a.AnswerID, r, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if got := w.get(c.ID); got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeObjectedOverridable {
			t.Fatalf("%+v", got)
		}
	}
	if n := w.count("select count(*) from outbox.event where type = 'consultation.round_completed'"); n != rounds {
		t.Errorf("%d rounds were completed %d times", rounds, n)
	}
}

func TestOneAnswerSentManyTimesAtOnceIsTakenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	a := answer(c, "labour", "l", consultation.CodeObjection)
	other := answer(c, "labour", "m", consultation.CodeApproved)
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			say := a
			if i%4 == 3 {
				say = other
			}
			r, err := w.receive(say)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				seen[strings.Join(codes(err), ",")]++
				return
			}
			seen[string(r.Status)]++
		})
	}
	wg.Wait()
	if seen["accepted"] != 1 || seen["accepted"]+seen["duplicate"]+seen["/answer_id already_answered"] != 40 {
		t.Errorf("%v", seen)
	}
	if n := w.count("select count(*) from consultation.answer"); n != 1 {
		t.Errorf("%d answers", n)
	}
}
