package interop_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// echo is a provider that gives the attachments back, in the packaging in which
// they came.
func echo(t *testing.T) string {
	t.Helper()
	answer := func(w http.ResponseWriter, r *http.Request) error {
		in, err := soap.OpenRequest(r.Header.Get("Content-Type"), r.Body, soap.DefaultLimits())
		if err != nil {
			return err
		}
		var files []soap.Attachment
		for {
			a, err := in.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			content, err := io.ReadAll(a.Body)
			if err != nil {
				return err
			}
			files = append(files, soap.Attachment{ContentID: a.ContentID, ContentType: a.ContentType, Body: bytes.NewReader(content)})
		}
		if len(files) == 0 {
			return errors.New("the message came without its attachments")
		}
		req, err := soap.ReadRequest(in.Envelope(), soap.DefaultLimits())
		if err != nil {
			return err
		}
		body := etree.NewElement("p:submitAnswerResponse")
		body.CreateAttr("xmlns:p", req.Body().NamespaceURI())
		response := body.CreateElement("response")
		response.CreateElement("status").SetText("accepted")
		response.CreateElement("legState").SetText("ANSWERED")
		text, err := soap.BuildAnswer(req, body)
		if err != nil {
			return err
		}
		packaging := soap.PackagingSwA
		if bytes.Contains([]byte(r.Header.Get("Content-Type")), []byte("xop+xml")) {
			packaging = soap.PackagingMTOM
		}
		contentType, out, err := soap.WriteMessage(text, packaging, uuid.NewString(), files)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", contentType)
		_, err = io.Copy(w, out)
		return err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := answer(w, r); err != nil {
			t.Errorf("echo: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Files of other makers' messages come through the Security Server to the byte,
// there and back: node-soap by MTOM, zeep by SOAP with attachments.
func TestOtherMakersAttachments(t *testing.T) {
	t.Parallel()
	binary := make([]byte, 300<<10)
	for i := range binary {
		binary[i] = byte(i * 7 >> 3)
	}
	files := []attachment{
		{ContentID: "otsus-1", ContentType: "application/pdf", Content: binary},
		{ContentID: "lisa-2", ContentType: "text/plain; charset=UTF-8", Content: []byte("--\r\nõäöü\r\n--part")}, // zeep cuts line ends off the end
	}
	for _, l := range libraries {
		if !l.sends {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			l.args(t)
			url, ask, _ := provider(t)
			one := call{
				Operation: "submitAnswer", Version: "v1", ID: uuid.NewString(), UserID: "EE81506151050", Issue: "C-1", Body: answer(ask(t)), Attachments: files,
			}
			j := job{
				WSDL: contracttest.Shipped(t, "consultation-answer.wsdl"), Catalogue: catalogue(t), Client: parts(security), Provider: parts(hub),
				Attachments: true, Calls: []call{one},
			}
			j.Endpoint = securityServer(t, "", echo(t)).URL() + "/"
			got := l.run(t, j).Results[0]
			if got.Fault != nil || text(got.Body, "response", "status") != "accepted" {
				t.Fatalf("fault %+v, answer %v", got.Fault, got.Body)
			}
			if diff := cmp.Diff(files, got.Attachments); diff != "" {
				t.Errorf("attachments changed on the way:\n%.600s", diff)
			}
			// The hub's own service takes none to which no field refers, and says so.
			j.Endpoint = securityServer(t, "", url+"/soap").URL() + "/"
			j.Calls[0].ID = uuid.NewString()
			if got := l.run(t, j).Results[0]; got.Fault == nil || got.Fault.Code != "client.attachments_not_taken" {
				t.Errorf("attachments to the hub: %+v", got)
			}
		})
	}
}
