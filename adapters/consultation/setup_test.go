package consultation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/outbox"
	"ristmik/soap"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	taxBoard = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "tor"}
	labour   = soap.ClientID{Instance: "EE", Class: "GOV", Member: "79990000", Subsystem: "jarelevalve"}
	security = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000591", Subsystem: "konsult"}
)

// noon is when everything in these tests happens.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func authorities() []consultation.Authority {
	return []consultation.Authority{
		{Name: "tax", Title: "Tax and Customs Board", Client: taxBoard},
		{Name: "labour", Title: "Labour Inspectorate", Client: labour},
		{Name: "security", Title: "Internal Security Service", Client: security},
	}
}

// seen is everything of a case.
var seen = consultation.CaseFields()

func policy() consultation.Policy {
	return consultation.Policy{Types: map[string]consultation.TypePolicy{
		"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "tax", Fields: seen, Mandatory: true, Binding: consultation.BindingFacts, Destination: "consultations.tax"},
			{Authority: "labour", Fields: seen, Mandatory: true, Binding: consultation.BindingAdvisory, Destination: "consultations.labour"},
			{Authority: "security", Fields: seen, Mandatory: true, Binding: consultation.BindingVeto, Destination: "consultations.security"},
		}},
		"short": {Legs: []consultation.LegPolicy{
			{Authority: "labour", Fields: seen, Mandatory: true, Binding: consultation.BindingOverride, Destination: "consultations.labour"},
			{Authority: "security", Fields: seen, Binding: consultation.BindingVeto, Destination: "consultations.security"},
		}},
	}}
}

func request(kind string) consultation.OpenRequest {
	return consultation.OpenRequest{
		CaseReference: "ELT-2026/004711", Type: kind, LegalBasis: "Välismaalaste seadus § 176", Purpose: "Elamisloa andmine",
		Person:   consultation.Person{PersonalCode: "71506150007", GivenName: "Mai", Surname: "Sünteetiline"},
		Employer: &consultation.Employer{RegistryCode: "10000024"}, Occupation: "Keevitaja", Official: "EE81506150008",
	}
}

// world is a database with a procedure on it.
type world struct {
	*consultation.Procedure
	t    testing.TB
	pool *pgxpool.Pool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, pool: postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "consultation", FS: consultation.Migrations})}
	var err error
	w.Procedure, err = consultation.New(consultation.Options{
		Policy: policy(), Authorities: authorities(), Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// in runs fn in a transaction of its own.
func (w *world) in(fn func(ctx context.Context, tx pgx.Tx) error) error {
	ctx := context.Background()
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return fn(ctx, tx) })
}

func (w *world) open(kind string) consultation.Consultation {
	w.t.Helper()
	var c consultation.Consultation
	err := w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		c, err = w.Open(ctx, tx, request(kind))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) get(id string) consultation.Consultation {
	w.t.Helper()
	c, err := w.Get(context.Background(), w.pool, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// leg finds the leg of an authority.
func leg(c consultation.Consultation, authority string) consultation.Leg {
	for _, l := range c.Legs {
		if l.Authority == authority {
			return l
		}
	}
	return consultation.Leg{}
}

func clientOf(authority string) soap.ClientID {
	return map[string]soap.ClientID{"tax": taxBoard, "labour": labour, "security": security}[authority]
}

// answer is a good answer of an authority to its leg.
func answer(c consultation.Consultation, authority, id string, code consultation.AnswerCode) consultation.Answer {
	a := consultation.Answer{
		AnswerID: id, LegID: leg(c, authority).ID, Round: c.Round, Code: code, AnsweredAt: noon.Add(-time.Minute),
		From: clientOf(authority), Door: "soap", MessageID: "m-" + id,
	}
	switch code {
	case consultation.CodeObjection, consultation.CodeOpinionNegative, consultation.CodePermitDenied:
		a.LegalGround, a.Justification = "VMS § 124", "Tööandjal on jõustunud ettekirjutus"
	case consultation.CodeApprovedWithConditions:
		a.Conditions = []consultation.Condition{{Code: "wage", Text: "Palk vähemalt keskmine", ValidUntil: "2027-01-31"}}
	}
	return a
}

func (w *world) receive(a consultation.Answer) (r consultation.Receipt, err error) {
	err = w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		r, err = w.Receive(ctx, tx, a)
		return err
	})
	return r, err
}

func (w *world) mustReceive(a consultation.Answer) consultation.Receipt {
	w.t.Helper()
	r, err := w.receive(a)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// told is an event of the feed.
type told struct {
	Type string
	Data map[string]any
}

// events reads the feed's table: the feed itself waits for every transaction of
// the cluster, and tests beside this one have some.
func (w *world) events(subject string) []told {
	w.t.Helper()
	rows, err := w.pool.Query(context.Background(), `select type, data from outbox.event where subject = $1 order by label, id`, subject)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (told, error) {
		var e told
		err := row.Scan(&e.Type, &e.Data)
		return e, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// types are the types of a subject's events in their order.
func (w *world) types(subject string) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.events(subject) {
		out = append(out, e.Type)
	}
	return out
}

// codes are the codes of a refusal as "path code".
func codes(err error) []string {
	r, ok := errors.AsType[*consultation.Refusal](err)
	if !ok {
		return nil
	}
	var out []string
	for _, v := range r.Violations {
		out = append(out, v.Path+" "+v.Code)
	}
	return out
}

// count is the number that a query gives.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.pool.QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}
