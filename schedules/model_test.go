package schedules

import (
	"slices"
	"time"
)

// The model is what the package promises, without a database: a job that is due every minute, the rows of its runs, and
// who runs it until when.

const (
	modelLease    = 30 * time.Second
	modelInterval = time.Minute
)

type modelRun struct {
	Due       time.Time
	Trigger   Trigger
	State     State
	Owner     string
	Lease     time.Time
	Fence     int64
	Attempt   int
	Begun     time.Time
	Cancelled bool
}

type model struct {
	now     time.Time
	catchUp CatchUp
	within  time.Duration
	overlap Overlap
	since   time.Time
	paused  bool
	fence   int64
	runs    []*modelRun
}

// modelHold is what a process believes to run.
type modelHold struct {
	run   *modelRun
	fence int64
}

func (m *model) run(due time.Time) *modelRun {
	for _, r := range m.runs {
		if r.Due.Equal(due) {
			return r
		}
	}
	return nil
}

func (m *model) add(r *modelRun) *modelRun {
	m.runs = append(m.runs, r)
	slices.SortFunc(m.runs, func(a, b *modelRun) int { return a.Due.Compare(b.Due) })
	return r
}

func (m *model) running() *modelRun {
	for _, r := range m.runs {
		if r.State == StateRunning {
			return r
		}
	}
	return nil
}

// first is the oldest run that waits; those that only fill in times past may be left out.
func (m *model) first(filling bool) *modelRun {
	for _, r := range m.runs {
		if r.State == StateWaiting && (filling || r.Trigger != TriggerBackfill || r.Attempt > 0) {
			return r
		}
	}
	return nil
}

// last is the moment up to which due times have been dealt with.
func (m *model) last() time.Time {
	last := m.since
	for _, r := range m.runs {
		if r.Trigger == TriggerCron && r.Due.After(last) {
			last = r.Due
		}
	}
	return last
}

// missed are the due times that count and have come, oldest first.
func (m *model) missed() (due []time.Time) {
	floor := m.last()
	oldest := floor
	if m.within > 0 {
		oldest = m.now.Add(-m.within)
	}
	if m.catchUp == CatchUpNone {
		oldest = m.now.Add(-onTime)
	}
	if oldest.After(floor) {
		floor = oldest
	}
	for t := floor.Truncate(modelInterval).Add(modelInterval); !t.After(m.now); t = t.Add(modelInterval) {
		due = append(due, t)
	}
	return due
}

// sees is what a look at the rows finds: something to claim, or a due time that comes during a run.
func (m *model) sees() (due, overlapping bool) {
	comes := !m.paused && len(m.missed()) > 0
	if r := m.running(); r != nil {
		if r.Lease.Before(m.now) {
			return true, false
		}
		return false, comes && !r.Cancelled && m.missed()[0].After(r.Begun) && (m.overlap != OverlapQueue || m.catchUp == CatchUpNone)
	}
	return m.first(false) != nil || comes || m.first(true) != nil && !m.paused, false
}

// claim gives the next run to a process, or none.
func (m *model) claim(owner string) *modelHold {
	r := m.running()
	if r == nil {
		r = m.first(false)
	}
	switch {
	case r != nil && r.State == StateRunning && !r.Lease.Before(m.now):
		return nil
	case r != nil && r.Cancelled:
		r.end(StateCancelled)
		return nil
	case r != nil && r.State == StateRunning && r.Attempt >= maxAttempts:
		r.end(StateFailed)
		return nil
	case r == nil && m.paused:
		return nil
	case r == nil:
		owed := m.missed()
		limit := 1
		if m.catchUp == CatchUpAll {
			limit = maxCatchUp
		}
		for _, due := range owed[max(0, len(owed)-limit):] {
			if m.run(due) == nil {
				r = m.add(&modelRun{Due: due, Trigger: TriggerCron, State: StateWaiting})
				break
			}
		}
		if r == nil {
			if r = m.first(true); r == nil {
				return nil
			}
		}
	}
	m.fence++
	r.State, r.Owner, r.Lease, r.Fence, r.Begun = StateRunning, owner, m.now.Add(modelLease), m.fence, m.now
	r.Attempt++
	return &modelHold{r, m.fence}
}

func (r *modelRun) end(s State) { r.State, r.Owner, r.Lease = s, "", time.Time{} }

// holds says whether a process still runs what it believes to run.
func (h *modelHold) holds() bool { return h.run.State == StateRunning && h.run.Fence == h.fence }

// finish is the end of a run by its process; false when it is somebody else's.
func (h *modelHold) finish(s State) bool {
	if !h.holds() {
		return false
	}
	h.run.end(s)
	if s == StateWaiting {
		h.run.Attempt--
	}
	return true
}

// overlaps deals with due times that have come during a run.
func (m *model) overlaps() {
	r := m.running()
	due := m.missed()
	if m.paused || r == nil || r.Cancelled || r.Lease.Before(m.now) || len(due) == 0 {
		return
	}
	due = due[max(0, len(due)-maxCatchUp):]
	if !due[0].After(r.Begun) {
		return
	}
	if m.overlap == OverlapSkip {
		for _, t := range due {
			if m.run(t) == nil {
				m.add(&modelRun{Due: t, Trigger: TriggerCron, State: StateSkipped})
			}
		}
		return
	}
	if m.catchUp == CatchUpNone {
		waits := slices.ContainsFunc(m.runs, func(r *modelRun) bool { return r.State == StateWaiting && r.Trigger == TriggerCron })
		if t := due[len(due)-1]; !waits && m.run(t) == nil {
			m.add(&modelRun{Due: t, Trigger: TriggerCron, State: StateWaiting})
		}
	}
	if m.overlap == OverlapCancel {
		r.Cancelled = true
	}
}

func (m *model) pause() { m.paused = true }

func (m *model) resume() {
	if m.paused {
		m.since = m.now
	}
	m.paused = false
}

// runNow asks for a run now; one that waits is the one that was asked for.
func (m *model) runNow() time.Time {
	for _, r := range m.runs {
		if r.State == StateWaiting && r.Trigger == TriggerManual && r.Attempt == 0 {
			return r.Due
		}
	}
	due := m.now
	for due.Equal(due.Truncate(time.Second)) || m.run(due) != nil {
		due = due.Add(time.Microsecond)
	}
	return m.add(&modelRun{Due: due, Trigger: TriggerManual, State: StateWaiting}).Due
}

// backfill fills in the due times of a range.
func (m *model) backfill(from, to time.Time) (asked int) {
	for t := from.Add(-time.Nanosecond).Truncate(modelInterval).Add(modelInterval); t.Before(to); t = t.Add(modelInterval) {
		r := m.run(t)
		switch {
		case r == nil:
			m.add(&modelRun{Due: t, Trigger: TriggerBackfill, State: StateWaiting})
			asked++
		case r.State == StateFailed || r.State == StateCancelled || r.State == StateSkipped:
			if r.Trigger != TriggerCron {
				r.Trigger = TriggerBackfill
			}
			r.State, r.Attempt, r.Begun, r.Cancelled = StateWaiting, 0, time.Time{}, false
			asked++
		}
	}
	return asked
}

// cancel stops what runs and, where that is wanted, what waits.
func (m *model) cancel(waiting bool) (c Cancelled) {
	for _, r := range m.runs {
		switch {
		case r.State == StateRunning && !r.Cancelled:
			r.Cancelled = true
			c.Running++
		case r.State == StateWaiting && waiting:
			r.Cancelled = true
			r.end(StateCancelled)
			c.Waiting++
		}
	}
	return c
}
