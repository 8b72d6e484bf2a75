package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// Files go along with a call, in either packaging, and those of the answer are
// kept under names that cannot leave their directory.
func TestCallSendsAndKeepsAttachments(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-096")
	const content = "\x00\xff binary\r\n"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := soap.OpenRequest(r.Header.Get("Content-Type"), r.Body, soap.DefaultLimits())
		if err != nil {
			t.Errorf("the request is refused: %v", err)
			return
		}
		part, err := in.Next()
		if err != nil {
			t.Error(err)
			return
		}
		got, err := io.ReadAll(part.Body)
		if err != nil || string(got) != content || part.ContentID != "in.bin" {
			t.Errorf("%s holds %q, %v", part.ContentID, got, err)
		}
		req, err := soap.ReadRequest(in.Envelope(), soap.DefaultLimits())
		if err != nil {
			t.Error(err)
			return
		}
		body := etree.NewElement("a:" + req.Body().Tag + "Response")
		body.CreateAttr("xmlns:a", req.Body().NamespaceURI())
		answer, err := soap.BuildAnswer(req, body)
		if err != nil {
			t.Error(err)
			return
		}
		hash := `<x:requestHash algorithmId="` + soap.HashAlgorithm + `">` + soap.HashOf(in.Envelope()) + `</x:requestHash>`
		contentType, out, err := soap.WriteMessage([]byte(strings.Replace(string(answer), "</x:id>", "</x:id>"+hash, 1)), soap.PackagingSwA, "b",
			[]soap.Attachment{{ContentID: "../../out.bin", Body: strings.NewReader(content)}})
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = io.Copy(w, out)
	}))
	t.Cleanup(s.Close)
	for _, packaging := range [][]string{nil, {"--mtom"}} {
		dir := t.TempDir()
		file, kept := filepath.Join(dir, "in.bin"), filepath.Join(dir, "kept")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(kept, 0o700); err != nil {
			t.Fatal(err)
		}
		args := append([]string{torik, "--xml", "-d", `<q:TORIK xmlns:q="urn:q"/>`, "--attach", file}, packaging...)
		code, out, errOut := calling(t, s.URL, append(args, "--attachments", kept)...)
		if code != exitDone || !strings.Contains(out, "TORIKResponse") {
			t.Errorf("exit code %d\n%s%s", code, out, errOut)
		}
		if got, err := os.ReadFile(filepath.Join(kept, "01-%2E.%2F..%2Fout.bin")); err != nil || string(got) != content {
			t.Errorf("kept is %q, %v\n%s", got, err, errOut)
		}
		code, _, errOut = calling(t, s.URL, args...)
		if code != exitDone || !strings.Contains(errOut, "attachment 1") {
			t.Errorf("exit code %d\n%s", code, errOut)
		}
	}
}
