// Package labour keeps the Labour Inspectorate in sync with the migration
// core: permit notices leave in order for each person, through the outbox to
// the inspectorate's X-Road REST service (POST /permit-notices).
//
// The package owns the database schema labour.
package labour

import (
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

// Publish puts the notice into the outbox, in the caller's transaction.
// Notices of one person leave in the order of their transactions; the same
// event twice is one notice.
func (r *Register) Publish(ctx context.Context, tx pgx.Tx, n Notice) error {
	var ref string
	err := tx.QueryRow(ctx, `
		insert into labour.person (personal_code, permit_id) values ($1, $2)
		on conflict (personal_code) do update set permit_id = excluded.permit_id
		returning person_ref`, n.PersonalCode, n.PermitID).Scan(&ref)
	if err != nil {
		return fmt.Errorf("noting the person of a permit: %w", err)
	}
	payload, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("writing the permit notice: %w", err)
	}
	err = outbox.Publish(ctx, tx, outbox.Message{Destination: Destination, Lane: ref, Kind: n.EventType, Key: n.EventID, Payload: payload})
	if err != nil {
		return fmt.Errorf("publishing the permit notice: %w", err)
	}
	return nil
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

// accepted reads the inspectorate's own status: 200 and 202 are receipts, a
// 4xx is its refusal of the data, anything else its trouble.
func accepted(a *xroad.RESTAnswer) error {
	switch {
	case a.Status == http.StatusOK || a.Status == http.StatusAccepted:
		return nil
	case a.Status >= 400 && a.Status < 500:
		return &soap.Failure{Kind: soap.KindFixData, Code: fmt.Sprintf("http.%d", a.Status), Message: "the inspectorate refused the notice", MessageID: a.Exchange.MessageID}
	default:
		return &soap.Failure{Kind: soap.KindPartnerDown, Code: fmt.Sprintf("http.%d", a.Status), Message: "the inspectorate's service is in trouble", MessageID: a.Exchange.MessageID}
	}
}
