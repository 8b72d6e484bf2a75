package main

import (
	"context"

	"ristmik/adapters/consultation"
	"ristmik/adapters/tax"
)

// registerWire asks the employment register instead of a person: the tax
// board's leg is answered by the machine, in the same call.
type registerWire struct {
	tax *tax.Register
}

// Ask returns the register's facts, or NO_DATA when the person has no active
// employment.
func (w registerWire) Ask(ctx context.Context, q consultation.Question) (consultation.Reply, error) {
	found, exchange, err := w.tax.Active(ctx, q.PersonalCode, q.Official, q.CaseReference)
	if err != nil {
		return consultation.Reply{MessageID: exchange.MessageID}, err
	}
	code := consultation.CodeFacts
	if len(found) == 0 {
		code = consultation.CodeNoData
	}
	return consultation.Reply{
		MessageID: exchange.MessageID,
		Answer: &consultation.MachineAnswer{
			Code: code, Facts: w.tax.FactsOf(found, exchange.Finished), AnsweredAt: exchange.Finished,
		},
	}, nil
}
