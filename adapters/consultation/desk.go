package consultation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
	"ristmik/soap"
)

// DoorDesk is the door of what officials do in their authority's inbox.
const DoorDesk = "desk"

// Clerk is an official who works at an authority's desk. Who calls has
// established who it is and how surely: Assurance is the level of the means by
// which the official was identified (Regulation 910/2014, article 8), as TARA
// tells it in acr.
type Clerk struct {
	Code      string // EE and the personal code
	Assurance string
}

// assuranceNeeded is the level below which nobody sees an inbox.
const assuranceNeeded = "high"

// Enrol lets an official work at an authority's desk; who worked for another one
// works for this one from now on. The error is a *[Refusal] when there is no such
// authority or the code is none.
func (p *Procedure) Enrol(ctx context.Context, tx pgx.Tx, authority, code string) error {
	var f faults
	f.official("/code", code)
	if _, known := p.authorities[authority]; !known {
		f.add("/authority", "authority.unknown", "no such authority")
	}
	if len(f) > 0 {
		return &Refusal{RefusedInvalid, f}
	}
	batch := &pgx.Batch{}
	batch.Queue(`delete from consultation.clerk where code = $1 and authority <> $2`, code, authority)
	batch.Queue(`insert into consultation.clerk (code, authority) values ($1, $2) on conflict do nothing`, code, authority)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("enrolling an official: %w", err)
	}
	return nil
}

// Dismiss ends an official's work at the desk; what was assigned to it is
// everybody's again.
func (p *Procedure) Dismiss(ctx context.Context, tx pgx.Tx, code string) error {
	if _, err := tx.Exec(ctx, `delete from consultation.clerk where code = $1`, code); err != nil {
		return fmt.Errorf("dismissing an official: %w", err)
	}
	return nil
}

// InboxEntry is one question that waits at the desk. It holds nothing about the
// person.
type InboxEntry struct {
	LegID         string
	Round         int
	CaseReference string
	CaseType      string
	State         LegState
	DueAt         *time.Time
	AssignedTo    string // "" when it is everybody's
	Deputy        string // who has it today instead, "" when nobody
}

// MaxInbox bounds a page of an inbox.
const MaxInbox = 500

// Inbox is what waits at the desk of a clerk's authority, the first that is due
// first, after a question of an earlier page ("" begins), at most limit. It is a
// *[Refusal] of the kind forbidden for who is no clerk or not surely enough who
// it says.
func (p *Procedure) Inbox(ctx context.Context, db outbox.DB, c Clerk, after string, limit int) ([]InboxEntry, error) {
	authority, err := workplace(ctx, db, c)
	if err != nil {
		return nil, err
	}
	var from *string
	if after != "" {
		if !isUUID(after) {
			return nil, unknownLeg()
		}
		from = &after
	}
	rows, err := db.Query(ctx, `
		select l.id, l.round, r.case_reference, r.type, l.state, l.due_at, coalesce(a.code, ''), coalesce(b.deputy, '')
		from consultation.leg l
		join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
		left join consultation.assignment a on a.leg_id = l.id
		left join consultation.absence b on b.code = a.code and $4::date >= b.from_day and $4::date <= coalesce(b.to_day, 'infinity')
		where l.authority = $1 and l.state not in (`+finalStates+`)
			and ($2::uuid is null or (coalesce(l.due_at, 'infinity'), l.id) >
				(select coalesce(x.due_at, 'infinity'), x.id from consultation.leg x where x.id = $2::uuid and x.authority = $1))
		order by coalesce(l.due_at, 'infinity'), l.id limit $3`, authority, from, min(max(limit, 1), MaxInbox), p.today())
	if err != nil {
		return nil, fmt.Errorf("reading an inbox: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (InboxEntry, error) {
		var e InboxEntry
		err := row.Scan(&e.LegID, &e.Round, &e.CaseReference, &e.CaseType, &e.State, &e.DueAt, &e.AssignedTo, &e.Deputy)
		e.DueAt = inUTC(e.DueAt)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading an inbox: %w", err)
	}
	return list, nil
}

// today is the day in Tallinn.
func (p *Procedure) today() string { return calendar.DayOf(p.clock()).String() }

// workplace is the authority at whose desk a clerk works.
func workplace(ctx context.Context, db outbox.DB, c Clerk) (string, error) {
	if c.Assurance != assuranceNeeded {
		return "", forbidden(FaultAssurance, "identification of the level high is needed")
	}
	var authority string
	err := db.QueryRow(ctx, `select authority from consultation.clerk where code = $1`, c.Code).Scan(&authority)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", forbidden(FaultNoClerk, "this official works at no desk")
	}
	if err != nil {
		return "", fmt.Errorf("finding where an official works: %w", err)
	}
	return authority, nil
}

func forbidden(code, message string) *Refusal {
	return &Refusal{RefusedForbidden, []Violation{{Code: code, Message: message}}}
}

// mayWork says for which authority a clerk may do something with a question
// today: one that is nobody's, one's own, or one of somebody who is away and for
// whom one stands in. Who is away does nothing.
func (p *Procedure) mayWork(ctx context.Context, db outbox.DB, c Clerk, leg string) (string, error) {
	authority, err := workplace(ctx, db, c)
	if err != nil {
		return "", err
	}
	if !isUUID(leg) {
		return "", unknownLeg()
	}
	var away bool
	var assigned, deputy string
	err = db.QueryRow(ctx, `
		with away as (
			select code, deputy from consultation.absence where $4::date >= from_day and $4::date <= coalesce(to_day, 'infinity')
		)
		select exists (select from away where code = $3), coalesce(a.code, ''), coalesce(b.deputy, '')
		from consultation.leg l
		left join consultation.assignment a on a.leg_id = l.id
		left join away b on b.code = a.code
		where l.id = $1 and l.authority = $2`, leg, authority, c.Code, p.today()).Scan(&away, &assigned, &deputy)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", unknownLeg()
	case err != nil:
		return "", fmt.Errorf("finding whose question it is: %w", err)
	case away:
		return "", forbidden(FaultAway, "this official is away, and somebody stands in")
	case deputy != "" && deputy != c.Code, deputy == "" && assigned != "" && assigned != c.Code:
		return "", forbidden(FaultAssigned, "the question is another official's")
	}
	return authority, nil
}

// AtDesk gives a clerk a question, as [Procedure.Fetch] gives it to an
// authority's system.
func (p *Procedure) AtDesk(ctx context.Context, db outbox.DB, c Clerk, leg string) (Asked, error) {
	authority, err := p.mayWork(ctx, db, c, leg)
	if err != nil {
		return Asked{}, err
	}
	return p.fetch(ctx, db, authority, leg)
}

// ActAtDesk is [Procedure.Act] by a clerk: opening a question (taken into
// review), asking back, asking for more time. From and Door of the deed do not
// count.
func (p *Procedure) ActAtDesk(ctx context.Context, tx pgx.Tx, c Clerk, d Deed) (Receipt, error) {
	if !d.Classification.Passes() {
		return Receipt{}, tooSecret()
	}
	if _, err := p.mayWork(ctx, tx, c, d.LegID); err != nil {
		return Receipt{}, err
	}
	d.From = soap.ClientID{}
	d.Door, d.official = DoorDesk, c.Code
	return p.act(ctx, tx, d)
}

// AnswerAtDesk is [Procedure.Receive] by a clerk; From and Door of the answer do
// not count.
func (p *Procedure) AnswerAtDesk(ctx context.Context, tx pgx.Tx, c Clerk, a Answer) (Receipt, error) {
	if !a.Classification.Passes() {
		return Receipt{}, tooSecret()
	}
	if _, err := p.mayWork(ctx, tx, c, a.LegID); err != nil {
		return Receipt{}, err
	}
	a.From = soap.ClientID{}
	a.Door, a.official = DoorDesk, c.Code
	return p.receive(ctx, tx, a)
}

// Assign gives a question to one clerk of the authority, or back to all of them
// (""). Only who may work on it can.
func (p *Procedure) Assign(ctx context.Context, tx pgx.Tx, c Clerk, leg, to string) error {
	authority, err := p.mayWork(ctx, tx, c, leg)
	if err != nil {
		return err
	}
	if to == "" {
		_, err = tx.Exec(ctx, `delete from consultation.assignment where leg_id = $1`, leg)
	} else {
		var done int64
		tag, execErr := tx.Exec(ctx, `
			insert into consultation.assignment (leg_id, code) select $1, code from consultation.clerk where code = $2 and authority = $3
			on conflict (leg_id) do update set code = excluded.code`, leg, to, authority)
		if err, done = execErr, tag.RowsAffected(); err == nil && done == 0 {
			return &Refusal{RefusedInvalid, []Violation{{Path: "/to", Code: FaultNoClerk, Message: "nobody of that code works at this desk"}}}
		}
	}
	if err != nil {
		return fmt.Errorf("assigning a question: %w", err)
	}
	return nil
}

// Absence is when a clerk is away and who stands in. The days are dates in
// Tallinn; without To it lasts until another absence replaces it, and one
// without a deputy ends it.
type Absence struct {
	Deputy   string
	From, To string
}

// Delegate notes that a clerk will be away: what is assigned to it is the
// deputy's from the first moment of the first day.
func (p *Procedure) Delegate(ctx context.Context, tx pgx.Tx, c Clerk, a Absence) error {
	authority, err := workplace(ctx, tx, c)
	if err != nil {
		return err
	}
	if a.Deputy == "" {
		if _, err := tx.Exec(ctx, `delete from consultation.absence where code = $1`, c.Code); err != nil {
			return fmt.Errorf("ending an absence: %w", err)
		}
		return nil
	}
	var f faults
	from, err := calendar.ParseDay(a.From)
	if err != nil {
		f.add("/from", "format", "a date is needed")
	}
	to, err := calendar.ParseDay(a.To)
	if a.To != "" && (err != nil || to < from) {
		f.add("/to", "format", "a date is needed that is not before the first one")
	}
	if a.Deputy == c.Code {
		f.add("/deputy", "deputy.self", "somebody else has to stand in")
	}
	if len(f) > 0 {
		return &Refusal{RefusedInvalid, f}
	}
	tag, err := tx.Exec(ctx, `
		insert into consultation.absence (code, deputy, from_day, to_day)
		select $1, code, $3::date, nullif($4, '')::date from consultation.clerk where code = $2 and authority = $5
		on conflict (code) do update set deputy = excluded.deputy, from_day = excluded.from_day, to_day = excluded.to_day`,
		c.Code, a.Deputy, a.From, a.To, authority)
	if err != nil {
		return fmt.Errorf("noting an absence: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return &Refusal{RefusedInvalid, []Violation{{Path: "/deputy", Code: FaultNoClerk, Message: "nobody of that code works at this desk"}}}
	}
	return nil
}
