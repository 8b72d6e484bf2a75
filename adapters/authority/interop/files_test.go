package interop_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// fileIn is the one file that an answer brought: beside it, or where a library
// has put it into its place.
func fileIn(r result) []byte {
	if content, err := base64.StdEncoding.DecodeString(text(r.Body, "response", "content")); err == nil && len(content) > 0 {
		return content
	}
	if len(r.Attachments) != 1 {
		return nil
	}
	return r.Attachments[0].Content
}

// sent is a way of sending a file.
type sent struct {
	what   string
	file   map[string]any
	beside []attachment
	mtom   bool
}

// packagings notes how the messages are packed that pass.
type packagings struct {
	mu   sync.Mutex
	seen []string
}

// before starts what stands before a provider and notes; it returns its address.
func (p *packagings) before(t *testing.T, provider string) string {
	t.Helper()
	target, err := url.Parse(provider)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		p.mu.Lock()
		p.seen = append(p.seen, strings.TrimSuffix(media+" "+params["type"], " "))
		p.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Every library fetches the file of a question by SwA and by MTOM and sends one
// with its answer in the ways that it has, straight and through a Security Server.
func TestOtherMakersFilesOfQuestions(t *testing.T) {
	t.Parallel()
	address, ask, _ := provider(t)
	opinion := append([]byte("%PDF-1.4\r\n"), bytes.Repeat([]byte("\x00arvamus õ\r\n--"), 9_000)...)
	opinion = append(opinion, '.') // zeep cuts line ends off the end
	sum := sha256.Sum256(opinion)
	file := func(more map[string]any) map[string]any {
		f := map[string]any{"id": uuid.NewString(), "name": "arvamus.pdf", "sha256": hex.EncodeToString(sum[:])}
		for name, value := range more {
			f[name] = value
		}
		return f
	}
	beside := []attachment{{ContentID: "f-1", ContentType: "application/pdf", Content: opinion}}
	swa := func() sent { return sent{"SwA", file(map[string]any{"contentRef": "cid:f-1"}), beside, false} }
	inText := func(what string, mtom bool) sent {
		return sent{what, file(map[string]any{"content": base64.StdEncoding.EncodeToString(opinion)}), nil, mtom}
	}
	ways := map[string]func() []sent{
		"CXF":  func() []sent { return []sent{swa(), inText("MTOM", true), inText("in the text", false)} },
		"zeep": func() []sent { return []sent{swa(), inText("in the text", false)} }, // it has no MTOM of its own
		"node-soap": func() []sent {
			include := map[string]any{"xop:Include": map[string]any{"attributes": map[string]any{"xmlns:xop": "http://www.w3.org/2004/08/xop/include", "href": "cid:f-1"}}}
			return []sent{swa(), {"MTOM", file(map[string]any{"content": include}), beside, true}, inText("in the text", false)}
		},
	}
	for _, l := range libraries {
		for _, way := range []string{"straight", "through the Security Server"} {
			t.Run(l.name+" "+way, func(t *testing.T) {
				t.Parallel()
				l.args(t)
				j := job{WSDL: address + "/soap?wsdl", Catalogue: catalogue(t), Client: parts(security), Provider: parts(hub), Attachments: true}
				packed := &packagings{}
				if way == "straight" {
					j.Endpoint = packed.before(t, address) + "/soap"
				} else {
					j.Endpoint = securityServer(t, "", address+"/soap").URL() + "/"
				}
				add := func(operation string, request map[string]any, s sent) {
					j.Calls = append(j.Calls, call{
						Operation: operation, Version: "v1", ID: uuid.NewString(), UserID: "EE81506151050", Issue: "C-1",
						Body: map[string]any{"request": request}, Attachments: s.beside, MTOM: s.mtom,
					})
				}
				list := ways[l.name]()
				for _, packaging := range []string{"SWA", "MTOM"} {
					question := ask(t)
					add("getAttachment", map[string]any{"consultationId": question, "attachmentId": fileOf(question), "packaging": packaging}, sent{})
				}
				for _, s := range list {
					question := ask(t)
					content := answer(question)["request"].(map[string]any)
					content["attachment"] = []any{s.file}
					add("submitAnswer", content, s)
					add("getAttachment", map[string]any{"consultationId": question, "attachmentId": s.file["id"]}, sent{})
				}
				got := l.run(t, j).Results
				for i, packaging := range []string{"SWA", "MTOM"} {
					if r := got[i]; r.Fault != nil || !bytes.Equal(fileIn(r), contractFile) {
						t.Errorf("by %s: fault %+v, %.300v, %d files, %d bytes", packaging, r.Fault, r.Body, len(r.Attachments), len(fileIn(r)))
					}
				}
				for i, s := range list {
					taken, back := got[2+2*i], got[3+2*i]
					if way == "straight" { // node-soap calls everything MTOM, CXF sends all in one part at least
						if as := packed.seen[2+2*i]; s.mtom && !strings.HasSuffix(as, "xop+xml") || s.beside != nil && !strings.HasPrefix(as, "multipart/") {
							t.Errorf("sent by %s as %s", s.what, as)
						}
					}
					if taken.Fault != nil || text(taken.Body, "response", "status") != "accepted" {
						t.Errorf("sent by %s: fault %+v, %.300v", s.what, taken.Fault, taken.Body)
					}
					if back.Fault != nil || !bytes.Equal(fileIn(back), opinion) || text(back.Body, "response", "attachment", "name") != "arvamus.pdf" {
						t.Errorf("sent by %s, fetched again: fault %+v, %.300v, %d files", s.what, back.Fault, back.Body, len(back.Attachments))
					}
				}
			})
		}
	}
}
