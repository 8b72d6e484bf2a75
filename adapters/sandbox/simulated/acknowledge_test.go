package simulated

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox/journal"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// startWorld starts a world of two authorities with a journal.
func startWorld(t *testing.T) *World {
	t.Helper()
	w, err := Start(context.Background(), Options{
		SecurityServer: "http://127.0.0.1:1", SetURL: func(soap.ServiceID, string) error { return nil },
		Services: map[string][]soap.ServiceID{LabourInspectorate: {{Code: "konsult"}}, SecurityService: {{Code: "consultationRequest"}}},
		Authorities: map[string]Consulted{
			LabourInspectorate: {Character: DefaultCharacter(LabourInspectorate)}, SecurityService: {SOAP: true, Character: DefaultCharacter(SecurityService)},
		},
		Contracts: os.DirFS(filepath.Join(contracttest.Root(t), "configs", "contracts")), Journal: filepath.Join(t.TempDir(), "j.jsonl"),
		Zone: time.UTC, Limits: soap.DefaultLimits(), Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Abort)
	return w
}

func TestNothingIsAcknowledgedThatCannotBeRemembered(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.journal.Abort()

	person := w.Persons()[0]
	request := map[string]any{"eventId": "e-1", "personalCode": person.PersonalCode, "consultationId": "c-1", "round": 1}
	if _, err := w.permitNotice(t.Context(), nil, request); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a notice: %v", err)
	}
	if _, err := w.consultationRequest(SecurityService)(t.Context(), &soap.Message{Header: soap.Header{Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "a"}}}, request); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a consultation: %v", err)
	}
	if _, err := w.End(person.PersonalCode, 0, time.Now(), "85"); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("an end of an employment: %v", err)
	}
	if err := w.Switch(LabourInspectorate, true); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a switch: %v", err)
	}
	hold := true
	if _, err := w.Characterise(SecurityService, Change{Hold: &hold}); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("a character: %v", err)
	}
	for _, path := range []string{"/consultations", "/permit-notices"} {
		body := `{"event_id":"e-1","event_type":"permit.issued","occurred_at":"2026-03-10T10:00:00Z","permit_id":"P","personal_code":"` + person.PersonalCode + `"}`
		if path == "/consultations" {
			body = `{"consultation_id":"c-2","round":1,"case_reference":"C","case_type":"t","legal_basis":"l","purpose":"p","given_name":"g","surname":"s","personal_code":"` + person.PersonalCode + `"}`
		}
		req := httptest.NewRequest("POST", path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Road-Client", "EE/GOV/1/a")
		rec := httptest.NewRecorder()
		w.systems[LabourInspectorate].handler.ServeHTTP(rec, req)
		if rec.Code != http.StatusInternalServerError {
			t.Errorf("%s: status %d", path, rec.Code)
		}
	}
}

// A request that comes while the world ends starts nothing that the end would not wait for.
func TestNothingBeginsOnceTheWorldEnds(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.mu.Lock()
	w.ended = true
	w.pursue(w.authorities[SecurityService], &consultation{received: w.o.Now().Add(time.Hour)})
	w.mu.Unlock()
	idle := make(chan struct{})
	go func() { w.work.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-time.After(30 * time.Second):
		t.Error("an answer is pursued after the end")
	}
}
