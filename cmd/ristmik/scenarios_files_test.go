package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ristmik/configs"
)

// The files of a question go with it by SwA and by MTOM, as the authority wants
// it, or by reference with hash and address; who may not see them gets none.
func TestFilesGoWithAQuestion(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{authorities: allSilent(), consultations: `
  papers:
    title: {et: Paberid, en: Papers}
    legs:
      - {authority: security, mandatory: true, binding: veto, fields: [personal_code, given_name, surname, attachments], term: {working_days: 5}, silence: escalate}
      - {authority: ministry, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, attachments], term: {working_days: 5}, silence: escalate}
      - {authority: embassy, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, attachments], term: {working_days: 5}, silence: escalate}
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname], term: {working_days: 5}, silence: escalate}
`, config: func(cfg *configs.Config) {
		ministry := cfg.Authorities["ministry"]
		ministry.Attachments = configs.EncloseMTOM
		cfg.Authorities["ministry"] = ministry
	}})
	contents := [][]byte{
		append([]byte("%PDF-1.7\r\n"), bytes.Repeat([]byte("\x00sünteetiline\r\n--"), 150_000)...), []byte("%PDF-1.4 lisa"),
	}
	var ids []string
	for i, content := range contents {
		ids = append(ids, uuid.NewString())
		header := http.Header{"Content-Type": {"application/pdf"}, "Content-Disposition": {fmt.Sprintf(`attachment; filename="leping-%d.pdf"`, i)}}
		if status := s.do("PUT", s.core+"/v1/attachments/"+ids[i], header, content, nil); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	var c consultationView
	s.must("POST", s.core+"/v1/consultations", idempotency("papers"), openRequest("papers", "C-1", map[string]any{"attachments": ids}), &c)
	arrived := 0
	s.event("four questions on their way", func(e sceneEvent) bool {
		if e.Type == "consultation.delivered" {
			arrived++
		}
		return arrived == 4
	})
	for name, came := range map[string]bool{"security": true, "ministry": true, "embassy": false} {
		system := name
		if name == "security" {
			system = "security-service"
		}
		q := s.received(system)[c.leg(name).ID]
		if len(q.Files) != len(ids) {
			t.Errorf("%s got %+v", name, q.Files)
			continue
		}
		for i, f := range q.Files {
			sum := sha256.Sum256(contents[i])
			if f.ID != ids[i] || f.SHA256 != hex.EncodeToString(sum[:]) || f.Size != int64(len(contents[i])) || f.Came != came || f.Name != fmt.Sprintf("leping-%d.pdf", i) {
				t.Errorf("%s got %+v", name, f)
			}
		}
	}
	if q := s.received("town")[c.leg("town").ID]; len(q.Files) != 0 || q.TimesReceived != 1 {
		t.Errorf("who may not see the files got %+v", q)
	}
	// What is shown of what left tells how each went.
	for name, want := range map[string]string{"security": ">cid:" + ids[0] + "</", "ministry": `href="cid:` + ids[0], "embassy": "/consultations/" + c.leg("embassy").ID + "/attachments/" + ids[0]} {
		var sent string
		if err := s.db.pool.QueryRow(t.Context(), `select string_agg(convert_from(content, 'UTF8'), '') from consultation.sent where leg_id = $1`, c.leg(name).ID).Scan(&sent); err != nil || !strings.Contains(sent, want) {
			t.Errorf("to %s left %.500s (%v)", name, sent, err)
		}
	}
	status, got := s.fetch(s.box.URL()+"/r1/EE/GOV/70008747/ristmik/konsult/consultations/"+c.leg("embassy").ID+"/attachments/"+ids[0], http.Header{"X-Road-Client": {subsystemOf("embassy")}})
	if status != http.StatusOK || !bytes.Equal(got, contents[0]) {
		t.Errorf("fetched: %d, %d bytes", status, len(got))
	}
}
