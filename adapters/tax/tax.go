// Package tax keeps the Tax and Customs Board and the migration core in sync.
//
// Out: permit notices, in order for each person, through the outbox to the
// board's permitNotice service. In: what changed in the employment register
// (töötamise register, TÖR) for persons with a permit, asked by a scheduled job
// with the register's own operation TORIK and told to the core as events. And
// on demand: the register's facts about one person, the machine's answer to a
// consultation.
//
// The package owns the database schema tax.
package tax

import (
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// Migrations holds the schema tax.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Destination is the outbox destination of permit notices to the tax board.
const Destination = "tax.permits"

// Options are what a [Register] is made of; every field is needed.
type Options struct {
	Pool  *pgxpool.Pool
	XRoad *xroad.Client
	// Employment is the service TORIK of the employment register and its
	// contract; Permits the service that takes permit notices.
	Employment   soap.ServiceID
	EmploymentOp *contract.Operation
	Permits      soap.ServiceID
	PermitsOp    *contract.Operation
	// Zone is the register's time zone: its dates are local dates.
	Zone *time.Location
}

// Register is the tax board as the hub sees it. Its methods may be called at
// the same time.
type Register struct{ o Options }

// New checks the options. An operation that the contract reader could not
// support is an error that names it.
func New(o Options) (*Register, error) {
	if o.Pool == nil || o.XRoad == nil || o.Zone == nil {
		return nil, errors.New("tax: the database, the X-Road client and the time zone are needed")
	}
	for _, op := range []*contract.Operation{o.EmploymentOp, o.PermitsOp} {
		if op == nil {
			return nil, errors.New("tax: an operation is missing in its contract")
		}
		if op.Unsupported != nil {
			return nil, fmt.Errorf("tax: operation %s: %w", op.Code, op.Unsupported)
		}
	}
	return &Register{o}, nil
}

// answerOf decodes the part "response" of an answer and turns a business fault
// inside it (faultCode, faultString; PR-MESS D.2) into a failure of its own
// kind. The fault's text may name a person, so only the code is kept.
func answerOf(op *contract.Operation, answer *xroad.Answer) (map[string]any, error) {
	body, err := mapping.DecodeMessage(op.Output, answer.Message)
	if err != nil {
		// The partner broke its contract, and nobody knows what it did; the
		// violations hold no values.
		return nil, &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", Message: err.Error(),
			MessageID: answer.Exchange.MessageID, Err: err,
		}
	}
	response, _ := body["response"].(map[string]any)
	code, coded := response["faultCode"].(string)
	if _, worded := response["faultString"]; coded || worded {
		return nil, &soap.Failure{
			Kind: soap.KindBusiness, Code: "business", Raw: code,
			Message: "the register refused the request", MessageID: answer.Exchange.MessageID,
		}
	}
	return response, nil
}
