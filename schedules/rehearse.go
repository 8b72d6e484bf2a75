package schedules

import (
	"slices"
	"strings"
	"time"
)

// Planned is a run as it would come.
type Planned struct {
	Job string
	// Due is the due time, Local the same in the schedule's zone, and Start
	// when the run would begin if the job were free then.
	Due   time.Time
	Local time.Time
	Start time.Time
	// CatchUp says that the due time was missed and is made up for.
	CatchUp bool
	// Clocks is what summer time does to this due time, or "".
	Clocks string
}

// What summer time does to a due time.
const (
	ClocksSkipped = "its local time is skipped by summer time: due at the moment after the gap"
	ClocksDoubled = "its local time comes twice: due the first time only"
)

// maxRehearsed bounds the runs of one job in a rehearsal.
const maxRehearsed = 1000

// Rehearse tells what would run, and when, up to and with a moment, were the
// schedules to stay as [List] found them: missed due times that are to be made
// up for begin at now. Paused schedules run nothing. It changes nothing.
func Rehearse(list []Status, now, until time.Time) []Planned {
	var all []Planned
	for _, s := range list {
		if !s.ok || !s.PausedAt.IsZero() {
			continue
		}
		n := 0
		add := func(due, start time.Time, catchUp bool) {
			n++
			all = append(all, Planned{
				Job: s.Name, Due: due, Local: due.In(s.plan.schedule.zone), Start: start, CatchUp: catchUp, Clocks: s.plan.schedule.clocks(due),
			})
		}
		last := s.plan.floor(s.last, now)
		for _, due := range s.plan.owed(s.last, now) {
			add(due, now, now.Sub(due) > onTime+s.plan.jitter)
		}
		for due := s.plan.schedule.Next(last); !due.IsZero() && !due.After(until) && n < maxRehearsed; due = s.plan.schedule.Next(due) {
			if !s.plan.ripe(due, now) {
				add(due, due.Add(s.plan.delay(due)), false)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Planned) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return strings.Compare(a.Job, b.Job)
	})
	return all
}

// clocks tells what a change of clocks does to a due time. A schedule of every
// hour follows elapsed time and knows no changes.
func (s Schedule) clocks(due time.Time) string {
	if s.spec == nil || s.everyHour() {
		return ""
	}
	local := due.In(s.zone)
	if wall := asUTC(local); !s.spec.Next(wall.Add(-time.Second)).Equal(wall) {
		return ClocksSkipped
	}
	if _, end := local.ZoneBounds(); !end.IsZero() {
		_, before := local.Zone()
		_, after := end.Zone()
		if back := time.Duration(before-after) * time.Second; back > 0 && !local.Before(end.Add(-back)) {
			return ClocksDoubled
		}
	}
	return ""
}
