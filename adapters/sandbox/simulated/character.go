package simulated

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Manner is how an authority goes about a question.
type Manner string

// The manners of an authority.
const (
	Prompt      Manner = "prompt"       // answers after its delay
	Late        Manner = "late"         // answers its delay after the term has ended
	Silent      Manner = "silent"       // takes the question and says nothing
	AsksBack    Manner = "asks_back"    // asks the case owner something, waits for it, answers
	Extends     Manner = "extends"      // asks for all the time it can get, waits for the word, answers
	ChangesMind Manner = "changes_mind" // answers, then corrects its answer
	Repeats     Manner = "repeats"      // sends its answer three times
	Nonsense    Manner = "nonsense"     // sends four things that nobody can take, then its answer
	OldRevision Manner = "old_revision" // answers the first round when it has been superseded, and later ones with the wrong round first
	Mixed       Manner = "mixed"        // one of the others for each question, drawn from the seed and the case
)

// Manners lists them.
func Manners() []string {
	var names []string
	for _, m := range append(slices.Clone(drawn), Mixed) {
		names = append(names, string(m))
	}
	return names
}

// drawn are those that [Mixed] is a mixture of.
var drawn = []Manner{Prompt, Late, Silent, AsksBack, Extends, ChangesMind, Repeats, Nonsense, OldRevision}

// listens says whether who has this manner must hear what becomes of its
// questions.
func (m Manner) listens() bool {
	return slices.Contains([]Manner{AsksBack, Extends, OldRevision, Mixed}, m)
}

// Character is how an authority goes about its questions: its manner, what it
// answers, how long it takes for each thing it does (delay, and up to spread
// more, drawn from the seed), how often it sends the same answer, whether it
// answers at all, and whether it fetches its questions instead of waiting for
// them, looking again after poll.
type Character struct {
	Manner        Manner      `json:"manner"`
	AnswerCode    string      `json:"answer_code"`
	SecondCode    string      `json:"second_code"` // to which it corrects its answer
	Justification string      `json:"justification,omitempty"`
	LegalGround   string      `json:"legal_ground,omitempty"`
	Conditions    []Condition `json:"conditions,omitempty"`
	DelayMS       int         `json:"delay_ms"`
	SpreadMS      int         `json:"spread_ms"`
	Deliveries    int         `json:"deliveries"`
	Hold          bool        `json:"hold"`
	Fetches       bool        `json:"fetches"`
	PollMS        int         `json:"poll_ms"`
}

// answerCodes are the codes that a consultation can be answered with.
var answerCodes = []string{"APPROVED", "APPROVED_WITH_CONDITIONS", "NO_OBJECTION", "OBJECTION", "OPINION_POSITIVE", "OPINION_NEGATIVE",
	"FACTS", "NO_DATA", "PERMIT_GRANTED", "PERMIT_DENIED", "NOT_COMPETENT", "HANDLED_OUT_OF_BAND"}

// AnswerCodes lists the codes that a consultation can be answered with.
func AnswerCodes() []string { return slices.Clone(answerCodes) }

// DefaultCharacter is the character of an authority of which nothing is said.
func DefaultCharacter(name string) Character {
	c := Character{Manner: Prompt, AnswerCode: "NO_OBJECTION", SecondCode: "OBJECTION", DelayMS: 500, Deliveries: 1, PollMS: 500}
	if name == LabourInspectorate {
		c.AnswerCode, c.SecondCode = "OPINION_POSITIVE", "OPINION_NEGATIVE"
	}
	return c
}

// Check finds what is wrong with a character; fields are named as in the
// control API.
func (c Character) Check() Faults {
	var faults Faults
	fault := func(wrong bool, field, format string, args ...any) {
		if wrong {
			faults = append(faults, Fault{field, fmt.Sprintf(format, args...)})
		}
	}
	fault(!slices.Contains(Manners(), string(c.Manner)), "manner", "is one of %v", Manners())
	fault(!slices.Contains(answerCodes, c.AnswerCode), "answer_code", "is one of %v", answerCodes)
	fault(!slices.Contains(answerCodes, c.SecondCode), "second_code", "is one of %v", answerCodes)
	fault(c.DelayMS < 0, "delay_ms", "is a number of milliseconds, zero or more")
	fault(c.SpreadMS < 0, "spread_ms", "is a number of milliseconds, zero or more")
	fault(c.Deliveries < 1 || c.Deliveries > 100, "deliveries", "is a number from 1 to 100")
	fault(c.PollMS < 1, "poll_ms", "is a number of milliseconds, one or more")
	return faults
}

// answer is what an authority of this character answers with a code: a negative
// answer has a ground and a reason, a conditional one a condition.
func (c Character) answer(id, code string, at time.Time) Answer {
	a := Answer{ID: id, Code: code, LegalGround: c.LegalGround, Justification: c.Justification, Conditions: c.Conditions, AnsweredAt: at}
	switch code {
	case "OBJECTION", "OPINION_NEGATIVE", "PERMIT_DENIED":
		if a.LegalGround == "" {
			a.LegalGround = "VMS § 62 lg 2"
		}
		if a.Justification == "" {
			a.Justification = "Sünteetiline põhjendus arenduskeskkonnast."
		}
	case "APPROVED_WITH_CONDITIONS":
		if len(a.Conditions) == 0 {
			a.Conditions = []Condition{{Code: "REPORT", Text: "Sünteetiline tingimus arenduskeskkonnast."}}
		}
	}
	return a
}

// draw is a number below n that depends on the seed, the authority, the case
// and what it is for, and on nothing else.
func (w *World) draw(a *authority, c *consultation, what string, n int) int {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%s\x00%d\x00%s", w.o.Seed, a.name, c.caseReference, c.round, what)
	return int(h.Sum64() % uint64(n))
}

// manner is the authority's manner with one question. The caller holds mu.
func (w *World) manner(a *authority, c *consultation) Manner {
	if a.character.Manner == Mixed {
		return drawn[w.draw(a, c, "manner", len(drawn))]
	}
	return a.character.Manner
}

// delay is how long the authority takes for one thing. The caller holds mu.
func (w *World) delay(a *authority, c *consultation, d deed) time.Duration {
	ms := a.character.DelayMS
	if a.character.SpreadMS > 0 {
		ms += w.draw(a, c, string(d), a.character.SpreadMS+1)
	}
	return time.Duration(ms) * time.Millisecond
}

// Change is a change of a character; what is nil stays.
type Change struct {
	Manner        *Manner      `json:"manner"`
	AnswerCode    *string      `json:"answer_code"`
	SecondCode    *string      `json:"second_code"`
	Justification *string      `json:"justification"`
	LegalGround   *string      `json:"legal_ground"`
	Conditions    *[]Condition `json:"conditions"`
	DelayMS       *int         `json:"delay_ms"`
	SpreadMS      *int         `json:"spread_ms"`
	Deliveries    *int         `json:"deliveries"`
	Hold          *bool        `json:"hold"`
	Fetches       *bool        `json:"fetches"`
	PollMS        *int         `json:"poll_ms"`
}

// Fault is one thing that is wrong with a request to the control API.
type Fault struct{ Field, Message string }

// Faults is everything that is wrong with it.
type Faults []Fault

// Error lists the fields and what is wrong with them.
func (f Faults) Error() string {
	text := ""
	for i, one := range f {
		if i > 0 {
			text += "; "
		}
		text += one.Field + ": " + one.Message
	}
	return text
}

// Characterise changes how an authority goes on from now, and returns its
// character after that. The error may be an *[UnknownSystemError] or [Faults].
func (w *World) Characterise(name string, ch Change) (Character, error) {
	if err := w.consulted(name); err != nil {
		return Character{}, err
	}
	w.mu.Lock()
	c := w.authorities[name].character
	set(&c.Manner, ch.Manner)
	set(&c.AnswerCode, ch.AnswerCode)
	set(&c.SecondCode, ch.SecondCode)
	set(&c.Justification, ch.Justification)
	set(&c.LegalGround, ch.LegalGround)
	set(&c.Conditions, ch.Conditions)
	set(&c.DelayMS, ch.DelayMS)
	set(&c.SpreadMS, ch.SpreadMS)
	set(&c.Deliveries, ch.Deliveries)
	set(&c.Hold, ch.Hold)
	set(&c.Fetches, ch.Fetches)
	set(&c.PollMS, ch.PollMS)
	if faults := c.Check(); len(faults) > 0 {
		w.mu.Unlock()
		return Character{}, faults
	}
	t, err := w.commit(record{At: w.o.Now(), Character: &characterRecord{System: name, Character: c}})
	w.mu.Unlock()
	if err != nil {
		return Character{}, err
	}
	return c, t.Wait()
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// consulted says whether name is an authority of this world.
func (w *World) consulted(name string) error {
	if w.authorities[name] == nil {
		known := []string{}
		for name := range w.authorities {
			known = append(known, name)
		}
		slices.Sort(known)
		return &UnknownSystemError{Name: name, Known: known}
	}
	return nil
}
