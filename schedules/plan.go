package schedules

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"
)

// plan is what the due times of a job and their starts follow from; it is the
// same in the process that runs the job and in one that only reads its row.
type plan struct {
	name     string
	schedule Schedule
	catchUp  CatchUp
	within   time.Duration
	jitter   time.Duration
}

// newJob checks a job and fills in its defaults; it returns everything that is
// wrong.
func newJob(j Job) (*job, []error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	schedule, err := ParseCron(j.Cron, j.Zone)
	if err != nil {
		wrong("job %s: %w", j.Name, err)
	}
	if !jobName.MatchString(j.Name) {
		wrong("job name %q is not made of lower-case letters, digits and hyphens", j.Name)
	}
	if j.CatchUp == "" {
		j.CatchUp = CatchUpLast
	}
	if !slices.Contains([]CatchUp{CatchUpNone, CatchUpLast, CatchUpAll}, j.CatchUp) {
		wrong("job %s: catch-up %q is not none, last or all", j.Name, j.CatchUp)
	}
	if j.Overlap == "" {
		j.Overlap = OverlapQueue
	}
	if !slices.Contains([]Overlap{OverlapQueue, OverlapSkip, OverlapCancel}, j.Overlap) {
		wrong("job %s: overlap %q is not queue, skip or cancel", j.Name, j.Overlap)
	}
	if j.Timeout < 0 || j.Run == nil {
		wrong("job %s has no Run or a negative time-out", j.Name)
	}
	if j.CatchUpWithin < 0 || j.Grace < 0 {
		wrong("job %s: a negative time to catch up within, or a negative grace", j.Name)
	}
	if err == nil {
		if err := schedule.CheckJitter(j.Jitter); err != nil {
			wrong("job %s: %w", j.Name, err)
		}
	}
	if j.Timeout == 0 {
		j.Timeout = defaultTimeout
	}
	if j.Zone == "" {
		j.Zone = "UTC"
	}
	return &job{j, plan{j.Name, schedule, j.CatchUp, j.CatchUpWithin, j.Jitter}}, errs
}

// CheckJitter tells why starts cannot be spread over that time: it must be
// shorter than the time between any two due times that follow one another.
func (s Schedule) CheckJitter(jitter time.Duration) error {
	if jitter < 0 {
		return errors.New("jitter is negative")
	}
	if jitter == 0 {
		return nil
	}
	shortest := time.Duration(1<<63 - 1)
	due := s.Upcoming(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC), 500)
	for i := 1; i < len(due); i++ {
		shortest = min(shortest, due[i].Sub(due[i-1]))
	}
	if jitter >= shortest {
		return fmt.Errorf("jitter %s is not shorter than the %s between two due times", jitter, shortest)
	}
	return nil
}

// delay is how long after a due time its run begins.
func (p plan) delay(due time.Time) time.Duration {
	if p.jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.name + "/" + strconv.FormatInt(due.Unix(), 10))) // a hash takes everything
	return time.Duration(h.Sum64() % uint64(p.jitter))
}

// ripe tells whether the run of a due time may begin.
func (p plan) ripe(due, now time.Time) bool { return !due.Add(p.delay(due)).After(now) }

// floor is the moment after which due times count, when those up to last have
// been dealt with.
func (p plan) floor(last, now time.Time) time.Time {
	oldest := last
	if p.within > 0 {
		oldest = now.Add(-p.within)
	}
	if p.catchUp == CatchUpNone {
		oldest = now.Add(-onTime - p.jitter)
	}
	if oldest.After(last) {
		return oldest
	}
	return last
}

// owed are the due times that are to run now, oldest first.
func (p plan) owed(last, now time.Time) []time.Time {
	limit := 1
	if p.catchUp == CatchUpAll {
		limit = maxCatchUp
	}
	due := p.schedule.missed(p.floor(last, now), now, limit+1)
	for len(due) > 0 && !p.ripe(due[len(due)-1], now) {
		due = due[:len(due)-1]
	}
	return due[max(0, len(due)-limit):]
}

// next is the first due time that is still to run, or the zero time.
func (p plan) next(last, now time.Time) time.Time {
	if owed := p.owed(last, now); len(owed) > 0 {
		return owed[0]
	}
	return p.schedule.Next(p.floor(last, now))
}
