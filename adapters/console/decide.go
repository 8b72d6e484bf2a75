package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"ristmik/outbox"
)

// Errors of what operators decide.
var (
	errDuration = errors.New("a duration such as 90m, up to a year, is needed")
	errUnknown  = errors.New("there is no such destination")
	errNoCheck  = errors.New("this process cannot tell whether the message could be sent")
)

// kept says what an operator has done in the log, where nothing has failed.
func (c *Console) kept(ctx context.Context, err error, what, by string, of ...any) error {
	if errors.Is(err, outbox.ErrInvalid) && strings.Contains(err.Error(), "who and why") {
		return errNoReason
	}
	if err == nil {
		c.o.Log.InfoContext(ctx, what+" by an operator", append(of, "by", by)...)
	}
	return err
}

// discard gives a dead message up.
func (c *Console) discard(ctx context.Context, id int64, by, reason string) error {
	reason, err := reasoned(reason)
	if err != nil {
		return err
	}
	return c.kept(ctx, outbox.Discard(ctx, c.o.Pool, id, by, reason), "message discarded", by, "message", id)
}

// body reads the body of a message for somebody who wants to edit it; who and why is kept. What is hidden is not shown here.
func (c *Console) body(ctx context.Context, id int64, by, reason string) ([]byte, error) {
	reason, err := reasoned(reason)
	if err != nil {
		return nil, err
	}
	m, err := outbox.Show(ctx, c.o.Pool, id)
	if err != nil {
		return nil, err
	}
	if c.hidden(m.Destination) {
		return nil, errNoCheck
	}
	body, err := outbox.Body(ctx, c.o.Pool, id, by, reason)
	return body, c.kept(ctx, err, "body of a message read", by, "message", id)
}

func (c *Console) hidden(destination string) bool {
	return c.o.Uncounted != nil && c.o.Uncounted(destination)
}

// edit lets a dead message go again, as its next generation.
func (c *Console) edit(ctx context.Context, id int64, change outbox.Change, by, reason string) (generation int, err error) {
	if reason, err = reasoned(reason); err != nil {
		return 0, err
	}
	check := c.o.Check
	if change.Payload != nil && check == nil {
		return 0, errNoCheck
	}
	if change.Payload == nil {
		check = nil
	}
	generation, err = outbox.Edit(ctx, c.o.Pool, id, change, check, by, reason)
	return generation, c.kept(ctx, err, "message edited", by, "message", id, "generation", generation)
}

// known is errUnknown where nothing has ever been sent to a destination, and nothing is configured to be.
func (c *Console) known(ctx context.Context, name string) error {
	if _, ok := c.o.Titles[name]; ok {
		return nil
	}
	known, err := outbox.Breakers(ctx, c.o.Pool)
	if err != nil {
		return err
	}
	for _, b := range known {
		if b.Destination == name {
			return nil
		}
	}
	return errUnknown
}

// steer pauses, resumes, trips or resets a destination.
func (c *Console) steer(ctx context.Context, name, action, lasts, by, reason string) error {
	reason, err := reasoned(reason)
	if err != nil {
		return err
	}
	d, err := lasting(lasts)
	if err != nil || action == "trip" && d == 0 {
		return errDuration
	}
	if err := c.known(ctx, name); err != nil {
		return err
	}
	switch action {
	case "pause":
		err = outbox.Pause(ctx, c.o.Pool, name, by, reason, d)
	case "resume":
		err = outbox.Unpause(ctx, c.o.Pool, name, by, reason)
	case "trip":
		err = outbox.Trip(ctx, c.o.Pool, name, by, reason, d)
	default:
		err = outbox.Reset(ctx, c.o.Pool, name, by, reason)
	}
	return c.kept(ctx, err, "destination steered", by, "destination", name, "action", action)
}

// editing is a body that is being edited, on its way through a form.
type editing struct{ body, reason, hash string }

// fingerprint recognises a body that has come back unchanged: a form changes the ends of lines.
func fingerprint(body string) string {
	sum := sha256.Sum256([]byte(strings.ReplaceAll(body, "\r\n", "\n")))
	return hex.EncodeToString(sum[:])
}

// postDead are the forms of a dead message: discard, edit, and body, which is followed by the form that edits it.
func (c *Console) postDead(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxEdited)
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		c.back(w, r, "fault", "not_found", "")
		return
	}
	of, action, by, reason := strconv.FormatInt(id, 10), r.PathValue("action"), operator(r, ""), r.PostFormValue("reason")
	switch action {
	case "retry":
		err = c.retry(r.Context(), id, by, reason)
	case "discard":
		err = c.discard(r.Context(), id, by, reason)
	case "body":
		var body []byte
		if body, err = c.body(r.Context(), id, by, reason); err == nil {
			edited := &editing{reason: reason}
			if text := string(body); c.o.Check != nil && utf8.ValidString(text) {
				edited.body, edited.hash = text, fingerprint(text)
			} else {
				edited = nil // only its time can be changed
			}
			c.show(w, r, ask{action: "edit", of: of}, edited)
			return
		}
	case "edit":
		var change outbox.Change
		if change, err = changeOf(r); err == nil {
			_, err = c.edit(r.Context(), id, change, by, reason)
		}
	default:
		c.back(w, r, "fault", "not_found", "")
		return
	}
	c.done(w, r, ask{action: action, of: of}, "m"+of, err)
}

// changeOf is what the form that edits a message asks for.
func changeOf(r *http.Request) (change outbox.Change, err error) {
	if change.Delay, err = lasting(r.PostFormValue("delay")); err != nil {
		return change, err
	}
	if change.Expires, err = lasting(r.PostFormValue("expires")); err != nil {
		return change, err
	}
	if was := r.PostFormValue("was"); was != "" {
		if body := r.PostFormValue("body"); fingerprint(body) != was {
			change.Payload = []byte(strings.ReplaceAll(body, "\r\n", "\n"))
		}
	}
	return change, nil
}

// postDestination are the forms of a destination.
func (c *Console) postDestination(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	name, action := r.PathValue("name"), r.PathValue("action")
	var err error
	switch action {
	case "pause", "resume", "trip", "reset":
		err = c.steer(r.Context(), name, action, r.PostFormValue("for"), operator(r, ""), r.PostFormValue("reason"))
	case "announce":
		err = c.postAnnounce(r, name)
	case "withdraw":
		err = c.postWithdraw(r, name)
	case "retries":
		to := r.PostFormValue("retries")
		cancels, parsed := strconv.ParseInt(r.PostFormValue("cancels"), 10, 64)
		if to != "on" && (to != "off" || parsed != nil) {
			c.back(w, r, "fault", "failed", "")
			return
		}
		_, err = c.switchRetries(r.Context(), name, to, r.PostFormValue("old"), cancels, operator(r, ""), r.PostFormValue("reason"))
		if action = "retries_" + to; err == nil {
			c.back(w, r, "done", "retries", name)
			return
		}
	default:
		c.back(w, r, "fault", "not_found", "")
		return
	}
	c.done(w, r, ask{action: action, of: name}, "breaker-"+name, err)
}

// done leads the browser back to the page, whatever has come of a form, so that a reload repeats nothing; to the form
// where something is still wanted.
func (c *Console) done(w http.ResponseWriter, r *http.Request, a ask, anchor string, err error) {
	action, of := a.action, a.of
	again := func(fault string) {
		query := url.Values{"live": {"0"}, "fault": {fault}, "ask": {action}, "of": {of}}
		if a.because != "" {
			query.Set("because", a.because)
		}
		http.Redirect(w, r, "/?"+query.Encode()+"#"+url.PathEscape(anchor), http.StatusSeeOther)
	}
	switch {
	case err == nil:
		c.back(w, r, "done", action, of)
	case errors.Is(err, errNoReason):
		again("reason")
	case errors.Is(err, errDuration):
		again("duration")
	case errors.Is(err, errTimes):
		again("times")
	case errors.Is(err, errCancels), errors.Is(err, outbox.ErrOld), errors.Is(err, outbox.ErrOtherCount):
		again("changed")
	case errors.Is(err, outbox.ErrNotDead):
		c.back(w, r, "fault", "not_dead", of)
	case errors.Is(err, outbox.ErrNotFound), errors.Is(err, errUnknown), errors.Is(err, outbox.ErrNoBulk), errors.Is(err, outbox.ErrNoDowntime), errors.Is(err, ErrUnknownContract):
		c.back(w, r, "fault", "not_found", of)
	case errors.Is(err, outbox.ErrBulkState):
		c.back(w, r, "fault", "bulk_state", of)
	case errors.Is(err, outbox.ErrInvalid), errors.Is(err, errNoCheck):
		c.o.Log.WarnContext(r.Context(), "an action was refused", "action", action, "of", of, "error", err)
		c.back(w, r, "fault", "refused", of)
	default:
		c.o.Log.ErrorContext(r.Context(), "an action failed", "action", action, "of", of, "error", err)
		c.back(w, r, "fault", "failed", of)
	}
}

// maxEdited bounds the form that edits a message, in bytes.
const maxEdited = 8 << 20
