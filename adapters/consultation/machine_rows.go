package consultation

import (
	"errors"
	"time"

	"ristmik/adapters/consultation/calendar"
)

// What starts a term and stops its clock, and why a question whose delivery was
// never proven is a problem when its term has passed.
const (
	startOpened     = "opened"
	startDelivered  = "delivered"
	startRerouted   = "rerouted"
	pauseQuestion   = "info_requested"
	pauseDowntime   = "downtime"
	problemUnproven = "not_proven"
)

// The conditions of rows.

func silently(rule Silence) func(progress, LegPolicy) bool {
	return func(_ progress, policy LegPolicy) bool { return policy.Silence == rule }
}

func unproven(p progress, _ LegPolicy) bool { return p.Delivered.IsZero() }
func asking(p progress, _ LegPolicy) bool   { return p.Asking }
func down(p progress, _ LegPolicy) bool     { return p.Down }
func downStops(p progress, policy LegPolicy) bool {
	return policy.Downtime == DowntimeStopsClock && p.Term != nil && !p.DuePassed && !p.Down
}
func informs(_ progress, policy LegPolicy) bool    { return policy.Information }
func wants(p progress, _ LegPolicy) bool           { return p.Wanted != nil }
func clockStops(_ progress, policy LegPolicy) bool { return policy.Questions == QuestionsStopClock }

// What forbids a row.

func noQuestions(_ progress, policy LegPolicy, _ occurrence) *Violation {
	if policy.Questions == QuestionsNone || policy.Information {
		return &Violation{Code: FaultNoQuestions, Message: "the policy of this consultation allows no questions back"}
	}
	return nil
}

func noExtension(p progress, policy LegPolicy, e occurrence) *Violation {
	if !policy.Extendable || p.Term == nil {
		return &Violation{Path: "/until", Code: FaultNoExtension, Message: "the term of this consultation cannot be extended"}
	}
	return noGrantUntil(arrive(p, policy, e), e)
}

func noGrant(p progress, _ LegPolicy, e occurrence) *Violation {
	e.Until = p.Wanted.Until
	return noGrantUntil(p, e)
}

// noGrantUntil tells why the term cannot end when the event wants.
func noGrantUntil(p progress, e occurrence) *Violation {
	_, err := p.Term.Extend(e.At, e.Until, e.Reason)
	if err == nil && e.Until.Before(e.At) {
		err = calendar.ErrNotLater
	}
	if err == nil {
		return nil
	}
	v := &Violation{Path: "/until", Code: FaultExtensionEarly, Message: err.Error()}
	if _, ok := errors.AsType[*calendar.TooLateError](err); ok {
		v.Code = FaultExtensionLate
	} else if errors.Is(err, calendar.ErrNotWorking) {
		v.Code = FaultExtensionRestDay
	}
	return v
}

// What rows change.

// arrive notes the proof of delivery, which starts a term that counts from it.
func arrive(p progress, policy LegPolicy, e occurrence) progress {
	p.Problem = ""
	if !p.Delivered.IsZero() {
		return p
	}
	p.Delivered, p.DuePassed = e.At, false
	if p.Term != nil && policy.CountsFrom != CountsFromOpening {
		p.Reminded = 0
		p.Term = &calendar.Term{Rule: p.Term.Rule, Start: e.At, StartEvent: startDelivered}
		p = stillDown(p, e)
	}
	return p
}

// arriveAndEnd ends what was mere information: it has arrived, that is all.
func arriveAndEnd(p progress, policy LegPolicy, e occurrence) progress {
	return finish(arrive(p, policy, e), policy, e)
}

func noteProblem(p progress, _ LegPolicy, e occurrence) progress {
	p.Problem = e.Reason
	return p
}

// restart lets the question wait to be fetched. When its term has passed without a
// proof of delivery, a new one watches over it.
func restart(p progress, _ LegPolicy, e occurrence) progress {
	p.Problem = ""
	if p.DuePassed {
		p.Term, p.DuePassed, p.Reminded = &calendar.Term{Rule: p.Term.Rule, Start: e.At, StartEvent: startRerouted}, false, 0
		p = stillDown(p, e)
	}
	return p
}

func noteOverdueProblem(p progress, policy LegPolicy, e occurrence) progress {
	p.Problem = problemUnproven
	return passDue(p, policy, e)
}

func passDue(p progress, _ LegPolicy, _ occurrence) progress {
	p.DuePassed = true
	return p
}

// settle ends the leg with an answer, which proves the delivery.
func settle(p progress, policy LegPolicy, e occurrence) progress {
	p = finish(arrive(p, policy, e), policy, e)
	p.Version = 1
	return p
}

func settleLate(p progress, policy LegPolicy, e occurrence) progress {
	p = settle(p, policy, e)
	p.Late = true
	return p
}

func noteReminder(p progress, _ LegPolicy, e occurrence) progress {
	p.Reminded = max(p.Reminded, e.Percent)
	return p
}

func nextVersion(p progress, _ LegPolicy, _ occurrence) progress {
	p.Version++
	return p
}

func ask(p progress, policy LegPolicy, e occurrence) progress {
	p = arrive(p, policy, e)
	p.Asking, p.AskedTill = true, time.Time{}
	if policy.QuestionTerm != nil {
		p.AskedTill, _ = calendar.Term{Rule: *policy.QuestionTerm, Start: e.At}.Due()
	}
	return p
}

func askAndStop(p progress, policy LegPolicy, e occurrence) progress {
	p = resume(ask(p, policy, e), e) // from a downtime
	if p.Term != nil {
		paused := p.Term.Pause(e.At, pauseQuestion)
		p.Term = &paused
	}
	return p
}

func supply(p progress, _ LegPolicy, e occurrence) progress {
	p.Asking, p.AskedTill = false, time.Time{}
	return stillDown(resume(p, e), e)
}

func resume(p progress, e occurrence) progress {
	if p.Term != nil {
		running := p.Term.Resume(e.At)
		p.Term = &running
	}
	return p
}

func want(p progress, policy LegPolicy, e occurrence) progress {
	p = arrive(p, policy, e)
	p.Wanted = &Extension{e.Until, e.Reason}
	return p
}

func grant(p progress, _ LegPolicy, e occurrence) progress {
	if longer, err := p.Term.Extend(e.At, p.Wanted.Until, p.Wanted.Reason); err == nil { // noGrant has seen that it can be
		p.Term = &longer
		p.Reminded = min(p.Reminded, 99) // the new last day brings a reminder
	}
	p.Wanted, p.DuePassed = nil, false
	return p
}

func deny(p progress, _ LegPolicy, _ occurrence) progress {
	p.Wanted = nil
	return p
}

// finish leaves nothing waiting on a leg that has ended.
func finish(p progress, _ LegPolicy, e occurrence) progress {
	p.Asking, p.AskedTill, p.Wanted, p.Problem, p.Down = false, time.Time{}, nil, "", false
	return resume(p, e)
}

// beginDowntime stops the clock, where no question back has stopped it already.
func beginDowntime(p progress, _ LegPolicy, e occurrence) progress {
	p.Down = true
	return stillDown(p, e)
}

// stillDown keeps the clock stopped while the authority's system is down.
func stillDown(p progress, e occurrence) progress {
	if !p.Down || p.Term == nil || p.Term.Paused() {
		return p
	}
	if n := len(p.Term.Pauses); n > 0 && p.Term.Pauses[n-1].To.After(e.At) {
		e.At = p.Term.Pauses[n-1].To // pauses do not overlap
	}
	paused := p.Term.Pause(e.At, pauseDowntime)
	p.Term = &paused
	return p
}

func endDowntime(p progress, _ LegPolicy, e occurrence) progress {
	p.Down = false
	if p.Term == nil {
		return p
	}
	if n := len(p.Term.Pauses); n > 0 && p.Term.Pauses[n-1].Reason == pauseDowntime {
		if from := p.Term.Pauses[n-1].From; from.After(e.At) {
			e.At = from
		}
		return resume(p, e)
	}
	return p
}
