package sandbox

import (
	"net/http"
	"time"

	"ristmik/adapters/sandbox/simulated"
	"ristmik/adapters/sandbox/trouble"
	"ristmik/adapters/web"
)

func (s *Sandbox) getClock(w http.ResponseWriter, _ *http.Request) {
	writeClock(w, s.clock.State())
}

// putClock moves the clock of everything in the sandbox: now sets it, advance
// moves it on (back with a minus), frozen stops it or lets it go.
func (s *Sandbox) putClock(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Now     string `json:"now"`
		Advance string `json:"advance"`
		Frozen  *bool  `json:"frozen"`
	}
	if !readControl(w, r, &q) {
		return
	}
	m := trouble.Move{Freeze: q.Frozen}
	var faults simulated.Faults
	var err error
	if q.Now != "" {
		if m.Set, err = time.Parse(time.RFC3339, q.Now); err != nil {
			faults = append(faults, simulated.Fault{Field: "now", Message: "is a time, for example 2026-03-10T12:00:00Z"})
		}
	}
	if q.Advance != "" {
		if m.Advance, err = time.ParseDuration(q.Advance); err != nil {
			faults = append(faults, simulated.Fault{Field: "advance", Message: "is a duration, for example 36h, 90m or -1h"})
		}
	}
	if q.Now == "" && q.Advance == "" && q.Frozen == nil {
		faults = append(faults, simulated.Fault{Field: "now", Message: "or advance or frozen is needed"})
	}
	if len(faults) > 0 {
		writeError(w, faults)
		return
	}
	writeClock(w, s.clock.Move(m))
}

func writeClock(w http.ResponseWriter, state trouble.State) {
	web.WriteJSON(w, http.StatusOK, map[string]any{
		"now": state.Now.UTC(), "frozen": state.Frozen, "offset": state.Offset.String(), "waiting": state.Waiting,
	})
}
