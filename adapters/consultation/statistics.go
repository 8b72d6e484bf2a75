package consultation

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
	"ristmik/soap"
)

// Statistics is how an authority answers questions of one type. Answer times are
// from the asking to the first answer, in seconds; they, and what was answered, are
// of the time that was asked for, the rest is now. What only informs does not
// count.
type Statistics struct {
	Authority string `json:"authority"`
	Type      string `json:"type"`
	// Answered are first answers of whatever content, AnsweredInTime those that
	// came within the term; Unanswered ended without one when the term had passed.
	Answered       int `json:"answered"`
	AnsweredInTime int `json:"answered_in_time"`
	Unanswered     int `json:"unanswered"`
	// MedianSeconds and P90Seconds are the 50th and the 90th percentile of answer
	// times; none without an answer.
	MedianSeconds *int64 `json:"median_seconds,omitempty"`
	P90Seconds    *int64 `json:"p90_seconds,omitempty"`
	// Open waits for an end; of it Overdue is past its term, and DueThisWeek and
	// DueNextWeek have terms that end from now to Sunday, and in the calendar week
	// after that.
	Open        int `json:"open"`
	Overdue     int `json:"overdue"`
	DueThisWeek int `json:"due_this_week"`
	DueNextWeek int `json:"due_next_week"`
}

// counted are the legs that statistics are of, for SQL.
const counted = `not coalesce((l.policy->>'information')::boolean, false) and ($6 or not l.hidden)`

// Statistics tells how authorities answer, by authority and type, of what was
// answered since the given moment; of one authority, or of all for "".
func (p *Procedure) Statistics(ctx context.Context, db outbox.DB, authority string, since time.Time) ([]Statistics, error) {
	return p.statistics(ctx, db, authority, since, true)
}

// OpenStatistics is [Procedure.Statistics] of all authorities without hidden
// questions: for whoever may not know that there are any.
func (p *Procedure) OpenStatistics(ctx context.Context, db outbox.DB, since time.Time) ([]Statistics, error) {
	return p.statistics(ctx, db, "", since, false)
}

func (p *Procedure) statistics(ctx context.Context, db outbox.DB, authority string, since time.Time, hiddenToo bool) ([]Statistics, error) {
	now := p.clock()
	today := calendar.DayOf(now)
	sunday := today + calendar.Day((7-int(today.Weekday()))%7)
	rows, err := db.Query(ctx, `
		with answered as (
			select l.authority, l.type, count(*) as answered,
				count(*) filter (where not coalesce((l.progress->>'late')::boolean, false)) as in_time,
				percentile_cont(0.5) within group (order by extract(epoch from a.received_at - l.asked_at)) as median,
				percentile_cont(0.9) within group (order by extract(epoch from a.received_at - l.asked_at)) as p90
			from consultation.answer a join consultation.leg l on l.id = a.leg_id
			where a.status = 'accepted' and a.version = 1 and a.received_at >= $2 and a.received_at <= $3
				and ($1 = '' or l.authority = $1) and `+counted+`
			group by l.authority, l.type
		), unanswered as (
			select l.authority, l.type, count(*) as unanswered
			from consultation.leg l
			where l.state in ('DEEMED_NO_OBJECTION', 'CLOSED_NO_ANSWER') and coalesce((l.progress->>'due_passed')::boolean, l.due_at <= $3)
				and l.due_at >= $2 and ($1 = '' or l.authority = $1) and `+counted+`
			group by l.authority, l.type
		), waiting as (
			select authority, type, count(*) as open, count(*) filter (where due_at < $3) as overdue,
				count(*) filter (where due_at >= $3 and due_at <= $4) as this_week,
				count(*) filter (where due_at > $4 and due_at <= $5) as next_week
			from consultation.leg l
			where state not in (`+finalStates+`) and ($1 = '' or authority = $1) and `+counted+`
			group by authority, type
		)
		select authority, type, coalesce(answered, 0), coalesce(in_time, 0), coalesce(unanswered, 0), round(median)::bigint, round(p90)::bigint,
			coalesce(open, 0), coalesce(overdue, 0), coalesce(this_week, 0), coalesce(next_week, 0)
		from answered full join unanswered using (authority, type) full join waiting using (authority, type)
		order by authority, type`, authority, since, now, sunday.End(), (sunday + 7).End(), hiddenToo)
	if err != nil {
		return nil, fmt.Errorf("counting answers: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Statistics])
	if err != nil {
		return nil, fmt.Errorf("counting answers: %w", err)
	}
	return append([]Statistics{}, list...), nil
}

// OwnStatistics is [Procedure.Statistics] of the authority for which the
// subsystem may speak; none for a subsystem that speaks for nobody.
func (p *Procedure) OwnStatistics(ctx context.Context, db outbox.DB, from soap.ClientID, since time.Time) ([]Statistics, error) {
	authority := p.authorityOf(from)
	if authority == "" {
		return []Statistics{}, nil
	}
	return p.Statistics(ctx, db, authority, since)
}
