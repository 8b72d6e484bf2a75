package core

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ristmik/adapters/web"
	"ristmik/outbox"
)

// Bounds of GET /v1/events; the description says the same.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxWait      = 60 // seconds
	maxPosition  = 100
)

// cloudEvent is an event in the JSON format of CloudEvents 1.0; position is an
// extension attribute.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	Source          string          `json:"source"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	Position        outbox.Position `json:"position"`
}

// eventPage is a page of the feed.
type eventPage struct {
	Events []cloudEvent    `json:"events"`
	Next   outbox.Position `json:"next"`
}

func cloudEventOf(r outbox.Recorded) cloudEvent {
	e := r.Event
	c := cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Type: e.Type, Source: e.Source, Subject: e.Subject,
		Time: e.Time.UTC(), Data: e.Data, Position: r.Position,
	}
	if len(e.Data) > 0 {
		c.DataContentType = "application/json"
	}
	return c
}

// feedQuery is what a reader of the feed asks for.
type feedQuery struct {
	after outbox.Position
	types Types // empty: all that the reader may read
	limit int
	wait  time.Duration
}

func (a *API) readEvents(w http.ResponseWriter, r *http.Request) {
	q, err := a.feedQueryOf(r.URL.RawQuery, "after", "limit", "types", "wait")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	f, err := a.feedFor(r, q.types)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	ctx, cancel := a.untilStopped(r.Context())
	defer cancel()
	events, next, err := f.read(ctx, q.after, q.limit, q.wait)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	page := eventPage{Events: make([]cloudEvent, 0, len(events)), Next: next}
	for _, e := range events {
		page.Events = append(page.Events, cloudEventOf(e))
	}
	web.WriteJSON(w, http.StatusOK, page)
}

// feedQueryOf reads the query strictly: a parameter that is misspelt or comes
// twice is an error, because reading on with a default would repeat or lose
// events for the reader. All faults are named at once.
func (a *API) feedQueryOf(raw string, allowed ...string) (feedQuery, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return feedQuery{}, badParameter("?", "parameter", "The query cannot be read.")
	}
	q := feedQuery{limit: defaultLimit}
	var found []web.FieldError
	add := func(name, code, message string) {
		found = append(found, web.FieldError{Path: "?" + name, Code: code, Message: message})
	}
	number := func(name, s string, low, high int) int {
		n, err := strconv.Atoi(s)
		if err != nil || strings.HasPrefix(s, "+") {
			add(name, "type", "A whole number is needed.")
		} else if n < low || n > high {
			add(name, "range", fmt.Sprintf("The number must be from %d to %d.", low, high))
		}
		return n
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			add(name, "parameter", "The parameter may come once.")
			continue
		}
		if !slices.Contains(allowed, name) {
			add(name, "unknown_field", "There is no such parameter; "+strings.Join(allowed, ", ")+" are.")
			continue
		}
		switch s := values[name][0]; name {
		case "types":
			var bad []string
			if q.types, bad = ParseTypes(strings.Split(s, ","), a.doc.eventTypes); len(bad) > 0 {
				add(name, "enum", "Event types, or the beginning of some and .*, are needed, with commas between; /openapi.json lists them.")
			}
		case "after":
			q.after = outbox.Position(s)
			if len(s) > maxPosition {
				add(name, "position", "This is not a position of this feed.")
			}
		case "limit":
			q.limit = number(name, s, 1, maxLimit)
		case "wait":
			q.wait = time.Duration(number(name, s, 0, maxWait)) * time.Second
		}
	}
	if len(found) > 0 {
		return feedQuery{}, &problemError{web.Problem{
			Type: typeParameter, Status: http.StatusBadRequest, Detail: "Parameters of the query are wrong; errors names each.", Errors: found,
		}}
	}
	return q, nil
}

// CloudEvent is an event in the JSON format of CloudEvents 1.0, as the feed has
// it, for those who are told of it by other ways.
func CloudEvent(r outbox.Recorded) ([]byte, error) {
	text, err := json.Marshal(cloudEventOf(r))
	if err != nil {
		return nil, fmt.Errorf("writing event %s: %w", r.Event.ID, err)
	}
	return text, nil
}
