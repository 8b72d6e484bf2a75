package tax

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/xroad"
	"ristmik/mapping/table"
	"ristmik/outbox"
	"ristmik/soap"
)

// Notice is what may be told the tax board of a permit, in the core's words; what
// is told, and in which words of the board's, says the mapping table. Dates are
// YYYY-MM-DD, OccurredAt is RFC 3339.
type Notice struct {
	EventID       string `json:"event_id"`
	EventType     string `json:"event_type"`
	OccurredAt    string `json:"occurred_at"`
	PermitID      string `json:"permit_id"`
	PersonalCode  string `json:"personal_code"`
	EmployerCode  string `json:"employer_code,omitempty"`
	ValidFrom     string `json:"valid_from,omitempty"`
	ValidTo       string `json:"valid_to,omitempty"`
	EffectiveFrom string `json:"effective_from,omitempty"`
	GroundCode    string `json:"ground_code,omitempty"`
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
	fields, err := table.ReadJSON(d.Payload)
	if err != nil {
		return xroad.Outcome(&soap.Failure{Kind: soap.KindInternal, Code: "payload", Message: "the stored notice is not JSON", Err: err})
	}
	fields = inWordsOfToday(fields)
	body, err := write(r.o.PermitTable, fields, r.o.Now())
	if err != nil {
		return xroad.Outcome(&soap.Failure{Kind: soap.KindFixData, Code: "request.contract", Message: err.Error(), Err: err})
	}
	op := r.o.PermitTable.Operation()
	answer, err := r.o.XRoad.Call(ctx, xroad.Call{Service: r.o.Permits, XML: body, Issue: fmt.Sprint(fields["permit_id"]), SOAPAction: op.SOAPAction})
	if err == nil {
		err = r.receipt(answer)
	}
	out := xroad.Outcome(err)
	if answer != nil {
		out.Exchange = answer.Exchange.MessageID
	}
	return out
}

// Check says whether a notice that a person has edited can be sent: it is about the
// same event, and fits the board's contract.
func (r *Register) Check(_, will outbox.Message) error {
	fields, err := table.ReadJSON(will.Payload)
	if err != nil {
		return fmt.Errorf("the notice is not JSON: %w", err)
	}
	if fields["event_id"] != will.Key {
		return errors.New("event_id must stay as it is: the board recognises repetitions by it")
	}
	if _, err := write(r.o.PermitTable, fields, r.o.Now()); err != nil {
		return fmt.Errorf("the notice does not fit the contract: %w", err)
	}
	return nil
}

// wordsBefore are what the version before the mapping tables called the fields of a notice. Notices that it has stored may
// still wait, for a partner that is away or for a person.
var wordsBefore = map[string]string{
	"eventId": "event_id", "eventType": "event_type", "occurredAt": "occurred_at", "permitId": "permit_id", "personalCode": "personal_code",
	"employerCode": "employer_code", "validFrom": "valid_from", "validTo": "valid_to", "effectiveFrom": "effective_from", "groundCode": "ground_code",
}

// inWordsOfToday gives a stored notice in the words of this version.
func inWordsOfToday(fields map[string]any) map[string]any {
	if _, old := fields["eventId"]; !old {
		return fields
	}
	today := make(map[string]any, len(fields))
	for name, value := range fields {
		if word, old := wordsBefore[name]; old {
			name = word
		}
		today[name] = value
	}
	return today
}

// receipt says whether the board has taken the notice. Every element of its
// answer is optional in the contract, because a business fault may stand in
// their place; an answer without a receipt says nothing.
func (r *Register) receipt(answer *xroad.Answer) error {
	told, err := r.read(r.o.PermitTable, answer)
	if err != nil {
		return err
	}
	if id, _ := told["receipt_id"].(string); id == "" {
		return &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", Message: "the board's answer has no receipt", MessageID: answer.Exchange.MessageID,
		}
	}
	return nil
}
