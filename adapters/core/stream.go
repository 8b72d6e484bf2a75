package core

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"ristmik/adapters/postgres"
	"ristmik/adapters/web"
	"ristmik/outbox"
)

// streamBatch is how many events a stream reads, and writes, at once.
const streamBatch = 100

// streamEvents serves the feed as Server-Sent Events (HTML, section 9.2): the
// id of each is its position, so that a reader whose connection breaks goes on,
// by Last-Event-ID, where it was. A reader that does not read what it is sent
// is left after Options.WriteTimeout: nothing is kept for it, and it may come
// back.
func (a *API) streamEvents(w http.ResponseWriter, r *http.Request) {
	q, err := a.feedQueryOf(r.URL.RawQuery, "after", "types")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	// The reader's own memory is newer than the address that it was given.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.after = outbox.Position(last)
		if len(last) > maxPosition {
			a.fail(w, r, badParameter("Last-Event-ID", "position", "This is not a position of this feed."))
			return
		}
	}
	f, err := a.feedFor(r, q.types)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		web.WriteProblem(w, web.Problem{Type: web.TypeUnavailable, Status: http.StatusServiceUnavailable, Detail: "There are too many streams; read /v1/events, or try again."})
		return
	}
	ctx, cancel := a.untilStopped(r.Context())
	defer cancel()
	// What is wrong with the position is told before the stream begins.
	events, next, err := f.read(ctx, q.after, streamBatch, 0)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy that keeps events back until it has many would make them late
	s := stream{controller: http.NewResponseController(w), w: w, limit: a.o.WriteTimeout}
	text := []byte("retry: 2000\n\n")
	for at := q.after; ; {
		if text, err = appendEvents(text, events, at, next); err != nil {
			a.o.Log.ErrorContext(ctx, "event of a stream not written", "error", err)
			return
		}
		if err := s.send(text); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				a.o.Log.InfoContext(ctx, "a reader of the stream was too slow", "client", web.Caller(ctx))
			}
			return
		}
		text = text[:0]
		at = next
		events, next, err = f.read(ctx, at, streamBatch, a.o.Heartbeat)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the reader comes back
			a.o.Log.WarnContext(ctx, "a stream of events ends", "error", postgres.WithoutValues(err))
			return
		case len(events) == 0 && next == at:
			text = append(text, ": still here\n\n"...)
		}
	}
}

// stream writes with a deadline for each write.
type stream struct {
	controller *http.ResponseController
	w          http.ResponseWriter
	limit      time.Duration
}

func (s stream) send(text []byte) error {
	if err := s.controller.SetWriteDeadline(time.Now().Add(s.limit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.controller.Flush()
}

// appendEvents writes events as a stream has them. Where the last ones were not
// for the reader, a position alone follows, which moves its Last-Event-ID.
func appendEvents(text []byte, events []outbox.Recorded, at, next outbox.Position) ([]byte, error) {
	for _, e := range events {
		data, err := json.Marshal(cloudEventOf(e)) // in one line
		if err != nil {
			return text, err
		}
		text = append(text, "id: "+string(e.Position)+"\nevent: "+e.Event.Type+"\ndata: "...)
		text = append(text, data...)
		text = append(text, "\n\n"...)
		at = e.Position
	}
	if at != next {
		text = append(text, "id: "+string(next)+"\n\n"...)
	}
	return text, nil
}
