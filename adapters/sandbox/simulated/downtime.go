package simulated

import (
	"context"
	"fmt"
	"time"
)

// Plan lets an authority announce to the hub that it will be down, and takes it
// down for that time, by the world's clock. It returns the id of the downtime.
// The error may be an *[UnknownSystemError] or [Faults].
func (w *World) Plan(name string, from, until time.Time) (string, error) {
	if err := w.consulted(name); err != nil {
		return "", err
	}
	var faults Faults
	if !until.After(from) {
		faults = append(faults, Fault{"until", "is after from"})
	}
	if !until.After(w.o.Now()) {
		faults = append(faults, Fault{"until", "is to come"})
	}
	if w.o.Hub.Subsystem == "" {
		faults = append(faults, Fault{"name", "there is no hub that offers listNotices, and so nobody to announce it to"})
	}
	if len(faults) > 0 {
		return "", faults
	}
	r := plannedRecord{System: name, ID: w.o.NewID(), From: from, Until: until}
	if err := w.keep(record{At: w.o.Now(), Planned: &r}); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carryOut(w.authorities[name], r)
	return r.ID, nil
}

// carryOut announces a downtime and goes through with it. The caller holds mu.
func (w *World) carryOut(a *authority, r plannedRecord) {
	if w.ended {
		return
	}
	w.work.Go(func() {
		content := map[string]any{
			"downtime_id": r.ID, "reason": "Sünteetiline hooldus arenduskeskkonnas.",
			"from": r.From.UTC().Format(time.RFC3339), "until": r.Until.UTC().Format(time.RFC3339),
		}
		for pause := firstPause; ; pause = min(2*pause, longestPause) {
			err := w.announce(a, content)
			if err == nil {
				break
			}
			w.o.Log.Warn("an authority cannot announce its downtime", "system", a.name, "error", err)
			if w.o.Now().After(r.Until) || !w.rest(nil, pause) {
				break
			}
		}
		for _, step := range []struct {
			at   time.Time
			down bool
		}{{r.From, true}, {r.Until, false}} {
			fired, stop := w.o.After(step.at.Sub(w.o.Now()))
			select {
			case <-fired:
			case <-w.ctx.Done():
			}
			stop()
			if w.ctx.Err() != nil {
				return
			}
			if err := w.Switch(a.name, step.down); err != nil {
				w.o.Log.Error("an authority could not be switched for its downtime", "system", a.name, "error", err)
			}
		}
	})
}

func (w *World) announce(a *authority, content map[string]any) error {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	if _, err := w.call(ctx, a, w.o.Hub, "announceDowntime", content); err != nil {
		return fmt.Errorf("announcing a downtime: %w", err)
	}
	return nil
}
