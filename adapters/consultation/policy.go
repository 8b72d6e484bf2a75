package consultation

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ristmik/adapters/consultation/calendar"
	"ristmik/adapters/consultation/receivers"
	"ristmik/soap"
)

// Binding says what a negative answer of an authority does to the outcome.
type Binding string

// A veto blocks; an overridable objection can be set aside with a stored
// reason (Aliens Act, section 82); an advisory one is to be weighed; facts only
// inform.
const (
	BindingVeto     Binding = "veto"
	BindingOverride Binding = "override"
	BindingAdvisory Binding = "advisory"
	BindingFacts    Binding = "facts"
)

var bindings = []Binding{BindingVeto, BindingOverride, BindingAdvisory, BindingFacts}

// Silence says what no answer by the end of the term means.
type Silence string

// Silence that has passed the term of a question whose delivery is proven is no
// objection where the law says so; everywhere else a person decides, or the
// round goes on without an optional answer.
const (
	SilenceNoObjection Silence = "no_objection"
	SilenceEscalate    Silence = "escalate"
	SilenceProceed     Silence = "proceed_without"
)

// CountsFrom says from when a term counts.
type CountsFrom string

// A term counts from the proof of delivery, or from the opening of the round.
const (
	CountsFromDelivery CountsFrom = "delivery"
	CountsFromOpening  CountsFrom = "opening"
)

// Questions says what a question back does.
type Questions string

// A question back is not possible, lets the clock run, or stops it until it has
// been answered.
const (
	QuestionsNone      Questions = "none"
	QuestionsRunClock  Questions = "clock_runs"
	QuestionsStopClock Questions = "clock_stops"
)

// Downtimes says what an announced downtime of the authority does.
type Downtimes string

// A downtime lets the clock run, or stops it.
const (
	DowntimeRunsClock  Downtimes = "clock_runs"
	DowntimeStopsClock Downtimes = "clock_stops"
)

// Policy says, for every type of consultation, who is asked, and for every kind
// of case, which types it needs.
type Policy struct {
	Types map[string]TypePolicy
	Cases map[string]CasePolicy
}

// TypePolicy is one type of consultation. FailFast withdraws what is still open
// when one answer blocks.
type TypePolicy struct {
	FailFast bool
	Legs     []LegPolicy
}

// LegPolicy is one authority of a type: whether the round needs its answer,
// what a negative answer does, the outbox destination that reaches it, and its
// term. It is stored with the leg, so that what held when the question was
// asked holds to its end.
type LegPolicy struct {
	// Type is the type of consultation that asks, FailFast what it says; both are
	// filled in by New. Because is why rules asked.
	Type     string             `json:"type,omitempty"`
	FailFast bool               `json:"fail_fast,omitempty"`
	Because  []receivers.Reason `json:"because,omitempty"`

	Authority   string  `json:"authority"`
	Mandatory   bool    `json:"mandatory"`
	Binding     Binding `json:"binding"`
	Destination string  `json:"destination,omitempty"`
	// Fields are the names of the case's fields that the authority may see beside
	// what is in every question; see [CaseFields].
	Fields []string `json:"fields,omitempty"`
	// Hidden keeps from everybody but the case owner that the authority is asked:
	// its messages go by HiddenDestination, which no metric counts, and its veto
	// ends no other question early.
	Hidden            bool   `json:"hidden,omitempty"`
	HiddenDestination string `json:"hidden_destination,omitempty"`
	// Information only tells the authority: once it has been delivered, nothing is
	// waited for.
	Information bool `json:"information,omitempty"`
	// Pull leaves the question until the authority fetches it; Fallback does so
	// when it cannot be delivered. What waits can also be answered at the desk.
	Pull     bool `json:"pull,omitempty"`
	Fallback bool `json:"fallback,omitempty"`
	// Tell sends the authority what happens to its question, after the question,
	// instead of leaving it until it is fetched.
	Tell bool `json:"tell,omitempty"`

	Term         *calendar.Rule `json:"term,omitempty"`        // nil: the question waits without end
	CountsFrom   CountsFrom     `json:"counts_from,omitempty"` // "" is from delivery
	Silence      Silence        `json:"silence,omitempty"`     // "" without a term
	Extendable   bool           `json:"extendable,omitempty"`
	Questions    Questions      `json:"questions,omitempty"`     // "" is clock_runs
	Downtime     Downtimes      `json:"downtime,omitempty"`      // "" is clock_runs
	QuestionTerm *calendar.Rule `json:"question_term,omitempty"` // how long the case owner has to answer a question back
}

// canHide tells whether a question can be put without the traces that others
// see.
func (l LegPolicy) canHide() bool { return l.Pull || l.HiddenDestination != "" }

// check names the faults of one leg.
func (l LegPolicy) check() []error {
	var problems []error
	fault := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !slices.Contains(bindings, l.Binding) {
		fault("unknown binding %q", l.Binding)
	}
	if l.Hidden && !l.canHide() {
		fault("a hidden question needs a destination of its own")
	}
	for _, name := range l.Fields {
		if caseFields[name] == nil {
			fault("unknown field %q", name)
		}
	}
	if !l.Pull && l.Destination == "" {
		fault("no outbox destination")
	}
	if !slices.Contains([]CountsFrom{"", CountsFromDelivery, CountsFromOpening}, l.CountsFrom) {
		fault("a term cannot count from %q", l.CountsFrom)
	}
	if !slices.Contains([]Questions{"", QuestionsNone, QuestionsRunClock, QuestionsStopClock}, l.Questions) {
		fault("unknown rule for questions %q", l.Questions)
	}
	if !slices.Contains([]Downtimes{"", DowntimeRunsClock, DowntimeStopsClock}, l.Downtime) {
		fault("unknown rule for downtimes %q", l.Downtime)
	}
	for _, term := range []*calendar.Rule{l.Term, l.QuestionTerm} {
		if term != nil {
			if err := term.Check(); err != nil {
				problems = append(problems, err)
			}
		}
	}
	switch {
	case l.Information && (l.Mandatory || l.Term != nil || l.Silence != "" || l.Extendable):
		fault("no answer to mere information is waited for")
	case l.Term == nil && (l.Silence != "" || l.Extendable):
		fault("a rule for silence or extensions without a term")
	case l.Term == nil:
	case !slices.Contains([]Silence{SilenceNoObjection, SilenceEscalate, SilenceProceed}, l.Silence):
		fault("unknown rule for silence %q", l.Silence)
	case l.Silence == SilenceNoObjection && l.CountsFrom == CountsFromOpening:
		fault("silence is no objection only when the term counts from delivery")
	case l.Silence == SilenceProceed && l.Mandatory:
		fault("a mandatory answer cannot be done without")
	}
	if l.Questions == QuestionsStopClock && l.QuestionTerm == nil {
		fault("a question that stops the clock needs a term of its own")
	}
	return problems
}

// Authority is a body that is consulted; Client is the X-Road subsystem that
// may answer for it (one that has no system has none), Destination the outbox
// destination that reaches it, or Pull says that it fetches its questions, or finds
// them at its desk; Fallback says so of what could not be delivered. The last three
// are for questions that are addressed to it by a person.
type Authority struct {
	Name        string
	Title       string
	Client      soap.ClientID
	Destination string
	// HiddenDestination is for questions that nobody else may know of.
	HiddenDestination string
	Pull              bool
	Fallback          bool
	// Tell says that it is sent its digests, and what happens to its questions.
	Tell bool
}

// authoritiesByName refuses authorities without a name, ones that are sent their
// questions and have no subsystem, two with
// one name, and two with one subsystem: who answers must be one authority.
func authoritiesByName(list []Authority) (map[string]Authority, error) {
	var problems []error
	byName, byClient := map[string]Authority{}, map[soap.ClientID]string{}
	for i, a := range list {
		if a.Name == "" {
			problems = append(problems, fmt.Errorf("authority %d has no name", i+1))
			continue
		}
		if _, ok := byName[a.Name]; ok {
			problems = append(problems, fmt.Errorf("authority %q is there twice", a.Name))
		}
		if a.Client == (soap.ClientID{}) {
			if !a.Pull {
				problems = append(problems, fmt.Errorf("authority %q has no subsystem that may answer for it", a.Name))
			}
		} else if other, ok := byClient[a.Client]; ok && other != a.Name {
			problems = append(problems, fmt.Errorf("authorities %q and %q have the same subsystem %s", other, a.Name, a.Client))
		}
		byName[a.Name] = a
		if a.Client != (soap.ClientID{}) {
			byClient[a.Client] = a.Name
		}
	}
	return byName, errors.Join(problems...)
}

// named fills in what every question of a type has of it.
func (p Policy) named() Policy {
	types := make(map[string]TypePolicy, len(p.Types))
	for name, t := range p.Types {
		t.Legs = slices.Clone(t.Legs)
		for i := range t.Legs {
			t.Legs[i].Type, t.Legs[i].FailFast = name, t.FailFast
		}
		types[name] = t
	}
	p.Types = types
	return p
}

// check names every fault of the policy at once.
func (p Policy) check(authorities map[string]Authority) error {
	var problems []error
	fault := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(p.Types)) {
		t := p.Types[name]
		if name == "" {
			fault("a consultation type has no name")
		}
		if len(t.Legs) == 0 {
			fault("consultation type %q asks nobody", name)
		}
		asked := map[string]bool{}
		for i, l := range t.Legs {
			where := fmt.Sprintf("consultation type %q, leg %d", name, i+1)
			if _, ok := authorities[l.Authority]; !ok {
				fault("%s: unknown authority %q", where, l.Authority)
			}
			if asked[l.Authority] {
				fault("%s: authority %q is asked twice", where, l.Authority)
			}
			asked[l.Authority] = true
			for _, err := range l.check() {
				fault("%s: %w", where, err)
			}
		}
	}
	return errors.Join(problems...)
}
