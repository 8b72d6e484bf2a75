package simulated

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ristmik/adapters/sandbox/journal"
	"ristmik/soap"
)

// Consulted is an authority of a world: the subsystem that speaks for it, by
// which of the hub's doors it does so, and its character at the beginning.
type Consulted struct {
	Subsystem soap.ClientID
	SOAP      bool // else REST
	Character Character
}

// Answer is what an authority says about a consultation, the same in every
// delivery.
type Answer struct {
	ID            string      `json:"answer_id"`
	Code          string      `json:"answer_code"`
	LegalGround   string      `json:"legal_ground,omitempty"`
	Justification string      `json:"justification,omitempty"`
	Conditions    []Condition `json:"conditions,omitempty"`
	AnsweredAt    time.Time   `json:"answered_at"`
	Correction    string      `json:"correction,omitempty"`
}

// Condition is one condition of an approval.
type Condition struct {
	Code       string `json:"code"`
	Text       string `json:"text"`
	ValidUntil string `json:"valid_until,omitempty"` // a date
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
	caseReference string
	from          soap.ClientID // who asked and gets the answer
	receipt       string
	received      time.Time
	files         []ReceivedFile
	times         int // how often it was sent; 0 when it was fetched
	answer        *Answer
	second        *Answer // the correction
	deliveries    int     // how many are to be made
	delivered     int
	status        string
	lastError     string
	steps         []Step
	due           time.Time // the end of its term, as far as the authority has looked
	latest        string    // the latest end that it may ask for
	heard         []string  // what became of it
	changed       chan struct{}
	running       bool // somebody pursues it
}

// Step is one thing that an authority did with a question, and what the hub
// said: accepted, duplicate, late, or "refused: CODE".
type Step struct {
	Do     string    `json:"do"`
	At     time.Time `json:"at"`
	Result string    `json:"result"`
}

// authority is one consulted authority. Guarded by World.mu.
type authority struct {
	name      string
	subsystem soap.ClientID
	soap      bool
	character Character
	list      []*consultation
	byKey     map[consultationKey]*consultation
	planned   []plannedRecord
	told      []*told
	toldByID  map[string]*told
	position  int64         // up to where it has read what it has to know
	changed   chan struct{} // closed, and made anew, when something may let it go on
	slots     chan struct{} // how many of its messages are on their way at once
}

func newAuthority(name string, c Consulted) *authority {
	return &authority{
		name: name, subsystem: c.Subsystem, soap: c.SOAP, character: c.Character, byKey: map[consultationKey]*consultation{}, toldByID: map[string]*told{},
		changed: make(chan struct{}), slots: make(chan struct{}, 16),
	}
}

func (a *authority) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}

func (c *consultation) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// receive remembers a consultation and says whether it came before. Nothing may
// be acknowledged before the ticket is done.
func (w *World) receive(name string, r consultationRecord) (receipt string, duplicate bool, t journal.Ticket, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.System, r.Receipt = name, w.o.NewID()
	before := w.authorities[name].byKey[consultationKey{r.ID, r.Round}]
	duplicate = before != nil && before.times > 0
	if before != nil {
		r.Receipt, r.From = before.receipt, before.from.String()
	}
	if t, err = w.commit(record{At: w.o.Now(), Consultation: &r}); err != nil {
		return "", false, t, err
	}
	return r.Receipt, duplicate, t, nil
}

// consult remembers a consultation that was sent, and when it is new, sees to
// it.
func (w *World) consult(name string, r consultationRecord) (receipt string, duplicate bool, err error) {
	w.mu.Lock()
	fetched := w.authorities[name].byKey[consultationKey{r.ID, r.Round}] != nil
	w.mu.Unlock()
	receipt, duplicate, t, err := w.receive(name, r)
	if err == nil {
		err = t.Wait()
	}
	if err != nil || duplicate || fetched {
		return receipt, duplicate, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.authorities[name]
	w.pursue(a, a.byKey[consultationKey{r.ID, r.Round}])
	return receipt, false, nil
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
		c = &consultation{consultationKey: key, caseReference: r.Case, from: from, receipt: r.Receipt, received: at, files: r.Files, changed: make(chan struct{})}
		a.byKey[key] = c
		a.list = append(a.list, c)
	}
	if !r.Fetched {
		c.times++
	}
	return nil
}

func (w *World) find(system, id string, round int) (*consultation, error) {
	if a := w.authorities[system]; a != nil {
		if c := a.byKey[consultationKey{id, round}]; c != nil {
			return c, nil
		}
	}
	return nil, errors.New("something about a consultation that never came")
}

func (w *World) applyDecided(r decidedRecord) error {
	c, err := w.find(r.System, r.ID, r.Round)
	if err != nil {
		return err
	}
	if r.Answer.Correction != "" {
		c.second = &r.Answer
		return nil
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

func (w *World) applyStepped(at time.Time, r steppedRecord) error {
	c, err := w.find(r.System, r.ID, r.Round)
	if err != nil {
		return err
	}
	c.steps = append(c.steps, Step{Do: r.Do, At: at, Result: r.Result})
	if r.Due != nil {
		c.due = *r.Due
	}
	if r.Latest != "" {
		c.latest = r.Latest
	}
	c.lastError = ""
	return nil
}

// applyHeard takes an entry of what the authority has to know.
func (w *World) applyHeard(r heardRecord) error {
	a := w.authorities[r.System]
	if a == nil {
		return fmt.Errorf("no authority is called %q", r.System)
	}
	a.position = max(a.position, r.Position)
	if c := a.byKey[consultationKey{r.ID, r.Round}]; c != nil && !slices.Contains(c.heard, r.What) {
		c.heard = append(c.heard, r.What)
		c.wake()
	}
	return nil
}
