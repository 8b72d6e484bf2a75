package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
	"ristmik/soap"
)

// noticed is what an authority has to know when it was not its own doing.
var noticed = []Happening{
	HappenedSupplied, HappenedNotSupplied, HappenedExtensionGranted, HappenedExtensionDenied, HappenedDue, HappenedClosed,
	HappenedWithdrawn, HappenedSuperseded,
}

func notice(batch *pgx.Batch, authority, leg string, what Happening, at time.Time) {
	batch.Queue(`insert into consultation.notice (authority, leg_id, what, at) values ($1, $2, $3, $4)`, authority, leg, what, at)
}

// Notice is one entry of what an authority has to know: that it is asked
// something (what is "opened"), or that something happened to its question. It
// holds no personal data.
type Notice struct {
	Position      int64      `json:"position"`
	What          Happening  `json:"what"`
	At            time.Time  `json:"at"`
	LegID         string     `json:"consultation_id"` // what the authority knows it as
	Round         int        `json:"round"`
	CaseReference string     `json:"case_reference"`
	CaseType      string     `json:"case_type"`
	State         LegState   `json:"state"` // now
	DueAt         *time.Time `json:"due_at,omitempty"`
}

// Notices gives the entries after a position of the authority for which the
// subsystem may speak, at most limit, oldest first; none for a subsystem that
// speaks for nobody. Reading again from the same position gives the same
// entries and perhaps more: none is lost and none is doubled, whatever is added
// meanwhile and however often the reader starts anew.
func (p *Procedure) Notices(ctx context.Context, pool *pgxpool.Pool, from soap.ClientID, after int64, limit int) ([]Notice, error) {
	authority := p.authorityOf(from)
	if authority == "" {
		return nil, nil
	}
	var list []Notice
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := number(ctx, tx, authority); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			select n.position, n.what, n.at, l.id, l.round, r.case_reference, l.type, l.state, l.due_at
			from consultation.notice n
			join consultation.leg l on l.id = n.leg_id
			join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
			where n.authority = $1 and n.position > $2
			order by n.position limit $3`, authority, after, limit)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Notice, error) {
			var n Notice
			err := row.Scan(&n.Position, &n.What, &n.At, &n.LegID, &n.Round, &n.CaseReference, &n.CaseType, &n.State, &n.DueAt)
			n.At, n.DueAt = n.At.UTC(), inUTC(n.DueAt)
			return n, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what %s has to know: %w", authority, err)
	}
	return list, nil
}

// number gives positions to the entries that have none. Readers of one authority
// do it one after the other; writers wait for nobody. Entries of one leg are
// drawn under the lock of its round, so their ids are in the order in which they
// became visible.
func number(ctx context.Context, tx pgx.Tx, authority string) error {
	var last int64
	err := tx.QueryRow(ctx, `
		insert into consultation.feed (authority, last) values ($1, 0)
		on conflict (authority) do update set last = feed.last returning last`, authority).Scan(&last)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		with fresh as (
			select id, $2 + row_number() over (order by id) as position from consultation.notice
			where authority = $1 and position is null
		), placed as (
			update consultation.notice n set position = fresh.position from fresh where n.id = fresh.id returning n.position
		)
		update consultation.feed set last = top.last from (select max(position) as last from placed) top
		where authority = $1 and top.last is not null`, authority, last)
	return err
}

// authorityOf is the authority for which a subsystem may speak; "" for none.
func (p *Procedure) authorityOf(from soap.ClientID) string {
	for name, a := range p.authorities {
		if a.Client == from && from != (soap.ClientID{}) {
			return name
		}
	}
	return ""
}

// Asked is a question as its authority sees it.
type Asked struct {
	Question    Question
	State       LegState
	DueAt       *time.Time // none while the clock stands still
	Latest      *time.Time // the latest end that an extension may reach
	Inquiries   []Inquiry
	Attachments []Attached // the core's, and its own
	Wanted      *time.Time // the end that an extension asks for
}

// Inquiry is a question back, with its answer.
type Inquiry struct {
	Text       string     `json:"text"`
	AskedAt    time.Time  `json:"asked_at"`
	Answer     string     `json:"answer,omitempty"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"`
}

// Fetch gives an authority its question. The error is a *[Refusal] of the kind
// unknown when there is none by that id for the subsystem.
func (p *Procedure) Fetch(ctx context.Context, db outbox.DB, from soap.ClientID, leg string) (Asked, error) {
	authority := p.authorityOf(from)
	if authority == "" || !isUUID(leg) {
		return Asked{}, unknownLeg()
	}
	return p.fetch(ctx, db, authority, leg)
}

// fetch is Fetch for somebody who speaks for the authority.
func (p *Procedure) fetch(ctx context.Context, db outbox.DB, authority, leg string) (Asked, error) {
	var a Asked
	var content []byte
	var kept keptProgress
	err := db.QueryRow(ctx, `
		select q.content, l.state, l.progress, l.due_at,
			coalesce((select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('text', i.text, 'asked_at', i.asked_at, 'answer', i.answer,
				'answered_at', i.answered_at)) order by i.number) from consultation.inquiry i where i.leg_id = l.id), '[]')
		from consultation.leg l join consultation.question q on q.leg_id = l.id
		where l.id = $1 and l.authority = $2`, leg, authority).
		Scan(&content, &a.State, &kept, &a.DueAt, &a.Inquiries)
	if errors.Is(err, pgx.ErrNoRows) {
		return Asked{}, unknownLeg()
	}
	if err == nil {
		err = json.Unmarshal(content, &a.Question)
	}
	if err != nil {
		return Asked{}, fmt.Errorf("reading a question: %w", err)
	}
	attached, err := readAttached(ctx, db, ofLeg, leg)
	if err != nil {
		return Asked{}, err
	}
	for _, s := range attached {
		a.Attachments = append(a.Attachments, s.Attached)
	}
	a.DueAt = inUTC(a.DueAt)
	if kept.Term != nil {
		if latest, ok := kept.Term.Latest(); ok {
			a.Latest = &latest
		}
	}
	if kept.Wanted != nil {
		a.Wanted = &kept.Wanted.Until
	}
	return a, nil
}

// unknownLeg says in one way that there is no such question and that it is
// another authority's.
func unknownLeg() *Refusal {
	return &Refusal{RefusedUnknown, []Violation{{
		Path: "/consultation_id", Code: FaultUnknownConsultation, Message: "there is no such consultation for this authority",
	}}}
}

// Prune deletes what was asked in rounds that ended before the given time, at
// most limit questions of them, and says how many. Who was asked, when, and what
// came of it stays.
func Prune(ctx context.Context, db *pgxpool.Pool, before time.Time, limit int) (int, error) {
	n := 0
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// The whole request goes when the last of its questions does.
		rows, err := tx.Query(ctx, `
			with old as (
				select q.leg_id from consultation.question q
				join consultation.leg l on l.id = q.leg_id
				where not exists (
					select from consultation.leg other left join consultation.happening h on h.leg_id = other.id
					where other.consultation_id = l.consultation_id and other.round = l.round
						and (h.recorded_at >= $1 or other.state not in (`+finalStates+`)))
				limit $2 for update of q skip locked
			), sent as (
				delete from consultation.sent s using old where s.leg_id = old.leg_id
			)
			delete from consultation.question q using old, consultation.leg l where q.leg_id = old.leg_id and l.id = q.leg_id
			returning l.consultation_id, l.round`, before, limit)
		if err != nil {
			return err
		}
		type round struct {
			Consultation string
			Number       int
		}
		ended, err := pgx.CollectRows(rows, pgx.RowToStructByPos[round])
		n = len(ended)
		for _, r := range ended {
			if err == nil {
				_, err = tx.Exec(ctx, `delete from consultation.content where consultation_id = $1 and round = $2`, r.Consultation, r.Number)
			}
			if err == nil {
				err = detach(ctx, tx, r.Consultation, r.Number)
			}
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("deleting old questions: %w", err)
	}
	return n, nil
}

// finalStates are the states in which a leg has ended, for SQL.
const finalStates = `'ANSWERED', 'REJECTED_BY_RECEIVER', 'DEEMED_NO_OBJECTION', 'CLOSED_NO_ANSWER', 'WITHDRAWN', 'SUPERSEDED'`
