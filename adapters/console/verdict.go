package console

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The levels of what the page shows; they are names of its style sheet too.
const (
	levelGood   = "good"
	levelMild   = "mild"
	levelSevere = "severe"
)

// tooOld is the age at which a message that is still unsent is worth a look,
// although nothing has failed for good.
const tooOld = 15 * time.Minute

// verdict is the first line of the page: is anything wrong.
type verdict struct{ Level, Text, Detail string }

// issue is one thing that is wrong: where, what, since when, and why.
type issue struct {
	Level, Word string
	Where       string
	What        string
	Since       *moment
	Why         *why
	Anchor      string // where on the page there is more
}

// issues lists what is wrong, the severe first. Every list of the page is in
// the order of destinations and jobs, so that nothing jumps between updates.
func (c *Console) issues(l lang, s snapshot, now time.Time) []issue {
	var severe, mild []issue
	name := func(destination string) string {
		if p := c.partner(l, destination); p.Title != "" {
			return p.Title
		}
		return destination
	}
	if s.stuck.count > 0 && !s.gatewayOpen() {
		severe = append(severe, issue{Level: levelSevere, Word: "severe", Where: say(l, "own_server"), What: say(l, "issue.own", s.stuck.count), Since: c.moment(l, s.stuck.since, now), Why: explain(l, s.stuck.reason), Anchor: "deliveries"})
	}
	open := map[string]bool{}
	for _, b := range s.breakers {
		if b.PausedBy != "" {
			open[b.Destination] = true
			mild = append(mild, issue{Level: levelMild, Word: "mild", Where: name(b.Destination), What: c.paused(l, b, now), Why: &why{Text: b.PausedFor}, Anchor: "breaker-" + b.Destination})
		}
		if b.RetriesOff != "" {
			mild = append(mild, issue{Level: levelMild, Word: "mild", Where: name(b.Destination), What: say(l, "issue.retries", b.RetriesOff), Why: &why{Text: b.RetriesWhy}, Anchor: "breaker-" + b.Destination})
		}
		if b.Down {
			mild = append(mild, issue{Level: levelMild, Word: "mild", Where: name(b.Destination), What: c.downtime(l, b, now), Why: &why{Text: b.DownBy + ": " + b.DownWhy}, Anchor: "breaker-" + b.Destination})
		}
		if !b.ShutUntil.IsZero() || b.Down || b.Gateway != "" && s.gatewayOpen() {
			open[b.Destination] = true // messages wait as they should
		}
		if b.State != "open" && b.State != "half_open" {
			continue
		}
		open[b.Destination] = true
		if b.Destination == s.gateway { // it is asked itself, and everything waits meanwhile
			severe = append(severe, issue{Level: levelSevere, Word: "severe", Where: name(b.Destination), What: say(l, "issue.gateway"), Since: c.moment(l, b.Since, now), Why: explain(l, b.Reason), Anchor: "breaker-" + b.Destination})
			continue
		}
		found := issue{Level: levelSevere, Word: "severe", Where: name(b.Destination), What: say(l, "issue."+b.State), Since: c.moment(l, b.Since, now), Why: explain(l, b.Reason), Anchor: "breaker-" + b.Destination}
		if b.State == "open" && s.nextProbe(b, now).IsZero() {
			found.Level, found.Word, found.What = levelMild, "mild", say(l, "issue.idle")
			mild = append(mild, found)
			continue
		}
		if b.State == "half_open" {
			found.Level, found.Word = levelMild, "mild"
			mild = append(mild, found)
			continue
		}
		severe = append(severe, found)
	}
	for _, d := range s.deliveries {
		if d.Dead > 0 {
			since, reason := firstDead(s.dead, d.Destination)
			what := say(l, "issue.dead", int(d.Dead))
			if d.Blocked > 0 {
				what += "; " + say(l, "issue.blocked", int(d.Blocked))
			}
			severe = append(severe, issue{Level: levelSevere, Word: "severe", Where: name(d.Destination), What: what, Since: c.moment(l, since, now), Why: explainDead(l, reason), Anchor: "dead"})
		}
		// An open breaker says already that messages wait.
		if d.unsent() > 0 && d.oldest() > tooOld && !open[d.Destination] {
			mild = append(mild, issue{Level: levelMild, Word: "mild", Where: name(d.Destination), What: say(l, "issue.old", int(d.unsent())), Since: c.moment(l, now.Add(-d.oldest()), now), Anchor: "deliveries"})
		}
	}
	for _, j := range s.jobs {
		if !j.Missed.IsZero() {
			severe = append(severe, issue{Level: levelSevere, Word: "severe", Where: j.Name, What: say(l, "issue.missed"), Since: c.moment(l, j.Missed, now), Anchor: "job-" + j.Name})
		}
		if j.PausedBy != "" {
			mild = append(mild, issue{Level: levelMild, Word: "mild", Where: j.Name, What: say(l, "issue.paused", j.PausedBy), Why: &why{Text: j.PausedFor}, Anchor: "job-" + j.Name})
		}
		if j.Last != nil && j.Last.State == "failed" {
			severe = append(severe, issue{Level: levelSevere, Word: "severe", Where: j.Name, What: say(l, "issue.job"), Since: c.moment(l, j.Last.Finished, now), Why: explainError(l, j.Last.Error), Anchor: "job-" + j.Name})
		}
	}
	breaking, harmless := c.contractIssues(l, s.contracts, now)
	return slices.Concat(severe, breaking, mild, harmless)
}

// paused says who has paused a destination, and until when.
func (c *Console) paused(l lang, b breaker, now time.Time) string {
	if until := c.moment(l, b.PausedUntil, now); until != nil {
		return say(l, "issue.paused.until", b.PausedBy, until.Clock)
	}
	return say(l, "issue.paused", b.PausedBy)
}

// gatewayOpen says whether our own Security Server is left alone.
func (s snapshot) gatewayOpen() bool {
	return slices.ContainsFunc(s.breakers, func(b breaker) bool { return b.Destination == s.gateway && b.State != "closed" })
}

// firstDead is since when messages to destination have been dead, and the
// reason of the one that died first, of those that were looked at.
func firstDead(dead []deadMessage, destination string) (time.Time, string) {
	var since time.Time
	var reason string
	for _, m := range dead {
		if m.Destination == destination && (since.IsZero() || m.Since.Before(since)) {
			since, reason = m.Since, m.Reason
		}
	}
	return since, reason
}

// verdictOf is the line that answers whether anything is wrong, where and since
// when.
func verdictOf(l lang, issues []issue, s snapshot) verdict {
	severe := 0
	var where []string
	var since *moment
	for _, i := range issues {
		if i.Level == levelSevere {
			severe++
		} else if severe > 0 {
			break // the severe come first, and the line is about them alone
		}
		if !slices.Contains(where, i.Where) {
			where = append(where, i.Where)
		}
		if i.Since != nil && (since == nil || i.Since.ISO < since.ISO) {
			since = i.Since
		}
	}
	detail := strings.Join(where, ", ")
	if since != nil {
		detail += " · " + say(l, "since") + " " + since.Clock + " (" + since.Spoken + ")"
	}
	var unsent int64
	for _, d := range s.deliveries {
		unsent += d.unsent()
	}
	switch {
	case severe > 0:
		return verdict{Level: levelSevere, Text: say(l, "trouble", severe), Detail: detail}
	case len(issues) > 0:
		return verdict{Level: levelMild, Text: say(l, "watch", len(issues)), Detail: detail}
	case unsent > 0:
		return verdict{Level: levelGood, Text: say(l, "well"), Detail: fmt.Sprintf(say(l, "well.detail"), unsent)}
	}
	return verdict{Level: levelGood, Text: say(l, "well"), Detail: say(l, "idle.detail")}
}
