package consultation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// lockedLeg is a leg whose round is locked: nobody else changes either before
// the transaction ends.
type lockedLeg struct {
	round      roundRef
	roundState RoundState
	id         string
	authority  string
	state      LegState
}

// lockLeg locks the round of a leg and reads the leg; ErrNotFound when there is
// no such leg. The lock is always the first one taken: whatever happens to two
// legs of a round at the same moment happens one after the other, so the last
// answer sees all others and completes the round, exactly once.
func lockLeg(ctx context.Context, tx pgx.Tx, id string) (lockedLeg, error) {
	if !isUUID(id) {
		return lockedLeg{}, ErrNotFound
	}
	l := lockedLeg{id: id}
	err := tx.QueryRow(ctx, `
		select r.consultation_id, r.number, r.case_reference, r.type, r.state
		from consultation.round r
		where (r.consultation_id, r.number) = (select consultation_id, round from consultation.leg where id = $1)
		for update`, id).
		Scan(&l.round.ID, &l.round.Number, &l.round.CaseReference, &l.round.Type, &l.roundState)
	if errors.Is(err, pgx.ErrNoRows) {
		return lockedLeg{}, ErrNotFound
	}
	if err != nil {
		return lockedLeg{}, fmt.Errorf("locking the round: %w", err)
	}
	// A statement of its own: it sees what was committed while the lock was waited for.
	err = tx.QueryRow(ctx, `select id, authority, state from consultation.leg where id = $1`, id).Scan(&l.id, &l.authority, &l.state)
	if err != nil {
		return lockedLeg{}, fmt.Errorf("reading the leg: %w", err)
	}
	return l, nil
}

// delivered notes that the authority acknowledged the question. An
// acknowledgement that is late or comes again changes nothing: an answer has
// proven the delivery already.
func (p *Procedure) delivered(ctx context.Context, tx pgx.Tx, leg, receipt string) error {
	l, err := lockLeg(ctx, tx, leg)
	if err != nil {
		return fmt.Errorf("noting the delivery: %w", err)
	}
	now := p.clock()
	done, err := tx.Exec(ctx, `
		update consultation.leg set state = $2, receipt_id = nullif($3, ''), delivered_at = $4, problem_reason = null
		where id = $1 and state in ($5, $6)`, l.id, LegDelivered, receipt, now, LegQueued, LegDeliveryProblem)
	if err != nil {
		return fmt.Errorf("noting the delivery: %w", err)
	}
	if done.RowsAffected() == 0 {
		return nil
	}
	err = outbox.Append(ctx, tx, event(l.round, l.id, eventDelivered, now, eventData{
		LegID: l.id, Authority: l.authority, LegState: LegDelivered,
	}))
	if err != nil {
		return fmt.Errorf("telling about the delivery: %w", err)
	}
	return nil
}

// OnDead notes that the question to an authority cannot be delivered, and tells
// the core once; it is the hook of the outbox destinations that carry
// questions. A leg that has been delivered or answered all the same is left
// alone. When a person sends the message again, its success takes the leg out
// of DELIVERY_PROBLEM; another failure only renews the reason.
func (p *Procedure) OnDead(ctx context.Context, tx pgx.Tx, d outbox.Delivery, reason string) error {
	l, err := lockLeg(ctx, tx, d.Key)
	if err != nil {
		return fmt.Errorf("noting the delivery problem: %w", err)
	}
	done, err := tx.Exec(ctx, `update consultation.leg set state = $2, problem_reason = $3 where id = $1 and state in ($4, $2)`,
		l.id, LegDeliveryProblem, reason, LegQueued)
	if err != nil {
		return fmt.Errorf("noting the delivery problem: %w", err)
	}
	if done.RowsAffected() == 0 || l.state == LegDeliveryProblem {
		return nil
	}
	err = outbox.Append(ctx, tx, event(l.round, l.id, eventDeliveryProblem, p.clock(), eventData{
		LegID: l.id, Authority: l.authority, LegState: LegDeliveryProblem, Reason: reason,
	}))
	if err != nil {
		return fmt.Errorf("telling about the delivery problem: %w", err)
	}
	return nil
}

// complete ends the round when every leg has ended. The caller holds the
// round's lock. An optional leg holds the round like any other: without a due
// time nothing says that its answer will not come.
func (p *Procedure) complete(ctx context.Context, tx pgx.Tx, r roundRef, now time.Time) error {
	rows, err := tx.Query(ctx, `
		select l.id, l.authority, l.mandatory, l.binding, l.state, coalesce(a.code, ''), coalesce(a.conditions, '[]')
		from consultation.leg l
		left join consultation.answer a on a.leg_id = l.id and a.status = 'accepted'
		where l.consultation_id = $1 and l.round = $2
		order by l.position`, r.ID, r.Number)
	if err != nil {
		return fmt.Errorf("reading the round's legs: %w", err)
	}
	var results []LegResult
	var told []eventLeg
	open := false
	var e eventLeg
	var l LegResult
	_, err = pgx.ForEachRow(rows, []any{&e.LegID, &e.Authority, &l.Mandatory, &l.Binding, &l.State, &l.Code, &l.Conditions}, func() error {
		e.LegState, e.AnswerCode = l.State, l.Code
		results, told, open = append(results, l), append(told, e), open || !l.State.Final()
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the round's legs: %w", err)
	}
	if open {
		return nil
	}
	outcome := OutcomeOf(results)
	done, err := tx.Exec(ctx, `
		update consultation.round set state = $3, outcome = $4, completed_at = $5
		where consultation_id = $1 and number = $2 and state = $6`,
		r.ID, r.Number, RoundComplete, outcome, now, RoundCollecting)
	if err != nil {
		return fmt.Errorf("completing the round: %w", err)
	}
	if done.RowsAffected() != 1 {
		return fmt.Errorf("completing the round: it is not collecting any more")
	}
	err = outbox.Append(ctx, tx, event(r, fmt.Sprintf("%s/%d", r.ID, r.Number), eventRoundCompleted, now, eventData{Outcome: outcome, Legs: told}))
	if err != nil {
		return fmt.Errorf("telling that the round is complete: %w", err)
	}
	return nil
}
