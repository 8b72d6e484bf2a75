package tax

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/outbox"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// Notice is what the tax board learns of a permit: these fields and no others
// (the minimum it needs to check declared employments against the right to
// work). Dates are YYYY-MM-DD, OccurredAt is RFC 3339.
type Notice struct {
	EventID       string `json:"eventId"`
	EventType     string `json:"eventType"`
	OccurredAt    string `json:"occurredAt"`
	PermitID      string `json:"permitId"`
	PersonalCode  string `json:"personalCode"`
	EmployerCode  string `json:"employerCode,omitempty"`
	ValidFrom     string `json:"validFrom,omitempty"`
	ValidTo       string `json:"validTo,omitempty"`
	EffectiveFrom string `json:"effectiveFrom,omitempty"`
	GroundCode    string `json:"groundCode,omitempty"`
}

// Note takes note of the person in the caller's transaction and returns the
// message to publish in it, after every other change: notices of one person
// leave in the order of their transactions; the same event twice is one notice.
func (r *Register) Note(ctx context.Context, tx pgx.Tx, n Notice) (outbox.Message, error) {
	var ref string
	err := tx.QueryRow(ctx, `
		insert into tax.watched (personal_code, permit_id) values ($1, $2)
		on conflict (personal_code) do update set permit_id = excluded.permit_id
		returning person_ref`, n.PersonalCode, n.PermitID).Scan(&ref)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("noting the person of a permit: %w", err)
	}
	payload, err := json.Marshal(n)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("writing the permit notice: %w", err)
	}
	// The lane is our own reference of the person: a personal code must not
	// stand where operators and logs may see it.
	return outbox.Message{Destination: Destination, Lane: ref, Kind: n.EventType, Key: n.EventID, Payload: payload}, nil
}

// Send delivers one permit notice; it is the outbox's [outbox.Sender]. The
// board recognises a repeated eventId, so the send is idempotent.
func (r *Register) Send(ctx context.Context, d outbox.Delivery) outbox.Outcome {
	var fields map[string]any
	if err := json.Unmarshal(d.Payload, &fields); err != nil {
		return xroad.Outcome(&soap.Failure{Kind: soap.KindInternal, Code: "payload", Message: "the stored notice is not JSON", Err: err})
	}
	body, err := mapping.EncodeXML(r.o.PermitsOp.Input, map[string]any{"request": fields})
	if err != nil {
		return xroad.Outcome(&soap.Failure{Kind: soap.KindFixData, Code: "request.contract", Message: err.Error(), Err: err})
	}
	answer, err := r.o.XRoad.Call(ctx, xroad.Call{Service: r.o.Permits, XML: body, Issue: fmt.Sprint(fields["permitId"]), SOAPAction: r.o.PermitsOp.SOAPAction})
	if err == nil {
		err = receipt(r.o.PermitsOp, answer)
	}
	out := xroad.Outcome(err)
	if answer != nil {
		out.Exchange = answer.Exchange.MessageID
	}
	return out
}

// receipt says whether the board has taken the notice. Every element of its
// answer is optional in the contract, because a business fault may stand in
// their place; an answer without a receipt says nothing.
func receipt(op *contract.Operation, answer *xroad.Answer) error {
	response, err := answerOf(op, answer)
	if err != nil {
		return err
	}
	if id, _ := response["receiptId"].(string); id == "" {
		return &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", Message: "the board's answer has no receipt", MessageID: answer.Exchange.MessageID,
		}
	}
	return nil
}
