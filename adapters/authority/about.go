package authority

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
)

// maxDigests bounds a page of digests.
const maxDigests = 100

func listDigests(ctx context.Context, p *Provider, in request) (any, string, error) {
	var c struct {
		AfterDay string      `json:"after_day"`
		Limit    json.Number `json:"limit"`
	}
	if err := in.read(&c); err != nil {
		return nil, "", err
	}
	var after calendar.Day
	limit := maxDigests
	var wrong []consultation.Violation
	if c.AfterDay != "" {
		var err error
		if after, err = calendar.ParseDay(withoutZone(c.AfterDay)); err != nil {
			wrong = append(wrong, consultation.Violation{Path: "/after_day", Code: "format", Message: "a date is needed: YYYY-MM-DD"})
		}
	}
	if c.Limit != "" {
		if limit = whole(c.Limit); limit < 1 || limit > maxDigests {
			wrong = append(wrong, consultation.Violation{Path: "/limit", Code: "range", Message: "1 to 100 is possible"})
		}
	}
	if len(wrong) > 0 {
		return nil, "", &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: wrong}
	}
	list, err := p.o.Procedure.Digests(ctx, p.o.Pool, in.from, after, limit)
	if err != nil {
		return nil, "", err
	}
	return map[string]any{"digests": append([]consultation.Digest{}, list...)}, resultRead, nil
}

func announceDowntime(ctx context.Context, p *Provider, in request) (any, string, error) {
	var c struct {
		DowntimeID string `json:"downtime_id"`
		From       string `json:"from"`
		Until      string `json:"until"`
		Reason     string `json:"reason"`
	}
	if err := in.read(&c); err != nil {
		return nil, "", err
	}
	d := consultation.DowntimeNotice{ID: c.DowntimeID, Reason: c.Reason, From: in.from, Door: in.door, MessageID: in.messageID}
	var wrong []consultation.Violation
	for _, one := range []struct {
		path, text string
		into       *time.Time
	}{{"/from", c.From, &d.Begins}, {"/until", c.Until, &d.Ends}} {
		var err error
		if *one.into, err = p.dateTime(one.text); err != nil {
			wrong = append(wrong, consultation.Violation{Path: one.path, Code: "format", Message: "is not a date-time"})
		}
	}
	if len(wrong) > 0 {
		return nil, "", &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: wrong}
	}
	var status consultation.ReceiptStatus
	err := pgx.BeginFunc(ctx, p.o.Pool, func(tx pgx.Tx) (err error) {
		status, err = p.o.Procedure.Announce(ctx, tx, d)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return map[string]any{"status": status}, string(status), nil
}

// statisticsReach is how far back an authority's statistics of itself go.
const statisticsReach = 90 * 24 * time.Hour

// statistic is how the authority answers questions of one type.
type statistic struct {
	CaseType       string `json:"case_type"`
	Answered       int    `json:"answered"`
	AnsweredInTime int    `json:"answered_in_time"`
	Unanswered     int    `json:"unanswered"`
	MedianSeconds  *int64 `json:"median_seconds,omitempty"`
	P90Seconds     *int64 `json:"p90_seconds,omitempty"`
	Open           int    `json:"open"`
	Overdue        int    `json:"overdue"`
	DueThisWeek    int    `json:"due_this_week"`
	DueNextWeek    int    `json:"due_next_week"`
}

func getStatistics(ctx context.Context, p *Provider, in request) (any, string, error) {
	since := p.o.Now().UTC().Add(-statisticsReach).Truncate(time.Second)
	list, err := p.o.Procedure.OwnStatistics(ctx, p.o.Pool, in.from, since)
	if err != nil {
		return nil, "", err
	}
	out := make([]statistic, len(list))
	for i, s := range list {
		out[i] = statistic{
			s.Type, s.Answered, s.AnsweredInTime, s.Unanswered, s.MedianSeconds, s.P90Seconds, s.Open, s.Overdue, s.DueThisWeek, s.DueNextWeek,
		}
	}
	return map[string]any{"since": since, "statistics": out}, resultRead, nil
}
