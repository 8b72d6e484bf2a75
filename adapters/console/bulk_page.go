package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ristmik/outbox"
)

// bulkRow is a bulk job as the page shows it.
type bulkRow struct {
	ID                        int64
	What, Reason              string
	Partner                   *partner // nil: all destinations
	State                     string
	Total, Done, Failed, Left int64
	Worked                    int64 // done or failed
	Since                     *moment
	Changed                   string // who changed it, and why
}

// bulkPage is the page of one bulk job.
type bulkPage struct {
	bulkRow
	Items   []itemRow
	Next    int64 // the id after which there are more; 0: no more
	Buttons []button
	Form    *form
}

type itemRow struct {
	Message int64
	Result  string
	Error   string
	At      *moment
}

func (c *Console) bulkRow(l lang, b outbox.Bulk, now time.Time) bulkRow {
	row := bulkRow{
		ID: b.ID, What: say(l, "do.all_"+b.Action), Reason: b.By + ": " + b.Reason, State: b.State,
		Total: b.Total, Done: b.Done, Failed: b.Failed, Left: b.Left(), Worked: b.Done + b.Failed, Since: c.moment(l, b.Created, now),
	}
	if b.Destination != "" {
		p := c.partner(l, b.Destination)
		row.Partner = &p
	}
	if b.ChangedBy != "" {
		row.Changed = b.ChangedBy + ": " + b.ChangedReason
	}
	return row
}

// fillBulk fills in the groups of dead messages and the bulk jobs.
func (c *Console) fillBulk(ctx context.Context, p *page, s snapshot, now time.Time, a ask) {
	l := p.Lang
	for _, g := range s.groups {
		if p.DeadTotal < 2 {
			break // the list is as good
		}
		row := groupRow{Partner: c.partner(l, g.Destination), Why: explainedDead(l, g.Reason), Count: g.Count, Since: c.moment(l, g.Oldest, now)}
		if row.Form = c.groupForm(ctx, l, a, g); row.Form == nil {
			for _, action := range []string{"all_retry", "all_discard"} {
				b := opens(l, action, g.Destination, "groups", g.Destination)
				b.Href = "/?" + url.Values{"live": {"0"}, "ask": {action}, "of": {g.Destination}, "because": {g.Reason}}.Encode() + "#groups"
				row.Buttons = append(row.Buttons, b)
			}
		}
		p.Groups = append(p.Groups, row)
	}
	for _, b := range s.bulks {
		p.Bulks = append(p.Bulks, c.bulkRow(l, b, now))
	}
}

// groupForm is the form that is open for a group of dead messages; it says how many are meant.
func (c *Console) groupForm(ctx context.Context, l lang, a ask, g outbox.DeadGroup) *form {
	if a.of != g.Destination || a.because != g.Reason || a.action != "all_retry" && a.action != "all_discard" {
		return nil
	}
	n, err := outbox.CountDead(ctx, c.o.Pool, outbox.Selection{Destination: g.Destination, Because: g.Reason})
	if err != nil {
		c.o.Log.ErrorContext(ctx, "counting dead messages", "error", err)
		return nil
	}
	f := formOf(l, a.action, "/bulk", "groups")
	f.Note = say(l, "bulk.note", int(n))
	f.Hidden = []hidden{{"action", a.action[len("all_"):]}, {"destination", g.Destination}, {"because", g.Reason}, {"count", strconv.FormatInt(n, 10)}}
	rate := field{Name: "rate", Label: say(l, "bulk.rate"), Options: []option{{"0", say(l, "bulk.rate.none")}}}
	for _, r := range []int{100, 20, 5, 1} {
		rate.Options = append(rate.Options, option{strconv.Itoa(r), say(l, "bulk.rate.of", r)})
	}
	f.Fields = []field{rate}
	return f
}

// serveBulk shows one bulk job: how far it is, and what became of each message.
func (c *Console) serveBulk(w http.ResponseWriter, r *http.Request) {
	l, now, a := languageOf(r), c.o.Now(), askOf(r)
	p := c.newPage(l, r, now, a)
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	var b outbox.Bulk
	if err == nil {
		b, err = outbox.BulkOf(r.Context(), c.o.Pool, id)
	} else {
		err = outbox.ErrNoBulk
	}
	var items []bulkItem
	if err == nil {
		items, err = readItems(r.Context(), c.o.Pool, id, after, shownItems)
	}
	if err != nil {
		c.done(w, r, ask{action: "bulk", of: r.PathValue("id")}, "dead", err)
		return
	}
	of := strconv.FormatInt(id, 10)
	p.Path = "/bulk/" + of
	p.Live = p.Live && !b.Over() && after == 0
	show := &bulkPage{bulkRow: c.bulkRow(l, b, now)}
	for _, i := range items {
		row := itemRow{Message: i.Message, Result: i.Result, At: c.moment(l, i.At, now)}
		if i.Error != "" {
			row.Error = say(l, "item."+i.Error)
			if _, ok := wordsOf("item." + i.Error); !ok {
				row.Error = i.Error
			}
		}
		show.Items = append(show.Items, row)
	}
	if len(items) == shownItems {
		show.Next = items[len(items)-1].Message
	}
	p.Verdict = verdict{Level: p.Level(b.State), Text: say(l, "bulk.verdict", show.What, show.Worked, show.Total), Detail: show.Reason}
	if p.Verdict.Level == "" {
		p.Verdict.Level = levelMild
	}
	for state, actions := range map[string][]string{outbox.BulkRunning: {"pause", "stop"}, outbox.BulkPaused: {"resume", "stop"}} {
		for _, action := range actions {
			if b.State != state {
				continue
			}
			if a.action == "bulk_"+action {
				show.Form = formOf(l, a.action, p.Path+"/"+action, "bulk")
				show.Form.Back = p.Path
				continue
			}
			opened := opens(l, "bulk_"+action, of, "bulk", say(l, "bulk.one", id))
			opened.Href = p.Path + "?" + url.Values{"live": {"0"}, "ask": {"bulk_" + action}}.Encode() + "#bulk"
			show.Buttons = append(show.Buttons, opened)
		}
	}
	p.Bulk = show
	c.write(w, r, p, http.StatusOK)
}
