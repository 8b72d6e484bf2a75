package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"ristmik/adapters/web"
	"ristmik/outbox"
)

// signature is who wants something and why; by is believed only where nobody has to say who they are.
type signature struct {
	Reason string `json:"reason"`
	By     string `json:"by"`
}

func (s signature) author(r *http.Request) string {
	if len(s.By) > 100 {
		s.By = ""
	}
	return operator(r, s.By)
}

// refused answers an action that was not carried out.
func (c *Console) refused(w http.ResponseWriter, r *http.Request, doing string, err error) {
	unfit := func(path, message string) {
		web.WriteProblem(w, web.Problem{
			Type: web.TypeValidation, Title: "The request is not in order", Status: http.StatusUnprocessableEntity,
			Errors: []web.FieldError{{Path: path, Code: "unfit", Message: message}},
		})
	}
	conflict := func(title string) {
		web.WriteProblem(w, web.Problem{Type: web.TypeConflict, Title: title, Status: http.StatusConflict})
	}
	switch {
	case errors.Is(err, errNoReason):
		unfit("/reason", "is needed, up to "+strconv.Itoa(maxReason)+" bytes")
	case errors.Is(err, errDuration), errors.Is(err, errTimes):
		unfit("", err.Error())
	case errors.Is(err, outbox.ErrNotFound):
		notFound(w, "There is no such message.")
	case errors.Is(err, errUnknown):
		notFound(w, "There is no such destination.")
	case errors.Is(err, outbox.ErrNoBulk):
		notFound(w, "There is no such bulk job.")
	case errors.Is(err, outbox.ErrNoDowntime):
		notFound(w, "There is no such announcement, or it is over.")
	case errors.Is(err, outbox.ErrNotDead):
		conflict("The message is not dead")
	case errors.Is(err, outbox.ErrBulkState):
		conflict("The bulk job is in another state")
	case errors.Is(err, outbox.ErrOtherCount):
		conflict("Another number of messages is selected")
	case errors.Is(err, errNoCheck):
		web.WriteProblem(w, web.Problem{Type: web.TypeUnavailable, Title: "This process cannot tell whether the message could be sent", Status: http.StatusServiceUnavailable})
	case errors.Is(err, outbox.ErrInvalid):
		unfit("", err.Error())
	default:
		c.broken(w, r, doing, err)
	}
}

// messageID is the id in the path; false when it has been answered that it is none.
func messageID(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		notFound(w, "There is no such message.")
	}
	return id, err == nil
}

// apiSigned serves an action on one dead message that takes no more than who and why.
func (c *Console) apiSigned(doing string, do func(ctx context.Context, id int64, by, reason string) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked signature
		if problem := readBody(w, r, &asked); problem != nil {
			web.WriteProblem(w, *problem)
			return
		}
		id, ok := messageID(w, r)
		if !ok {
			return
		}
		answer, err := do(r.Context(), id, asked.author(r), asked.Reason)
		if err != nil {
			c.refused(w, r, doing, err)
			return
		}
		web.WriteJSON(w, http.StatusOK, answer)
	}
}

func (c *Console) apiRetried(ctx context.Context, id int64, by, reason string) (any, error) {
	return map[string]any{"id": id, "state": "ready"}, c.retry(ctx, id, by, reason)
}

func (c *Console) apiDiscarded(ctx context.Context, id int64, by, reason string) (any, error) {
	return map[string]any{"id": id, "state": "discarded"}, c.discard(ctx, id, by, reason)
}

// apiBody gives the body of a message as text, or in base64 where it is none.
func (c *Console) apiBody(ctx context.Context, id int64, by, reason string) (any, error) {
	body, err := c.body(ctx, id, by, reason)
	answer := map[string]any{"id": id, "body": string(body)}
	if !utf8.Valid(body) {
		answer = map[string]any{"id": id, "base64": body}
	}
	return answer, err
}

// apiEdit lets a dead message go again with another body or at another time.
func (c *Console) apiEdit(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		signature
		Body    *string `json:"body"`
		Base64  []byte  `json:"base64"`
		Delay   string  `json:"delay"`
		Expires string  `json:"expires"`
	}
	data, problem := web.ReadJSON(w, r, maxEdited)
	if problem == nil {
		problem = decodeStrict(data, &asked)
	}
	if problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	id, ok := messageID(w, r)
	if !ok {
		return
	}
	change := outbox.Change{Payload: asked.Base64}
	if asked.Body != nil {
		change.Payload = []byte(*asked.Body)
	}
	var err error
	if change.Delay, err = lasting(asked.Delay); err == nil {
		change.Expires, err = lasting(asked.Expires)
	}
	var generation int
	if err == nil {
		generation, err = c.edit(r.Context(), id, change, asked.author(r), asked.Reason)
	}
	if err != nil {
		c.refused(w, r, "editing a message", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"id": id, "state": "ready", "generation": generation})
}

// apiSteer serves pause, resume, trip and reset of a destination.
func (c *Console) apiSteer(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			signature
			For string `json:"for"`
		}
		if problem := readBody(w, r, &asked); problem != nil {
			web.WriteProblem(w, *problem)
			return
		}
		name := r.PathValue("name")
		if err := c.steer(r.Context(), name, action, asked.For, asked.author(r), asked.Reason); err != nil {
			c.refused(w, r, "steering a destination", err)
			return
		}
		now, err := readBreakers(r.Context(), c.o.Pool)
		if err != nil {
			c.broken(w, r, "reading breakers", err)
			return
		}
		for _, b := range now {
			if b.Destination == name {
				web.WriteJSON(w, http.StatusOK, b)
				return
			}
		}
	}
}
