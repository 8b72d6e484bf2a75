package consultation

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ristmik/adapters/consultation/calendar"
)

var happenings = []Happening{
	HappenedDelivered, HappenedUndeliverable, HappenedRerouted, HappenedTaken, HappenedAnswered, HappenedNotCompetent, HappenedCorrected,
	HappenedAsked, HappenedSupplied, HappenedNotSupplied, HappenedExtensionAsked, HappenedExtensionGranted, HappenedExtensionDenied,
	HappenedDue, HappenedReminded, HappenedDowntimeBegan, HappenedDowntimeEnded, HappenedClosed, HappenedWithdrawn, HappenedSuperseded,
}

// timed happen by a timer only.
var timed = []Happening{HappenedDue, HappenedNotSupplied}

var allStates = append(slices.Clone(open), final...)

// anyPolicy is a policy that the check takes.
func anyPolicy(t *rapid.T) LegPolicy {
	p := LegPolicy{
		Authority: "labour", Destination: "d", Mandatory: rapid.Bool().Draw(t, "mandatory"),
		Binding:   rapid.SampledFrom(bindings).Draw(t, "binding"),
		Questions: rapid.SampledFrom([]Questions{QuestionsNone, QuestionsRunClock, QuestionsStopClock}).Draw(t, "questions"),
		Term: &calendar.Rule{
			Unit:   rapid.SampledFrom([]calendar.Unit{calendar.WorkingDays, calendar.CalendarDays, calendar.Hours}).Draw(t, "unit"),
			Length: rapid.IntRange(1, 20).Draw(t, "length"),
		},
		Silence:      rapid.SampledFrom([]Silence{SilenceEscalate, SilenceNoObjection, SilenceProceed}).Draw(t, "silence"),
		CountsFrom:   rapid.SampledFrom([]CountsFrom{CountsFromDelivery, CountsFromOpening}).Draw(t, "counts from"),
		Extendable:   rapid.Bool().Draw(t, "extendable"),
		QuestionTerm: &calendar.Rule{Unit: calendar.WorkingDays, Length: 3},
	}
	p.Downtime = rapid.SampledFrom([]Downtimes{"", DowntimeRunsClock, DowntimeStopsClock}).Draw(t, "downtime")
	if p.Silence == SilenceNoObjection {
		p.CountsFrom = CountsFromDelivery
	}
	if p.Silence == SilenceProceed {
		p.Mandatory = false
	}
	if problems := p.check(); len(problems) > 0 {
		t.Fatalf("the policy is not one: %v", problems)
	}
	return p
}

// walk is a leg on which anything happens in any order, with what must always
// hold of it.
type walk struct {
	policy LegPolicy
	leg    progress
	now    time.Time
}

func startWalk(t *rapid.T) *walk {
	w := &walk{policy: anyPolicy(t), now: time.Date(2026, 2, 16, 8, 0, 0, 0, time.UTC)}
	w.leg = progress{State: LegQueued, Term: &calendar.Term{Rule: *w.policy.Term, Start: w.now, StartEvent: startOpened}}
	return w
}

// same compares legs; times in any zone.
func same(a, b progress) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmp.AllowUnexported(progress{}))
}

// do lets one thing happen and checks what must hold after anything.
func (w *walk) do(t *rapid.T, e occurrence) *transition {
	before := w.leg
	after, row, violation := step(before, w.policy, e)
	switch {
	case violation != nil || row == nil:
		if diff := same(before, after); diff != "" {
			t.Fatalf("%s in %s was not taken and changed something:\n%s", e.What, before.State, diff)
		}
	case before.State.Final() && after.State != before.State && after.State != LegSuperseded:
		t.Fatalf("%s took a leg from %s to %s", e.What, before.State, after.State)
	case before.State.Final() && e.What != HappenedSuperseded && e.What != HappenedCorrected:
		t.Fatalf("%s changed a leg that is %s", e.What, before.State)
	}
	if violation != nil && violation.Code == "" {
		t.Fatalf("a refusal without a code: %+v", violation)
	}
	w.leg = after
	w.invariants(t)
	return row
}

func (w *walk) invariants(t *rapid.T) {
	p := w.leg
	switch {
	case p.State == LegDeemedNoObjection && (p.Delivered.IsZero() || w.policy.Silence != SilenceNoObjection):
		t.Fatalf("deemed without proof or rule: %+v", p)
	case p.State.Final() && len(p.timers()) > 0:
		t.Fatalf("a leg that is %s has timers", p.State)
	case p.State.Final() && (p.Asking || p.Wanted != nil):
		t.Fatalf("something waits for somebody on a leg that is %s", p.State)
	case (p.State == LegInfoRequested) != p.Asking && p.State != LegOverdue:
		t.Fatalf("asking back: %v in %s", p.Asking, p.State)
	case (p.State == LegExtensionRequested) != (p.Wanted != nil) && p.State != LegOverdue:
		t.Fatalf("an extension is wanted: %v in %s", p.Wanted, p.State)
	case p.Term.Paused() && p.State != LegInfoRequested && !p.Down:
		t.Fatalf("the clock stands still in %s", p.State)
	case slices.Contains([]LegState{LegDelivered, LegInReview, LegAnswered}, p.State) && p.Delivered.IsZero():
		t.Fatalf("%s without a proof of delivery", p.State)
	case (p.Version > 0) != (p.State == LegAnswered || p.State == LegRejectedByReceiver) && p.State != LegSuperseded:
		t.Fatalf("%d answers in %s", p.Version, p.State)
	case slices.Contains(underway, p.State) && len(p.timers()) == 0 && !p.DuePassed && !p.Down:
		t.Fatalf("nothing will ever happen to %+v", p)
	}
}

// advance moves the clock and fires what is due on the way, each at its time.
func (w *walk) advance(t *rapid.T, to time.Time) {
	for {
		timer, ok := w.leg.overtaken(to)
		if !ok {
			break
		}
		if w.do(t, occurrence{What: timer.What, At: timer.At}) == nil {
			t.Fatalf("the timer %s changed nothing in %s", timer.What, w.leg.State)
		}
	}
	w.now = to
}

func (w *walk) anything(t *rapid.T) occurrence {
	e := occurrence{What: rapid.SampledFrom(happenings).Draw(t, "what"), At: w.now, Reason: "because"}
	if e.What == HappenedExtensionAsked {
		due, _ := w.leg.due()
		e.Until = due.Add(time.Duration(rapid.IntRange(-1, 21).Draw(t, "until")) * 24 * time.Hour)
	}
	return e
}

func (w *walk) wander(t *rapid.T) {
	for range rapid.IntRange(0, 15).Draw(t, "steps") {
		w.advance(t, w.now.Add(time.Duration(rapid.IntRange(0, 5*24*60).Draw(t, "minutes"))*time.Minute))
		if e := w.anything(t); !slices.Contains(timed, e.What) {
			w.do(t, e)
		}
	}
}

// Whatever happens in whatever order, nothing leaves a final state but by
// supersession, silence counts only with proof of delivery, and nothing waits
// for ever without somebody knowing.
func TestAnythingMayHappenToALegInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { startWalk(t).wander(t) })
}

func TestReplayingAnythingChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := startWalk(t)
		w.wander(t)
		e := w.anything(t)
		if e.What == HappenedCorrected || slices.Contains(timed, e.What) {
			return // a correction is known by its id; a timer fires once because its row is gone
		}
		row := w.do(t, e)
		if row == nil {
			return
		}
		before := w.leg
		if after, row, _ := step(w.leg, w.policy, e); row != nil && same(before, after) != "" {
			t.Fatalf("%s again:\n%s", e.What, same(before, after))
		}
	})
}

// However a leg has come where it is, time and the officials end it: nobody else
// needs to do anything.
func TestEveryLegEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := startWalk(t)
		w.wander(t)
		w.do(t, occurrence{What: HappenedDowntimeEnded, At: w.now}) // a downtime has an end
		w.advance(t, w.now.AddDate(3, 0, 0))
		if !w.leg.State.Final() {
			w.do(t, occurrence{What: HappenedClosed, At: w.now, Reason: "no answer"})
		}
		if !w.leg.State.Final() {
			t.Fatalf("it stays %s", w.leg.State)
		}
	})
}

// A timer that fires late leads to the same as one that fires in time.
func TestALateTimerCountsFromItsDueTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := startWalk(t)
		w.wander(t)
		timers := w.leg.timers()
		if len(timers) == 0 {
			return
		}
		first := timers[0].At
		for _, x := range timers {
			if x.At.Before(first) {
				first = x.At
			}
		}
		prompt, late := *w, *w
		prompt.advance(t, first.Add(time.Microsecond))
		prompt.advance(t, first.AddDate(1, 0, 0))
		late.advance(t, first.AddDate(1, 0, 0))
		if diff := same(prompt.leg, late.leg); diff != "" {
			t.Fatalf("fired late:\n%s", diff)
		}
	})
}

// Whatever can be reached is reached by trying everything everywhere; so no row
// of the table and no state is dead.
func TestEveryRowAndStateOfTheTableIsReached(t *testing.T) {
	t.Parallel()
	type place struct {
		policy                                  int
		state                                   LegState
		delivered, passed, asking, wants, stops bool
		down                                    bool
	}
	start := time.Date(2026, 2, 16, 8, 0, 0, 0, time.UTC)
	taken, reached := map[int]bool{}, map[LegState]bool{}
	for i, policy := range []LegPolicy{
		{Silence: SilenceEscalate, Mandatory: true, Extendable: true, Questions: QuestionsStopClock, Downtime: DowntimeStopsClock},
		{Silence: SilenceNoObjection, Mandatory: true, Extendable: true, Questions: QuestionsRunClock},
		{Silence: SilenceProceed, Questions: QuestionsNone},
		{Information: true},
	} {
		policy.Term = &calendar.Rule{Unit: calendar.WorkingDays, Length: 5}
		policy.QuestionTerm = &calendar.Rule{Unit: calendar.WorkingDays, Length: 3}
		todo := map[LegState][]*walk{}
		for _, state := range []LegState{LegQueued, LegSent} {
			todo[state] = []*walk{{policy, progress{State: state, Term: &calendar.Term{Rule: *policy.Term, Start: start}}, start}}
		}
		seen := map[place]bool{}
		for len(todo) > 0 {
			for state, list := range todo {
				delete(todo, state)
				for _, w := range list {
					here := place{i, w.leg.State, !w.leg.Delivered.IsZero(), w.leg.DuePassed, w.leg.Asking, w.leg.Wanted != nil, w.leg.Term.Paused(), w.leg.Down}
					if seen[here] {
						continue
					}
					seen[here], reached[w.leg.State] = true, true
					for _, what := range happenings {
						e := occurrence{What: what, At: w.now.Add(time.Hour)}
						e.Until, _ = w.leg.Term.Latest()
						for _, timer := range w.leg.timers() {
							if timer.What == what {
								e.At = timer.At
							}
						}
						after, row, _ := step(w.leg, policy, e)
						for n := range transitions {
							if row == &transitions[n] {
								taken[n] = true
								todo[after.State] = append(todo[after.State], &walk{policy, after, e.At})
							}
						}
					}
				}
			}
		}
	}
	for i, row := range transitions {
		if !taken[i] {
			t.Errorf("row %d (%s from %v) is never taken", i, row.on, row.from)
		}
	}
	for _, state := range allStates {
		if !reached[state] {
			t.Errorf("%s is never reached", state)
		}
	}
}

// The table names every state and every happening, and what is harmless is not
// in a row as well.
func TestTheTableIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, what := range happenings {
		found := false
		for _, row := range transitions {
			found = found || row.on == what
		}
		if !found {
			t.Errorf("%s is in no row", what)
		}
	}
	for i, row := range transitions {
		for _, from := range row.from {
			if !slices.Contains(allStates, from) {
				t.Errorf("row %d leads from %q", i, from)
			}
			if from.Final() && row.on != HappenedSuperseded && row.on != HappenedCorrected {
				t.Errorf("row %d leads out of %s", i, from)
			}
		}
		if row.to != "" && !slices.Contains(allStates, row.to) {
			t.Errorf("row %d leads to %q", i, row.to)
		}
	}
	if n := reflect.TypeFor[progress]().NumField(); n != 12 {
		t.Errorf("progress has %d fields: do the table, the columns and kept know all of them?", n)
	}
}
