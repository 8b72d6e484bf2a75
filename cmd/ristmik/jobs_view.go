package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ristmik/schedules"
)

// jobView is a job as the command prints it; the names are stable.
type jobView struct {
	Name          string     `json:"name"`
	Cron          string     `json:"cron"`
	Zone          string     `json:"zone"`
	CatchUp       string     `json:"catch_up"`
	CatchUpWithin string     `json:"catch_up_within,omitempty"`
	Overlap       string     `json:"overlap"`
	Jitter        string     `json:"jitter,omitempty"`
	Grace         string     `json:"grace,omitempty"`
	Next          time.Time  `json:"next,omitzero"`
	Waiting       int        `json:"waiting"`
	Missed        time.Time  `json:"missed,omitzero"`
	Paused        *pauseView `json:"paused,omitempty"`
	Running       *runView   `json:"running,omitempty"`
	Last          *runView   `json:"last,omitempty"`
}

type pauseView struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

func viewOfJob(s schedules.Status) jobView {
	v := jobView{
		Name: s.Name, Cron: s.Cron, Zone: s.Zone, CatchUp: string(s.CatchUp), CatchUpWithin: spanOf(s.CatchUpWithin), Overlap: string(s.Overlap),
		Jitter: spanOf(s.Jitter), Grace: spanOf(s.Grace), Next: s.Next, Waiting: s.Waiting, Missed: s.Missed,
		Running: viewOfRun(s.Running), Last: viewOfRun(s.Last),
	}
	if !s.PausedAt.IsZero() {
		v.Paused = &pauseView{s.PausedAt, s.PausedBy, s.PausedReason}
	}
	return v
}

// now is what goes on with the job, for people.
func (v jobView) now() string {
	var parts []string
	if v.Running != nil {
		parts = append(parts, strings.TrimSpace("running "+v.Running.what()))
	}
	if v.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", v.Waiting))
	}
	if v.Paused != nil {
		parts = append(parts, fmt.Sprintf("paused by %s: %s", v.Paused.By, v.Paused.Reason))
	}
	if !v.Missed.IsZero() {
		parts = append(parts, "MISSED "+moment(v.Missed))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, "; ")
}

// runView is a run as the command prints it; the names are stable.
type runView struct {
	Due          time.Time      `json:"due"`
	State        string         `json:"state"`
	Trigger      string         `json:"trigger"`
	RequestedBy  string         `json:"requested_by,omitempty"`
	Attempt      int            `json:"attempt"`
	Owner        string         `json:"owner,omitempty"`
	Started      time.Time      `json:"started,omitzero"`
	Finished     time.Time      `json:"finished,omitzero"`
	Done         int64          `json:"done,omitempty"`
	Total        int64          `json:"total,omitempty"`
	Summary      map[string]int `json:"summary,omitempty"`
	Error        string         `json:"error,omitempty"`
	CancelledBy  string         `json:"cancelled_by,omitempty"`
	CancelReason string         `json:"cancel_reason,omitempty"`
}

func viewOfRun(r *schedules.RunInfo) *runView {
	if r == nil {
		return nil
	}
	return &runView{
		Due: r.Due, State: string(r.State), Trigger: string(r.Trigger), RequestedBy: r.RequestedBy, Attempt: r.Attempt, Owner: r.Owner,
		Started: r.Started, Finished: r.Finished, Done: r.Done, Total: r.Total, Summary: r.Summary, Error: r.Error,
		CancelledBy: r.CancelledBy, CancelReason: r.CancelReason,
	}
}

// text is how the run ended, for people; "-" for none.
func (v *runView) text() string {
	if v == nil {
		return "-"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", v.State, moment(v.Due), v.what()))
}

// because tells what made the run.
func (v *runView) because() string {
	if v.RequestedBy == "" {
		return v.Trigger
	}
	return v.Trigger + " by " + v.RequestedBy
}

// what is how far the run has come, what it has counted, and why it ended.
func (v *runView) what() string {
	var parts []string
	if v.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d (%d %%)", v.Done, v.Total, 100*v.Done/v.Total))
	} else if v.Done > 0 {
		parts = append(parts, fmt.Sprintf("%d done", v.Done))
	}
	for _, name := range slices.Sorted(maps.Keys(v.Summary)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, v.Summary[name]))
	}
	if v.Error != "" {
		parts = append(parts, v.Error)
	}
	if v.CancelledBy != "" {
		parts = append(parts, strings.TrimSuffix("cancelled by "+v.CancelledBy+": "+v.CancelReason, ": "))
	}
	return strings.Join(parts, ", ")
}

func (v *runView) took() string {
	if v.Started.IsZero() || v.Finished.IsZero() {
		return "-"
	}
	return v.Finished.Sub(v.Started).Round(time.Millisecond).String()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func spanOf(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
