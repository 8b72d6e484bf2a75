package consultation

import "slices"

// Outcome is what a round comes to.
type Outcome string

// The outcomes, in the order of the rules of [OutcomeOf].
const (
	OutcomeOpen                Outcome = "OPEN"
	OutcomeOutOfBandReview     Outcome = "NEEDS_OUT_OF_BAND_REVIEW"
	OutcomeBlocked             Outcome = "BLOCKED"
	OutcomeObjectedOverridable Outcome = "OBJECTED_OVERRIDABLE"
	OutcomeIncomplete          Outcome = "INCOMPLETE"
	OutcomeAdverseOpinion      Outcome = "ADVERSE_OPINION"
	OutcomeClearWithConditions Outcome = "CLEAR_WITH_CONDITIONS"
	OutcomeClear               Outcome = "CLEAR"
)

// LegResult is what the outcome is worked out from.
type LegResult struct {
	Mandatory  bool
	FailFast   bool // its veto makes the others needless; of no effect on the outcome
	Binding    Binding
	State      LegState
	DuePassed  bool       // its term has passed
	Code       AnswerCode // of the accepted answer; "" while there is none
	Conditions []Condition
	Confirmed  bool // an official has read what was answered out of band
	Replaced   bool // another authority was asked instead
	Hidden     bool // nobody else may know of the question
}

// OutcomeOf works out the outcome: the first rule that fits decides. It is a
// pure function; the order of the legs never matters.
//
//  1. A mandatory leg that has not ended: OPEN. (So is a round without legs.)
//  2. An answer handled out of band that nobody has confirmed: NEEDS_OUT_OF_BAND_REVIEW.
//  3. A denied permit, or an objection that is a veto: BLOCKED.
//  4. An objection that can be overridden: OBJECTED_OVERRIDABLE.
//  5. A mandatory leg that ended without an answer (its receiver is not competent,
//     it was closed or withdrawn): INCOMPLETE.
//  6. A negative opinion, or an objection that is only advice: ADVERSE_OPINION.
//  7. Conditions: CLEAR_WITH_CONDITIONS; when two contradict each other (one
//     code, different terms): ADVERSE_OPINION, for a person to weigh.
//  8. Otherwise: CLEAR.
//
// An optional leg that has not ended counts as not answered; one that another
// authority was asked instead of does not count at all.
func OutcomeOf(legs []LegResult) Outcome {
	legs = slices.DeleteFunc(slices.Clone(legs), func(l LegResult) bool { return l.Replaced })
	any := func(fits func(LegResult) bool) bool {
		for _, l := range legs {
			if fits(l) {
				return true
			}
		}
		return false
	}
	conditions, contradict := map[string]Condition{}, false
	for _, l := range legs {
		for _, c := range l.Conditions {
			if seen, ok := conditions[c.Code]; ok && seen != c {
				contradict = true
			}
			conditions[c.Code] = c
		}
	}
	switch {
	case len(legs) == 0, any(func(l LegResult) bool { return l.Mandatory && !l.State.Final() }):
		return OutcomeOpen
	case any(func(l LegResult) bool { return l.Code == CodeHandledOutOfBand && !l.Confirmed }):
		return OutcomeOutOfBandReview
	case blocked(legs):
		return OutcomeBlocked
	case any(func(l LegResult) bool { return l.Code == CodeObjection && l.Binding == BindingOverride }):
		return OutcomeObjectedOverridable
	case any(func(l LegResult) bool {
		return l.Mandatory && l.State.Final() && l.State != LegAnswered && l.State != LegDeemedNoObjection
	}):
		return OutcomeIncomplete
	case any(func(l LegResult) bool { return l.Code == CodeOpinionNegative || l.Code == CodeObjection }), contradict:
		return OutcomeAdverseOpinion
	case len(conditions) > 0:
		return OutcomeClearWithConditions
	}
	return OutcomeClear
}

// blocked tells whether an answer forbids a positive decision: a denied permit,
// or an objection that is a veto.
func blocked(legs []LegResult) bool {
	return slices.ContainsFunc(legs, func(l LegResult) bool {
		return l.Code == CodePermitDenied || l.Code == CodeObjection && l.Binding == BindingVeto
	})
}
