package consultation

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/receivers"
	"ristmik/outbox"
)

// storeChoice keeps what rules decided, with the shadow's decision.
func storeChoice(batch *pgx.Batch, r roundRef, c Choice, at time.Time) {
	s := ShadowChoice{}
	if c.Shadow != nil {
		s = *c.Shadow
	}
	batch.Queue(`
		insert into consultation.choice (consultation_id, round, wave, case_type, after_leg, version, decisions, shadow_version,
			shadow_decisions, shadow_problem, added, removed, decided_at)
		values ($1, $2, $3, $4, nullif($5, '')::uuid, $6, $7, nullif($8, ''), $9, nullif($10, ''), $11, $12, $13)`,
		r.ID, r.Number, c.Wave, r.Type, c.AfterLeg, c.Version, orNone(c.Decisions), s.Version, s.Decisions, s.Problem,
		append([]string{}, s.Added...), append([]string{}, s.Removed...), at)
}

func orNone(list []receivers.Decision) []receivers.Decision {
	return append([]receivers.Decision{}, list...)
}

// StoredChoice is a choice with its round and time.
type StoredChoice struct {
	Round int `json:"round"`
	Choice
	DecidedAt time.Time `json:"decided_at"`
}

// Choices tells what rules decided in a consultation, over all its rounds, in
// order: who was asked and why, and who was not. ErrNotFound when there is no
// such consultation; none for one that was opened by type.
func (p *Procedure) Choices(ctx context.Context, db outbox.DB, id string) ([]StoredChoice, error) {
	if _, err := p.Neutral(ctx, db, id); err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, `
		select round, wave, coalesce(after_leg::text, ''), version, decisions, coalesce(shadow_version, ''), shadow_decisions,
			coalesce(shadow_problem, ''), added, removed, decided_at
		from consultation.choice where consultation_id = $1 order by round, wave`, id)
	if err != nil {
		return nil, fmt.Errorf("reading what rules decided: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (StoredChoice, error) {
		var c StoredChoice
		var s ShadowChoice
		err := row.Scan(&c.Round, &c.Wave, &c.AfterLeg, &c.Version, &c.Decisions, &s.Version, &s.Decisions, &s.Problem, &s.Added, &s.Removed, &c.DecidedAt)
		if s.Version != "" {
			c.Shadow = &s
		}
		c.DecidedAt = c.DecidedAt.UTC()
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what rules decided: %w", err)
	}
	return append([]StoredChoice{}, list...), nil
}

// DryReceiver is an authority that would be asked, and until when it would have
// time if the question arrived now.
type DryReceiver struct {
	Type           string             `json:"type"`
	Authority      string             `json:"authority"`
	AuthorityTitle string             `json:"authority_title"`
	Mandatory      bool               `json:"mandatory"`
	Binding        Binding            `json:"binding"`
	Information    bool               `json:"information,omitempty"`
	DueAt          *time.Time         `json:"due_at,omitempty"`
	Because        []receivers.Reason `json:"because,omitempty"`
}

// DryRun is what opening a consultation would do.
type DryRun struct {
	Choice    *Choice       `json:"choice,omitempty"` // what rules decided; none without rules
	Receivers []DryReceiver `json:"receivers"`
}

// Try tells whom [Procedure.Open] would ask and why. It stores and sends
// nothing. The error is a *[Refusal] when the request would be refused.
func (p *Procedure) Try(r OpenRequest) (DryRun, error) {
	if f := p.Check(r); len(f) > 0 {
		return DryRun{}, &Refusal{RefusedInvalid, f}
	}
	legs, choice, _ := p.choose(r)
	d := DryRun{Choice: choice, Receivers: []DryReceiver{}}
	for _, l := range legs {
		due, hasDue := l.begin(p.clock()).due()
		d.Receivers = append(d.Receivers, DryReceiver{
			Type: l.Type, Authority: l.Authority, AuthorityTitle: p.title(l.Authority), Mandatory: l.Mandatory, Binding: l.Binding,
			Information: l.Information, DueAt: orNull(due, hasDue), Because: l.Because,
		})
	}
	return d, nil
}

// ShadowNumbers is how often a version that is being tried decided otherwise.
type ShadowNumbers struct {
	CaseType      string         `json:"case_type"`
	Version       string         `json:"version"`
	ShadowVersion string         `json:"shadow_version"`
	Decided       int            `json:"decided"`
	Differing     int            `json:"differing"`
	Undecided     int            `json:"undecided"` // it could not decide
	Added         map[string]int `json:"added"`     // by type of consultation
	Removed       map[string]int `json:"removed"`
}

// ShadowDifference is one decision on which the versions differ.
type ShadowDifference struct {
	ConsultationID string    `json:"consultation_id"`
	Round          int       `json:"round"`
	Wave           int       `json:"wave"`
	CaseType       string    `json:"case_type"`
	Version        string    `json:"version"`
	ShadowVersion  string    `json:"shadow_version"`
	DecidedAt      time.Time `json:"decided_at"`
	Added          []string  `json:"added,omitempty"`
	Removed        []string  `json:"removed,omitempty"`
	Problem        string    `json:"problem,omitempty"`
}

// ShadowReport is what trying versions has shown: numbers by kind of case and
// version, and a page of the differences, newest first. Next is where the next
// page begins, "" after the last.
type ShadowReport struct {
	Numbers     []ShadowNumbers    `json:"numbers"`
	Differences []ShadowDifference `json:"differences"`
	Next        string             `json:"next,omitempty"`
}

// Shadow reports what trying versions has shown, of one kind of case or of all,
// with at most limit differences from the place after. ErrBadCursor when that is
// none.
func (p *Procedure) Shadow(ctx context.Context, db outbox.DB, caseType, after string, limit int) (ShadowReport, error) {
	report := ShadowReport{Numbers: []ShadowNumbers{}, Differences: []ShadowDifference{}}
	at, id, round, wave, err := readPlace(after)
	if err != nil {
		return report, err
	}
	rows, err := db.Query(ctx, `
		select case_type, version, shadow_version, count(*), count(*) filter (where added <> '{}' or removed <> '{}'),
			count(shadow_problem),
			(select coalesce(jsonb_object_agg(t, n), '{}') from (
				select t, count(*) as n from consultation.choice x, unnest(x.added) t
				where (x.case_type, x.version, x.shadow_version) = (c.case_type, c.version, c.shadow_version) group by t) s),
			(select coalesce(jsonb_object_agg(t, n), '{}') from (
				select t, count(*) as n from consultation.choice x, unnest(x.removed) t
				where (x.case_type, x.version, x.shadow_version) = (c.case_type, c.version, c.shadow_version) group by t) s)
		from consultation.choice c where shadow_version is not null and ($1 = '' or case_type = $1)
		group by case_type, version, shadow_version order by 1, 2, 3`, caseType)
	if err != nil {
		return report, fmt.Errorf("counting what a version would decide: %w", err)
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ShadowNumbers])
	if err != nil {
		return report, fmt.Errorf("counting what a version would decide: %w", err)
	}
	rows, err = db.Query(ctx, `
		select consultation_id, round, wave, case_type, version, shadow_version, decided_at, added, removed, coalesce(shadow_problem, '')
		from consultation.choice
		where shadow_version is not null and ($1 = '' or case_type = $1) and (added <> '{}' or removed <> '{}' or shadow_problem is not null)
			and ($2 = '' or (decided_at, consultation_id, round, wave) < ($3, $4, $5, $6))
		order by decided_at desc, consultation_id desc, round desc, wave desc limit $7`, caseType, after, at, id, round, wave, limit+1)
	if err != nil {
		return report, fmt.Errorf("listing what a version would decide: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ShadowDifference])
	if err != nil {
		return report, fmt.Errorf("listing what a version would decide: %w", err)
	}
	for i := range list {
		list[i].DecidedAt = list[i].DecidedAt.UTC()
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		report.Next = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %s %d %d",
			last.DecidedAt.Format(time.RFC3339Nano), last.ConsultationID, last.Round, last.Wave))
	}
	report.Numbers, report.Differences = append(report.Numbers, numbers...), append(report.Differences, list...)
	return report, nil
}

// readPlace reads a place in the list of differences; the first one for "".
func readPlace(s string) (at time.Time, id string, round, wave int, err error) {
	id = "00000000-0000-0000-0000-000000000000"
	if s == "" {
		return at, id, 0, 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return at, id, 0, 0, ErrBadCursor
	}
	var moment string
	if n, err := fmt.Sscanf(strings.TrimSpace(string(text)), "%s %s %d %d", &moment, &id, &round, &wave); err != nil || n != 4 || !isUUID(id) {
		return at, id, 0, 0, ErrBadCursor
	}
	if at, err = time.Parse(time.RFC3339Nano, moment); err != nil {
		return at, id, 0, 0, ErrBadCursor
	}
	return at, id, round, wave, nil
}
