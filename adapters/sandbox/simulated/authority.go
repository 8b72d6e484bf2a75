package simulated

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ristmik/adapters/sandbox/journal"
	"ristmik/soap"
)

// Answer is what an authority says about a consultation, the same in every
// delivery.
type Answer struct {
	ID            string      `json:"answer_id"`
	Code          string      `json:"answer_code"`
	LegalGround   string      `json:"legal_ground,omitempty"`
	Justification string      `json:"justification,omitempty"`
	Conditions    []Condition `json:"conditions,omitempty"`
	AnsweredAt    time.Time   `json:"answered_at"`
}

// Condition is one condition of an approval.
type Condition struct {
	Code       string `json:"code"`
	Text       string `json:"text"`
	ValidUntil string `json:"valid_until,omitempty"` // a date
}

// Character is how an authority answers: what, how long after the consultation
// arrived, how often it sends the same answer, and whether it answers at all.
type Character struct {
	AnswerCode    string      `json:"answer_code"`
	Justification string      `json:"justification,omitempty"`
	LegalGround   string      `json:"legal_ground,omitempty"`
	Conditions    []Condition `json:"conditions,omitempty"`
	DelayMS       int         `json:"delay_ms"`
	Deliveries    int         `json:"deliveries"`
	Hold          bool        `json:"hold"`
}

// answerCodes are the codes that a consultation can be answered with.
var answerCodes = []string{"APPROVED", "APPROVED_WITH_CONDITIONS", "NO_OBJECTION", "OBJECTION", "OPINION_POSITIVE", "OPINION_NEGATIVE",
	"FACTS", "NO_DATA", "PERMIT_GRANTED", "PERMIT_DENIED", "NOT_COMPETENT", "HANDLED_OUT_OF_BAND"}

func defaultCharacter(name string) Character {
	c := Character{AnswerCode: "NO_OBJECTION", DelayMS: 500, Deliveries: 1}
	if name == LabourInspectorate {
		c.AnswerCode = "OPINION_POSITIVE"
	}
	return c
}

// complete adds what an answer of that code cannot go without: a negative one
// has a ground and a reason, a conditional one a condition.
func (c Character) complete() Character {
	switch c.AnswerCode {
	case "OBJECTION", "OPINION_NEGATIVE", "PERMIT_DENIED":
		if c.LegalGround == "" {
			c.LegalGround = "VMS § 62 lg 2"
		}
		if c.Justification == "" {
			c.Justification = "Sünteetiline põhjendus arenduskeskkonnast."
		}
	case "APPROVED_WITH_CONDITIONS":
		if len(c.Conditions) == 0 {
			c.Conditions = []Condition{{Code: "REPORT", Text: "Sünteetiline tingimus arenduskeskkonnast."}}
		}
	}
	return c
}

// consultationKey is what makes two arrivals the same consultation.
type consultationKey struct {
	id    string
	round int
}

// consultation is one consultation as an authority remembers it. Guarded by
// World.mu.
type consultation struct {
	consultationKey
	from       soap.ClientID
	receipt    string
	received   time.Time
	times      int
	answer     *Answer
	deliveries int // how many are to be made
	delivered  int
	status     string
	lastError  string
}

func (c *consultation) done() bool { return c.answer != nil && c.delivered >= c.deliveries }

// authority is one consulted authority. Guarded by World.mu.
type authority struct {
	name      string
	character Character
	list      []*consultation
	byKey     map[consultationKey]*consultation
	changed   chan struct{} // closed, and made anew, when something may let an answer go
	slots     chan struct{} // how many answers are on their way at once
}

func newAuthority(name string, c Character) *authority {
	return &authority{name: name, character: c, byKey: map[consultationKey]*consultation{}, changed: make(chan struct{}), slots: make(chan struct{}, 16)}
}

func (a *authority) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// receive remembers a consultation and says whether it came before. Nothing may
// be acknowledged before the ticket is done.
func (w *World) receive(name, id string, round int, from soap.ClientID) (receipt string, duplicate bool, t journal.Ticket, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, key := w.authorities[name], consultationKey{id, round}
	before := a.byKey[key]
	r := consultationRecord{System: name, ID: id, Round: round, From: from.String(), Receipt: w.o.NewID()}
	if before != nil {
		r.Receipt, r.From = before.receipt, before.from.String()
	}
	if t, err = w.commit(record{At: w.o.Now(), Consultation: &r}); err != nil {
		return "", false, t, err
	}
	return r.Receipt, before != nil, t, nil
}

func (w *World) applyConsultation(at time.Time, r consultationRecord) error {
	a := w.authorities[r.System]
	if a == nil {
		return fmt.Errorf("no authority is called %q", r.System)
	}
	key := consultationKey{r.ID, r.Round}
	c := a.byKey[key]
	if c == nil {
		from, err := soap.ParseClientID(r.From)
		if err != nil {
			return fmt.Errorf("reading who asked: %w", err)
		}
		c = &consultation{consultationKey: key, from: from, receipt: r.Receipt, received: at}
		a.byKey[key] = c
		a.list = append(a.list, c)
	}
	c.times++
	return nil
}

func (w *World) find(system, id string, round int) (*consultation, error) {
	if a := w.authorities[system]; a != nil {
		if c := a.byKey[consultationKey{id, round}]; c != nil {
			return c, nil
		}
	}
	return nil, errors.New("an answer to a consultation that never came")
}

func (w *World) applyDecided(r decidedRecord) error {
	c, err := w.find(r.System, r.ID, r.Round)
	if err != nil {
		return err
	}
	c.answer, c.deliveries = &r.Answer, r.Deliveries
	return nil
}

func (w *World) applyDelivered(r deliveredRecord) error {
	c, err := w.find(r.System, r.ID, r.Round)
	if err != nil {
		return err
	}
	c.delivered++
	c.status, c.lastError = r.Status, ""
	return nil
}

// Change is a change of a character; what is nil stays.
type Change struct {
	AnswerCode    *string      `json:"answer_code"`
	Justification *string      `json:"justification"`
	LegalGround   *string      `json:"legal_ground"`
	Conditions    *[]Condition `json:"conditions"`
	DelayMS       *int         `json:"delay_ms"`
	Deliveries    *int         `json:"deliveries"`
	Hold          *bool        `json:"hold"`
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

// Characterise changes how an authority answers what it has not answered yet,
// and returns its character after that. The error may be an
// *[UnknownSystemError] or [Faults].
func (w *World) Characterise(name string, ch Change) (Character, error) {
	if err := w.consulted(name); err != nil {
		return Character{}, err
	}
	var faults Faults
	if ch.AnswerCode != nil && !slices.Contains(answerCodes, *ch.AnswerCode) {
		faults = append(faults, Fault{"answer_code", fmt.Sprintf("is one of %v", answerCodes)})
	}
	if ch.DelayMS != nil && *ch.DelayMS < 0 {
		faults = append(faults, Fault{"delay_ms", "is a number of milliseconds, zero or more"})
	}
	if ch.Deliveries != nil && (*ch.Deliveries < 1 || *ch.Deliveries > 100) {
		faults = append(faults, Fault{"deliveries", "is a number from 1 to 100"})
	}
	if len(faults) > 0 {
		return Character{}, faults
	}
	w.mu.Lock()
	c := w.authorities[name].character
	set(&c.AnswerCode, ch.AnswerCode)
	set(&c.Justification, ch.Justification)
	set(&c.LegalGround, ch.LegalGround)
	set(&c.Conditions, ch.Conditions)
	set(&c.DelayMS, ch.DelayMS)
	set(&c.Deliveries, ch.Deliveries)
	set(&c.Hold, ch.Hold)
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
	if w.authorities[name] == nil || w.systems[name] == nil {
		known := slices.DeleteFunc(Authorities(), func(n string) bool { return w.systems[n] == nil })
		return &UnknownSystemError{Name: name, Known: known}
	}
	return nil
}
