package consultation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ristmik/outbox"
)

// Get reads a consultation with its current round; [ErrNotFound] when there is
// none with that id. It is one statement, so that state, outcome and answers
// are of one moment.
func (p *Procedure) Get(ctx context.Context, db outbox.DB, id string) (Consultation, error) {
	if !isUUID(id) {
		return Consultation{}, ErrNotFound
	}
	rows, err := db.Query(ctx, `
		select r.consultation_id, r.number, r.case_reference, r.type, r.state, coalesce(r.outcome, $2), r.opened_at, r.completed_at, r.via_silence, r.unanswered,
			l.id, l.type, l.authority, l.mandatory, l.binding, l.hidden, l.policy->'because', l.state, coalesce(l.receipt_id, ''), l.delivered_at, coalesce(l.problem_reason, ''),
			l.due_at, coalesce((l.progress->>'late')::boolean, false),
			(l.progress->'wanted'), coalesce(l.replaced_by::text, ''),
			(select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('text', i.text, 'asked_at', i.asked_at, 'answer', i.answer,
				'answered_at', i.answered_at)) order by i.number) from consultation.inquiry i where i.leg_id = l.id),
			coalesce(a.status, ''), coalesce(a.answer_id, ''), coalesce(a.code, ''), coalesce(a.legal_ground, ''),
			coalesce(a.justification, ''), a.conditions, a.facts, a.answered_at, a.received_at, coalesce(a.door, ''), coalesce(a.message_id, ''), coalesce(a.classification, '')
		from consultation.round r
		join consultation.leg l on l.consultation_id = r.consultation_id and l.round = r.number
		left join lateral (select * from consultation.answer where leg_id = l.id offset 0) a on true -- by the index, as in settling
		where r.consultation_id = $1
			and r.number = (select max(number) from consultation.round where consultation_id = $1)
		order by l.position, a.version, a.received_at, a.answer_id`, id, OutcomeOpen)
	if err != nil {
		return Consultation{}, fmt.Errorf("reading the consultation: %w", err)
	}
	defer rows.Close()
	var c Consultation
	for rows.Next() {
		var l Leg
		var status ReceiptStatus
		var a GivenAnswer
		var facts []byte
		var answered, received *time.Time
		err := rows.Scan(&c.ID, &c.Round, &c.CaseReference, &c.Type, &c.State, &c.Outcome, &c.OpenedAt, &c.CompletedAt, &c.ViaSilence, &c.Unanswered,
			&l.ID, &l.Type, &l.Authority, &l.Mandatory, &l.Binding, &l.Hidden, &l.Because, &l.State, &l.ReceiptID, &l.DeliveredAt, &l.ProblemReason, &l.DueAt, &l.Late, &l.Wanted, &l.ReplacedBy, &l.Inquiries,
			&status, &a.AnswerID, &a.Code, &a.LegalGround, &a.Justification, &a.Conditions, &facts, &answered, &received, &a.Door, &a.MessageID, &a.Classification)
		if err != nil {
			return Consultation{}, fmt.Errorf("reading the consultation: %w", err)
		}
		if n := len(c.Legs); n == 0 || c.Legs[n-1].ID != l.ID {
			l.AuthorityTitle, l.DeliveredAt, l.DueAt = p.title(l.Authority), inUTC(l.DeliveredAt), inUTC(l.DueAt)
			c.Legs = append(c.Legs, l)
		}
		if status != "" {
			a.Facts, a.AnsweredAt, a.ReceivedAt = json.RawMessage(facts), answered.UTC(), received.UTC()
			c.Legs[len(c.Legs)-1].keep(status, a)
		}
	}
	if err := rows.Err(); err != nil {
		return Consultation{}, fmt.Errorf("reading the consultation: %w", err)
	}
	if c.ID == "" {
		return Consultation{}, ErrNotFound
	}
	c.OpenedAt, c.CompletedAt = c.OpenedAt.UTC(), inUTC(c.CompletedAt)
	return c, nil
}

func (l *Leg) keep(status ReceiptStatus, a GivenAnswer) {
	if status == StatusAccepted {
		if l.Answer != nil {
			l.EarlierAnswers = append(l.EarlierAnswers, *l.Answer)
		}
		l.Answer = &a
		return
	}
	l.LateAnswers = append(l.LateAnswers, a)
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// isUUID accepts the plain spelling only, without braces or a urn: before it.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	_, err := uuid.Parse(s)
	return err == nil
}
