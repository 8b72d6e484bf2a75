package calendar

import (
	"errors"
	"fmt"
	"time"
)

// Unit is what a term is counted in.
type Unit string

// Working days pass over weekends and public holidays. Calendar days pass over
// nothing. Hours are real elapsed hours, whatever the clocks of Tallinn do.
const (
	WorkingDays  Unit = "working_days"
	CalendarDays Unit = "calendar_days"
	Hours        Unit = "hours"
)

// MaxLength is the longest term, in its unit.
const MaxLength = 10_000

// Rule says how long a term is.
type Rule struct {
	Unit   Unit `json:"unit"`
	Length int  `json:"length"`
	// RollOver moves the end of a term in calendar days to the next working day
	// when it falls on a weekend or public holiday, as Regulation 1182/71,
	// article 3 (4) does.
	RollOver   bool   `json:"roll_over,omitempty"`
	LegalBasis string `json:"legal_basis,omitempty"`
}

// Check names what is wrong with the rule.
func (r Rule) Check() error {
	var problems []error
	switch r.Unit {
	case WorkingDays, CalendarDays, Hours:
	default:
		problems = append(problems, fmt.Errorf("unknown unit %q of a term", r.Unit))
	}
	if r.Length < 1 || r.Length > MaxLength {
		problems = append(problems, fmt.Errorf("a term of %d: 1 to %d is possible", r.Length, MaxLength))
	}
	if r.RollOver && r.Unit != CalendarDays {
		problems = append(problems, errors.New("only a term in calendar days rolls over to a working day"))
	}
	return errors.Join(problems...)
}

// Pause is a time in which the clock stands still. While it lasts To is zero.
// By days, the day on which it begins still counts and the day on which it ends
// does not, as the day of an event never does; by hours it is exact.
type Pause struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// Extension is what was added to the end of the running term, in its unit (for
// hours: Extra is in seconds, so that a moment can be hit).
type Extension struct {
	At     time.Time `json:"at"`
	Extra  int       `json:"extra"`
	Reason string    `json:"reason,omitempty"`
}

// Term is a deadline with everything that it follows from. Pauses are in the
// order of time and do not overlap; only the last one may still last.
type Term struct {
	Rule       Rule        `json:"rule"`
	Start      time.Time   `json:"start"`       // the moment from which it counts; its day does not count
	StartEvent string      `json:"start_event"` // what happened then
	Pauses     []Pause     `json:"pauses,omitempty"`
	Extensions []Extension `json:"extensions,omitempty"`
}

// Due is the last moment of the term, in UTC; false while the clock stands
// still.
func (t Term) Due() (time.Time, bool) {
	if t.Rule.Unit == Hours {
		return t.dueByHours()
	}
	lines, ok := t.days()
	if !ok {
		return time.Time{}, false
	}
	return lines[len(lines)-1].Day.End().UTC(), true
}

func (t Term) dueByHours() (time.Time, bool) {
	due := t.Start.Add(time.Duration(t.Rule.Length) * time.Hour)
	for _, e := range t.Extensions {
		due = due.Add(time.Duration(e.Extra) * time.Second)
	}
	for _, p := range t.Pauses {
		switch {
		case p.From.After(due):
		case p.To.IsZero():
			return time.Time{}, false
		default:
			due = due.Add(p.To.Sub(p.From))
		}
	}
	return due.UTC(), true
}

// Paused tells whether the clock stands still.
func (t Term) Paused() bool {
	_, running := t.Due()
	return !running
}

// Pause stops the clock.
func (t Term) Pause(at time.Time, reason string) Term {
	t.Pauses = append(t.Pauses[:len(t.Pauses):len(t.Pauses)], Pause{From: at, Reason: reason})
	return t
}

// Resume lets the clock run again; a clock that runs stays as it is.
func (t Term) Resume(at time.Time) Term {
	n := len(t.Pauses)
	if n == 0 || !t.Pauses[n-1].To.IsZero() {
		return t
	}
	pauses := append([]Pause(nil), t.Pauses...)
	pauses[n-1].To = at
	t.Pauses = pauses
	return t
}

// Why an extension is not possible.
var (
	ErrPaused     = errors.New("the clock stands still: there is no end that could be moved")
	ErrNotLater   = errors.New("the new end is not later than the present one")
	ErrNotWorking = errors.New("the new end is not a working day")
)

// TooLateError says that the new end is later than the law allows: at most the
// length of the original term after the end of the running one (Aliens Act,
// section 34).
type TooLateError struct{ Latest time.Time }

// Error names the latest possible end.
func (e *TooLateError) Error() string {
	return "the new end is too late: at the latest " + e.Latest.In(Tallinn).Format("2006-01-02 15:04:05")
}

// Latest is the latest end that one extension may reach: the original length
// once more, from the end of the running term. False while the clock stands
// still.
func (t Term) Latest() (time.Time, bool) {
	extra := t.Rule.Length
	if t.Rule.Unit == Hours {
		extra *= secondsAnHour
	}
	return t.with(Extension{Extra: extra}).Due()
}

const secondsAnHour = 60 * 60

func (t Term) with(e Extension) Term {
	t.Extensions = append(t.Extensions[:len(t.Extensions):len(t.Extensions)], e)
	return t
}

// Extend moves the end to the day of until (by hours: to the very moment, in
// whole seconds). The error is ErrPaused, ErrNotLater, ErrNotWorking or a
// *TooLateError.
func (t Term) Extend(at, until time.Time, reason string) (Term, error) {
	due, ok := t.Due()
	latest, _ := t.Latest()
	byHours := t.Rule.Unit == Hours
	if !byHours {
		until = DayOf(until).End()
	}
	switch {
	case !ok:
		return Term{}, ErrPaused
	case until.After(latest):
		return Term{}, &TooLateError{latest}
	case !until.After(due):
		return Term{}, ErrNotLater
	case byHours:
		extra := int(until.Sub(due) / time.Second)
		if extra == 0 {
			return Term{}, ErrNotLater
		}
		return t.with(Extension{At: at, Extra: extra, Reason: reason}), nil
	case !Working(DayOf(until)) && (t.Rule.Unit == WorkingDays || t.Rule.RollOver):
		return Term{}, ErrNotWorking
	}
	extra := 0
	for d := DayOf(due) + 1; d <= DayOf(until); d++ {
		if t.Rule.Unit == CalendarDays || Working(d) {
			extra++
		}
	}
	return t.with(Extension{At: at, Extra: extra, Reason: reason}), nil
}

// Mark is when percent of the term have passed: by days at the beginning of the
// office hours of the day that reaches the part (on a weekend at the beginning
// of the next ones), by hours at the moment itself. False while the clock stands
// still.
func (t Term) Mark(percent int) (time.Time, bool) {
	due, ok := t.Due()
	if !ok {
		return time.Time{}, false
	}
	if t.Rule.Unit == Hours {
		return t.Start.Add(due.Sub(t.Start) / 100 * time.Duration(percent)).UTC(), true
	}
	lines, _ := t.days()
	total := 0
	for _, l := range lines {
		if l.Counted {
			total++
		}
	}
	for passed, i := 0, 0; i < len(lines); i++ {
		if lines[i].Counted {
			passed++
		}
		if lines[i].Counted && passed*100 >= total*percent {
			return InOffice(lines[i].Day.At(opens, 0, 0)).UTC(), true
		}
	}
	return due, true
}
