package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/console"
	"ristmik/adapters/consultation"
	"ristmik/adapters/labour"
	"ristmik/adapters/sandbox"
	"ristmik/configs"
	"ristmik/soap/contract"
)

// What the hub sends to partners over REST keeps to the description that they are
// watched by, whichever fields it fills.
func TestWhatPartnersAreSentKeepsToTheirDescription(t *testing.T) {
	t.Parallel()
	partner, err := contract.LoadREST(configs.Contracts(), contractPartner)
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	full := consultation.Question{
		LegID: "1", Round: 1, CaseReference: "C-1", CaseType: "LTR", LegalBasis: "VMS § 1", Purpose: "elamisluba", PersonalCode: "71506150007", GivenName: "Mari", Surname: "Näidis",
		BirthDate: "2015-06-15", Citizenship: "UKR", DocumentNumber: "X1", DocumentCountry: "UKR", EmployerCode: "10000024", Occupation: "7112", Classification: "AK",
		Attachments: []consultation.Attached{{ID: "a", Name: "a.pdf", MediaType: "application/pdf", Size: 7, SHA256: "x", Classification: "AK", Container: true}},
	}
	schemas := map[string]string{opQuestion: "Question", opNotice: "Notice", opPermit: "PermitNotice"}
	for name, body := range map[string]any{
		opQuestion + " full":  full.Body(),
		opQuestion + " least": consultation.Question{LegID: "1", Round: 1, CaseReference: "C", CaseType: "T", LegalBasis: "L", Purpose: "P"}.Body(),
		opNotice + " full": consultation.Telling{ID: "n", At: due, Day: "2026-11-25", Total: 1, Entries: []consultation.ToldOfOne{
			{LegID: "1", Round: 1, CaseReference: "C", CaseType: "T", What: consultation.HappenedReminded, Percent: 80, State: "SENT", DueAt: &due},
		}},
		opPermit + " full": labour.Notice{
			EventID: "e", EventType: "permit.issued", OccurredAt: due.Format(time.RFC3339), PermitID: "P", PersonalCode: "71506150007", EmployerCode: "10000024",
			ValidFrom: "2026-01-01", ValidTo: "2027-01-01", EffectiveFrom: "2026-01-01", GroundCode: "1",
		},
		opPermit + " least": labour.Notice{EventID: "e", EventType: "permit.issued", OccurredAt: due.Format(time.RFC3339), PermitID: "P", PersonalCode: "71506150007"},
	} {
		code, extent, _ := strings.Cut(name, " ")
		op := partner.Operation(code)
		if op == nil || op.Unsupported != nil {
			t.Fatalf("%s: %v", code, op)
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		var value map[string]any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		if err := op.CheckRequest(map[string]any{"body": value}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if extent != "full" {
			continue
		}
		// A field of ours that the description does not have would not be missed when it
		// is refused one day.
		schema, _ := partner.Schemas[schemas[code]].(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		if len(properties) != len(value) {
			t.Errorf("%s has %d fields, the description %d", name, len(value), len(properties))
		}
	}
}

// The partners of the shipped world describe their services as they are pinned.
func TestPartnersOfTheShippedWorldAreAsPinned(t *testing.T) {
	t.Parallel()
	world, err := sandbox.LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	dir := openDir(t)
	w := &watchedWorld{t: t, config: asShipped(t, dir, box.URL())}
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("directory: ristmik-data"), []byte("directory: "+filepath.Join(dir, "data")), 1)
	if err := os.WriteFile(w.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(exitDone, "migrate")
	out := w.run(exitDone, "contract", "watch", "--now")
	for _, name := range []string{"authorities.labour", "authorities.security", "employment", "registers.labour.permit", "registers.tax.employment", "registers.tax.permit"} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` +same `).MatchString(out) {
			t.Errorf("%s is not the same in\n%s", name, out)
		}
	}
}

// Every partner with a service is watched, by what of it the hub calls.
func TestPartnersAreWatched(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	told := func() string {
		all, err := partnersWatched(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range all {
			out = append(out, r.Name+" "+r.Provider.String()+" "+r.Service+" "+strings.Join(r.Only, ","))
		}
		return strings.Join(out, "\n")
	}
	const (
		byREST   = "authorities.labour EE/GOV/79990000/jarelevalve konsult consultationRequest\n"
		security = "authorities.security EE/GOV/70000591/konsult  consultationRequest"
		permits  = "\nregisters.labour.permit EE/GOV/79990000/jarelevalve konsult permitNotice"
	)
	if got := told(); got != byREST+security+permits {
		t.Errorf("watched are\n%s", got)
	}
	a := cfg.Authorities["security"]
	a.Notices = configs.NoticesPush
	cfg.Authorities["security"] = a
	a = cfg.Authorities["labour"]
	a.Watch = "off"
	cfg.Authorities["labour"] = a
	cfg.Registers.Labour.Watch = "off"
	if got := told(); got != security+",consultationNotice" {
		t.Errorf("watched are\n%s", got)
	}
	for name, want := range map[string]console.Title{
		"authorities.security":    {ET: "Kaitsepolitseiamet: konsultatsioonid", EN: "Internal Security Service: consultations"},
		"registers.labour.permit": {ET: "Tööinspektsioon: loateated", EN: "Labour Inspectorate: permit notices"},
		"authorities.gone":        {ET: "konsultatsioonid", EN: "consultations"},
	} {
		if got := watchedTitle(cfg, name); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
