package samples_test

import (
	"context"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation"
	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// hubProvider opens the hub's own door for authorities. Nothing that comes
// through here is for it, so its database, which is none, is never asked.
func hubProvider(t *testing.T) string {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), "postgres://127.0.0.1:1/none") // connects when it is first used
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	contracts, err := fs.Sub(configs.Shipped, "contracts")
	if err != nil {
		t.Fatal(err)
	}
	description, err := contract.Load(contracts, "consultation-answer.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	asked := soap.ClientID{Instance: "RISTMIK", Class: "GOV", Member: "1", Subsystem: "asked"}
	procedure, err := consultation.New(consultation.Options{
		Authorities: []consultation.Authority{{Name: "asked", Title: "Asked", Client: asked}},
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "asked", Mandatory: true, Binding: consultation.BindingVeto, Destination: "asked"},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := authority.New(authority.Options{
		Pool: pool, Procedure: procedure, Contract: description, RESTService: "rest",
		Self:    soap.ClientID{Instance: "RISTMIK", Class: "GOV", Member: "2", Subsystem: "hub"},
		Callers: map[string][]soap.ClientID{authority.SOAPService: {asked}, "rest": {asked}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	return server.URL + "/soap"
}

// tryHubProvider sends a request to the hub as if it were the provider: a good
// one is refused only because the hub has no such service, any other for its
// defect.
func (r *row) tryHubProvider(t *testing.T, contentType string, data []byte, expect string) {
	t.Helper()
	got := post(t, r.set.provider, message{contentType: contentType, body: data})
	if got.status != 200 && got.status != 500 || !strings.HasPrefix(got.contentType, "text/xml") {
		t.Errorf("the hub as provider answers %d %s", got.status, got.contentType)
	}
	m, err := soap.ReadAnswer(got.body, soap.Limits{})
	if err != nil || m.Fault == nil {
		t.Fatalf("the hub as provider gives no Fault but %.300s", got.body)
	}
	if sent := r.read(contentType); sent != nil && sent.Fault != nil {
		expect = "client.invalid_body" // the hub does not repeat a foreign code
	} else if !strings.HasPrefix(expect, "client.") {
		expect = "client.unknown_service"
	}
	code := soap.Normalize(m.Fault.Code)
	if multipart(contentType) && code == "client.invalid_content_type" {
		return // its service takes no attachments
	}
	if code != soap.Normalize(expect) {
		t.Errorf("the hub as provider gives %s (%s), want %s", code, m.Fault.String, expect)
	}
}
