package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"ristmik/adapters/web"
	"ristmik/outbox"
)

// errCancels says that switching retries off would cancel something else than
// the caller was told.
var errCancels = errors.New("what is cancelled has changed")

// switched is what switching retries of a destination came to.
type switched struct {
	Destination string `json:"destination"`
	Retries     string `json:"retries"` // "on" or "off"
	Cancelled   int64  `json:"cancelled"`
	Failed      int    `json:"failed,omitempty"` // of the cancelled ones: nothing became of them
}

// switchRetries switches off or on that failed messages are tried again. Off
// needs the number of messages that it cancels, as the caller was told it; on,
// where there are cancelled ones, what becomes of them.
func (c *Console) switchRetries(ctx context.Context, name, to, old string, cancels int64, by, reason string) (switched, error) {
	done := switched{Destination: name, Retries: to}
	reason, err := reasoned(reason)
	if err != nil {
		return done, err
	}
	now, err := outbox.RetriesOf(ctx, c.o.Pool, name)
	if err != nil {
		return done, err
	}
	if to == "off" {
		if now.Waiting != cancels {
			return done, errCancels
		}
		done.Cancelled, err = outbox.StopRetries(ctx, c.o.Pool, name, by, reason)
	} else {
		var items []outbox.Item
		done.Cancelled = now.Cancelled
		items, err = outbox.StartRetries(ctx, c.o.Pool, name, by, reason, outbox.Old(old))
		for _, i := range items {
			if i.Err != nil {
				done.Failed++
			}
		}
	}
	return done, c.kept(ctx, err, "retries switched", by, "destination", name, "to", to)
}

func (c *Console) getRetries(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	now, err := outbox.RetriesOf(r.Context(), c.o.Pool, name)
	if err != nil {
		c.broken(w, r, "reading retries", err)
		return
	}
	state := "on"
	if now.OffBy != "" {
		state = "off"
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{
		"destination": name, "retries": state, "off_by": now.OffBy, "off_reason": now.OffReason, "waiting": now.Waiting, "cancelled": now.Cancelled,
	})
}

// apiRetries switches. What is cancelled, or becomes of what was, must be said:
// cancels with off, old with on.
func (c *Console) apiRetries(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Retries string `json:"retries"`
		Reason  string `json:"reason"`
		By      string `json:"by"`
		Cancels int64  `json:"cancels"`
		Old     string `json:"old"`
	}
	if problem := readBody(w, r, &asked); problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	unfit := func(path, message string) {
		web.WriteProblem(w, web.Problem{
			Type: web.TypeValidation, Title: "The request is not in order", Status: http.StatusUnprocessableEntity,
			Errors: []web.FieldError{{Path: path, Code: "required", Message: message}},
		})
	}
	if asked.Retries != "on" && asked.Retries != "off" {
		unfit("/retries", `is "on" or "off"`)
		return
	}
	if len(asked.By) > 100 {
		asked.By = ""
	}
	done, err := c.switchRetries(r.Context(), r.PathValue("name"), asked.Retries, asked.Old, asked.Cancels, operator(r, asked.By), asked.Reason)
	switch {
	case err == nil:
		web.WriteJSON(w, http.StatusOK, done)
	case errors.Is(err, errNoReason):
		unfit("/reason", "is needed, up to "+strconv.Itoa(maxReason)+" bytes")
	case errors.Is(err, errCancels):
		web.WriteProblem(w, web.Problem{Type: web.TypeConflict, Title: "Another number of messages waits to be tried again", Status: http.StatusConflict, Detail: "cancels must be the number that GET tells as waiting."})
	case errors.Is(err, outbox.ErrOld):
		web.WriteProblem(w, web.Problem{Type: web.TypeConflict, Title: "Cancelled messages wait for a decision", Status: http.StatusConflict, Detail: "old says what becomes of them: retry, keep or discard."})
	case errors.Is(err, outbox.ErrInvalid):
		unfit("/old", "is retry, keep or discard")
	default:
		c.broken(w, r, "switching retries", err)
	}
}
