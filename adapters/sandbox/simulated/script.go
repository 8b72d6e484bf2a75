package simulated

import (
	"slices"
	"strings"
	"time"
)

// deed is one thing that an authority does with a question, or waits for.
type deed string

const (
	acknowledges deed = "acknowledge"
	looks        deed = "look" // fetches it, to see when it is due
	reviews      deed = "review"
	asks         deed = "ask"
	extends      deed = "extend"
	stale        deed = "stale" // answers with the number of the round before
	answers      deed = "answer"
	corrects     deed = "correct"

	awaitsWord     deed = "await word" // on what it asked
	awaitsRuling   deed = "await ruling"
	awaitsRevision deed = "await revision"
	awaitsEnd      deed = "await end" // of the term

	// What nobody can take.
	unknownQuestion deed = "nonsense: unknown question"
	wrongRound      deed = "nonsense: wrong round"
	groundless      deed = "nonsense: objection without ground"
	garbage         deed = "nonsense: garbage"
)

var nonsense = []deed{unknownQuestion, wrongRound, groundless, garbage}

// script is what an authority of this manner does with a question, in order. The
// caller holds mu.
func (w *World) script(a *authority, c *consultation) []deed {
	var list []deed
	if c.times == 0 {
		list = append(list, acknowledges) // who was sent it has done that
	}
	switch w.manner(a, c) {
	case Silent:
		return list
	case Late:
		return append(list, looks, awaitsEnd, answers)
	case AsksBack:
		return append(list, reviews, asks, awaitsWord, answers)
	case Extends:
		return append(list, reviews, looks, extends, awaitsRuling, answers)
	case ChangesMind:
		return append(list, answers, corrects)
	case Nonsense:
		first := w.draw(a, c, "nonsense", len(nonsense))
		return append(append(append(list, nonsense[first:]...), nonsense[:first]...), answers)
	case OldRevision:
		if c.round == 1 {
			return append(list, awaitsRevision, answers)
		}
		return append(list, stale, answers)
	default:
		return append(list, answers)
	}
}

// taken says whether the step has been made, and what came of it.
func (c *consultation) taken(d deed) (result string, ok bool) {
	for _, s := range c.steps {
		if s.Do == string(d) {
			return s.Result, true
		}
	}
	return "", false
}

// next is the first thing of the script that has not been done; false when
// everything has. What was waited for and has come is passed over.
func (w *World) next(a *authority, c *consultation) (deed, bool) {
	if gone := slices.Contains(c.heard, "withdrawn") || slices.Contains(c.heard, "superseded"); gone && w.manner(a, c) != OldRevision {
		return "", false // nobody wants it any more
	}
	for _, d := range w.script(a, c) {
		if _, done := c.taken(d); done {
			continue
		}
		switch {
		case d == answers && c.answer != nil && c.delivered >= c.deliveries:
		case d == awaitsWord && (refusedOf(c, asks) || c.hears("info_supplied", "info_not_supplied")):
		case d == awaitsRuling && (refusedOf(c, extends) || c.hears("extension_granted", "extension_denied")):
		case d == awaitsRevision && c.hears("superseded"):
		default:
			return d, true
		}
	}
	return "", false
}

func refusedOf(c *consultation, d deed) bool {
	result, ok := c.taken(d)
	return ok && strings.HasPrefix(result, refusedPrefix)
}

// hears says whether any of it became of the question, or it has ended.
func (c *consultation) hears(what ...string) bool {
	for _, end := range append(what, "withdrawn", "superseded", "closed") {
		if slices.Contains(c.heard, end) {
			return true
		}
	}
	return false
}

// since is from when the next delay counts: from what was done last.
func (c *consultation) since() time.Time {
	if n := len(c.steps); n > 0 {
		return c.steps[n-1].At
	}
	return c.received
}

// ready says when the thing may be done: at a time, or (false) when something
// else has happened. The caller holds mu.
func (w *World) ready(a *authority, c *consultation, d deed) (at time.Time, ok bool) {
	switch d {
	case awaitsWord, awaitsRuling, awaitsRevision:
		return time.Time{}, false
	case awaitsEnd:
		return c.due.Add(time.Millisecond), true // zero without a term: at once
	case acknowledges, looks, reviews:
		return time.Time{}, true
	case answers:
		if c.answer != nil {
			return time.Time{}, true // decided: only to be delivered
		}
	}
	return c.since().Add(w.delay(a, c, d)), true
}
