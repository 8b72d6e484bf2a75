package interop_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/sandbox"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/soap"
	"ristmik/soap/contract"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	hub      = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}
	tor      = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "tor"}
	security = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000591", Subsystem: "konsult"}
)

// contractFile is the file that every question has.
var contractFile = append([]byte("%PDF-1.7\r\n--\r\n"), bytes.Repeat([]byte("õ\x00\xff--part"), 20_000)...)

// fileOf is the id of a question's file.
func fileOf(question string) string { return uuid.NewSHA1(uuid.Nil, []byte(question)).String() }

// provider starts the hub's provider over a real database, at a day in November,
// and returns its address, what asks the security service a question and gives
// its id, and the operations of the description that it serves.
func provider(t *testing.T) (url string, ask func(*testing.T) string, operations []*contract.Operation) {
	t.Helper()
	moment := time.Date(2026, 11, 2, 13, 0, 0, 0, time.UTC)
	now := func() time.Time { return moment }
	pool := postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "consultation", FS: consultation.Migrations})
	procedure, err := consultation.New(consultation.Options{
		Authorities: []consultation.Authority{{Name: "security", Title: "Kaitsepolitseiamet", Client: security}},
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "security", Mandatory: true, Fields: consultation.CaseFields(), Binding: consultation.BindingVeto, Pull: true,
				Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10}, Silence: consultation.SilenceEscalate, Extendable: true,
				Questions: consultation.QuestionsStopClock, QuestionTerm: &calendar.Rule{Unit: calendar.WorkingDays, Length: 10}},
		}}}},
		Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := contract.Load(configs.Contracts(), "consultation-answer.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	callers := map[string][]soap.ClientID{}
	for _, op := range answers.Operations() {
		callers[op.Code] = []soap.ClientID{security}
	}
	p, err := authority.New(authority.Options{
		Pool: pool, Procedure: procedure, Contract: answers, Self: hub, RESTService: "konsult", Callers: callers, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	ask = func(t *testing.T) string {
		t.Helper()
		var opened consultation.Consultation
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
			opened, err = procedure.Open(t.Context(), tx, consultation.OpenRequest{
				CaseReference: "ELT-2026/004711", Type: "residence_permit.employment", LegalBasis: "Välismaalaste seadus § 176",
				Purpose: "Elamisloa andmine", Person: consultation.Person{PersonalCode: person, GivenName: "Mai", Surname: "Sünteetiline"},
				Official: "EE81506151050",
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		leg := opened.Legs[0].ID
		err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			kept, err := (&files.Store{Pool: pool, Now: now}).Put(t.Context(), bytes.NewReader(contractFile), "", nil)
			if err == nil {
				_, err = procedure.Attach(t.Context(), tx, consultation.NewAttachment{ID: fileOf(leg), Name: "tööleping.pdf", File: kept})
			}
			if err == nil {
				_, err = procedure.AddAttachments(t.Context(), tx, opened.ID, []string{fileOf(leg)})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return leg
	}
	// One question has been waiting for so long that there is a digest with it.
	ask(t)
	for _, minute := range []int{0, 15} { // from 9 o'clock of the day on which half of the term has passed
		moment = time.Date(2026, 11, 9, 7, minute, 0, 0, time.UTC)
		if _, _, err := procedure.Remind(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	moment = time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
	return server.URL, ask, answers.Operations()
}

// securityServer starts the sandbox that ships. With an address, questions to the
// security service go there instead of to its simulation, and answers to the
// hub's provider at hubURL.
func securityServer(t *testing.T, otherURL, hubURL string) *sandbox.Sandbox {
	t.Helper()
	world, err := sandbox.LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range world.Members {
		for _, sub := range m.Subsystems {
			for i := range sub.Services {
				if s := &sub.Services[i]; s.Code == "consultationRequest" && otherURL != "" {
					s.URL, s.Simulated = otherURL, ""
				}
			}
		}
	}
	s, err := sandbox.Start(context.Background(), sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 7, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
	})
	if hubURL != "" {
		for _, code := range authority.SOAPServices() {
			if err := s.SetService(soap.ServiceID{Provider: hub, Code: code, Version: "v1"}, hubURL); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}
