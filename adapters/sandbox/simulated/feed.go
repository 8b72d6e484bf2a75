package simulated

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// noticePage is how many entries an authority reads at once.
const noticePage = 200

// listen reads what an authority has to know, again and again, as long as it
// fetches its questions or waits for something; the caller holds mu.
func (w *World) listen(a *authority) {
	if w.o.Hub.Subsystem == "" {
		return // nobody to ask
	}
	w.work.Go(func() {
		for w.ctx.Err() == nil {
			w.mu.Lock()
			quiet := !a.character.Fetches && !a.character.Manner.listens() || w.systems[a.name].down
			after, changed, poll := a.position, a.changed, time.Duration(a.character.PollMS)*time.Millisecond
			w.mu.Unlock()
			if quiet {
				select {
				case <-w.ctx.Done():
				case <-changed:
				}
				continue
			}
			read, err := w.readNotices(a, after)
			if err != nil && w.ctx.Err() == nil {
				w.o.Log.Warn("an authority cannot read what it has to know", "system", a.name, "error", err)
			}
			if err == nil && read == noticePage {
				continue
			}
			w.rest(changed, poll)
		}
	})
}

// readNotices reads one page and says how many entries it had.
func (w *World) readNotices(a *authority, after int64) (int, error) {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	got, err := w.call(ctx, a, w.o.Hub, "listNotices", map[string]any{"after": after, "limit": noticePage})
	if err != nil {
		return 0, err
	}
	list, _ := got["notices"].([]any)
	for _, one := range list {
		n, _ := one.(map[string]any)
		position, err := strconv.ParseInt(text(n["position"]), 10, 64)
		round, err2 := strconv.Atoi(text(n["round"]))
		if err != nil || err2 != nil {
			return 0, fmt.Errorf("an entry without its place: %v", n)
		}
		h := heardRecord{System: a.name, Position: position, ID: text(n["consultation_id"]), Round: round, What: text(n["what"])}
		if err := w.hear(a, h, text(n["case_reference"])); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// text is a value as text, numbers without a fraction.
func text(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// hear takes one entry: a question that the authority did not have is fetched
// where it fetches them.
func (w *World) hear(a *authority, h heardRecord, caseReference string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := consultationKey{h.ID, h.Round}
	if h.What == "opened" && a.character.Fetches && a.byKey[key] == nil {
		_, err := w.commit(record{At: w.o.Now(), Consultation: &consultationRecord{
			System: a.name, ID: h.ID, Round: h.Round, Case: caseReference, From: w.o.Hub.String(), Receipt: w.o.NewID(), Fetched: true,
		}})
		if err != nil {
			return err
		}
	}
	// The position comes after the question in the journal: a crash between them
	// reads the entry again.
	if _, err := w.commit(record{At: w.o.Now(), Heard: &h}); err != nil {
		return err
	}
	if c := a.byKey[key]; c != nil {
		w.resume(a, c)
	}
	return nil
}
