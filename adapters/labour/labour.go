// Package labour keeps the Labour Inspectorate in sync with the migration
// core: permit notices leave in order for each person, through the outbox to
// the inspectorate's X-Road REST service (POST /permit-notices).
//
// The package owns the database schema labour.
package labour

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/soap"
)

// Migrations holds the schema labour.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Destination is the outbox destination of permit notices to the inspectorate.
const Destination = "labour.permits"

// Notice is what the inspectorate learns of a permit: these fields and no
// others (who may work where, and until when). Dates are YYYY-MM-DD,
// OccurredAt is RFC 3339.
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

// Register is the Labour Inspectorate as the hub sees it. Its methods may be
// called at the same time.
type Register struct {
	xroad   *xroad.Client
	permits soap.ServiceID
}

// New makes the room; permits is the REST service that takes the notices.
func New(client *xroad.Client, permits soap.ServiceID) (*Register, error) {
	if client == nil || permits.Code == "" {
		return nil, errors.New("labour: the X-Road client and the service of permit notices are needed")
	}
	return &Register{client, permits}, nil
}

// Note takes note of the person in the caller's transaction and returns the
// message to publish in it, after every other change: notices of one person
// leave in the order of their transactions; the same event twice is one notice.
func (r *Register) Note(ctx context.Context, tx pgx.Tx, n Notice) (outbox.Message, error) {
	var ref string
	err := tx.QueryRow(ctx, `
		insert into labour.person (personal_code) values ($1)
		on conflict (personal_code) do update set personal_code = excluded.personal_code
		returning person_ref`, n.PersonalCode).Scan(&ref)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("noting the person of a permit: %w", err)
	}
	payload, err := json.Marshal(n)
	if err != nil {
		return outbox.Message{}, fmt.Errorf("writing the permit notice: %w", err)
	}
	return outbox.Message{Destination: Destination, Lane: ref, Kind: n.EventType, Key: n.EventID, Payload: payload}, nil
}

// Send delivers one permit notice; it is the outbox's [outbox.Sender]. The
// inspectorate recognises a repeated event_id, so the send is idempotent.
func (r *Register) Send(ctx context.Context, d outbox.Delivery) outbox.Outcome {
	var n Notice
	if err := json.Unmarshal(d.Payload, &n); err != nil {
		return xroad.Outcome(&soap.Failure{Kind: soap.KindInternal, Code: "payload", Message: "the stored notice is not JSON", Err: err})
	}
	answer, err := r.xroad.REST(ctx, xroad.RESTCall{
		Service: r.permits, Method: http.MethodPost, Path: "/permit-notices",
		Header: http.Header{"Accept": {"application/json"}}, ContentType: "application/json; charset=utf-8",
		Body: d.Payload, Issue: n.PermitID,
	})
	if err == nil {
		err = accepted(answer)
	}
	out := xroad.Outcome(err)
	if answer != nil {
		out.Exchange = answer.Exchange.MessageID
	}
	return out
}

// Check says whether a notice that a person has edited can be sent: it is about the
// same event, and has what the inspectorate needs and nothing else.
func Check(_, will outbox.Message) error {
	decoder := json.NewDecoder(bytes.NewReader(will.Payload))
	decoder.DisallowUnknownFields()
	var n Notice
	if err := decoder.Decode(&n); err != nil {
		return fmt.Errorf("the notice cannot be read: %w", err)
	}
	if decoder.More() {
		return errors.New("the notice is followed by something else")
	}
	switch {
	case n.EventID != will.Key:
		return errors.New("event_id must stay as it is: the inspectorate recognises repetitions by it")
	case n.EventType == "" || n.OccurredAt == "" || n.PermitID == "" || n.PersonalCode == "":
		return errors.New("event_type, occurred_at, permit_id and personal_code are needed")
	}
	return nil
}

// accepted reads what the inspectorate itself says: the notice is delivered when
// there is a receipt with 200 or 202. Without one, such a status says nothing:
// nobody knows whether the inspectorate has the notice.
func accepted(a *xroad.RESTAnswer) error {
	if a.Status != http.StatusOK && a.Status != http.StatusAccepted {
		return &soap.Failure{
			Kind: xroad.KindOfStatus(a.Status), Code: fmt.Sprintf("http.%d", a.Status), Message: "the inspectorate did not take the notice",
			MessageID: a.Exchange.MessageID,
		}
	}
	var receipt struct {
		ReceiptID string `json:"receipt_id"`
	}
	if err := json.Unmarshal(a.Body, &receipt); err != nil || receipt.ReceiptID == "" {
		return &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", Message: "the inspectorate's receipt cannot be read",
			MessageID: a.Exchange.MessageID,
		}
	}
	return nil
}
