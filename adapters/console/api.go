package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"ristmik/adapters/web"
	"ristmik/outbox"
	"ristmik/schedules"
)

// maxBody bounds a request to the API, in bytes.
const maxBody = 64 << 10

// shownHistory is how many changes of breakers the API shows.
const shownHistory = 100

func (c *Console) getDeliveries(w http.ResponseWriter, r *http.Request) {
	found, err := c.readDeliveries(r.Context(), c.o.Pool)
	if err != nil {
		c.broken(w, r, "reading deliveries", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"deliveries": orEmpty(found)})
}

// getDead lists dead messages, the newest first: ?destination=, ?limit= (1 to
// 500, 100 by default) and ?before= with the last id of the page before.
func (c *Console) getDead(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	filter := outbox.Filter{Destination: query.Get("destination"), Limit: 100}
	var wrong []web.FieldError
	if v := query.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 500 {
			wrong = append(wrong, web.FieldError{Path: "limit", Code: "range", Message: "is not a number from 1 to 500"})
		}
		filter.Limit = n
	}
	if v := query.Get("before"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			wrong = append(wrong, web.FieldError{Path: "before", Code: "format", Message: "is not the id of a message"})
		}
		filter.Before = n
	}
	if len(wrong) > 0 {
		web.WriteProblem(w, web.Problem{Type: web.TypeValidation, Title: "The query is not in order", Status: http.StatusBadRequest, Errors: wrong})
		return
	}
	limit := filter.Limit
	found, err := readDead(r.Context(), c.o.Pool, filter)
	if err != nil {
		c.broken(w, r, "reading dead messages", err)
		return
	}
	answer := map[string]any{"dead": orEmpty(found)}
	if len(found) == limit {
		answer["next_before"] = found[len(found)-1].ID
	}
	web.WriteJSON(w, http.StatusOK, answer)
}

// getBreakers tells the state of every breaker and the latest changes.
func (c *Console) getBreakers(w http.ResponseWriter, r *http.Request) {
	now, err := readBreakers(r.Context(), c.o.Pool)
	if err != nil {
		c.broken(w, r, "reading breakers", err)
		return
	}
	before, err := readChanges(r.Context(), c.o.Pool, shownHistory)
	if err != nil {
		c.broken(w, r, "reading changes of breakers", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"breakers": orEmpty(now), "history": orEmpty(before)})
}

func (c *Console) getJobs(w http.ResponseWriter, r *http.Request) {
	found, err := readJobs(r.Context(), c.o.Pool)
	if err != nil {
		c.broken(w, r, "reading jobs", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"jobs": orEmpty(found)})
}

// apiRun starts a job at once; it runs in one of the processes, and GET shows
// what comes of it.
func (c *Console) apiRun(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		By *string `json:"by"`
	}
	if r.ContentLength != 0 {
		if problem := readBody(w, r, &asked); problem != nil {
			web.WriteProblem(w, *problem)
			return
		}
	}
	by := ""
	if asked.By != nil && len(*asked.By) <= 100 {
		by = *asked.By
	}
	name := r.PathValue("name")
	switch due, err := c.run(r.Context(), name, operator(r, by)); {
	case err == nil:
		web.WriteJSON(w, http.StatusAccepted, map[string]any{"job": name, "due": due})
	case errors.Is(err, schedules.ErrUnknownJob):
		notFound(w, "There is no such job.")
	case errors.Is(err, errNoRunner):
		web.WriteProblem(w, web.Problem{Type: web.TypeUnavailable, Title: "This process runs no jobs", Status: http.StatusServiceUnavailable})
	default:
		c.broken(w, r, "running a job", err)
	}
}

func readBody(w http.ResponseWriter, r *http.Request, into any) *web.Problem {
	data, problem := web.ReadJSON(w, r, maxBody)
	if problem != nil {
		return problem
	}
	return decodeStrict(data, into)
}

func (c *Console) broken(w http.ResponseWriter, r *http.Request, doing string, err error) {
	c.o.Log.ErrorContext(r.Context(), doing, "error", err)
	web.WriteProblem(w, web.Problem{Type: web.TypeUnavailable, Title: "The database does not answer", Status: http.StatusServiceUnavailable})
}

func notFound(w http.ResponseWriter, detail string) {
	web.WriteProblem(w, web.Problem{Type: web.TypeNotFound, Title: "Not found", Status: http.StatusNotFound, Detail: detail})
}

// orEmpty makes a list without entries [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// decodeStrict reads a small JSON object; an unknown member is a fault, as is
// one of another type.
func decodeStrict(data []byte, into any) *web.Problem {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		return nil
	}
	problem := &web.Problem{Type: web.TypeValidation, Title: "The request is not in order", Status: http.StatusUnprocessableEntity}
	field := web.FieldError{Code: "unknown", Message: "a member is not known here"}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field = web.FieldError{Code: "type", Message: "has the wrong type"}
		if e.Field != "" {
			field.Path = "/" + e.Field
		}
	}
	problem.Errors = []web.FieldError{field}
	return problem
}
