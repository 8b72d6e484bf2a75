package consultation

import (
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
		reply, err := w.Ask(ctx, q)
		outcome := xroad.Outcome(err)
		if reply.MessageID != "" {
			outcome.Exchange = reply.MessageID
		}
		if err != nil {
			return outcome
		}
		outcome.Apply = func(ctx context.Context, tx pgx.Tx) error {
			if reply.Answer == nil {
				return p.delivered(ctx, tx, q.LegID, reply.ReceiptID)
			}
			return p.answeredByMachine(ctx, tx, q, reply)
		}
		return outcome
	})
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
