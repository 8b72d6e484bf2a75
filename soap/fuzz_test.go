package soap_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"ristmik/soap"
)

// outcomeOf is everything a reader of a message learns, for comparison.
type outcomeOf struct {
	Code, Envelope string
	Parts          []gotPart
}

func outcome(t *testing.T, contentType string, body io.Reader, raw bool) outcomeOf {
	t.Helper()
	envelope, parts, err := readAll(contentType, body, false, raw)
	out := outcomeOf{Envelope: envelope, Parts: parts}
	if err != nil {
		var f *soap.Failure
		if !errors.As(err, &f) || !strings.HasPrefix(f.Code, "client.") || strings.ContainsAny(f.Message, "\x00\r") {
			t.Fatalf("not a failure of a request: %v", err)
		}
		out.Code = f.Code
	}
	return out
}

// A multipart body of any bytes is read or refused, the same way in whatever
// pieces it comes, and what was read can be passed on.
func FuzzMultipart(f *testing.F) {
	f.Add(related, "--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b--")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		for _, raw := range []bool{false, true} {
			want := outcome(t, contentType, strings.NewReader(body), raw)
			for _, r := range []io.Reader{iotest.OneByteReader(strings.NewReader(body)), iotest.DataErrReader(strings.NewReader(body))} {
				if diff := cmp.Diff(want, outcome(t, contentType, r, raw)); diff != "" {
					t.Fatal("in other pieces it is another message:", diff)
				}
			}
			size := len(want.Envelope)
			for _, p := range want.Parts {
				size += len(p.Content)
			}
			if raw && size > len(body) {
				t.Fatalf("%d bytes became %d", len(body), size)
			}
		}
		passOn(t, contentType, body)
	})
}

// passOn writes what came in again and compares.
func passOn(t *testing.T, contentType, body string) {
	in, err := soap.OpenRequest(contentType, strings.NewReader(body), soap.Limits{})
	if err != nil || !in.Multipart() {
		return
	}
	const boundary = "a boundary that nobody guesses"
	if strings.Contains(body, boundary) {
		return
	}
	var attachments []soap.Attachment
	var want []gotPart
	for {
		a, err := in.NextRaw()
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
		content, err := io.ReadAll(a.Body)
		if err != nil {
			return
		}
		a.Body = bytes.NewReader(content)
		attachments = append(attachments, *a)
		want = append(want, gotPart{a.ContentID, a.ContentType, string(content)})
	}
	written, out, err := soap.WriteMessage(in.Envelope(), soap.PackagingMTOM, boundary, attachments)
	if err != nil {
		return // such as a Content-ID that our own SOAP part has
	}
	envelope, parts, err := readAll(written, out, false, true)
	if err != nil || envelope != string(in.Envelope()) {
		t.Fatalf("passed on, the envelope is %q, %v", envelope, err)
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Fatal("passed on, the parts differ:", diff)
	}
}

// An identifier of any bytes is refused or reads back from its own path form,
// which holds nothing that a header or a URL path could not.
func FuzzIdentifiers(f *testing.F) {
	f.Add("EE/GOV/1/sub%2Fsystem")
	f.Fuzz(func(t *testing.T, s string) {
		check := func(form string, err error) {
			if err != nil {
				t.Fatalf("%q has the path form %q, which is refused: %v", s, form, err)
			}
			for _, c := range []byte(form) {
				if c <= ' ' || c > '~' || strings.IndexByte(`"<>?#\^{|}`, c) >= 0 {
					t.Fatalf("%q has the path form %q", s, form)
				}
			}
		}
		if id, err := soap.ParseClientID(s); err == nil {
			back, err := soap.ParseClientID(id.String())
			check(id.String(), err)
			if back != id {
				t.Fatalf("%+v reads back as %+v", id, back)
			}
		}
		if id, err := soap.ParseServerID(s); err == nil {
			back, err := soap.ParseServerID(id.String())
			check(id.String(), err)
			if back != id {
				t.Fatalf("%+v reads back as %+v", id, back)
			}
		}
	})
}

// A code of any bytes becomes one of a closed alphabet, and normalising twice
// changes nothing.
func FuzzFaultCodes(f *testing.F) {
	f.Add("Server.ServerProxy.ServiceFailed.IOError", "text")
	f.Fuzz(func(t *testing.T, code, text string) {
		fault := soap.Fault{Code: code, String: text}.Failure("m")
		if again := soap.Normalize(fault.Code); again != fault.Code || len(again) > 200 {
			t.Fatalf("%q becomes %q, then %q", code, fault.Code, again)
		}
		if strings.Trim(fault.Code, "abcdefghijklmnopqrstuvwxyz_.") != "" || fault.Advice() == "" {
			t.Fatalf("%q becomes %q", code, fault.Code)
		}
	})
}
