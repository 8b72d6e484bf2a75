package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"ristmik/outbox"
	"ristmik/schedules"
)

// maxReason bounds what an operator writes, in bytes.
const maxReason = 500

// maxForm bounds a form of the page, in bytes.
const maxForm = 16 << 10

// Errors of actions that are the caller's.
var (
	errNoReason = errors.New("a reason is needed")
	errNoRunner = errors.New("this process runs no jobs")
)

// retry sends a dead message again. Who did it and why is kept with it.
func (c *Console) retry(ctx context.Context, id int64, by, reason string) error {
	reason, err := reasoned(reason)
	if err != nil {
		return err
	}
	return c.kept(ctx, outbox.Retry(ctx, c.o.Pool, id, by, reason), "message sent again", by, "message", id)
}

// run starts a job at once and returns the time it is due.
func (c *Console) run(ctx context.Context, name, by string) (time.Time, error) {
	if c.o.Runner == nil {
		return time.Time{}, errNoRunner
	}
	ticket, err := c.o.Runner.RunNow(ctx, name, by)
	if err != nil {
		return time.Time{}, err
	}
	c.o.Log.InfoContext(ctx, "job run by an operator", "job", name, "by", by)
	return ticket.Due, nil
}

// postRun is the button of the page.
func (c *Console) postRun(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	switch _, err := c.run(r.Context(), name, operator(r, "")); {
	case err == nil:
		c.back(w, r, "done", "run", name)
	case errors.Is(err, errNoRunner), errors.Is(err, schedules.ErrUnknownJob):
		c.back(w, r, "fault", "not_found", "")
	default:
		c.o.Log.ErrorContext(r.Context(), "running a job", "job", name, "error", err)
		c.back(w, r, "fault", "failed", "")
	}
}

func (c *Console) back(w http.ResponseWriter, r *http.Request, what, which, of string) {
	query := url.Values{what: {which}}
	if of != "" {
		query.Set("of", of)
	}
	http.Redirect(w, r, "/?"+query.Encode(), http.StatusSeeOther)
}
