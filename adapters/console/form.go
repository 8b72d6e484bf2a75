package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ristmik/outbox"
)

// ask is the form that the reader wants open: what for, and of what.
type ask struct{ action, of, because string }

func askOf(r *http.Request) ask {
	q := r.URL.Query()
	return ask{q.Get("ask"), q.Get("of"), q.Get("because")}
}

// form asks a person why, and what else an action needs, in a row below what it is about.
type form struct {
	Post, Back   string // where it goes, and where giving up leads
	Hidden       []hidden
	Fields       []field
	Label, Hint  string // of the reason
	Reason       string // as written before
	Button, Note string // Note stands above the fields
}

type hidden struct{ Name, Value string }

// field is one more thing that a form asks.
type field struct {
	Name, Label, Value string
	Options            []option // of a choice
	Long               bool     // several lines of text
	Required           bool
	Time               bool // a time of Estonian clocks
}

type option struct{ Value, Text string }

// button leads to a form; Label says it in full, for those who do not see what it stands beside.
type button struct{ Href, Text, Label string }

// opens is a button of the page.
func opens(l lang, action, of, anchor, about string) button {
	query := url.Values{"live": {"0"}, "ask": {action}, "of": {of}}
	text := say(l, "do."+action)
	return button{Href: "/?" + query.Encode() + "#" + url.PathEscape(anchor), Text: text, Label: text + ": " + about}
}

// formOf is the form of an action that needs no more than a reason; its words begin with the action's name.
func formOf(l lang, action, post, anchor string) *form {
	hint := "hint." + action
	if _, ok := wordsOf(hint); !ok {
		hint = "hint"
	}
	label := "why." + action
	if _, ok := wordsOf(label); !ok {
		label = "why"
	}
	return &form{Post: post, Back: "/?live=0#" + url.PathEscape(anchor), Label: say(l, label), Hint: say(l, hint), Button: say(l, "do."+action)}
}

// times are a choice of durations; the first is also what stands for none, where its value is empty.
func times(l lang, name, label, first string, of ...time.Duration) field {
	f := field{Name: name, Label: say(l, label)}
	if first != "" {
		f.Options = append(f.Options, option{"", say(l, first)})
	}
	for _, d := range of {
		f.Options = append(f.Options, option{d.String(), spoken(l, d)})
	}
	return f
}

const day = 24 * time.Hour

// deadForm is the form that is open for a dead message; nil for none. What it looks like when its body has been read says
// edited.
func deadForm(l lang, a ask, id int64, edited *editing) *form {
	of := strconv.FormatInt(id, 10)
	if a.of != of {
		return nil
	}
	switch a.action {
	case "retry", "discard":
		return formOf(l, a.action, "/dead/"+of+"/"+a.action, "m"+of)
	case "body": // first why it is read, then what is to change
		return formOf(l, a.action, "/dead/"+of+"/body", "m"+of)
	case "edit":
		f := formOf(l, a.action, "/dead/"+of+"/edit", "m"+of)
		f.Fields = []field{
			times(l, "delay", "edit.delay", "edit.now", 15*time.Minute, time.Hour, 4*time.Hour, day, 3*day),
			times(l, "expires", "edit.expires", "edit.never", time.Hour, 4*time.Hour, day, 7*day, 30*day),
		}
		if edited != nil {
			f.Reason = edited.reason
			f.Hidden = []hidden{{"was", edited.hash}}
			f.Fields = append([]field{{Name: "body", Label: say(l, "edit.body"), Value: edited.body, Long: true}}, f.Fields...)
		}
		return f
	}
	return nil
}

// deadButtons are what can be done about a dead message.
func (c *Console) deadButtons(l lang, id int64, destination string) []button {
	edit := "body"
	if c.o.Check == nil || c.hidden(destination) {
		edit = "edit" // only its time
	}
	var list []button
	for _, action := range []string{"retry", "discard", edit} {
		list = append(list, opens(l, action, strconv.FormatInt(id, 10), "m"+strconv.FormatInt(id, 10), say(l, "message", id)))
	}
	return list
}

// destinationButtons are what can be done about a destination as it stands.
func (c *Console) destinationButtons(l lang, b breaker) []button {
	var actions []string
	if b.PausedBy != "" {
		actions = append(actions, "resume")
	} else {
		actions = append(actions, "pause")
	}
	if b.State != "closed" {
		actions = append(actions, "reset")
	} else {
		actions = append(actions, "trip")
	}
	switch {
	case b.Destination == c.o.Gateway:
	case b.RetriesOff != "":
		actions = append(actions, "retries_on")
	default:
		actions = append(actions, "retries_off")
	}
	if b.DownFrom.IsZero() {
		actions = append(actions, "announce")
	} else {
		actions = append(actions, "withdraw")
	}
	var list []button
	for _, action := range actions {
		list = append(list, opens(l, action, b.Destination, "breaker-"+b.Destination, b.Destination))
	}
	return list
}

// destinationForm is the form that is open for a destination; nil for none.
func (c *Console) destinationForm(ctx context.Context, l lang, a ask, b breaker) *form {
	if a.of != b.Destination {
		return nil
	}
	post, anchor := "/destinations/"+url.PathEscape(b.Destination)+"/", "breaker-"+b.Destination
	switch a.action {
	case "resume", "reset":
		return formOf(l, a.action, post+a.action, anchor)
	case "pause":
		f := formOf(l, a.action, post+a.action, anchor)
		f.Fields = []field{times(l, "for", "pause.for", "pause.ever", 15*time.Minute, time.Hour, 4*time.Hour, 12*time.Hour, day, 3*day)}
		return f
	case "trip":
		f := formOf(l, a.action, post+a.action, anchor)
		f.Fields = []field{times(l, "for", "trip.for", "", 5*time.Minute, 15*time.Minute, time.Hour, 4*time.Hour, day)}
		return f
	case "announce":
		f, now := formOf(l, a.action, post+a.action, anchor), c.o.Now().In(c.zone)
		f.Fields = []field{
			{Name: "from", Label: say(l, "announce.from"), Value: now.Format(formTime), Time: true},
			{Name: "until", Label: say(l, "announce.until"), Value: now.Add(2 * time.Hour).Format(formTime), Time: true},
		}
		return f
	case "withdraw":
		f := formOf(l, a.action, post+a.action, anchor)
		f.Hidden = []hidden{{"from", b.DownFrom.UTC().Format(time.RFC3339Nano)}}
		return f
	case "retries_on", "retries_off":
		if b.Destination == c.o.Gateway {
			return nil
		}
		return c.retriesForm(ctx, l, b, post+"retries", anchor)
	}
	return nil
}

// retriesForm says what switching retries cancels, or asks what becomes of what it has cancelled.
func (c *Console) retriesForm(ctx context.Context, l lang, b breaker, post, anchor string) *form {
	now, err := outbox.RetriesOf(ctx, c.o.Pool, b.Destination)
	if err != nil {
		c.o.Log.ErrorContext(ctx, "reading retries", "destination", b.Destination, "error", err)
		return nil
	}
	if now.OffBy == "" {
		f := formOf(l, "retries_off", post, anchor)
		f.Hidden = []hidden{{"retries", "off"}, {"cancels", strconv.FormatInt(now.Waiting, 10)}}
		f.Note = say(l, "retries.off.note", int(now.Waiting))
		return f
	}
	f := formOf(l, "retries_on", post, anchor)
	f.Hidden = []hidden{{"retries", "on"}}
	if now.Cancelled > 0 {
		old := field{Name: "old", Label: say(l, "retries.on.note", int(now.Cancelled)), Required: true, Options: []option{{"", ""}}}
		for _, o := range []outbox.Old{outbox.OldRetry, outbox.OldKeep, outbox.OldDiscard} {
			old.Options = append(old.Options, option{string(o), say(l, "retries.old."+string(o))})
		}
		f.Fields = []field{old}
	}
	return f
}

// reasoned is a reason as it is kept; errNoReason where it is none.
func reasoned(reason string) (string, error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason {
		return "", errNoReason
	}
	return reason, nil
}

// lasting reads a duration of a form or of the API: empty is 0; errDuration where it is none, or longer than a year.
func lasting(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > 366*day {
		return 0, errDuration
	}
	return d, nil
}
