package calendar

import "time"

// Why says why a day was not counted.
type Why string

// A day is passed over because of the weekend, a public holiday or a pause; an
// end that falls on a rest day moves on to the next working day.
const (
	WhySaturday Why = "saturday"
	WhySunday   Why = "sunday"
	WhyHoliday  Why = "holiday"
	WhyPaused   Why = "paused"
	WhyRollOver Why = "roll_over" // the working day on which the term ends instead of a rest day
)

// Line is one day of a term.
type Line struct {
	Day     Day   `json:"day"`
	Counted bool  `json:"counted"`
	Number  int   `json:"number,omitempty"` // of a counted day, from 1, anew in each extension
	Part    int   `json:"part,omitempty"`   // 0 in the original term, n in its nth extension
	Why     Why   `json:"why,omitempty"`
	Holiday *Name `json:"holiday,omitempty"`
}

// Explanation is a term with its end and how that was reached. Counting Lines
// (by hours: adding up the length, the extensions and the pauses) gives Due
// again.
type Explanation struct {
	Term
	Due    *time.Time `json:"due,omitempty"` // nil while the clock stands still
	Latest *time.Time `json:"latest_extension,omitempty"`
	Lines  []Line     `json:"days,omitempty"` // by days; while the clock stands still, the days before the pause
}

// Explain tells how the end of the term was reached.
func (t Term) Explain() Explanation {
	e := Explanation{Term: t}
	if due, ok := t.Due(); ok {
		e.Due = &due
	}
	if latest, ok := t.Latest(); ok {
		e.Latest = &latest
	}
	if t.Rule.Unit != Hours {
		e.Lines, _ = t.days()
	}
	return e
}

// days are the days of the term from the day after its start to its end; false
// when a pause that still lasts comes before the end.
func (t Term) days() ([]Line, bool) {
	var lines []Line
	day := DayOf(t.Start)
	lengths := []int{t.Rule.Length}
	for _, e := range t.Extensions {
		lengths = append(lengths, e.Extra)
	}
	for part, length := range lengths {
		for counted := 0; counted < length; {
			day++
			l := Line{Day: day, Part: part}
			paused, forever := t.paused(day)
			if forever {
				return lines, false
			}
			rest := restOf(&l)
			switch {
			case paused:
				l.Why, l.Holiday = WhyPaused, nil
			case rest && t.Rule.Unit == WorkingDays:
			default:
				counted++
				l.Counted, l.Number, l.Why, l.Holiday = true, counted, "", nil
			}
			lines = append(lines, l)
		}
		if !t.Rule.RollOver {
			continue
		}
		for !Working(day) || lines[len(lines)-1].Why == WhyPaused {
			day++
			l := Line{Day: day, Part: part}
			paused, forever := t.paused(day)
			switch {
			case forever:
				return lines, false
			case paused:
				l.Why = WhyPaused
			case !restOf(&l):
				l.Why = WhyRollOver
			}
			lines = append(lines, l)
		}
	}
	return lines, true
}

// restOf notes in the line why its day is no working day.
func restOf(l *Line) bool {
	if name, ok := Holiday(l.Day); ok {
		l.Why, l.Holiday = WhyHoliday, &name
		return true
	}
	switch l.Day.Weekday() {
	case time.Saturday:
		l.Why = WhySaturday
	case time.Sunday:
		l.Why = WhySunday
	default:
		return false
	}
	return true
}

// paused tells whether the clock stands still on a day, and whether it does so
// without a known end.
func (t Term) paused(d Day) (paused, forever bool) {
	for _, p := range t.Pauses {
		if d <= DayOf(p.From) {
			continue
		}
		if p.To.IsZero() {
			return true, true
		}
		if d <= DayOf(p.To) {
			return true, false
		}
	}
	return false, false
}
