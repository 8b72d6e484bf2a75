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
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap"
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
	// Employment is the service TORIK of the employment register, Permits the one
	// that takes permit notices; their tables say what is asked and told in which
	// words.
	Employment      soap.ServiceID
	EmploymentTable *table.Table
	Permits         soap.ServiceID
	PermitTable     *table.Table
	// Zone is the register's time zone: its dates are local dates.
	Zone *time.Location
	Now  func() time.Time
}

// Register is the tax board as the hub sees it. Its methods may be called at
// the same time.
type Register struct{ o Options }

// New checks the options. A table without a field that is needed is an error that
// names it.
func New(o Options) (*Register, error) {
	if o.Pool == nil || o.XRoad == nil || o.Zone == nil || o.Now == nil {
		return nil, errors.New("tax: the database, the X-Road client, the time zone and the clock are needed")
	}
	for _, one := range []struct {
		what  string
		t     *table.Table
		lacks func(*table.Table) []string
	}{{"the employment query", o.EmploymentTable, EmploymentLacks}, {"the permit notice", o.PermitTable, PermitLacks}} {
		if one.t == nil {
			return nil, fmt.Errorf("tax: the mapping table of %s is needed", one.what)
		}
		if lacking := one.lacks(one.t); len(lacking) > 0 {
			return nil, fmt.Errorf("tax: the mapping table of %s lacks %s", one.what, strings.Join(lacking, ", "))
		}
	}
	return &Register{o}, nil
}

// EmploymentLacks returns the fields that this room needs of the mapping table of
// the employment query and that it does not have.
func EmploymentLacks(t *table.Table) []string {
	return t.Lacks([]string{"/kind", "/persons", "/changed_from", "/changed_until"}, []string{
		"/employments/*/id", "/employments/*/personal_code", "/employments/*/employer_code", "/employments/*/started",
		"/employments/*/ended", "/employments/*/end_ground_code", "/employments/*/changed_at",
	})
}

// PermitLacks is the same for the table of permit notices.
func PermitLacks(t *table.Table) []string {
	return t.Lacks([]string{"/event_id", "/event_type", "/permit_id", "/personal_code"}, []string{"/receipt_id"})
}

// write makes the content of a request out of what is said in the core's words.
// The error is a [mapping.Violations] with the core's places.
func write(t *table.Table, said map[string]any, now time.Time) ([]byte, error) {
	made, err := t.ToRegister(said, now)
	if err != nil {
		return nil, err
	}
	body, err := mapping.EncodeXML(t.Operation().Input, made)
	if found, ok := errors.AsType[mapping.Violations](err); ok {
		return nil, t.InCore(found)
	}
	return body, err
}

// read makes the core's words out of an answer, and a failure of its own kind out
// of a business fault in its part "response" (faultCode, faultString; PR-MESS
// D.2). The fault's text may name a person, so only the code is kept.
func (r *Register) read(t *table.Table, answer *xroad.Answer) (map[string]any, error) {
	// Where the partner broke its contract, nobody knows what it did; the
	// violations hold no values.
	unknown := func(code string, err error) error {
		return &soap.Failure{Kind: soap.KindUnknownResult, Code: code, Message: err.Error(), MessageID: answer.Exchange.MessageID, Err: err}
	}
	body, err := mapping.DecodeMessage(t.Operation().Output, answer.Message)
	if err != nil {
		return nil, unknown("answer.contract", err)
	}
	response, _ := body["response"].(map[string]any)
	code, coded := response["faultCode"].(string)
	if _, worded := response["faultString"]; coded || worded {
		return nil, &soap.Failure{
			Kind: soap.KindBusiness, Code: "business", Raw: code,
			Message: "the register refused the request", MessageID: answer.Exchange.MessageID,
		}
	}
	told, err := t.ToCore(body, r.o.Now())
	if err != nil {
		return nil, unknown("answer.table", err)
	}
	return told, nil
}
