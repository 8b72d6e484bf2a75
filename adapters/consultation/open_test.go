package consultation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
)

func TestOpeningWritesRoundLegsQuestionsAndEventsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("residence_permit.employment")
	if c.State != consultation.RoundCollecting || c.Outcome != consultation.OutcomeOpen || len(c.Legs) != 3 {
		t.Fatalf("opened: %+v", c)
	}
	if diff := cmp.Diff(c, w.get(c.ID)); diff != "" {
		t.Errorf("what Open returns is not what Get reads (-open +get):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"consultation.requested", "consultation.requested", "consultation.requested"}, w.types(c.ID)); diff != "" {
		t.Error(diff)
	}
	first := w.events(c.ID)[0].Data
	want := map[string]any{
		"consultation_id": c.ID, "round": 1.0, "case_reference": "ELT-2026/004711", "case_type": "residence_permit.employment",
		"leg_id": c.Legs[0].ID, "leg_type": "residence_permit.employment", "authority": "tax", "mandatory": true, "binding": "facts",
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("event data:\n%s", diff)
	}
	for _, l := range c.Legs {
		var destination, lane, kind string
		var payload []byte
		err := w.pool.QueryRow(context.Background(), `select destination, lane, kind, payload from outbox.message where key = $1`, l.ID).
			Scan(&destination, &lane, &kind, &payload)
		if err != nil || destination != "consultations."+l.Authority || lane != l.ID || kind != consultation.KindAsk {
			t.Errorf("message to %s: destination %s, lane %s, kind %s, error %v", l.Authority, destination, lane, kind, err)
		}
		var q consultation.Question
		if err := json.Unmarshal(payload, &q); err != nil {
			t.Fatal(err)
		}
		wantQuestion := consultation.Question{
			LegID: l.ID, Round: 1, CaseReference: "ELT-2026/004711", CaseType: "residence_permit.employment",
			LegalBasis: "Välismaalaste seadus § 176", Purpose: "Elamisloa andmine", PersonalCode: "71506150007",
			GivenName: "Mai", Surname: "Sünteetiline", EmployerCode: "10000024", Occupation: "Keevitaja", Official: "EE81506150008",
		}
		if diff := cmp.Diff(wantQuestion, q); diff != "" {
			t.Errorf("question to %s:\n%s", l.Authority, diff)
		}
	}
}

func TestARolledBackOpeningLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failure := errors.New("the caller changed its mind")
	err := w.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := w.Open(ctx, tx, request("short")); err != nil {
			t.Error(err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	for _, table := range []string{"consultation.round", "consultation.leg", "outbox.message", "outbox.event"} {
		if n := w.count("select count(*) from " + table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

func TestARequestThatBreaksRulesIsRefusedWithAllOfThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := consultation.OpenRequest{
		CaseReference: strings.Repeat("x", 101), Type: "unheard_of", Purpose: "a\x00b", LegalBasis: " ",
		Person:   consultation.Person{PersonalCode: "36805280108", GivenName: "A\ufffe"},
		Employer: &consultation.Employer{RegistryCode: "12345679"}, Official: "81506150008",
	}
	err := w.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := w.Open(ctx, tx, r)
		return err
	})
	want := []string{
		"/case_reference length", "/type type.unknown", "/legal_basis required", "/purpose character",
		"/person/personal_code personal_code.checksum", "/person/given_name character", "/person/surname required",
		"/employer/registry_code registry_code.checksum", "/official official.format",
	}
	if diff := cmp.Diff(want, codes(err)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(err.Error(), "36805280108") {
		t.Error("the error holds the personal code")
	}
}

func TestGetKnowsOnlyWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"", "x", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "urn:uuid:6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "' or true --"} {
		if _, err := w.Get(context.Background(), w.pool, id); !errors.Is(err, consultation.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// The core owns the case: who it is about stands in the questions only.
func TestRoundsLegsAndEventsHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("residence_permit.employment")
	w.mustReceive(answer(c, "labour", "a1", consultation.CodeNoObjection))
	var all string
	err := w.pool.QueryRow(context.Background(), `
		select concat_ws(E'\n',
			(select string_agg(r::text, E'\n') from consultation.round r), (select string_agg(l::text, E'\n') from consultation.leg l),
			(select string_agg(a::text, E'\n') from consultation.answer a), (select string_agg(e::text, E'\n') from outbox.event e))`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(all, c.ID) || !strings.Contains(all, "consultation.answered") {
		t.Fatal("the dump is not what it should be")
	}
	for _, canary := range []string{"71506150007", "81506150008", "Mai", "Sünteetiline"} {
		if strings.Contains(all, canary) {
			t.Errorf("%q is stored", canary)
		}
	}
}
