package consultation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/soap"
)

// doorRegister is the door of answers that a register gives at once.
const doorRegister = "register"

// Sender puts questions from the outbox to an authority over w. An
// acknowledgement delivers the leg, a machine's answer goes the way of every
// answer; both in the transaction that records the outcome.
func (p *Procedure) Sender(w Wire) outbox.Sender {
	return outbox.SenderFunc(func(ctx context.Context, d outbox.Delivery) outbox.Outcome {
		var q Question
		if err := json.Unmarshal(d.Payload, &q); err != nil || q.LegID != d.Key {
			return xroad.Outcome(&soap.Failure{
				Kind: soap.KindInternal, Code: "payload", Message: "the stored question cannot be read", Err: err,
			})
		}
		var left []xroad.Sent
		reply, err := w.Ask(xroad.WatchSent(ctx, func(s xroad.Sent) { left = append(left, s) }), q)
		outcome := xroad.Outcome(err)
		if reply.MessageID != "" {
			outcome.Exchange = reply.MessageID
		}
		if err != nil {
			if len(left) > 0 {
				outcome.Apply = func(ctx context.Context, tx pgx.Tx) error { return keepSent(ctx, tx, q.LegID, left) }
			}
			return outcome
		}
		outcome.Apply = func(ctx context.Context, tx pgx.Tx) error {
			if err := keepSent(ctx, tx, q.LegID, left); err != nil {
				return err
			}
			if reply.Answer == nil {
				return p.delivered(ctx, tx, q.LegID, reply.ReceiptID)
			}
			return p.answeredByMachine(ctx, tx, q, reply)
		}
		return outcome
	})
}

// CheckEdited says whether a question that a person has edited may be put in the
// place of what it was: it is the same question about the same case, in the name
// of the same official and of the same secrecy, and tells the authority nothing
// that it was not told before.
func CheckEdited(was, will outbox.Message) error {
	if was.Kind == KindTell {
		return errTold
	}
	before, had, err := readEdited(was)
	if err != nil {
		return fmt.Errorf("what it was cannot be read, so nobody knows what the authority may see: %w", err)
	}
	q, has, err := readEdited(will)
	if err != nil {
		return fmt.Errorf("the question cannot be read: %w", err)
	}
	if q.LegID != will.Key || before.LegID != q.LegID || before.Round != q.Round || before.CaseReference != q.CaseReference ||
		before.Official != q.Official || before.Classification != q.Classification {
		return errors.New("leg_id, round, case_reference, official and classification must stay as they are")
	}
	for field := range has {
		if _, ok := had[field]; !ok {
			return fmt.Errorf("%s is new: the authority is told no more than before", field)
		}
	}
	return nil
}

// readEdited reads a stored question strictly, with the names of its fields.
func readEdited(m outbox.Message) (q Question, fields map[string]json.RawMessage, err error) {
	decoder := json.NewDecoder(bytes.NewReader(m.Payload))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(&q); err != nil {
		return q, nil, err
	}
	if decoder.More() {
		return q, nil, errors.New("something else follows")
	}
	err = json.Unmarshal(m.Payload, &fields)
	return q, fields, err
}

// answeredByMachine takes the register's answer. The answer's id is made from
// the leg: a register that is asked again answers the same question, though
// perhaps with newer facts, and the first answer stands.
func (p *Procedure) answeredByMachine(ctx context.Context, tx pgx.Tx, q Question, reply Reply) error {
	l, err := lockLeg(ctx, tx, q.LegID)
	if err != nil {
		return fmt.Errorf("taking the register's answer: %w", err)
	}
	_, err = p.Receive(ctx, tx, Answer{
		AnswerID: uuid.NewSHA1(eventSpace, []byte("machine/"+l.id)).String(), LegID: l.id, Round: q.Round,
		Code: reply.Answer.Code, Facts: reply.Answer.Facts, AnsweredAt: reply.Answer.AnsweredAt,
		// The answer came in the same exchange as the question, so it is the authority's own.
		From: p.authorities[l.policy.Authority].Client, Door: doorRegister, MessageID: reply.MessageID,
	})
	if r, ok := errors.AsType[*Refusal](err); ok && r.Kind == RefusedConflict {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking the register's answer: %w", err)
	}
	return nil
}
