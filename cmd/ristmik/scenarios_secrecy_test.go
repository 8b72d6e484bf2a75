package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ristmik/configs"
)

// fetch reads an answer as it is.
func (s *scene) fetch(address string, header http.Header) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, data
}

func TestScenario26Attachment(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{authorities: allSilent(), consultations: `
  papers:
    title: {et: Paberid, en: Papers}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, attachments], term: {working_days: 5}, silence: escalate}
`})
	file := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("sünteetiline "), 1_428_570)...)
	file = file[:20_000_000]
	digest := func(data []byte) string {
		sum := sha256.Sum256(data)
		return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	}
	put := func(id string, data []byte, digest string) (int, map[string]any) {
		var out map[string]any
		status := s.do("PUT", s.core+"/v1/attachments/"+id, http.Header{"Content-Type": {"application/pdf"}, "Content-Digest": {digest}, "Content-Disposition": {`attachment; filename="leping.pdf"`}}, data, &out)
		return status, out
	}
	wrong, tooLarge, good := uuid.NewString(), uuid.NewString(), uuid.NewString()
	if status, out := put(wrong, file, digest([]byte("something else"))); status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong hash: %d %v", status, out)
	}
	large := append(bytes.Clone(file), make([]byte, 2<<20)...)
	if status, out := put(tooLarge, large, digest(large)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d %v", status, out)
	}
	for _, id := range []string{wrong, tooLarge} {
		if status, _ := s.fetch(s.core+"/v1/attachments/"+id, nil); status != http.StatusNotFound {
			t.Errorf("something of a file that was refused is there: %d", status)
		}
	}
	if status, out := put(good, file, digest(file)); status != http.StatusOK {
		t.Fatalf("%d %v", status, out)
	}
	var c consultationView
	s.must("POST", s.core+"/v1/consultations", idempotency("papers"), openRequest("papers", "C-1", map[string]any{"attachments": []string{good}}), &c)
	leg := c.leg("town")
	// The authority gets it by reference with its hash, and finds the file to be that.
	status, asked := s.as(subsystemOf("town"), "GET", "/consultations/"+leg.ID, nil)
	sum := sha256.Sum256(file)
	if text := fmt.Sprint(asked["attachments"]); status != http.StatusOK || !strings.Contains(text, fmt.Sprintf("%x", sum)) || !strings.Contains(text, "leping.pdf") {
		t.Errorf("%d %v", status, asked["attachments"])
	}
	status, got := s.fetch(s.box.URL()+"/r1/EE/GOV/70008747/ristmik/konsult/consultations/"+leg.ID+"/attachments/"+good, http.Header{"X-Road-Client": {subsystemOf("town")}})
	if status != http.StatusOK || sha256.Sum256(got) != sum {
		t.Errorf("fetched: %d, %d bytes", status, len(got))
	}
}

func TestScenario27HiddenLeg(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens")
	whole, portal := strings.Repeat("w", 40), strings.Repeat("p", 40)
	if err := os.WriteFile(tokens, []byte("ris "+whole+"\nportal "+portal+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newScene(t, sceneOptions{consultations: `
  plain:
    title: {et: Avalik, en: Plain}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate}
  quiet:
    title: {et: Vaikne, en: Quiet}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate}
      - {authority: security, hidden: true, mandatory: true, binding: veto, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate}
`, config: func(cfg *configs.Config) {
		cfg.Listeners.Core.TokensFile = tokens
		cfg.Events.Clients = map[string]configs.EventClient{"ris": {Types: []string{"*"}, Consultations: configs.SightWhole}, "portal": {Types: []string{"*"}}}
	}})
	by := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	measured := func() map[string]bool {
		_, text := s.fetch(s.console+"/metrics", nil)
		lines := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			// Every destination has its series, of zeros and a closed breaker, whether it is used or not.
			about := strings.Contains(line, `"security.`) || strings.Contains(line, `"security"`) || strings.Contains(line, "70000591") || strings.Contains(line, `"hidden`)
			if about && !strings.HasSuffix(line, " 0\n") && !strings.HasPrefix(line, "ristmik_breaker_state") {
				lines[line] = true
			}
		}
		return lines
	}
	before := measured()
	ids := map[string]string{}
	for _, kind := range []string{"plain", "quiet"} {
		var c consultationView
		header := by(whole)
		maps.Copy(header, idempotency(kind))
		s.must("POST", s.core+"/v1/consultations", header, openRequest(kind, "C-"+kind, nil), &c)
		ids[kind] = c.ID
	}
	var c consultationView
	for kind, id := range ids {
		s.eventually("the end of "+kind, func() bool {
			s.must("GET", s.core+"/v1/consultations/"+id, by(whole), nil, &c)
			return c.State == "COMPLETE"
		})
	}
	// Who is entitled sees it.
	s.must("GET", s.core+"/v1/consultations/"+ids["quiet"], by(whole), nil, &c)
	if l := c.leg("security"); len(c.Legs) != 2 || l.State != "ANSWERED" {
		t.Errorf("the case owner sees %+v", c)
	}
	// The portal's view is the same with and without it.
	views := map[string]string{}
	for kind, id := range ids {
		var view map[string]any
		s.must("GET", s.core+"/v1/consultations/"+id+"/progress", by(portal), nil, &view)
		delete(view, "id")
		delete(view, "opened_at")
		views[kind] = fmt.Sprint(view)
		if status, text := s.fetch(s.core+"/v1/consultations/"+id, by(portal)); status/100 == 2 {
			t.Errorf("the portal reads the whole of %s: %s", kind, text)
		}
	}
	if views["plain"] != views["quiet"] {
		t.Errorf("the portal sees %s and %s", views["plain"], views["quiet"])
	}
	kinds := map[string]map[string]int{ids["plain"]: {}, ids["quiet"]: {}}
	s.eventually("both ends in the portal's feed", func() bool {
		_, text := s.fetch(s.core+"/v1/events?limit=100", by(portal))
		if strings.Contains(string(text), "security") {
			t.Fatalf("the portal's feed: %s", text)
		}
		var page struct{ Events []sceneEvent }
		if err := json.Unmarshal(text, &page); err != nil {
			t.Fatal(err)
		}
		for _, seen := range kinds {
			clear(seen)
		}
		for _, e := range page.Events {
			kinds[e.Subject][e.Type]++
		}
		return len(kinds[ids["plain"]]) > 0 && maps.Equal(kinds[ids["plain"]], kinds[ids["quiet"]])
	})
	// Another authority sees its own questions only.
	_, notices := s.as(subsystemOf("town"), "GET", "/notices?after=0&limit=100", nil)
	list, _ := notices["notices"].([]any)
	if text := fmt.Sprint(notices); len(list) != 2 || strings.Contains(text, "security") || strings.Contains(text, c.leg("security").ID) {
		t.Errorf("another authority sees %v", notices)
	}
	if after := measured(); !maps.Equal(before, after) {
		t.Errorf("metrics tell of it: %v, and before %v", after, before)
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "security") || strings.Contains(line, "70000591") || strings.Contains(line, c.leg("security").ID) {
			t.Errorf("the log tells of it: %s", line)
		}
	}
}
