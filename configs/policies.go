package configs

import (
	"fmt"
	"slices"
)

// Consultation is one type of consultation: who is asked. FailFast withdraws
// the questions that are still open when an answer blocks.
type Consultation struct {
	Title    Title `yaml:"title"`
	FailFast bool  `yaml:"fail_fast"`
	Legs     []Leg `yaml:"legs"`
}

// Leg is one authority of a consultation type: whether its answer is needed,
// what a negative one does, whether it is hidden that it is asked, what of the case it may see, how long it has, and what
// no answer means. Without a term the question waits without end. Information
// only tells the authority: no answer is waited for.
type Leg struct {
	Authority    string     `yaml:"authority"`
	Mandatory    bool       `yaml:"mandatory"`
	Information  bool       `yaml:"information"`
	Binding      Binding    `yaml:"binding"`
	Hidden       bool       `yaml:"hidden"`
	Fields       []Field    `yaml:"fields"`
	Term         Term       `yaml:"term"`
	CountsFrom   CountsFrom `yaml:"counts_from"`
	Silence      Silence    `yaml:"silence"`
	Extendable   bool       `yaml:"extendable"`
	Questions    Questions  `yaml:"questions"`
	QuestionTerm Term       `yaml:"question_term"`
	Downtime     Downtimes  `yaml:"downtime"`
}

// Field is one field of the case that an authority may see, by its name in the
// question. Who is asked, by whom, on what legal basis and what for is in every
// question; of the rest an authority gets what is listed, so that a field that is
// added later reaches nobody by itself.
type Field string

// Allowed lists the values a file may hold.
func (Field) Allowed() []string {
	return []string{"personal_code", "given_name", "surname", "birth_date", "citizenship", "document", "employer_code", "occupation", "attachments"}
}

// Term is how long somebody has: in working days, in calendar days or in hours,
// one of them. RollOver moves an end in calendar days that falls on a rest day
// to the next working day.
type Term struct {
	WorkingDays  int    `yaml:"working_days"`
	CalendarDays int    `yaml:"calendar_days"`
	Hours        int    `yaml:"hours"`
	RollOver     bool   `yaml:"roll_over"`
	LegalBasis   string `yaml:"legal_basis"`
}

// Silence says what no answer by the end of the term means.
type Silence string

// Allowed lists the values a file may hold.
func (Silence) Allowed() []string { return []string{"no_objection", "escalate", "proceed_without"} }

// CountsFrom says from when a term counts: from the proof of delivery, which is
// the default, or from the opening of the round.
type CountsFrom string

// Allowed lists the values a file may hold.
func (CountsFrom) Allowed() []string { return []string{"delivery", "opening"} }

// Questions says what an authority's question back does: it is not possible, the
// clock runs on, which is the default, or the clock stops.
type Questions string

// Allowed lists the values a file may hold.
func (Questions) Allowed() []string { return []string{"none", "clock_runs", "clock_stops"} }

// Downtimes says what a downtime does that the authority has announced: the clock
// runs on, which is the default, or it stops.
type Downtimes string

// Allowed lists the values a file may hold.
func (Downtimes) Allowed() []string { return []string{"clock_runs", "clock_stops"} }

func (c *Config) checkConsultation(name string, at func(path, code, message string, allowed ...string)) {
	path := "consultations." + name
	legs := c.Consultations[name].Legs
	if len(legs) == 0 {
		at(path+".legs", "missing", "a consultation needs at least one leg")
	}
	seen := map[string]bool{}
	for i, leg := range legs {
		legPath := fmt.Sprintf("%s.legs[%d]", path, i)
		if _, ok := c.Authorities[leg.Authority]; !ok {
			at(legPath+".authority", "unknown-authority", fmt.Sprintf("no authority is called %q", leg.Authority), sorted(c.Authorities)...)
		}
		if seen[leg.Authority] {
			at(legPath+".authority", "duplicate-leg", "the authority is asked twice in one round")
		}
		seen[leg.Authority] = true
		if leg.Binding == "" {
			at(legPath+".binding", "missing", "a value is needed", Binding("").Allowed()...)
		}
		if c.Authorities[leg.Authority].Wire == WireEmploymentRegister && !slices.Contains(leg.Fields, "personal_code") {
			at(legPath+".fields", "missing", "the register finds people by their personal code", "personal_code")
		}
		if leg.Hidden && c.Authorities[leg.Authority].Wire == WireEmploymentRegister {
			at(legPath+".hidden", "contradiction", "calls of a register are counted; it cannot be hidden that it is asked")
		}
		fields := map[Field]bool{}
		for j, field := range leg.Fields {
			if fields[field] {
				at(fmt.Sprintf("%s.fields[%d]", legPath, j), "duplicate-field", "the field stands twice")
			}
			fields[field] = true
		}
		leg.check(legPath, at)
	}
}

// check finds what contradicts itself in the term of a leg.
func (l Leg) check(path string, at func(path, code, message string, allowed ...string)) {
	l.Term.check(path+".term", at)
	l.QuestionTerm.check(path+".question_term", at)
	switch {
	case l.Information:
		for key, set := range map[string]bool{
			"mandatory": l.Mandatory, "term": l.Term != Term{}, "silence": l.Silence != "", "extendable": l.Extendable,
			"counts_from": l.CountsFrom != "", "questions": l.Questions != "" && l.Questions != "none",
		} {
			if set {
				at(path+"."+key, "contradiction", "no answer to mere information is waited for")
			}
		}
	case l.Term == Term{}:
		for key, set := range map[string]bool{
			"silence": l.Silence != "", "extendable": l.Extendable, "counts_from": l.CountsFrom != "", "downtime": l.Downtime != "",
		} {
			if set {
				at(path+"."+key, "contradiction", "the leg has no term")
			}
		}
	case l.Silence == "":
		at(path+".silence", "missing", "a term needs a rule for silence", l.Silence.Allowed()...)
	case l.Silence == "no_objection" && l.CountsFrom == "opening":
		at(path+".counts_from", "contradiction", "silence is no objection only when the term counts from the proof of delivery", "delivery")
	case l.Silence == "proceed_without" && l.Mandatory:
		at(path+".silence", "contradiction", "a mandatory answer cannot be done without", "no_objection", "escalate")
	}
	if l.Questions == "clock_stops" && (l.QuestionTerm == Term{}) {
		at(path+".question_term", "missing", "a question that stops the clock needs a term of its own")
	}
}

// maxTerm is the longest term, in its unit.
const maxTerm = 10_000

func (t Term) check(path string, at func(path, code, message string, allowed ...string)) {
	units := 0
	for _, n := range []struct {
		key   string
		value int
	}{{"working_days", t.WorkingDays}, {"calendar_days", t.CalendarDays}, {"hours", t.Hours}} {
		if n.value != 0 {
			units++
		}
		if n.value < 0 || n.value > maxTerm {
			at(path+"."+n.key, "out-of-range", fmt.Sprintf("a number from 1 to %d is needed", maxTerm))
		}
	}
	if t != (Term{}) && units != 1 {
		at(path, "contradiction", "exactly one of working_days, calendar_days and hours is needed")
	}
	if t.RollOver && t.CalendarDays == 0 {
		at(path+".roll_over", "contradiction", "only a term in calendar days rolls over to a working day")
	}
}
