// Package codelist translates codes between the systems in which different
// registers write one thing: EST, EE and 233 are one country.
//
// A list has entries, each with its codes by system and the days on which it
// holds. A translation is exact or refused: a code that is unknown, not valid
// on the day, without a counterpart, or shared by several entries is an error,
// never a guess. Lists are immutable and safe for concurrent use.
package codelist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Definition is a list as it stands in a file.
type Definition struct {
	List    string   `yaml:"list"`
	Title   Title    `yaml:"title"`
	Version string   `yaml:"version"`
	Systems []string `yaml:"systems"`
	Entries []Entry  `yaml:"entries"`
}

// Title is a name for people, in Estonian and English.
type Title struct {
	ET string `yaml:"et"`
	EN string `yaml:"en"`
}

// Entry is one thing with its codes by system. From and To are the first and
// the last day on which it holds, YYYY-MM-DD; "" is no bound.
type Entry struct {
	Codes map[string]string `yaml:"codes"`
	From  string            `yaml:"from"`
	To    string            `yaml:"to"`
	ET    string            `yaml:"et"`
	EN    string            `yaml:"en"`
}

// Reason says why a translation is refused, a closed set.
type Reason string

// The reasons.
const (
	UnknownSystem Reason = "unknown_system"
	UnknownCode   Reason = "unknown_code"
	NotValid      Reason = "not_valid"      // on that day
	NoCounterpart Reason = "no_counterpart" // the other system has no code for it
	Ambiguous     Reason = "ambiguous"      // several entries share the code
)

// Refusal is a translation that is refused. Its text holds no code: codes of a
// person are data about the person.
type Refusal struct {
	List, From, To string
	Reason         Reason
}

// Error says which translation was refused and why.
func (r *Refusal) Error() string {
	return fmt.Sprintf("code list %s, %s to %s: %s", r.List, r.From, r.To, r.Reason)
}

// entry is a definition's entry with its days parsed.
type entry struct {
	Entry
	from, to time.Time // zero for no bound
}

func (e *entry) holds(on time.Time) bool {
	return (e.from.IsZero() || !on.Before(e.from)) && (e.to.IsZero() || !on.After(e.to))
}

// overlaps says whether there is a day on which both entries hold.
func (e *entry) overlaps(other *entry) bool {
	endsBefore := func(a, b *entry) bool { return !a.to.IsZero() && !b.from.IsZero() && a.to.Before(b.from) }
	return !endsBefore(e, other) && !endsBefore(other, e)
}

// List is one code list, checked.
type List struct {
	name, version string
	title         Title
	systems       []string
	entries       []*entry
	byCode        map[string]map[string][]*entry // system, code
}

// Fault is what is wrong with a definition: the place as in "entries[3].from", ""
// for the list as a whole, and what is wrong there. It holds no code.
type Fault struct{ Path, Message string }

// Faults is everything that is wrong with a definition. It is an error.
type Faults []Fault

// Error lists the faults in one line.
func (fs Faults) Error() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = strings.TrimPrefix(f.Path+": ", ": ") + f.Message
	}
	return "code list: " + strings.Join(texts, "; ")
}

// New checks a definition and makes the list of it. The error is a [Faults] that
// names every fault. A code of the first system, the list's own, stands for one
// thing on each day.
func New(d Definition) (*List, error) {
	l := &List{name: d.List, version: d.Version, title: d.Title, systems: slices.Clone(d.Systems), byCode: map[string]map[string][]*entry{}}
	var faults Faults
	fault := func(path, format string, args ...any) {
		faults = append(faults, Fault{path, fmt.Sprintf(format, args...)})
	}
	if d.List == "" || d.Version == "" || len(d.Systems) == 0 {
		fault("", "a list needs a name, a version and systems")
	}
	for _, s := range d.Systems {
		l.byCode[s] = map[string][]*entry{}
	}
	for i, one := range d.Entries {
		e := &entry{Entry: one}
		at := fmt.Sprintf("entries[%d]", i)
		var err error
		if e.from, err = day(one.From); err != nil {
			fault(at+".from", "a date YYYY-MM-DD is needed")
		}
		if e.to, err = day(one.To); err != nil {
			fault(at+".to", "a date YYYY-MM-DD is needed")
		}
		if !e.from.IsZero() && !e.to.IsZero() && e.to.Before(e.from) {
			fault(at+".to", "the entry ends before it begins")
		}
		if len(one.Codes) == 0 {
			fault(at, "an entry needs codes")
		}
		for system, code := range one.Codes {
			known, ok := l.byCode[system]
			switch {
			case !ok:
				fault(at+".codes", "%s is none of the list's systems", system)
				continue
			case code == "":
				fault(at+".codes."+system, "the code is empty")
				continue
			}
			if system == d.Systems[0] && slices.ContainsFunc(known[code], e.overlaps) {
				fault(at+".codes."+system, "another entry has the code on the same days")
			}
			known[code] = append(known[code], e)
		}
		l.entries = append(l.entries, e)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return l, nil
}

func day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, s)
}

// Name, Version and Title say which list it is.
func (l *List) Name() string { return l.name }

// Version is the version of the list's content.
func (l *List) Version() string { return l.version }

// Title is the list's name for people.
func (l *List) Title() Title { return l.title }

// Systems are the names of its systems.
func (l *List) Systems() []string { return slices.Clone(l.systems) }

// Translate returns the code of the same thing in another system, as of a day
// (the time of day does not count). The error is a *[Refusal].
func (l *List) Translate(from, to, code string, on time.Time) (string, error) {
	e, refusal := l.find(from, code, on)
	if refusal == "" {
		if _, ok := l.byCode[to]; !ok {
			refusal = UnknownSystem
		} else if e.Codes[to] == "" {
			refusal = NoCounterpart
		} else if other, back := l.find(to, e.Codes[to], on); back != "" || other != e {
			// What cannot be translated back would lose which of several it was.
			refusal = Ambiguous
		}
	}
	if refusal != "" {
		return "", &Refusal{List: l.name, From: from, To: to, Reason: refusal}
	}
	return e.Codes[to], nil
}

// Check says whether the list has the code in the system as of a day. The error
// is a *[Refusal].
func (l *List) Check(system, code string, on time.Time) error {
	if _, refusal := l.find(system, code, on); refusal != "" {
		return &Refusal{List: l.name, From: system, To: system, Reason: refusal}
	}
	return nil
}

// Label returns the name of a coded thing for people, as of a day. The error is
// a *[Refusal].
func (l *List) Label(system, code string, on time.Time) (Title, error) {
	e, refusal := l.find(system, code, on)
	if refusal != "" {
		return Title{}, &Refusal{List: l.name, From: system, To: system, Reason: refusal}
	}
	return Title{e.ET, e.EN}, nil
}

func (l *List) find(system, code string, on time.Time) (*entry, Reason) {
	known, ok := l.byCode[system]
	if !ok {
		return nil, UnknownSystem
	}
	all := known[code]
	if len(all) == 0 {
		return nil, UnknownCode
	}
	y, m, d := on.Date()
	on = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	var found *entry
	for _, e := range all {
		if !e.holds(on) {
			continue
		}
		if found != nil {
			return nil, Ambiguous
		}
		found = e
	}
	if found == nil {
		return nil, NotValid
	}
	return found, ""
}

// Lossy returns the codes of one system, valid on the day, that cannot be
// translated into another one and back, with the reason for each.
func (l *List) Lossy(from, to string, on time.Time) map[string]Reason {
	out := map[string]Reason{}
	for code := range l.byCode[from] {
		if _, refusal := l.find(from, code, on); refusal == NotValid {
			continue
		}
		if _, err := l.Translate(from, to, code, on); err != nil {
			var r *Refusal
			if errors.As(err, &r) {
				out[code] = r.Reason
			}
		}
	}
	return out
}
