package console

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"ristmik/adapters/web"
	"ristmik/outbox"
)

const (
	shownBulks = 5   // of the page
	shownItems = 200 // of the page of a bulk job, and of an answer of the API unless more are asked for
	mostItems  = 1000
)

// bulkJob is a bulk job as the API tells of it.
type bulkJob struct {
	ID            int64     `json:"id"`
	Action        string    `json:"action"`
	By            string    `json:"by"`
	Reason        string    `json:"reason"`
	Destination   string    `json:"destination,omitempty"`
	Kind          string    `json:"kind,omitempty"`
	Because       string    `json:"because,omitempty"`
	Rate          float64   `json:"rate,omitempty"`
	State         string    `json:"state"` // "running", "paused", "stopped" or "done"
	Total         int64     `json:"total"`
	Done          int64     `json:"done"`
	Failed        int64     `json:"failed"`
	Left          int64     `json:"left"`
	Created       time.Time `json:"created"`
	ChangedBy     string    `json:"changed_by,omitempty"` // who paused, resumed or stopped it
	ChangedReason string    `json:"changed_reason,omitempty"`
	Ended         time.Time `json:"ended,omitzero"`
}

func bulkOf(b outbox.Bulk) bulkJob {
	return bulkJob{
		ID: b.ID, Action: b.Action, By: b.By, Reason: b.Reason, Destination: b.Destination, Kind: b.Kind, Because: b.Because, Rate: b.Rate,
		State: b.State, Total: b.Total, Done: b.Done, Failed: b.Failed, Left: b.Left(), Created: b.Created.UTC(),
		ChangedBy: b.ChangedBy, ChangedReason: b.ChangedReason, Ended: b.Ended,
	}
}

// bulkItem is what became of one message of a bulk job.
type bulkItem struct {
	Message int64     `json:"message"`
	Result  string    `json:"result"` // "done", "failed" or "left"
	Error   string    `json:"error,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

func readItems(ctx context.Context, db outbox.DB, id, after int64, limit int) ([]bulkItem, error) {
	found, err := outbox.BulkItems(ctx, db, id, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]bulkItem, len(found))
	for i, f := range found {
		if list[i] = (bulkItem{Message: f.Message, Result: f.Result, Error: f.Error, At: f.At}); f.Result == "" {
			list[i].Result = "left"
		}
	}
	return list, nil
}

// decide makes a bulk job.
func (c *Console) decide(ctx context.Context, d outbox.Decision) (outbox.Bulk, error) {
	var err error
	if d.Reason, err = reasoned(d.Reason); err != nil {
		return outbox.Bulk{}, err
	}
	b, err := outbox.Decide(ctx, c.o.Pool, d)
	return b, c.kept(ctx, err, "bulk job made", d.By, "job", b.ID, "action", d.Action, "messages", b.Total)
}

// steerBulk pauses, resumes or stops a bulk job.
func (c *Console) steerBulk(ctx context.Context, id int64, action, by, reason string) error {
	reason, err := reasoned(reason)
	if err != nil {
		return err
	}
	do, ok := map[string]func(context.Context, outbox.DB, int64, string, string) error{
		"pause": outbox.PauseBulk, "resume": outbox.ResumeBulk, "stop": outbox.StopBulk,
	}[action]
	if !ok {
		return outbox.ErrNoBulk
	}
	return c.kept(ctx, do(ctx, c.o.Pool, id, by, reason), "bulk job changed", by, "job", id, "action", action)
}

func (c *Console) getBulks(w http.ResponseWriter, r *http.Request) {
	found, err := outbox.Bulks(r.Context(), c.o.Pool, 100)
	if err != nil {
		c.broken(w, r, "reading bulk jobs", err)
		return
	}
	list := make([]bulkJob, len(found))
	for i, b := range found {
		list[i] = bulkOf(b)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"bulk": list})
}

// getSelection says how many dead messages a selection has: ?destination=, ?kind=, ?because=.
func (c *Console) getSelection(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := outbox.CountDead(r.Context(), c.o.Pool, outbox.Selection{Destination: q.Get("destination"), Kind: q.Get("kind"), Because: q.Get("because")})
	if err != nil {
		c.broken(w, r, "counting dead messages", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"count": n})
}

// apiBulk makes a bulk job. Unless the messages are named by ids, count must be what GET /api/v1/bulk/selection told.
func (c *Console) apiBulk(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		signature
		Action      string  `json:"action"`
		IDs         []int64 `json:"ids"`
		Destination string  `json:"destination"`
		Kind        string  `json:"kind"`
		Because     string  `json:"because"`
		Count       *int64  `json:"count"`
		Rate        float64 `json:"rate"`
	}
	if problem := readBody(w, r, &asked); problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	if len(asked.IDs) == 0 && asked.Count == nil {
		web.WriteProblem(w, web.Problem{
			Type: web.TypeValidation, Title: "The request is not in order", Status: http.StatusUnprocessableEntity,
			Errors: []web.FieldError{{Path: "/count", Code: "required", Message: "is needed where no ids are given: the number that GET /api/v1/bulk/selection tells"}},
		})
		return
	}
	b, err := c.decide(r.Context(), outbox.Decision{
		Selection: outbox.Selection{IDs: asked.IDs, Destination: asked.Destination, Kind: asked.Kind, Because: asked.Because},
		Action:    asked.Action, By: asked.author(r), Reason: asked.Reason, Rate: asked.Rate, Expected: asked.Count,
	})
	if err != nil {
		c.refused(w, r, "making a bulk job", err)
		return
	}
	w.Header().Set("Location", "/api/v1/bulk/"+strconv.FormatInt(b.ID, 10))
	web.WriteJSON(w, http.StatusCreated, bulkOf(b))
}

// bulkID is the id in the path; false when it has been answered that it is none.
func bulkID(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		notFound(w, "There is no such bulk job.")
	}
	return id, err == nil
}

// getBulk tells how a bulk job stands and what became of its messages: ?after= the id of the last one of the page before,
// ?limit= 1 to 1000.
func (c *Console) getBulk(w http.ResponseWriter, r *http.Request) {
	id, ok := bulkID(w, r)
	if !ok {
		return
	}
	after, limit, q := int64(0), shownItems, r.URL.Query()
	var wrong []web.FieldError
	if v := q.Get("after"); v != "" {
		var err error
		if after, err = strconv.ParseInt(v, 10, 64); err != nil || after < 0 {
			wrong = append(wrong, web.FieldError{Path: "after", Code: "format", Message: "is not the id of a message"})
		}
	}
	if v := q.Get("limit"); v != "" {
		var err error
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > mostItems {
			wrong = append(wrong, web.FieldError{Path: "limit", Code: "range", Message: "is not a number from 1 to " + strconv.Itoa(mostItems)})
		}
	}
	if len(wrong) > 0 {
		web.WriteProblem(w, web.Problem{Type: web.TypeValidation, Title: "The query is not in order", Status: http.StatusBadRequest, Errors: wrong})
		return
	}
	b, err := outbox.BulkOf(r.Context(), c.o.Pool, id)
	if err != nil {
		c.refused(w, r, "reading a bulk job", err)
		return
	}
	items, err := readItems(r.Context(), c.o.Pool, id, after, limit)
	if err != nil {
		c.broken(w, r, "reading what became of a bulk job", err)
		return
	}
	answer := map[string]any{"job": bulkOf(b), "items": items}
	if len(items) == limit {
		answer["next_after"] = items[len(items)-1].Message
	}
	web.WriteJSON(w, http.StatusOK, answer)
}

// apiSteerBulk serves pause, resume and stop of a bulk job.
func (c *Console) apiSteerBulk(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked signature
		if problem := readBody(w, r, &asked); problem != nil {
			web.WriteProblem(w, *problem)
			return
		}
		id, ok := bulkID(w, r)
		if !ok {
			return
		}
		err := c.steerBulk(r.Context(), id, action, asked.author(r), asked.Reason)
		var b outbox.Bulk
		if err == nil {
			b, err = outbox.BulkOf(r.Context(), c.o.Pool, id)
		}
		if err != nil {
			c.refused(w, r, "changing a bulk job", err)
			return
		}
		web.WriteJSON(w, http.StatusOK, bulkOf(b))
	}
}

// postBulk is the form of the page that makes a bulk job; the browser goes on to the page of that.
func (c *Console) postBulk(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	action, destination, because := r.PostFormValue("action"), r.PostFormValue("destination"), r.PostFormValue("because")
	count, err := strconv.ParseInt(r.PostFormValue("count"), 10, 64)
	rate, errRate := strconv.ParseFloat(r.PostFormValue("rate"), 64)
	if err != nil || errRate != nil {
		c.back(w, r, "fault", "failed", "")
		return
	}
	b, err := c.decide(r.Context(), outbox.Decision{
		Selection: outbox.Selection{Destination: destination, Because: because}, Action: action, By: operator(r, ""), Reason: r.PostFormValue("reason"),
		Rate: rate, Expected: &count,
	})
	if err == nil {
		http.Redirect(w, r, "/bulk/"+strconv.FormatInt(b.ID, 10), http.StatusSeeOther)
		return
	}
	c.done(w, r, ask{"all_" + action, destination, because}, "dead", err)
}

// postSteerBulk are the forms of the page of a bulk job.
func (c *Console) postSteerBulk(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		c.back(w, r, "fault", "not_found", "")
		return
	}
	action := r.PathValue("action")
	if err := c.steerBulk(r.Context(), id, action, operator(r, ""), r.PostFormValue("reason")); err != nil {
		c.done(w, r, ask{action: "bulk_" + action, of: r.PathValue("id")}, "dead", err)
		return
	}
	http.Redirect(w, r, "/bulk/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
}
