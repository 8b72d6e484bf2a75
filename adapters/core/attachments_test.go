package core_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/core"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/web"
)

const (
	fileA = "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c11"
	fileB = "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c12"
)

func pdf(text string) string { return "%PDF-1.7\n" + text }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A file is sent once, named when the consultation is opened, goes to the
// authorities that may see it, and is fetched as it was.
func TestFilesComeWithAQuestion(t *testing.T) {
	t.Parallel()
	var procedure *consultation.Procedure
	w := newWorldWith(t, newPool(t), func(o *core.Options) {
		o.Files = &files.Store{Pool: o.Pool, Size: 1000, Now: o.Now}
		var err error
		o.Procedure, err = consultation.New(consultation.Options{
			Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
				{Authority: "labour", Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true, Fields: []string{"attachments"}},
				{Authority: "security", Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true, Fields: []string{"surname"}},
			}}}},
			Authorities: []consultation.Authority{{Name: "labour", Client: clientOf("labour")}, {Name: "security", Client: clientOf("security")}}, Now: o.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		procedure = o.Procedure
	})
	content := pdf(canary)
	put := func(id, body string, header ...string) reply {
		t.Helper()
		return w.do("PUT", "/v1/attachments/"+id, body, append([]string{"Content-Type", "application/pdf"}, header...)...)
	}
	name := []string{"Content-Disposition", `attachment; filename*=UTF-8''..%2Ft%C3%B6%C3%B6leping.pdf`, "Content-Digest", digest(content)}
	want := consultation.Attached{ID: fileA, Name: "tööleping.pdf", MediaType: "application/pdf", Size: int64(len(content)), SHA256: hexOf(content), Classification: "AK"}
	for range 2 {
		var got consultation.Attached
		if r := put(fileA, content, name...); r.status != http.StatusOK || json.Unmarshal([]byte(r.body), &got) != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	for what, c := range map[string]struct {
		r      reply
		status int
		code   string
	}{
		"other content":  {put(fileA, pdf("x"), name[:2]...), 409, "/id attachment.id_reused"},
		"other name":     {put(fileA, content), 409, "/id attachment.id_reused"},
		"another hash":   {put(fileB, content, "Content-Digest", digest("x")), 422, "body attachment.sha256"},
		"no hash":        {put(fileB, content, "Content-Digest", "md5=:x:"), 400, "Content format"},
		"too large":      {put(fileB, pdf(strings.Repeat("x", 1000))), 413, "body attachment.too_large"},
		"not a PDF":      {put(fileB, "tere"), 422, "body attachment.media_type"},
		"no id":          {put("x", content), 422, "/id format"},
		"too secret":     {w.do("PUT", "/v1/attachments/"+fileB+"?classification=SALAJANE", pdf("SALADUS"), "Content-Type", "application/pdf"), 422, "/classification classification.too_high"},
		"unknown":        {w.do("POST", "/v1/consultations", consultationBody(map[string]any{"attachments": []string{fileA, fileB}})), 422, "/attachments/1 attachment.unknown"},
		"named twice":    {w.do("POST", "/v1/consultations", consultationBody(map[string]any{"attachments": []string{fileA, fileA}})), 422, "/attachments/1 duplicate"},
		"nothing by it":  {w.do("GET", "/v1/attachments/"+fileB, ""), 404, ""},
		"no such case":   {w.do("GET", "/v1/consultations/"+fileB+"/attachments", ""), 404, ""},
		"attach nothing": {w.do("POST", "/v1/consultations/"+fileB+"/attachments", `{"attachments":[]}`), 422, "/attachments items"},
	} {
		if codes := strings.Join(c.r.codes(t), ", "); c.r.status != c.status || codes != c.code {
			t.Errorf("%s: %d %s", what, c.r.status, c.r.body)
		}
	}
	if tables := postgrestest.Holds(t, w.pool, "SALADUS"); len(tables) > 0 {
		t.Errorf("the secret stands in %v", tables)
	}

	c := w.opened(map[string]any{"attachments": []string{fileA}})
	if r := w.do("POST", "/v1/consultations", consultationBody(map[string]any{"attachments": []string{fileA}, "case_reference": "OTHER"})); r.status != 422 {
		t.Errorf("another case has the same attachment: %d %s", r.status, r.body)
	}
	// Both files hold the same and are stored once.
	if r := put(fileB, content); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := w.count(`select count(*) from consultation.file f where (select count(*) from consultation.attachment a where a.file_id = f.id) = 2`); n != 1 {
		t.Errorf("%d files", n)
	}
	w.consultation(w.do("POST", "/v1/consultations/"+c.ID+"/attachments", `{"attachments":["`+fileB+`"]}`), http.StatusOK)
	for i, authority := range []string{"labour", "security"} {
		q, err := procedure.Fetch(context.Background(), w.pool, clientOf(authority), c.Legs[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		var first []string
		for _, a := range q.Question.Attachments {
			first = append(first, a.ID)
		}
		var all []string
		for _, a := range q.Attachments {
			all = append(all, a.ID)
		}
		slices.Sort(all)
		sees := authority == "labour"
		if sees != slices.Equal(first, []string{fileA}) || sees != slices.Equal(all, []string{fileA, fileB}) {
			t.Errorf("%s sees %v, and %v later", authority, first, all)
		}
		if n := w.count(`select count(*) from consultation.notice where authority = $1 and what = 'attached'`, authority); sees != (n == 1) {
			t.Errorf("%s: %d notices", authority, n)
		}
	}
	r := w.do("GET", "/v1/attachments/"+fileA, "", "Range", "bytes=0-7")
	if r.status != http.StatusPartialContent || r.body != "%PDF-1.7" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %s %v", r.status, r.body, r.header)
	}
	if r := w.do("GET", "/v1/attachments/"+fileA, ""); r.body != content {
		t.Errorf("%s", r.body)
	}
	if r := w.do("GET", "/v1/consultations/"+c.ID+"/attachments", ""); strings.Count(r.body, `"round":1`) != 2 {
		t.Errorf("%s", r.body)
	}
	// A revision names its own.
	c = w.consultation(w.do("POST", "/v1/consultations/"+c.ID+"/revisions", consultationBody(map[string]any{"attachments": []string{fileA}})), http.StatusOK)
	if n := w.count(`select count(*) from consultation.round_attachment where round = 2`); n != 1 {
		t.Errorf("%d attachments of the revision", n)
	}
	if strings.Contains(w.log.String(), "leping") || strings.Contains(w.log.String(), canary) {
		t.Errorf("log: %s", w.log)
	}
}

// Files are for those who may know who is asked.
func TestFilesAreNotForEverybody(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, newPool(t), func(o *core.Options) {
		o.Tokens, o.Questions = []web.Token{web.NewToken("portal", "p")}, map[string]bool{}
	})
	w.token = "p"
	for _, method := range []string{"GET", "PUT"} {
		if r := w.do(method, "/v1/attachments/"+fileA, ""); r.status != http.StatusForbidden {
			t.Errorf("%s: %d", method, r.status)
		}
	}
}
