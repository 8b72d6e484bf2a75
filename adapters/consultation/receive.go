package consultation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
	"ristmik/soap"
)

// Receive takes an authority's answer in the caller's transaction, exactly once
// for each (leg, answer id): the same answer again gets the first receipt. The
// last answer of a round completes it. An answer that comes before the
// acknowledgement was noted proves the delivery. After the round is complete an
// answer is kept as late and changes nothing; so is, at any time, one by another
// door than that of the answer that came first.
//
// The error is a *[Refusal] when the answer is not taken; nothing has been
// written then. A leg that does not exist and a leg of another authority are
// refused with the same words (kind unknown); an answer id that was used for
// another answer, and a second answer by the same door while the round collects,
// are conflicts; everything else is invalid, with every violation named.
func (p *Procedure) Receive(ctx context.Context, tx pgx.Tx, a Answer) (Receipt, error) {
	if !a.Classification.Passes() {
		return Receipt{}, tooSecret()
	}
	if known, err := p.mayAnswer(ctx, tx, a.LegID, a.From); err != nil {
		return Receipt{}, err
	} else if !known {
		return Receipt{}, unknownLeg()
	}
	return p.receive(ctx, tx, a)
}

// receive is Receive for somebody who may answer.
func (p *Procedure) receive(ctx context.Context, tx pgx.Tx, a Answer) (Receipt, error) {
	l, err := lockLeg(ctx, tx, a.LegID)
	if err != nil {
		return Receipt{}, err
	}
	a.LegID, a.AnsweredAt = l.id, a.AnsweredAt.UTC().Truncate(time.Microsecond)
	content, err := contentOf(a)
	if err != nil {
		return Receipt{}, err
	}
	f := checkAnswer(a)
	// Repetition comes before the other rules, which may have become stricter
	// since; only an id that cannot be stored cannot have been used.
	if !f.about("/answer_id") {
		if first, ok, err := firstReceipt(ctx, tx, a, content); err != nil || ok {
			first.Hidden = l.policy.Hidden
			return first, err
		}
	}
	if a.Round != l.round.Number {
		f.add("/round", FaultRoundNotCurrent, "round %d is the current one", l.round.Number)
	}
	if len(f) > 0 {
		return Receipt{}, &Refusal{RefusedInvalid, f}
	}
	r, err := p.take(ctx, tx, l, a, content)
	r.Hidden = l.policy.Hidden
	return r, err
}

// mayAnswer tells whether the leg is there and belongs to the authority for
// which the caller's subsystem may answer.
func (p *Procedure) mayAnswer(ctx context.Context, tx pgx.Tx, leg string, from soap.ClientID) (bool, error) {
	if !isUUID(leg) {
		return false, nil
	}
	var authority string
	err := tx.QueryRow(ctx, `select authority from consultation.leg where id = $1`, leg).Scan(&authority)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("finding the leg: %w", err)
	}
	known, ok := p.authorities[authority]
	return ok && known.Client == from && from != (soap.ClientID{}), nil
}

// contentOf is what makes two answers the same: everything the authority says,
// and nothing of how it came.
func contentOf(a Answer) ([]byte, error) {
	if len(a.Conditions) == 0 {
		a.Conditions = nil // an empty list says what no list says
	}
	var facts bytes.Buffer
	if len(a.Facts) > 0 {
		if err := json.Compact(&facts, a.Facts); err != nil {
			return nil, fmt.Errorf("reading the facts of the answer: %w", err)
		}
	}
	level := a.Classification
	if level == LevelInternal {
		level = "" // what is AK says what no level says
	}
	data, err := json.Marshal(struct {
		Round                      int
		Code                       AnswerCode
		LegalGround, Justification string
		Conditions                 []Condition
		Facts                      string
		Correction                 string         `json:",omitempty"`
		AnsweredAt                 string         // also a moment that JSON cannot write; the rules refuse it later
		Classification             Classification `json:",omitempty"`
		Attachments                []string       `json:",omitempty"`
	}{a.Round, a.Code, a.LegalGround, a.Justification, a.Conditions, facts.String(), a.Correction, a.AnsweredAt.Format(time.RFC3339Nano), level, a.Attachments})
	if err != nil {
		return nil, fmt.Errorf("writing down what the answer says: %w", err)
	}
	sum := sha256.Sum256(data)
	return sum[:], nil
}

// firstReceipt finds the receipt of an answer that was taken before under the
// same id.
func firstReceipt(ctx context.Context, tx pgx.Tx, a Answer, content []byte) (Receipt, bool, error) {
	r := Receipt{Status: StatusDuplicate}
	var before []byte
	err := tx.QueryRow(ctx, `select status, leg_state, content_sha256 from consultation.answer where leg_id = $1 and answer_id = $2`,
		a.LegID, a.AnswerID).Scan(&r.First, &r.LegState, &before)
	if errors.Is(err, pgx.ErrNoRows) {
		return Receipt{}, false, nil
	}
	if err != nil {
		return Receipt{}, false, fmt.Errorf("looking for an earlier answer: %w", err)
	}
	if !bytes.Equal(before, content) {
		return Receipt{}, false, &Refusal{RefusedConflict, []Violation{{
			Path: "/answer_id", Code: FaultAnswerIDReused, Message: "another answer has been given under this id",
		}}}
	}
	return r, true, nil
}

// take stores the answer and ends the leg, or keeps it as late when the leg has
// ended otherwise.
func (p *Procedure) take(ctx context.Context, tx pgx.Tx, l lockedLeg, a Answer, content []byte) (Receipt, error) {
	now := p.clock()
	what := HappenedAnswered
	if a.Code == CodeNotCompetent {
		what = HappenedNotCompetent
	}
	if err := p.pass(ctx, tx, &l, now); err != nil {
		return Receipt{}, err
	}
	switch {
	case a.Correction != "":
		return p.correct(ctx, tx, l, a, content)
	case l.roundState == RoundCollecting && (l.progress.State == LegAnswered || l.progress.State == LegRejectedByReceiver):
		if other, err := byAnotherDoor(ctx, tx, l, a.Door); err != nil || other {
			if err != nil {
				return Receipt{}, err
			}
			return p.keepLate(ctx, tx, l, a, content)
		}
		return Receipt{}, &Refusal{RefusedConflict, []Violation{{
			Path: "/answer_id", Code: FaultAlreadyAnswered, Message: "this consultation has been answered, and the answer cannot be changed",
		}}}
	case l.progress.State.Final():
		return p.keepLate(ctx, tx, l, a, content)
	}
	if _, err := p.happen(ctx, tx, &l, occurrence{What: what, At: now}, news{actor: byAuthority, door: a.Door, code: a.Code, key: l.id}); err != nil {
		return Receipt{}, err
	}
	r := Receipt{Status: StatusAccepted, First: StatusAccepted, LegState: l.progress.State}
	if err := storeAnswer(ctx, tx, a, r, l.progress.Version, content, now); err != nil {
		return Receipt{}, err
	}
	if err := p.nextWave(ctx, tx, l, a); err != nil {
		return Receipt{}, err
	}
	return r, p.settle(ctx, tx, l.round, l.roundState)
}

// byAnotherDoor says whether the answer that counts came by another door: then
// who answers now may not know of it.
func byAnotherDoor(ctx context.Context, tx pgx.Tx, l lockedLeg, door string) (bool, error) {
	var first string
	err := tx.QueryRow(ctx, `select door from consultation.answer where leg_id = $1 and status = 'accepted' and version = $2`,
		l.id, l.progress.Version).Scan(&first)
	if err != nil {
		return false, fmt.Errorf("looking by which door the answer came: %w", err)
	}
	return first != door, nil
}

// correct replaces the leg's answer while the round collects. The answers before
// stay.
func (p *Procedure) correct(ctx context.Context, tx pgx.Tx, l lockedLeg, a Answer, content []byte) (Receipt, error) {
	refused := func(path, code, message string) (Receipt, error) {
		return Receipt{}, &Refusal{RefusedConflict, []Violation{{Path: path, Code: code, Message: message}}}
	}
	switch {
	case l.progress.State != LegAnswered:
		return refused("/correction", FaultNotAnswered, "there is no answer that could be corrected")
	case a.Code == CodeNotCompetent:
		return refused("/answer_code", FaultState, "an answer cannot be corrected to this one")
	case l.roundState != RoundCollecting:
		return p.keepLate(ctx, tx, l, a, content)
	}
	now := p.clock()
	_, err := p.happen(ctx, tx, &l, occurrence{What: HappenedCorrected, At: now, Reason: a.Correction}, news{actor: byAuthority, door: a.Door, code: a.Code})
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Status: StatusAccepted, First: StatusAccepted, LegState: l.progress.State}
	if err := storeAnswer(ctx, tx, a, r, l.progress.Version, content, now); err != nil {
		return Receipt{}, err
	}
	if err := p.nextWave(ctx, tx, l, a); err != nil {
		return Receipt{}, err
	}
	return r, p.settle(ctx, tx, l.round, l.roundState)
}

// keepLate stores an answer that came after the leg had ended.
func (p *Procedure) keepLate(ctx context.Context, tx pgx.Tx, l lockedLeg, a Answer, content []byte) (Receipt, error) {
	now := p.clock()
	r := Receipt{Status: StatusLate, First: StatusLate, LegState: l.progress.State}
	if err := storeAnswer(ctx, tx, a, r, 1, content, now); err != nil {
		return Receipt{}, err
	}
	err := outbox.Append(ctx, tx, event(l.round, l.id+"/"+a.AnswerID, eventLateAnswer, now, eventData{
		LegID: l.id, Authority: l.policy.Authority, LegState: l.progress.State, AnswerCode: a.Code, Door: a.Door, Adverse: a.Code.negative(), Hidden: l.policy.Hidden,
	}))
	if err != nil {
		return Receipt{}, fmt.Errorf("telling about the late answer: %w", err)
	}
	return r, p.settle(ctx, tx, l.round, l.roundState) // the term may have passed just now
}

func storeAnswer(ctx context.Context, tx pgx.Tx, a Answer, r Receipt, version int, content []byte, now time.Time) error {
	if err := attachDeed(ctx, tx, a.LegID, a.AnswerID, a.Attachments); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		insert into consultation.answer (leg_id, answer_id, version, status, leg_state, code, legal_ground, justification,
			conditions, facts, answered_at, received_at, from_client, door, message_id, content_sha256, classification, official)
		values ($1, $2, $16, $3, $4, $5, nullif($6, ''), nullif($7, ''), $8, $9, $10, $11, $12, $13, nullif($14, ''), $15, $17, nullif($18, ''))`,
		a.LegID, a.AnswerID, r.Status, r.LegState, a.Code, a.LegalGround, a.Justification,
		jsonOrNull(a.Conditions), a.Facts, a.AnsweredAt, now, a.From.String(), a.Door, a.MessageID, content, version, a.Classification.orDefault(), a.official)
	if err != nil {
		return fmt.Errorf("storing the answer: %w", err)
	}
	return nil
}

// jsonOrNull keeps an empty list out of the database.
func jsonOrNull(conditions []Condition) any {
	if len(conditions) == 0 {
		return nil
	}
	return conditions
}
