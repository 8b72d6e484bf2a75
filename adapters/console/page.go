package console

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// partner is a destination as the page names it.
type partner struct{ Name, Title string }

// page is what the template shows.
type page struct {
	Lang, Other lang
	Path        string // of this page
	Now         *moment
	Second      string // the time of the snapshot, to the second
	Live, Down  bool
	Version     string
	Flash       *flash
	Verdict     verdict
	Issues      []issue
	States      []string
	Deliveries  []deliveryRow
	Dead        []deadRow
	Groups      []groupRow
	Bulks       []bulkRow
	Bulk        *bulkPage // the page of one bulk job, and nothing else
	DeadTotal   int
	Jobs        []jobRow
	Breakers    []breakerRow
	Changes     []breakerRow
	Contracts   []contractRow
}

type flash struct{ Level, Text string }

type deliveryRow struct {
	Partner partner
	Counts  []count
	Oldest  string
	Old     bool
}

type count struct {
	State string
	N     int64
}

type deadRow struct {
	ID        int64
	Kind, Key string
	Partner   partner
	Why       *why
	Attempts  int
	Since     *moment
	Buttons   []button
	Form      *form
}

// groupRow is all that died for one reason at one destination.
type groupRow struct {
	Partner partner
	Why     *why
	Count   int64
	Since   *moment
	Buttons []button
	Form    *form
}

type jobRow struct {
	Name, Cron, Zone string
	Last, Next       *moment
	Took             string
	State, Summary   string
	Why              *why
	Now              string // what it does at this moment, beside waiting for its time
	CanRun           bool
}

type breakerRow struct {
	Partner      partner
	State        string // of the breaker, or "idle": open, and there is no message to probe with
	Since, Until *moment
	Why          *why
	Trial        *why   // why the last trial failed
	Ramp         bool   // the pace grows
	Held         string // who has paused it, and until when
	HeldFor      string
	Shut         *moment // until when it is outside its opening hours
	Down         bool    // an announced outage lasts
	DownWhen     string  // of that, or of the next one
	DownFor      string
	Waits        bool // for our own Security Server
	Once         bool // failed messages are not tried again
	Buttons      []button
	Form         *form
}

// Level is the colour and the shape of a state; the state's text stands beside.
func (page) Level(state string) string {
	switch state {
	case "closed", "succeeded", "same", "done":
		return levelGood
	case "half_open", "idle", "paused", "cancelled", "harmless", "stopped", "left":
		return levelMild
	case "open", "failed", "breaking":
		return levelSevere
	}
	return ""
}

// states are the columns of the deliveries, in the order of a message's life.
var states = []string{"ready", "sending", "waiting", "blocked", "parked", "dead", "delivered"}

// servePage shows the page. It updates itself by reloading, unless the reader
// has stopped that or is about to write something.
func (c *Console) servePage(w http.ResponseWriter, r *http.Request) { c.show(w, r, askOf(r), nil) }

// show shows the page with the form that is asked for; edited is the body that is being edited.
func (c *Console) show(w http.ResponseWriter, r *http.Request, a ask, edited *editing) {
	l, now := languageOf(r), c.o.Now()
	p := c.newPage(l, r, now, a)
	p.States = states
	status := http.StatusOK
	s, err := c.read(r.Context())
	if err != nil {
		c.o.Log.ErrorContext(r.Context(), "reading the state for the page", "error", err)
		status, p.Down = http.StatusServiceUnavailable, true
		p.Verdict = verdict{Level: levelSevere, Text: say(l, "down"), Detail: say(l, "down.detail")}
	} else {
		p.Issues = c.issues(l, s, now)
		p.Verdict = verdictOf(l, p.Issues, s)
		c.fill(r.Context(), &p, s, now, a, edited)
		for _, k := range s.contracts {
			p.Contracts = append(p.Contracts, c.contractRow(l, k, now, a))
		}
	}
	c.write(w, r, p, status)
}

// newPage is what all pages have.
func (c *Console) newPage(l lang, r *http.Request, now time.Time, a ask) page {
	query := r.URL.Query()
	return page{
		Lang: l, Other: l.other(), Path: "/", Now: c.moment(l, now, now), Second: now.In(c.zone).Format("15:04:05"),
		Live: query.Get("live") != "0" && a.action == "", Version: c.o.Version, Flash: flashOf(l, query.Get("done"), query.Get("fault"), query.Get("of")),
	}
}

// write writes a page.
func (c *Console) write(w http.ResponseWriter, r *http.Request, p page, status int) {
	rememberLanguage(w, r, p.Lang)
	var out bytes.Buffer
	if err := c.page[p.Lang].Execute(&out, p); err != nil {
		c.o.Log.ErrorContext(r.Context(), "writing the page", "error", err)
		http.Error(w, "the page could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a reader who has gone needs no answer
}

func (c *Console) fill(ctx context.Context, p *page, s snapshot, now time.Time, a ask, edited *editing) {
	l := p.Lang
	p.DeadTotal = s.deadTotal()
	for _, d := range s.deliveries {
		row := deliveryRow{Partner: c.partner(l, d.Destination), Counts: []count{
			{"ready", d.Ready}, {"sending", d.Sending}, {"waiting", d.Waiting}, {"blocked", d.Blocked},
			{"parked", d.Parked}, {"dead", d.Dead}, {"delivered", d.Delivered},
		}}
		if d.unsent() > 0 {
			row.Oldest, row.Old = spoken(l, d.oldest()), d.oldest() > tooOld
		}
		p.Deliveries = append(p.Deliveries, row)
	}
	for _, m := range s.dead[:min(len(s.dead), shownDead)] {
		row := deadRow{
			ID: m.ID, Kind: m.Kind, Key: m.Key, Partner: c.partner(l, m.Destination), Why: explainedDead(l, m.Reason),
			Attempts: m.Attempts, Since: c.moment(l, m.Since, now), Form: deadForm(l, a, m.ID, edited),
		}
		if row.Form == nil {
			row.Buttons = c.deadButtons(l, m.ID, m.Destination)
		}
		p.Dead = append(p.Dead, row)
	}
	c.fillBulk(ctx, p, s, now, a)
	for _, j := range s.jobs {
		p.Jobs = append(p.Jobs, c.jobRow(l, j, now))
	}
	for _, b := range s.breakers {
		row := c.breakerRow(l, b, now)
		row.Trial, row.Ramp, row.Shut = explain(l, b.ProbeReason), b.RampUntil.After(now), c.moment(l, b.ShutUntil, now)
		row.Once = b.RetriesOff != ""
		if row.Form = c.destinationForm(ctx, l, a, b); row.Form == nil {
			row.Buttons = c.destinationButtons(l, b)
		}
		row.Waits = b.Gateway != "" && s.gatewayOpen()
		if b.PausedBy != "" {
			row.Held, row.HeldFor = c.paused(l, b, now), b.PausedFor
		}
		if !b.DownFrom.IsZero() {
			row.Down, row.DownWhen, row.DownFor = b.Down, c.downtime(l, b, now), b.DownBy+": "+b.DownWhy
		}
		if b.State == "open" {
			if row.Until = c.moment(l, s.nextProbe(b, now), now); row.Until == nil {
				row.State = "idle"
			}
		}
		p.Breakers = append(p.Breakers, row)
	}
	for _, b := range s.changes {
		p.Changes = append(p.Changes, c.breakerRow(l, b, now))
	}
}

func (c *Console) jobRow(l lang, j job, now time.Time) jobRow {
	row := jobRow{Name: j.Name, Cron: j.Cron, Zone: j.Zone, Next: c.moment(l, j.Next, now), CanRun: c.o.Runner != nil}
	if r := j.Last; r != nil {
		row.Last, row.State, row.Summary, row.Why = c.moment(l, r.Started, now), r.State, summary(l, r.Summary), explainError(l, r.Error)
		row.Took = spoken(l, r.Finished.Sub(r.Started))
	}
	switch {
	case j.Running != nil:
		row.Now = "running"
	case j.Waiting > 0:
		row.Now = "waiting"
	case j.PausedBy != "":
		row.Now = "paused"
	}
	return row
}

func (c *Console) breakerRow(l lang, b breaker, now time.Time) breakerRow {
	return breakerRow{Partner: c.partner(l, b.Destination), State: b.State, Since: c.moment(l, b.Since, now), Why: explain(l, b.Reason)}
}

func (c *Console) partner(l lang, name string) partner {
	p := partner{Name: name, Title: c.o.Titles[name].in(l)}
	if p.Title == "" && c.hidden(name) {
		p.Title = words["destination.hidden"].in(l)
	}
	return p
}

// explainedDead is explainDead for the places that always show a reason.
func explainedDead(l lang, reason string) *why {
	if w := explainDead(l, reason); w != nil {
		return w
	}
	return &why{}
}

// summary is what a job reported, in the order of its words for it.
func summary(l lang, counts map[string]int) string {
	var parts []string
	for _, name := range sortedKeys(counts) {
		word := strings.ReplaceAll(name, "_", " ")
		if known, ok := jobWords["summary."+name]; ok {
			word = known.in(l)
		}
		parts = append(parts, fmt.Sprintf("%s: %d", word, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// grouped writes a count in groups of three digits, as both languages do, with
// narrow spaces that do not break.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// flashOf is the line that tells what an action came to. Its text comes from
// the page's own words; of is an id or a name and is shown as text only.
func flashOf(l lang, done, fault, of string) *flash {
	if len(of) > 100 {
		of = ""
	}
	for prefix, which := range map[string]string{"done.": done, "fault.": fault} {
		if _, ok := wordsOf(prefix + which); !ok {
			continue
		}
		if prefix == "done." {
			return &flash{Level: levelGood, Text: say(l, prefix+which, of)}
		}
		return &flash{Level: levelSevere, Text: say(l, prefix+which)}
	}
	return nil
}
