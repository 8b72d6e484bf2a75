package authority_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	filestore "ristmik/adapters/consultation/files"
	"ristmik/soap"
)

const (
	fileA = "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c11"
	fileB = "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c12"
)

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// put sends a file for a question as an authority's Security Server does.
func (w *world) put(from soap.ClientID, leg, id, body string, headers ...string) response {
	w.t.Helper()
	return w.do(http.MethodPut, "/rest/v1/consultations/"+leg+"/attachments/"+id, strings.NewReader(body), append([]string{
		"X-Road-Client", from.String(), "X-Road-Id", messageID, "Content-Type", "application/pdf",
	}, headers...)...)
}

func (w *world) fetchFile(from soap.ClientID, leg, id string, headers ...string) response {
	w.t.Helper()
	return w.do(http.MethodGet, "/rest/v1/consultations/"+leg+"/attachments/"+id, nil, append([]string{"X-Road-Client", from.String(), "X-Road-Id", messageID}, headers...)...)
}

// attached is a round to which the core attached a file.
func (w *world) attached(content string) {
	w.t.Helper()
	ctx := context.Background()
	f, err := (&filestore.Store{Pool: w.pool}).Put(ctx, strings.NewReader(content), "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	err = pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := w.procedure.Attach(ctx, tx, consultation.NewAttachment{ID: fileA, Name: "tööleping.pdf", File: f}); err != nil {
			return err
		}
		_, err := w.procedure.AddAttachments(ctx, tx, w.round.ID, []string{fileA})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Files go both ways by reference over REST, with hashes at both ends, and each
// authority has those of its own question only.
func TestFilesGoBothWaysOverREST(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	content := "%PDF-1.7\n" + strings.Repeat("lk ", 200_000)
	w.attached(content)
	leg := w.leg("labour")
	for name, through := range doors {
		q, refused := through(w, labour, "getConsultation", map[string]any{"consultation_id": leg})
		if refused != "" {
			t.Fatal(refused)
		}
		list, _ := q["attachments"].([]any)
		if len(list) != 1 {
			t.Fatalf("%s: %v", name, q)
		}
		a := list[0].(map[string]any)
		if a["id"] != fileA || a["sha256"] != hexOf(content) || a["name"] != "tööleping.pdf" || a["media_type"] != "application/pdf" || fmt.Sprint(a["size"]) != fmt.Sprint(len(content)) {
			t.Errorf("%s: %v", name, a)
		}
	}
	got := w.fetchFile(labour, leg, fileA)
	if got.status != http.StatusOK || hexOf(got.body) != hexOf(content) || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if part := w.fetchFile(labour, leg, fileA, "Range", "bytes=9-10"); part.status != http.StatusPartialContent || part.body != "lk" {
		t.Errorf("%d %q", part.status, part.body)
	}
	for what, r := range map[string]response{
		"another's question": w.fetchFile(security, leg, fileA), "no question": w.fetchFile(labour, fileB, fileA), "no file": w.fetchFile(labour, leg, fileB),
		"put to another's question": w.put(security, leg, fileB, "%PDF-1.7"),
	} {
		if r.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}

	sum := sha256.Sum256([]byte("%PDF-1.7 opinion"))
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	for range 2 {
		r := w.put(labour, leg, fileB, "%PDF-1.7 opinion", "Content-Digest", digest, "Content-Disposition", `attachment; filename="../arvamus.pdf"`)
		var kept consultation.Attached
		if json.Unmarshal([]byte(r.body), &kept) != nil || r.status != http.StatusOK || kept.Name != "arvamus.pdf" || kept.SHA256 != hexOf("%PDF-1.7 opinion") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	for code, r := range map[string]response{
		"attachment.sha256":       w.put(labour, leg, fileB, "%PDF-1.7 other", "Content-Digest", digest),
		"attachment.media_type":   w.put(labour, leg, fileB, "MZ program"),
		"attachment.id_reused":    w.put(labour, leg, fileB, "%PDF-1.7 other"),
		"attachment.empty":        w.put(labour, leg, fileB, ""),
		"classification.too_high": w.do(http.MethodPut, "/rest/v1/consultations/"+leg+"/attachments/"+fileB+"?classification=SALAJANE", strings.NewReader("%PDF-"+trace), "X-Road-Client", labour.String(), "X-Road-Id", messageID),
	} {
		if r.status < 400 || !strings.Contains(r.body, code) {
			t.Errorf("%s: %d %s", code, r.status, r.body)
		}
	}
	answer := map[string]any{
		"answer_id": "a", "consultation_id": leg, "round": 1, "answer_code": "OPINION_POSITIVE", "answered_at": "2026-03-02T12:00:00+02:00",
		"attachments": []any{fileB, fileA},
	}
	if _, refused := throughREST(w, labour, "submitAnswer", answer); refused != consultation.FaultUnknownAttachment {
		t.Errorf("the core's own: %s", refused)
	}
	answer["attachments"] = []any{fileB}
	for _, want := range []string{"accepted", "duplicate"} {
		if got, refused := throughREST(w, labour, "submitAnswer", answer); got["status"] != want {
			t.Errorf("%v %s", got, refused)
		}
	}
	all, err := w.procedure.Attachments(t.Context(), w.pool, w.round.ID)
	if err != nil || len(all) != 2 || all[1].With != "a" || all[1].Authority != "labour" || all[0].Round != 1 {
		t.Errorf("%+v (%v)", all, err)
	}
	for _, line := range w.log.take() {
		if strings.Contains(line, "arvamus") || strings.Contains(line, "leping") || strings.Contains(line, trace) {
			t.Errorf("log: %s", line)
		}
	}
}

// A file that breaks off on its way is not there, and nothing of it.
func TestAFileThatBreaksOffIsNotThere(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /rest/v1/consultations/%s/attachments/%s HTTP/1.1\r\nHost: x\r\nX-Road-Client: %s\r\nX-Road-Id: 1\r\nContent-Length: 1000000\r\n\r\n%%PDF-1.7\n",
		w.leg("labour"), fileB, labour)
	if _, err := conn.Write(bytes.Repeat([]byte("x"), 600_000)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("%+v (%v)", answer, err)
	}
	_ = answer.Body.Close()
	var n int
	if err := w.pool.QueryRow(t.Context(), `select (select count(*) from consultation.chunk) + (select count(*) from consultation.file)`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows (%v)", n, err)
	}
}
