package samples_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"ristmik/soap"
)

// wantCode checks the code of a failure in either spelling.
func wantCode(t *testing.T, where, want string, err error) {
	t.Helper()
	failure, ok := errors.AsType[*soap.Failure](err)
	if !ok {
		t.Errorf("%s gives %v, want %s", where, err, want)
		return
	}
	if got := soap.Normalize(failure.Code); got != soap.Normalize(want) && failure.Raw != want {
		t.Errorf("%s gives %s (%s), want %s", where, got, failure.Message, want)
	}
}

// wantFault checks that the sandbox refused with the code, in the shape of a
// Security Server.
func wantFault(t *testing.T, want string, got message) {
	t.Helper()
	if got.status != http.StatusOK || !strings.HasPrefix(got.contentType, "text/xml") {
		t.Errorf("the sandbox answers %d %s", got.status, got.contentType)
	}
	m, err := soap.ReadAnswer(got.body, soap.Limits{})
	if err != nil || m.Fault == nil {
		t.Errorf("the sandbox gives no Fault but %.300s, want %s", got.body, want)
		return
	}
	if code := soap.Normalize(m.Fault.Code); code != soap.Normalize(want) {
		t.Errorf("the sandbox gives %s (%s), want %s", code, m.Fault.String, want)
	}
	if m.Fault.Detail == "" {
		t.Error("the Fault has no faultDetail")
	}
}

// wantAnswer checks that an answer reached the client as one to its request:
// the same header, and exactly one hash, of the envelope that was sent.
func (r *row) wantAnswer(t *testing.T, got message, req *soap.Message, sent []byte) {
	t.Helper()
	if got.status != http.StatusOK {
		t.Errorf("status %d", got.status)
	}
	envelope, _, err := open(answer, got.contentType, got.body)
	if err != nil {
		t.Fatalf("the sandbox's answer: %v", err)
	}
	m, err := soap.ReadAnswer(envelope, soap.Limits{})
	if err != nil {
		t.Fatalf("the sandbox's answer: %v in %.500s", err, envelope)
	}
	if m.Fault != nil {
		t.Fatalf("the sandbox gives Fault %s: %s", m.Fault.Code, m.Fault.String)
	}
	if m.Header.ID != req.Header.ID || !consistent(req.Header, m.Header) {
		t.Errorf("the answer's header is not that of the request: %+v", m.Header)
	}
	if want := soap.HashOf(sent); m.Header.RequestHash != want {
		t.Errorf("requestHash %s, want %s", m.Header.RequestHash, want)
	}
	for i, e := range m.Header.Elements() { // a second one is refused as a duplicate by the reading
		if e.Tag == "requestHash" && (i == 0 || m.Header.Elements()[i-1].Tag != "id") {
			t.Error("requestHash does not stand right after id")
		}
	}
}

// wantUntouched checks what reached the provider: the envelope's own bytes, and
// of a message with attachments everything.
func (r *row) wantUntouched(t *testing.T, got message, contentType string, data, envelope []byte) {
	t.Helper()
	if !multipart(contentType) {
		if !bytes.Equal(got.body, data) {
			t.Errorf("the provider got other bytes: %.300s", got.body)
		}
		if want := "text/xml; charset=UTF-8"; got.contentType != want {
			t.Errorf("the provider got Content-Type %q, want %q", got.contentType, want)
		}
		return
	}
	if got.contentType != contentType {
		t.Errorf("the provider got Content-Type %q, want %q", got.contentType, contentType)
	}
	reached, _, err := open(request, got.contentType, got.body)
	if err != nil || !bytes.Equal(reached, envelope) {
		t.Errorf("the provider got another envelope: %v %.300s", err, reached)
	}
	if diff := cmp.Diff(attachmentsOf(t, request, message{contentType: contentType, body: data}), attachmentsOf(t, request, got)); diff != "" {
		t.Errorf("the provider got other attachments: %s", diff)
	}
}

// wantSameParts checks that the attachments of an answer reached the client as
// the provider sent them, under its Content-Type, which has a charset then.
func (r *row) wantSameParts(t *testing.T, got, sent message) {
	t.Helper()
	if !multipart(sent.contentType) {
		return
	}
	if diff := cmp.Diff(attachmentsOf(t, answer, sent), attachmentsOf(t, answer, got)); diff != "" {
		t.Errorf("the client got other attachments: %s", diff)
	}
	want := sent.contentType
	if !strings.Contains(strings.ToLower(want), "charset=") {
		want += ";charset=UTF-8"
	}
	if got.contentType != want {
		t.Errorf("the client got Content-Type %q, want %q", got.contentType, want)
	}
}

// consistent compares the fields that a Security Server compares, but for id.
func consistent(a, b soap.Header) bool {
	same := func(ns, name string) bool {
		x, y := a.Block(ns, name), b.Block(ns, name)
		return (x == nil) == (y == nil) && (x == nil || x.Text() == y.Text())
	}
	return a.Client == b.Client && a.Service == b.Service && same(soap.NSXRoad, "userId") && same(soap.NSXRoad, "issue") && party(a) == party(b)
}

// party is the represented party of a header as class/code, or "".
func party(h soap.Header) string {
	e := h.Block(soap.NSRepresentation, "representedParty")
	if e == nil {
		return ""
	}
	text := func(c *etree.Element) string {
		if c == nil {
			return ""
		}
		return c.Text()
	}
	return text(soap.Child(e, soap.NSRepresentation, "partyClass")) + "/" + text(soap.Child(e, soap.NSRepresentation, "partyCode"))
}
