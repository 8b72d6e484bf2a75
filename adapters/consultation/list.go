package consultation

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"ristmik/outbox"

	"github.com/jackc/pgx/v5"
)

// Filter says which consultations to list; an empty field lets all through.
type Filter struct {
	CaseReference string
	Type          string
	State         RoundState
	Outcome       Outcome
	Authority     string    // one of its questions goes to this authority
	LegState      LegState  // and is in this state
	DueBefore     time.Time // and is due before this moment
	Person        *Person   // it is about this person, by whatever identity
}

// Summary is a consultation in a list: its current round in a line.
type Summary struct {
	ID            string     `json:"id"`
	CaseReference string     `json:"case_reference"`
	Type          string     `json:"type"`
	Round         int        `json:"round"`
	State         RoundState `json:"state"`
	Outcome       Outcome    `json:"outcome"`
	OpenedAt      time.Time  `json:"opened_at"`
	CompletedAt   *time.Time `json:"completed_at,omitempty"`
	Legs          int        `json:"legs"`
	OpenLegs      int        `json:"open_legs"`
	NextDueAt     *time.Time `json:"next_due_at,omitempty"` // of the open legs
}

// Page is a part of a list; Next is where the next one begins, "" after the last.
type Page struct {
	Consultations []Summary `json:"consultations"`
	Next          string    `json:"next,omitempty"`
}

// ErrBadCursor says that the place in a list is not one that this package has
// given.
var ErrBadCursor = errors.New("no place in a list of consultations")

// List gives the consultations that fit, by their current round, newest first,
// at most limit from the place after. The place is by what a page ended with, so
// that nothing is shown twice or left out when consultations are added.
func (p *Procedure) List(ctx context.Context, db outbox.DB, f Filter, after string, limit int) (Page, error) {
	at, id, err := readCursor(after)
	if err != nil {
		return Page{}, err
	}
	var where []string
	args := []any{OutcomeOpen}
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.CaseReference != "" {
		add("r.case_reference = ?", f.CaseReference)
	}
	if f.Type != "" {
		add("r.type = ?", f.Type)
	}
	if f.State != "" {
		add("r.state = ?", f.State)
	}
	if f.Outcome != "" {
		add("coalesce(r.outcome, $1) = ?", f.Outcome)
	}
	if f.Person != nil {
		add(ofPerson, f.Person.identity())
	}
	leg := len(where)
	if f.Authority != "" {
		add("l.authority = ?", f.Authority)
	}
	if f.LegState != "" {
		add("l.state = ?", f.LegState)
	}
	if !f.DueBefore.IsZero() {
		add("l.due_at < ? and l.state not in ("+finalStates+")", f.DueBefore)
	}
	if len(where) > leg {
		exists := "exists (select from consultation.leg l where l.consultation_id = r.consultation_id and l.round = r.number and " +
			strings.Join(where[leg:], " and ") + ")"
		where = append(where[:leg:leg], exists)
	}
	if after != "" {
		args = append(args, at, id)
		where = append(where, fmt.Sprintf("(r.opened_at, r.consultation_id) < ($%d, $%d)", len(args)-1, len(args)))
	}
	where = append(where, "not exists (select from consultation.round n where n.consultation_id = r.consultation_id and n.number > r.number)")
	args = append(args, limit+1)
	rows, err := db.Query(ctx, `
		select r.consultation_id, r.case_reference, r.type, r.number, r.state, coalesce(r.outcome, $1), r.opened_at, r.completed_at,
			s.legs, s.open, s.due
		from consultation.round r cross join lateral (
			select count(*) as legs, count(*) filter (where state not in (`+finalStates+`)) as open,
				min(due_at) filter (where state not in (`+finalStates+`)) as due
			from consultation.leg where consultation_id = r.consultation_id and round = r.number) s
		where `+strings.Join(where, " and ")+fmt.Sprintf(`
		order by r.opened_at desc, r.consultation_id desc limit $%d`, len(args)), args...)
	if err != nil {
		return Page{}, fmt.Errorf("listing consultations: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Summary, error) {
		var s Summary
		err := row.Scan(&s.ID, &s.CaseReference, &s.Type, &s.Round, &s.State, &s.Outcome, &s.OpenedAt, &s.CompletedAt, &s.Legs, &s.OpenLegs, &s.NextDueAt)
		s.OpenedAt, s.CompletedAt, s.NextDueAt = s.OpenedAt.UTC(), inUTC(s.CompletedAt), inUTC(s.NextDueAt)
		return s, err
	})
	if err != nil {
		return Page{}, fmt.Errorf("listing consultations: %w", err)
	}
	page := Page{Consultations: list}
	if len(list) > limit {
		page.Consultations = list[:limit]
		last := list[limit-1]
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(last.OpenedAt.Format(time.RFC3339Nano) + " " + last.ID))
	}
	return page, nil
}

func readCursor(s string) (at time.Time, id string, err error) {
	if s == "" {
		return at, id, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	moment, id, found := strings.Cut(string(text), " ")
	if err == nil {
		at, err = time.Parse(time.RFC3339Nano, moment)
	}
	if err != nil || !found || !isUUID(id) {
		return time.Time{}, "", ErrBadCursor
	}
	return at, id, nil
}

// Progress is what the person whom the case is about may see of a consultation:
// that it goes on or has ended, and nothing of who is asked.
type Progress struct {
	ID       string    `json:"id"`
	State    string    `json:"state"` // IN_PROCESSING or PROCESSED
	OpenedAt time.Time `json:"opened_at"`
}

// Neutral is a consultation without anything from which somebody could infer who
// was asked, how many, or what they answered; [ErrNotFound] when there is none.
func (p *Procedure) Neutral(ctx context.Context, db outbox.DB, id string) (Progress, error) {
	if !isUUID(id) {
		return Progress{}, ErrNotFound
	}
	var n Progress
	err := db.QueryRow(ctx, `
		select consultation_id, case when bool_or(state = 'COLLECTING') then 'IN_PROCESSING' else 'PROCESSED' end, min(opened_at)
		from consultation.round where consultation_id = $1 group by consultation_id`, id).Scan(&n.ID, &n.State, &n.OpenedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Progress{}, ErrNotFound
	}
	if err != nil {
		return Progress{}, fmt.Errorf("reading the progress of a consultation: %w", err)
	}
	n.OpenedAt = n.OpenedAt.UTC()
	return n, nil
}
