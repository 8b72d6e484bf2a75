package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
	"ristmik/outbox"
)

const (
	// feedBatch is how many events are read at once where some are left out.
	feedBatch = 1000
	// mostScanned bounds the events that one request looks at to find its own: a
	// reader of rare types gets an empty page with a later position then.
	mostScanned = 20_000
)

// errStopping is the cause of the end of what waits when the process stops.
var errStopping = errors.New("the hub is stopping")

// feed is the record of events as one reader may see it.
type feed struct {
	db    outbox.DB
	match func(kind string) bool // nil: everything
	// neutral leaves out who is asked in consultations.
	neutral bool
}

// feedFor is the feed for the caller of the request who asks for these types;
// none means all that it may read. Asking for a type that it may not read is an
// error that names it.
func (a *API) feedFor(r *http.Request, asked Types) (feed, error) {
	f := feed{db: a.o.Pool, neutral: !a.sees(r)}
	caller := web.Caller(r.Context())
	if a.o.Rights == nil || len(a.o.Tokens) == 0 {
		if len(asked) > 0 {
			f.match = asked.Match
		}
		return f, nil
	}
	rights := a.o.Rights[caller]
	var refused []string
	for _, kind := range asked.exact() {
		if !rights.Match(kind) {
			refused = append(refused, kind)
		}
	}
	if len(rights) == 0 || len(refused) > 0 {
		p := web.Problem{Type: typeForbidden, Status: http.StatusForbidden, Detail: "Your token may not read these events."}
		if len(refused) > 0 {
			p.Errors = []web.FieldError{{Path: "?types", Code: "forbidden", Message: "Not for you: " + strings.Join(refused, ", ") + "."}}
		}
		return feed{}, &problemError{p}
	}
	f.match = func(kind string) bool { return rights.Match(kind) && (len(asked) == 0 || asked.Match(kind)) }
	return f, nil
}

// read gives the events after a position, at most limit, and the position to
// read on from, which moves past what is not for the reader as well. It waits
// for the first event up to wait.
func (f feed) read(ctx context.Context, after outbox.Position, limit int, wait time.Duration) (events []outbox.Recorded, next outbox.Position, err error) {
	deadline := time.Now().Add(wait)
	batch := limit
	if f.match != nil || f.neutral {
		batch = max(limit, feedBatch)
	}
	next = after
	for scanned := 0; scanned < mostScanned; {
		left := max(0, time.Until(deadline))
		if len(events) > 0 {
			left = 0
		}
		list, err := outbox.Wait(ctx, f.db, next, batch, left)
		if errors.Is(err, outbox.ErrBadPosition) {
			return nil, after, badParameter("?after", "position", "This is not a position of this feed.")
		}
		if err != nil && errors.Is(context.Cause(ctx), errStopping) {
			return events, next, nil
		}
		if err != nil {
			return nil, after, fmt.Errorf("reading the feed: %w", err)
		}
		for _, e := range list {
			next = e.Position
			mine := f.match == nil || f.match(e.Event.Type)
			if mine && f.neutral {
				e.Event.Data, mine = consultation.Neutral(e.Event.Type, e.Event.Data)
			}
			if mine {
				events = append(events, e)
			}
			if len(events) == limit {
				return events, next, nil
			}
		}
		scanned += len(list)
		if len(list) < batch && (len(events) > 0 || time.Until(deadline) <= 0) {
			break
		}
	}
	return events, next, nil
}

// untilStopped is ctx that also ends when the process stops.
func (a *API) untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-a.o.Stop:
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
