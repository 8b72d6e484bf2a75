package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"ristmik/configs"
	"ristmik/soap"
)

// offering is an authority's own REST service, with files.
type offering struct {
	mu      sync.Mutex
	files   map[string]string
	fetched []string
}

func (o *offering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Method == http.MethodPost { // a question
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"receipt_id": "R-1"}`)
		return
	}
	o.fetched = append(o.fetched, r.URL.Path)
	content, ok := o.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/pdf")
	_, _ = io.WriteString(w, content)
}

func (o *offering) did() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string{}, o.fetched...)
}

// An authority names a file of its own service in an answer: it is fetched through
// the Security Server where the configuration says so, nowhere else and from
// nobody else, and is the one of the hash or nothing.
func TestFilesThatAnAuthorityOffersAreFetched(t *testing.T) {
	t.Parallel()
	const content = "%PDF-1.7 arvamus"
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	s := newScene(t, sceneOptions{authorities: allSilent(), consultations: `
  papers:
    title: {et: Paberid, en: Papers}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate}
      - {authority: embassy, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate}
`, config: func(cfg *configs.Config) {
		town := cfg.Authorities["town"]
		town.Files = town.Service
		cfg.Authorities["town"] = town
	}})
	own := &offering{files: map[string]string{"/failid/arvamus.pdf": content}}
	server := httptest.NewServer(own)
	t.Cleanup(server.Close)
	for _, name := range []string{"town", "embassy"} {
		id, err := soap.ParseServiceID(subsystemOf(name) + "/konsult")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.box.SetService(id, server.URL); err != nil {
			t.Fatal(err)
		}
	}
	c := s.open("papers", "C-1")
	file := uuid.NewString()
	answer := func(authority, id string, reference map[string]any) (int, string) {
		t.Helper()
		status, out := s.as(subsystemOf(authority), "POST", "/consultations/"+c.leg(authority).ID+"/answers", map[string]any{
			"answer_id": id, "round": 1, "answer_code": "OPINION_POSITIVE", "answered_at": "2026-03-02T10:00:00Z", "attachments": []any{reference},
		})
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		return status, string(text)
	}
	reference := func(href, sum string) map[string]any {
		return map[string]any{"id": file, "href": href, "sha256": sum, "name": "arvamus.pdf"}
	}
	for what, want := range map[string]struct {
		authority, href, sum string
		status               int
		code                 string
	}{
		"an address":       {"town", server.URL + "/failid/arvamus.pdf", digest, 422, "/attachments/0"},
		"an address as it": {"town", "//127.0.0.1/failid/arvamus.pdf", digest, 422, "format"},
		"a way out":        {"town", "/../konsult2/arvamus.pdf", digest, 422, "format"},
		"another file":     {"town", "/failid/arvamus.pdf", strings.Repeat("0", 64), 422, "attachment.sha256"},
		"no file":          {"town", "/failid/muu.pdf", digest, 422, "attachment.not_fetched"},
		"no agreement":     {"embassy", "/failid/arvamus.pdf", digest, 422, "attachment.not_fetched"},
		"nowhere":          {"town", "", digest, 422, "href"},
	} {
		if status, text := answer(want.authority, "a", reference(want.href, want.sum)); status != want.status || !strings.Contains(text, want.code) {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	for _, path := range own.did() {
		if path != "/failid/arvamus.pdf" && path != "/failid/muu.pdf" {
			t.Errorf("%s was fetched", path)
		}
	}
	if n := len(own.did()); n != 2 {
		t.Errorf("fetched %d times", n)
	}
	if status, text := answer("town", "a", reference("/failid/arvamus.pdf", digest)); status != http.StatusOK || !strings.Contains(text, "accepted") {
		t.Fatalf("%d %s", status, text)
	}
	if status, got := s.fetch(s.core+"/v1/attachments/"+file, nil); status != http.StatusOK || string(got) != content {
		t.Errorf("%d %q", status, got)
	}
	// Said again when it is not offered any more, it is what is there.
	server.Close()
	if status, text := answer("town", "a", reference("/failid/arvamus.pdf", digest)); status != http.StatusOK || !strings.Contains(text, "duplicate") {
		t.Errorf("%d %s", status, text)
	}
	other := reference("/failid/arvamus.pdf", digest)
	other["id"] = uuid.NewString()
	if status, text := answer("town", "b", other); status != http.StatusServiceUnavailable {
		t.Errorf("a service that is down: %d %s", status, text)
	}
	var list struct{ Attachments []map[string]any }
	s.must("GET", s.core+"/v1/consultations/"+c.ID+"/attachments", nil, nil, &list)
	if len(list.Attachments) != 1 || list.Attachments[0]["sha256"] != digest || list.Attachments[0]["name"] != "arvamus.pdf" || list.Attachments[0]["with"] != "a" || fmt.Sprint(list.Attachments[0]["authority"]) != "town" {
		t.Errorf("%v", list)
	}
}
