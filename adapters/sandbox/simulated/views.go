package simulated

import (
	"slices"
	"time"

	"ristmik/adapters/sandbox/population"
)

// Persons returns the population as it is now; the caller owns it.
func (w *World) Persons() []population.Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.persons)
	for i := range list {
		list[i].Employments = slices.Clone(list[i].Employments)
	}
	return list
}

// ReceivedConsultation is a consultation as an authority sees it.
type ReceivedConsultation struct {
	ID             string    `json:"id"`
	Round          int       `json:"round"`
	ReceivedAt     time.Time `json:"received_at"`
	TimesReceived  int       `json:"times_received"`
	Answered       bool      `json:"answered"` // the hub has acknowledged it at least once
	AnswerID       string    `json:"answer_id,omitempty"`
	AnswerCode     string    `json:"answer_code,omitempty"`
	DeliveriesDone int       `json:"deliveries_done"`
	AnswerStatus   string    `json:"answer_status,omitempty"` // what the hub said last: accepted, duplicate, late
	LastError      string    `json:"last_error,omitempty"`    // why the last delivery was not acknowledged
	Manner         Manner    `json:"manner"`
	Steps          []Step    `json:"steps,omitempty"` // what it did beside answering
	Heard          []string  `json:"heard,omitempty"` // what became of it, as far as the authority has listened
	// Files came with it, or are named in it.
	Files []ReceivedFile `json:"files,omitempty"`
}

// ReceivedNotice is a permit notice as a register sees it.
type ReceivedNotice struct {
	Notice
	TimesReceived int `json:"times_received"`
}

// Received is everything that reached a system, in the order of first arrival.
type Received struct {
	Consultations []ReceivedConsultation `json:"consultations"`
	Notices       []ReceivedNotice       `json:"notices"`
	Told          []ReceivedTold         `json:"told,omitempty"` // what the hub sent beside questions
}

// Received returns what reached a system. The error may be an
// *[UnknownSystemError].
func (w *World) Received(name string) (Received, error) {
	if w.systems[name] == nil {
		return Received{}, &UnknownSystemError{Name: name, Known: w.known()}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := Received{Consultations: []ReceivedConsultation{}, Notices: []ReceivedNotice{}}
	if a := w.authorities[name]; a != nil {
		for _, c := range a.list {
			one := ReceivedConsultation{
				ID: c.id, Round: c.round, ReceivedAt: c.received, TimesReceived: c.times,
				Answered: c.delivered > 0, DeliveriesDone: c.delivered, AnswerStatus: c.status, LastError: c.lastError,
				Manner: w.manner(a, c), Steps: slices.Clone(c.steps), Heard: slices.Clone(c.heard), Files: slices.Clone(c.files),
			}
			if c.answer != nil {
				one.AnswerID, one.AnswerCode = c.answer.ID, c.answer.Code
			}
			list.Consultations = append(list.Consultations, one)
		}
		for _, n := range a.told {
			list.Told = append(list.Told, ReceivedTold{n.ID, n.Day, slices.Clone(n.Entries), n.times})
		}
	}
	if kept := w.notices[name]; kept != nil {
		for _, n := range kept.list {
			list.Notices = append(list.Notices, ReceivedNotice{n.Notice, n.times})
		}
	}
	return list, nil
}

// Status is the state of a simulated system.
type Status struct {
	Name     string   `json:"name"`
	Down     bool     `json:"down"`
	Services []string `json:"services"`
}

// Systems returns the simulated systems in the order of their names.
func (w *World) Systems() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Status
	for _, name := range w.known() {
		s := Status{Name: name, Down: w.systems[name].down}
		for _, id := range w.systems[name].services {
			s.Services = append(s.Services, id.String())
		}
		list = append(list, s)
	}
	return list
}

// CharacterOf returns how an authority answers. The error may be an
// *[UnknownSystemError].
func (w *World) CharacterOf(name string) (Character, error) {
	if err := w.consulted(name); err != nil {
		return Character{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.authorities[name].character, nil
}
