package consultation_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "ristmik/adapters/consultation"
)

func answered(b Binding, c AnswerCode, conditions ...Condition) LegResult {
	return LegResult{Mandatory: true, Binding: b, State: LegAnswered, Code: c, Conditions: conditions}
}

func TestTheFirstRuleThatFitsDecidesTheOutcome(t *testing.T) {
	t.Parallel()
	wage := Condition{Code: "wage", Text: "at least the average", ValidUntil: "2027-01-01"}
	housing := Condition{Code: "housing", Text: "own lease"}
	otherWage := Condition{Code: "wage", Text: "twice the average"}
	fine := answered(BindingAdvisory, CodeNoObjection)
	open := LegResult{Mandatory: true, Binding: BindingVeto, State: LegDelivered}
	rejected := LegResult{Mandatory: true, Binding: BindingAdvisory, State: LegRejectedByReceiver, Code: CodeNotCompetent}
	for _, c := range []struct {
		name string
		legs []LegResult
		want Outcome
	}{
		{"nobody asked", nil, OutcomeOpen},
		{"mandatory leg open", []LegResult{fine, open}, OutcomeOpen},
		{"an open mandatory leg comes before a veto", []LegResult{answered(BindingVeto, CodeObjection), open}, OutcomeOpen},
		{"an undeliverable mandatory leg is open", []LegResult{fine, {Mandatory: true, State: LegDeliveryProblem}}, OutcomeOpen},
		{"an open optional leg counts as not answered", []LegResult{fine, {State: LegDelivered}}, OutcomeClear},
		{"out of band before a veto", []LegResult{answered(BindingVeto, CodeObjection), answered(BindingVeto, CodeHandledOutOfBand)}, OutcomeOutOfBandReview},
		{"denied permit", []LegResult{fine, answered(BindingAdvisory, CodePermitDenied)}, OutcomeBlocked},
		{"veto before override", []LegResult{answered(BindingOverride, CodeObjection), answered(BindingVeto, CodeObjection)}, OutcomeBlocked},
		{"override before incomplete", []LegResult{answered(BindingOverride, CodeObjection), rejected}, OutcomeObjectedOverridable},
		{"incomplete before adverse", []LegResult{answered(BindingAdvisory, CodeOpinionNegative), rejected}, OutcomeIncomplete},
		{"an optional receiver may be not competent", []LegResult{fine, {State: LegRejectedByReceiver, Code: CodeNotCompetent}}, OutcomeClear},
		{"negative opinion", []LegResult{fine, answered(BindingAdvisory, CodeOpinionNegative)}, OutcomeAdverseOpinion},
		{"advisory objection", []LegResult{fine, answered(BindingAdvisory, CodeObjection)}, OutcomeAdverseOpinion},
		{"adverse before conditions", []LegResult{answered(BindingAdvisory, CodeOpinionNegative), answered(BindingAdvisory, CodeApprovedWithConditions, wage)}, OutcomeAdverseOpinion},
		{"conditions", []LegResult{answered(BindingAdvisory, CodeApprovedWithConditions, wage), answered(BindingVeto, CodeApprovedWithConditions, housing)}, OutcomeClearWithConditions},
		{"the same condition twice", []LegResult{answered(BindingAdvisory, CodeApprovedWithConditions, wage), answered(BindingVeto, CodeApprovedWithConditions, wage)}, OutcomeClearWithConditions},
		{"conditions that contradict", []LegResult{answered(BindingAdvisory, CodeApprovedWithConditions, wage), answered(BindingVeto, CodeApprovedWithConditions, otherWage)}, OutcomeAdverseOpinion},
		{"all fine", []LegResult{fine, answered(BindingFacts, CodeNoData), answered(BindingVeto, CodeApproved)}, OutcomeClear},
	} {
		if got := OutcomeOf(c.legs); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFiveAnswersGiveOneOutcomeInAll120Orders(t *testing.T) {
	t.Parallel()
	legs := []LegResult{
		answered(BindingVeto, CodeNoObjection), answered(BindingOverride, CodeObjection), answered(BindingAdvisory, CodeOpinionNegative),
		answered(BindingFacts, CodeFacts), answered(BindingAdvisory, CodeApprovedWithConditions, Condition{Code: "c", Text: "t"}),
	}
	orders := 0
	var permute func(k int)
	permute = func(k int) {
		if k == len(legs) {
			orders++
			if got := OutcomeOf(legs); got != OutcomeObjectedOverridable {
				t.Errorf("order %d: %s", orders, got)
			}
			return
		}
		for i := k; i < len(legs); i++ {
			legs[k], legs[i] = legs[i], legs[k]
			permute(k + 1)
			legs[k], legs[i] = legs[i], legs[k]
		}
	}
	permute(0)
	if orders != 120 {
		t.Fatalf("tried %d orders", orders)
	}
}

// anyLegs draws a round of any legs that can exist.
var anyLegs = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) LegResult {
	l := LegResult{
		Mandatory: rapid.Bool().Draw(t, "mandatory"),
		Binding:   rapid.SampledFrom([]Binding{BindingVeto, BindingOverride, BindingAdvisory, BindingFacts}).Draw(t, "binding"),
		State: rapid.SampledFrom([]LegState{LegAnswered, LegAnswered, LegAnswered, LegQueued, LegDelivered, LegDeliveryProblem, LegRejectedByReceiver}).
			Draw(t, "state"),
	}
	switch l.State {
	case LegRejectedByReceiver:
		l.Code = CodeNotCompetent
	case LegAnswered:
		l.Code = rapid.SampledFrom([]AnswerCode{
			CodeApproved, CodeApprovedWithConditions, CodeNoObjection, CodeObjection, CodeOpinionPositive, CodeOpinionNegative,
			CodeFacts, CodeNoData, CodePermitGranted, CodePermitDenied, CodeHandledOutOfBand,
		}).Draw(t, "code")
		if l.Code == CodeApprovedWithConditions {
			l.Conditions = []Condition{{
				Code: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "condition"), Text: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "text"),
			}}
		}
	}
	return l
}), 1, 6)

func TestOutcomeRules(t *testing.T) {
	t.Parallel()
	t.Run("order never matters", rapid.MakeCheck(func(t *rapid.T) {
		legs := anyLegs.Draw(t, "legs")
		if got, want := OutcomeOf(rapid.Permutation(legs).Draw(t, "order")), OutcomeOf(legs); got != want {
			t.Fatalf("%s in one order, %s in another", want, got)
		}
	}))
	t.Run("duplicates never matter", rapid.MakeCheck(func(t *rapid.T) {
		legs := anyLegs.Draw(t, "legs")
		twice := append(slices.Clone(legs), rapid.SampledFrom(legs).Draw(t, "again"))
		if got, want := OutcomeOf(twice), OutcomeOf(legs); got != want {
			t.Fatalf("%s, with a duplicate %s", want, got)
		}
	}))
	t.Run("clear is impossible with an objection", rapid.MakeCheck(func(t *rapid.T) {
		legs := anyLegs.Draw(t, "legs")
		bad := slices.ContainsFunc(legs, func(l LegResult) bool {
			return l.Code == CodeObjection || l.Code == CodePermitDenied || l.Code == CodeOpinionNegative || l.Code == CodeHandledOutOfBand
		})
		if got := OutcomeOf(legs); bad && (got == OutcomeClear || got == OutcomeClearWithConditions) {
			t.Fatalf("%s", got)
		}
	}))
	t.Run("open exactly while a mandatory leg is open", rapid.MakeCheck(func(t *rapid.T) {
		legs := anyLegs.Draw(t, "legs")
		open := slices.ContainsFunc(legs, func(l LegResult) bool { return l.Mandatory && !l.State.Final() })
		if got := OutcomeOf(legs); (got == OutcomeOpen) != open {
			t.Fatalf("%s, open %v", got, open)
		}
	}))
}
