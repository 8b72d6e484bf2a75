package consultation

import (
	"slices"
	"time"

	"ristmik/adapters/consultation/calendar"
)

// Happening is what can happen to a leg.
type Happening string

// Everything that happens to a leg. What the authority does proves the
// delivery; what a timer does happens at the timer's due time, however late it
// fires.
const (
	HappenedOpened           Happening = "opened"            // it was asked; the beginning, in no row
	HappenedDelivered        Happening = "delivered"         // the authority acknowledged the question
	HappenedUndeliverable    Happening = "undeliverable"     // delivery was given up
	HappenedRerouted         Happening = "rerouted"          // the question waits to be fetched instead
	HappenedTaken            Happening = "taken"             // an official of the authority took it into review
	HappenedAnswered         Happening = "answered"          // any answer but "not competent"
	HappenedNotCompetent     Happening = "not_competent"     // the authority says that it is another's matter
	HappenedCorrected        Happening = "corrected"         // the authority replaced its answer
	HappenedAsked            Happening = "info_requested"    // the authority asked back
	HappenedSupplied         Happening = "info_supplied"     // the case owner answered that
	HappenedNotSupplied      Happening = "info_not_supplied" // nobody did in time
	HappenedExtensionAsked   Happening = "extension_requested"
	HappenedExtensionGranted Happening = "extension_granted"
	HappenedExtensionDenied  Happening = "extension_denied"
	HappenedDue              Happening = "due"            // the term ended
	HappenedReminded         Happening = "reminded"       // a part of the term has passed and the authority still has it
	HappenedDowntimeBegan    Happening = "downtime_began" // the authority's system is down, as announced
	HappenedDowntimeEnded    Happening = "downtime_ended"
	HappenedClosed           Happening = "closed"     // an official gave up waiting
	HappenedWithdrawn        Happening = "withdrawn"  // the case no longer needs it
	HappenedSuperseded       Happening = "superseded" // a new revision asks anew
)

// occurrence is one happening with what the machine needs to know of it.
type occurrence struct {
	What    Happening
	At      time.Time
	Until   time.Time // the end that an extension asks for
	Reason  string
	Percent int // of the term that has passed, for a reminder
}

// progress is where a leg stands: all that the machine knows and changes. It
// is a plain value.
type progress struct {
	State     LegState
	Delivered time.Time      // when it is known to have arrived; zero before
	Term      *calendar.Term // nil without a deadline
	Asking    bool           // a question back waits for the case owner
	AskedTill time.Time      // until when the owner may answer it; zero without end
	Wanted    *Extension     // the extension that waits for the case owner
	DuePassed bool           // the end of the term has been acted on
	Reminded  int            // the percent of the term of which the authority has been reminded last
	Down      bool           // the authority's downtime has stopped the clock
	Late      bool           // answered after the term
	Version   int            // of the accepted answer; 0 without one
	Problem   string         // why it could not be delivered
}

// Extension is one that an authority asked for.
type Extension struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// due is the end of the leg's term; false without one or while the clock stands
// still.
func (p progress) due() (time.Time, bool) {
	if p.Term == nil {
		return time.Time{}, false
	}
	return p.Term.Due()
}

// timer is something that will happen to a leg by itself.
type timer struct {
	What Happening
	At   time.Time
}

// timers are what will happen to the leg by itself.
func (p progress) timers() []timer {
	var list []timer
	if due, ok := p.due(); ok && !p.DuePassed && slices.Contains(underway, p.State) {
		list = append(list, timer{HappenedDue, due})
	}
	if p.State == LegInfoRequested && !p.AskedTill.IsZero() {
		list = append(list, timer{HappenedNotSupplied, p.AskedTill})
	}
	return list
}

// overtaken is the first timer that was due before the moment; false when none
// was. It happened first, however late it fires.
func (p progress) overtaken(at time.Time) (timer, bool) {
	var first timer
	for _, t := range p.timers() {
		if t.At.Before(at) && (first.What == "" || t.At.Before(first.At)) {
			first = t
		}
	}
	return first, first.What != ""
}

// transition is one row of the table: in which states what happens, under which
// policy, what forbids it, where it leads ("" stays), and what else changes.
type transition struct {
	on   Happening
	from []LegState
	when func(progress, LegPolicy) bool                   // nil: always; the first row that fits decides
	not  func(progress, LegPolicy, occurrence) *Violation // nil: nothing forbids it
	to   LegState                                         // "" stays
	then func(progress, LegPolicy, occurrence) progress   // nil: nothing else changes
	tell string                                           // the event for the core; "" tells nothing
}

// The groups of states that rows share.
var (
	underway = []LegState{LegQueued, LegSent, LegDelivered, LegInReview, LegInfoRequested, LegExtensionRequested, LegDeliveryProblem}
	open     = append(slices.Clone(underway), LegOverdue)
	theirs   = []LegState{LegQueued, LegSent, LegDelivered, LegInReview, LegDeliveryProblem} // the authority may act, and nothing waits for us
	final    = []LegState{LegAnswered, LegRejectedByReceiver, LegDeemedNoObjection, LegClosedNoAnswer, LegWithdrawn, LegSuperseded}
)

// transitions is the whole procedure of one leg. What no row covers either
// changes nothing ([harmless]) or is refused.
var transitions = []transition{
	{on: HappenedDelivered, from: []LegState{LegQueued, LegSent, LegDeliveryProblem}, when: informs, to: LegClosedNoAnswer, then: arriveAndEnd, tell: eventDelivered},
	{on: HappenedDelivered, from: []LegState{LegQueued, LegSent, LegDeliveryProblem}, to: LegDelivered, then: arrive, tell: eventDelivered},
	{on: HappenedUndeliverable, from: []LegState{LegQueued}, to: LegDeliveryProblem, then: noteProblem, tell: eventDeliveryProblem},
	{on: HappenedUndeliverable, from: []LegState{LegDeliveryProblem}, then: noteProblem},
	{on: HappenedRerouted, from: []LegState{LegQueued, LegDeliveryProblem}, to: LegSent, then: restart, tell: eventRerouted},

	{on: HappenedTaken, from: theirs, when: informs, to: LegClosedNoAnswer, then: arriveAndEnd, tell: eventDelivered},
	{on: HappenedTaken, from: theirs, to: LegInReview, then: arrive, tell: eventInReview},

	{on: HappenedAnswered, from: underway, to: LegAnswered, then: settle, tell: eventAnswered},
	{on: HappenedAnswered, from: []LegState{LegOverdue}, to: LegAnswered, then: settleLate, tell: eventAnswered},
	{on: HappenedCorrected, from: []LegState{LegAnswered}, then: nextVersion, tell: eventCorrected},
	{on: HappenedNotCompetent, from: open, to: LegRejectedByReceiver, then: settle, tell: eventAnswered},

	{on: HappenedAsked, from: theirs, when: clockStops, not: noQuestions, to: LegInfoRequested, then: askAndStop, tell: eventInfoRequested},
	{on: HappenedAsked, from: theirs, not: noQuestions, to: LegInfoRequested, then: ask, tell: eventInfoRequested},
	{on: HappenedSupplied, from: []LegState{LegInfoRequested}, to: LegInReview, then: supply, tell: eventInfoSupplied},
	{on: HappenedSupplied, from: []LegState{LegOverdue}, when: asking, then: supply, tell: eventInfoSupplied},
	{on: HappenedNotSupplied, from: []LegState{LegInfoRequested}, to: LegInReview, then: supply, tell: eventInfoNotSupplied},

	{on: HappenedExtensionAsked, from: theirs, not: noExtension, to: LegExtensionRequested, then: want, tell: eventExtensionRequested},
	{on: HappenedExtensionGranted, from: []LegState{LegExtensionRequested, LegOverdue}, when: wants, not: noGrant, to: LegInReview, then: grant, tell: eventExtensionGranted},
	{on: HappenedExtensionDenied, from: []LegState{LegExtensionRequested}, to: LegInReview, then: deny, tell: eventExtensionDenied},
	{on: HappenedExtensionDenied, from: []LegState{LegOverdue}, when: wants, then: deny, tell: eventExtensionDenied},

	{on: HappenedDue, from: underway, when: silently(SilenceProceed), to: LegClosedNoAnswer, then: finish, tell: eventClosed},
	{on: HappenedDue, from: []LegState{LegQueued, LegSent}, when: unproven, to: LegDeliveryProblem, then: noteOverdueProblem, tell: eventDeliveryProblem},
	{on: HappenedDue, from: []LegState{LegDeliveryProblem}, then: passDue, tell: eventDeliveryProblem},
	{on: HappenedDue, from: underway, when: silently(SilenceNoObjection), to: LegDeemedNoObjection, then: finish, tell: eventDeemed},
	{on: HappenedDue, from: underway, to: LegOverdue, then: passDue, tell: eventOverdue},

	{on: HappenedReminded, from: reminded, then: noteReminder, tell: eventReminded},
	{on: HappenedDowntimeBegan, from: underway, when: downStops, then: beginDowntime},
	{on: HappenedDowntimeEnded, from: open, when: down, then: endDowntime},

	{on: HappenedClosed, from: []LegState{LegOverdue, LegDeliveryProblem}, to: LegClosedNoAnswer, then: finish, tell: eventClosed},
	{on: HappenedWithdrawn, from: open, to: LegWithdrawn, then: finish, tell: eventWithdrawn},
	{on: HappenedSuperseded, from: append(slices.Clone(open), LegAnswered, LegRejectedByReceiver, LegDeemedNoObjection, LegClosedNoAnswer),
		to: LegSuperseded, then: finish, tell: eventSuperseded},
}

// harmless is what comes too late or again without anybody's fault: an
// acknowledgement after an answer, a timer after the end, a repetition.
var harmless = map[Happening][]LegState{
	HappenedDelivered:     append(slices.Clone(open), final...),
	HappenedUndeliverable: append(slices.Clone(open), final...),
	HappenedRerouted:      {LegSent},
	HappenedTaken:         {LegInReview, LegInfoRequested, LegExtensionRequested, LegOverdue},
	HappenedNotSupplied:   append(slices.Clone(open), final...),
	HappenedDue:           append([]LegState{LegOverdue}, final...),
	HappenedDowntimeBegan: append(slices.Clone(open), final...),
	HappenedDowntimeEnded: append(slices.Clone(open), final...),
	HappenedWithdrawn:     final,
	HappenedSuperseded:    {LegWithdrawn, LegSuperseded},
}

// step applies what happened. It returns the row that decided, nil when nothing
// changes; or why it cannot happen. It is a pure function.
func step(p progress, policy LegPolicy, e occurrence) (progress, *transition, *Violation) {
	for i := range transitions {
		t := &transitions[i]
		if t.on != e.What || !slices.Contains(t.from, p.State) || t.when != nil && !t.when(p, policy) {
			continue
		}
		if t.not != nil {
			if v := t.not(p, policy, e); v != nil {
				return p, nil, v
			}
		}
		if t.then != nil {
			p = t.then(p, policy, e)
		}
		if t.to != "" {
			p.State = t.to
		}
		return p, t, nil
	}
	if slices.Contains(harmless[e.What], p.State) {
		return p, nil, nil
	}
	return p, nil, &Violation{Code: FaultState, Message: "this cannot happen to a consultation that is " + string(p.State)}
}
