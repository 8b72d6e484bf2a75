package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"ristmik/adapters/web"
	"ristmik/outbox"
)

// errTimes says that an outage cannot begin and end at these times.
var errTimes = errors.New("from and until are needed: the end lies ahead and after the beginning, at most a year away")

// formTime is how a form writes a time of Estonian clocks.
const formTime = "2006-01-02T15:04"

// downtime tells of an announced outage in a line.
func (c *Console) downtime(l lang, b breaker, now time.Time) string {
	until := c.moment(l, b.DownUntil, now).Clock
	if b.Down {
		return say(l, "downtime.now", until)
	}
	return say(l, "downtime.next", c.moment(l, b.DownFrom, now).Clock, until)
}

// announce keeps an outage that a destination has announced.
func (c *Console) announce(ctx context.Context, name string, from, until time.Time, by, reason string) (outbox.Downtime, error) {
	reason, err := reasoned(reason)
	if err != nil {
		return outbox.Downtime{}, err
	}
	if err := c.known(ctx, name); err != nil {
		return outbox.Downtime{}, err
	}
	d, err := outbox.Announce(ctx, c.o.Pool, name, from, until, by, reason)
	err = c.kept(ctx, err, "outage announced", by, "destination", name, "from", d.From, "until", d.Until)
	if errors.Is(err, outbox.ErrInvalid) {
		err = errTimes // the rest is in order
	}
	return d, err
}

// withdraw takes an announcement back.
func (c *Console) withdraw(ctx context.Context, id int64, by, reason string) error {
	reason, err := reasoned(reason)
	if err != nil {
		return err
	}
	return c.kept(ctx, outbox.Withdraw(ctx, c.o.Pool, id, by, reason), "announced outage withdrawn", by, "announcement", id)
}

// postAnnounce is the form of the page; its times are those of Estonian clocks.
func (c *Console) postAnnounce(r *http.Request, name string) error {
	from, err := time.ParseInLocation(formTime, r.PostFormValue("from"), c.zone)
	if err != nil {
		return errTimes
	}
	until, err := time.ParseInLocation(formTime, r.PostFormValue("until"), c.zone)
	if err != nil {
		return errTimes
	}
	_, err = c.announce(r.Context(), name, from, until, operator(r, ""), r.PostFormValue("reason"))
	return err
}

// postWithdraw is the form of the page: it withdraws the outage of the destination that begins when the page said.
func (c *Console) postWithdraw(r *http.Request, name string) error {
	from, err := time.Parse(time.RFC3339Nano, r.PostFormValue("from"))
	if err != nil {
		return outbox.ErrNoDowntime
	}
	all, err := outbox.Downtimes(r.Context(), c.o.Pool)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Destination == name && d.From.Equal(from) {
			return c.withdraw(r.Context(), d.ID, operator(r, ""), r.PostFormValue("reason"))
		}
	}
	return outbox.ErrNoDowntime
}

// downtimeOf is an announced outage as the API tells of it.
func downtimeOf(d outbox.Downtime) map[string]any {
	return map[string]any{"id": d.ID, "destination": d.Destination, "from": d.From.UTC(), "until": d.Until.UTC(), "by": d.By, "reason": d.Reason}
}

func (c *Console) getDowntimes(w http.ResponseWriter, r *http.Request) {
	all, err := outbox.Downtimes(r.Context(), c.o.Pool)
	if err != nil {
		c.broken(w, r, "reading announced outages", err)
		return
	}
	list := make([]map[string]any, len(all))
	for i, d := range all {
		list[i] = downtimeOf(d)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"downtimes": list})
}

// apiAnnounce announces: until is needed; without from it begins now.
func (c *Console) apiAnnounce(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		signature
		From  time.Time `json:"from"`
		Until time.Time `json:"until"`
	}
	if problem := readBody(w, r, &asked); problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	d, err := c.announce(r.Context(), r.PathValue("name"), asked.From, asked.Until, asked.author(r), asked.Reason)
	if err != nil {
		c.refused(w, r, "announcing an outage", err)
		return
	}
	web.WriteJSON(w, http.StatusCreated, downtimeOf(d))
}

func (c *Console) apiWithdraw(w http.ResponseWriter, r *http.Request) {
	var asked signature
	if problem := readBody(w, r, &asked); problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		err = outbox.ErrNoDowntime
	} else {
		err = c.withdraw(r.Context(), id, asked.author(r), asked.Reason)
	}
	if err != nil {
		c.refused(w, r, "withdrawing an outage", err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"id": id, "state": "withdrawn"})
}
