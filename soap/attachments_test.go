package soap_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

const related = `multipart/related; type="text/xml"; boundary=b`

// crlf writes a message with the line ends of MIME.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

type gotPart struct {
	ID, Type, Content string
}

// readAll opens a message and reads it to its end.
func readAll(contentType string, body io.Reader, answer, raw bool) (string, []gotPart, error) {
	open := soap.OpenRequest
	if answer {
		open = soap.OpenAnswer
	}
	in, err := open(contentType, body, soap.Limits{})
	if err != nil {
		return "", nil, err
	}
	var parts []gotPart
	next := in.Next
	if raw {
		next = in.NextRaw
	}
	for {
		a, err := next()
		if err == io.EOF {
			return string(in.Envelope()), parts, nil
		}
		if err != nil {
			return "", nil, err
		}
		b, err := io.ReadAll(a.Body)
		if err != nil {
			return "", nil, err
		}
		parts = append(parts, gotPart{a.ContentID, a.ContentType, string(b)})
	}
}

func TestPlainMessageIsItsBody(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-038")
	for _, contentType := range []string{"text/xml", "text/xml; charset=UTF-8", `TEXT/XML;CHARSET="utf-8"`, "application/xop+xml"} {
		in, err := soap.OpenRequest(contentType, strings.NewReader("\ufeff<a/>\n"), soap.Limits{})
		if err != nil {
			t.Fatal(contentType, err)
		}
		if in.Multipart() || string(in.Envelope()) != "\ufeff<a/>\n" || in.ContentType() != contentType {
			t.Errorf("%s: %q", contentType, in.Envelope())
		}
		if _, err := in.Next(); err != io.EOF {
			t.Errorf("an attachment of a plain message: %v", err)
		}
	}
}

// One message in many spellings: the parts are the same.
func TestPartsAreFoundInEverySpelling(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-102", "C-103", "C-104")
	const message = "--b\nContent-Type: text/xml\n\n<a/>\n--b\nContent-Type: text/plain\nContent-ID: <x@y>\n\none\n\n--b--\n"
	want := []gotPart{{"x@y", "text/plain", "one\r\n"}}
	for name, c := range map[string]struct{ contentType, body string }{
		"as the protocol writes it": {related, crlf(message)},
		"boundary quoted":           {`multipart/related; boundary="b"`, crlf(message)},
		"names in capitals":         {`Multipart/RELATED;BOUNDARY=b`, strings.NewReplacer("Content-Type", "CONTENT-TYPE", "Content-ID", "content-id").Replace(crlf(message))},
		"blanks around parameters":  {`multipart/related ; boundary = "b" ; charset=UTF-8;`, crlf(message)},
		"no blank behind the colon": {related, strings.ReplaceAll(crlf(message), ": ", ":")},
		"bare Content-ID":           {related, strings.ReplaceAll(crlf(message), "<x@y>", "x@y")},
		"folded field":              {related, strings.ReplaceAll(crlf(message), "Content-ID: ", "Content-ID:\r\n\t")},
		"preamble and epilogue":     {related, "This is MIME.\r\n" + crlf(message) + "bye\r\n--b\r\n"},
		"blanks behind delimiters":  {related, strings.ReplaceAll(crlf(message), "--b\r\n", "--b \t\r\n")},
		"no line break at the end":  {related, strings.TrimSuffix(crlf(message), "\r\n")},
		"7bit":                      {related, strings.ReplaceAll(crlf(message), "Content-ID", "Content-Transfer-Encoding: 7BIT\r\nContent-ID")},
		"binary":                    {related, strings.ReplaceAll(crlf(message), "Content-ID", "Content-Transfer-Encoding: binary\r\nContent-ID")},
		"base64":                    {related, strings.NewReplacer("Content-ID", "Content-Transfer-Encoding: Base64\r\nContent-ID", "one\r\n", "b25l\r\nDQo=\r\n").Replace(crlf(message))},
		"quoted-printable":          {related, strings.NewReplacer("Content-ID", "Content-Transfer-Encoding: quoted-printable\r\nContent-ID", "one\r\n", "=6Fn=\r\ne=0D=0A").Replace(crlf(message))},
		"SOAP part says 8bit":       {related, strings.Replace(crlf(message), "text/xml", "text/xml\r\nContent-Transfer-Encoding: 8bit", 1)},
		"SOAP part of MTOM":         {related, strings.Replace(crlf(message), "text/xml", `application/xop+xml; type="text/xml"`, 1)},
	} {
		for _, body := range []io.Reader{strings.NewReader(c.body), iotest.OneByteReader(strings.NewReader(c.body))} {
			envelope, parts, err := readAll(c.contentType, body, true, false)
			if err != nil || envelope != "<a/>" {
				t.Errorf("%s: %q %v", name, envelope, err)
				continue
			}
			if diff := cmp.Diff(want, parts); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	// With line feeds alone a line feed belongs to the delimiter.
	_, parts, err := readAll(related, strings.NewReader(message), true, false)
	if err != nil || parts[0].Content != "one\n" {
		t.Errorf("line feeds: %q %v", parts, err)
	}
	// An unquoted boundary with letters that a token cannot have.
	if _, _, err := readAll("multipart/related;boundary=--=_P(1)", strings.NewReader("----=_P(1)\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n----=_P(1)--"), true, false); err != nil {
		t.Error(err)
	}
}

// What looks like a delimiter and is none belongs to the content.
func TestContentMayLookLikeADelimiter(t *testing.T) {
	t.Parallel()
	content := "--b2\r\n--bc\r\n --b\r\n-\r\n--\r\n--b-\r\n--b--x\r\n\r\n\r--b\r\n--b" + strings.Repeat(" ", 100) + "\r\n"
	body := "--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-Type: a/b\r\n\r\n" + content + "\r\n--b--"
	for _, r := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body)), iotest.HalfReader(strings.NewReader(body))} {
		_, parts, err := readAll(related, r, true, false)
		if err != nil || len(parts) != 1 || parts[0].Content != content {
			t.Errorf("%q %v", parts, err)
		}
	}
}

func TestBrokenMultipartIsRefused(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-054", "C-077", "C-078", "C-097", "C-098", "C-105", "C-167")
	const soapPart = "--b\nContent-Type: text/xml\n\n<a/>\n"
	second := func(header, content string) string {
		return soapPart + "--b\n" + header + "\n\n" + content + "\n--b--\n"
	}
	for _, c := range []struct {
		name, contentType, body string
		request, answer         string
	}{
		{"no content type", "", soapPart, "invalid_request", "invalid_content_type"},
		{"another content type", "blah", soapPart, "invalid_content_type", "invalid_content_type"},
		{"SOAP 1.2", "application/soap+xml", soapPart, "invalid_content_type", "invalid_content_type"},
		{"no boundary", "multipart/related", soapPart, "invalid_content_type", "invalid_content_type"},
		{"two boundaries", "multipart/related; boundary=b; Boundary=c", soapPart, "invalid_content_type", "invalid_content_type"},
		{"long boundary", "multipart/related; boundary=" + strings.Repeat("b", 300), soapPart, "invalid_content_type", "invalid_content_type"},
		{"boundary with a line break", "multipart/related; boundary=\"b\nb\"", soapPart, "invalid_content_type", "invalid_content_type"},
		{"multipart/mixed", "multipart/mixed; boundary=b", soapPart, "invalid_content_type", "invalid_content_type"},
		{"empty", related, "", "missing_soap", "invalid_message"},
		{"closing delimiter only", related, "--b--\n", "missing_soap", "invalid_message"},
		{"boundary does not occur", related, strings.ReplaceAll(soapPart, "--b", "--c"), "missing_soap", "invalid_message"},
		{"endless preamble", related, strings.Repeat("x", 1<<20), "mime_parsing_failed", "invalid_message"},
		{"no closing delimiter", related, soapPart, "mime_parsing_failed", "invalid_message"},
		{"cut in an attachment", related, strings.TrimSuffix(second("Content-Type: a/b", "c"), "--b--\n"), "mime_parsing_failed", "invalid_message"},
		{"cut in a header", related, soapPart + "--b\nContent-Ty", "mime_parsing_failed", "invalid_message"},
		{"cut behind a delimiter", related, soapPart + "--b", "mime_parsing_failed", "invalid_message"},
		{"first part is no SOAP", related, strings.Replace(second("Content-Type: a/b", "c"), "text/xml", "text/plain", 1), "invalid_content_type", "invalid_content_type"},
		{"first part without type", related, strings.Replace(second("Content-Type: a/b", "c"), "Content-Type: text/xml\n", "", 1), "invalid_content_type", "invalid_content_type"},
		{"second part without type", related, second("Cont-Type: a/b", "c"), "invalid_content_type", "invalid_content_type"},
		{"SOAP in base64", related, strings.Replace(soapPart, "text/xml", "text/xml\nContent-Transfer-Encoding: base64", 1) + "--b--", "invalid_soap", "invalid_soap"},
		{"SOAP in quoted-printable", related, strings.Replace(soapPart, "text/xml", "text/xml\nContent-Transfer-Encoding: Quoted-Printable", 1) + "--b--", "invalid_soap", "invalid_soap"},
		{"junk in base64", related, second("Content-Type: a/b\nContent-Transfer-Encoding: base64", "b2!l"), "mime_parsing_failed", "invalid_message"},
		{"cut base64", related, second("Content-Type: a/b\nContent-Transfer-Encoding: base64", "b25"), "mime_parsing_failed", "invalid_message"},
		{"base64 goes on behind its end", related, second("Content-Type: a/b\nContent-Transfer-Encoding: base64", strings.Repeat("QUJD", 1023)+"QQ==\nQUJD"), "mime_parsing_failed", "invalid_message"},
		{"junk in quoted-printable", related, second("Content-Type: a/b\nContent-Transfer-Encoding: quoted-printable", "a=ZZb"), "mime_parsing_failed", "invalid_message"},
		{"unknown encoding", related, second("Content-Type: a/b\nContent-Transfer-Encoding: x-uuencode", "b"), "mime_parsing_failed", "invalid_message"},
		{"one Content-ID twice", related, soapPart + strings.Repeat("--b\nContent-Type: a/b\nContent-ID: <i>\n\nx\n", 2) + "--b--", "mime_parsing_failed", "invalid_message"},
		{"one Content-ID twice, once bare", related, soapPart + "--b\nContent-Type: a/b\nContent-ID: <i>\n\nx\n--b\nContent-Type: a/b\nContent-ID: i\n\nx\n--b--", "mime_parsing_failed", "invalid_message"},
		{"Content-Type twice", related, second("Content-Type: a/b\nContent-Type: a/c", "c"), "mime_parsing_failed", "invalid_message"},
		{"carriage return in a header", related, second("Content-Type: a/b\nContent-ID: <a\rb>", "c"), "mime_parsing_failed", "invalid_message"},
		{"NUL in a header", related, second("Content-Type: a/b\nContent-ID: <a\x00b>", "c"), "mime_parsing_failed", "invalid_message"},
		{"header line without colon", related, second("Content-Type: a/b\nfoo", "c"), "mime_parsing_failed", "invalid_message"},
		{"header begins folded", related, second(" foo: bar\nContent-Type: a/b", "c"), "mime_parsing_failed", "invalid_message"},
		{"65 parts", related, soapPart + strings.Repeat("--b\nContent-Type: a/b\n\nx\n", 64) + "--b--", "mime_parsing_failed", "invalid_message"},
		{"100,000 header lines", related, second("Content-Type: a/b\n"+strings.Repeat("X: y\n", 100_000), "c"), "mime_parsing_failed", "invalid_message"},
		{"a header line of 1 MB", related, second("Content-Type: a/b; x="+strings.Repeat("y", 1<<20), "c"), "mime_parsing_failed", "invalid_message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, answer := range []bool{false, true} {
				want := "client." + c.request
				if answer {
					want = "server.serverproxy.service_failed." + c.answer
				}
				_, _, err := readAll(c.contentType, strings.NewReader(c.body), answer, false)
				var f *soap.Failure
				if !errors.As(err, &f) || f.Code != want {
					t.Errorf("%v, want %s", err, want)
				}
			}
		})
	}
	// 64 parts are allowed.
	if _, parts, err := readAll(related, strings.NewReader(soapPart+strings.Repeat("--b\nContent-Type: a/b\n\nx\n", 63)+"--b--"), true, false); err != nil || len(parts) != 63 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

// A broken connection is not a broken message: its error comes as it is.
func TestErrorsOfTheBodyStayAsTheyAre(t *testing.T) {
	t.Parallel()
	cut := errors.New("connection reset")
	message := crlf("--b\nContent-Type: text/xml\n\n<a/>\n--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\nQUJD\n--b--\n")
	for n := range len(message) - len("b--\r\n") {
		body := io.MultiReader(strings.NewReader(message[:n]), iotest.ErrReader(cut))
		if _, _, err := readAll(related, body, true, false); !errors.Is(err, cut) {
			t.Fatalf("cut after %q: %v", message[:n], err)
		}
	}
	if _, err := soap.OpenAnswer("text/xml", iotest.ErrReader(cut), soap.Limits{}); !errors.Is(err, cut) {
		t.Error(err)
	}
}

func TestEnvelopeIsBounded(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-167")
	lim := soap.Limits{Bytes: 100}
	for contentType, body := range map[string]string{
		"text/xml": strings.Repeat("x", 101),
		related:    "--b\r\nContent-Type: text/xml\r\n\r\n" + strings.Repeat("x", 101) + "\r\n--b--",
	} {
		var f *soap.Failure
		if _, err := soap.OpenRequest(contentType, strings.NewReader(body), lim); !errors.As(err, &f) || f.Code != "client.invalid_soap" {
			t.Errorf("%s: %v", contentType, err)
		}
		if in, err := soap.OpenRequest(contentType, strings.NewReader(strings.Replace(body, "xx", "x", 1)), lim); err != nil || len(in.Envelope()) != 100 {
			t.Errorf("%s: %v", contentType, err)
		}
	}
}

// What an attachment left unread is skipped, and its reader then ends.
func TestAttachmentIsGoneAfterTheNext(t *testing.T) {
	t.Parallel()
	body := "--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-Type: a/b\r\n\r\none\r\n--b\r\nContent-Type: a/b\r\n\r\ntwo\r\n--b--"
	in, err := soap.OpenRequest(related, strings.NewReader(body), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := in.Next()
	if err != nil {
		t.Fatal(err)
	}
	second, err := in.Next()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(first.Body); err == nil {
		t.Errorf("the first attachment gave %q", b)
	}
	if b, err := io.ReadAll(second.Body); err != nil || string(b) != "two" {
		t.Errorf("%q %v", b, err)
	}
}

// samples is the folder of real messages, empty when there is none.
func samples(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("RISTMIK_XROAD_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "xroad-samples")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no samples in " + dir)
	}
	return dir
}

func TestRealMultipartMessages(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-098", "C-099", "C-102", "C-104", "C-105")
	dir := samples(t)
	for _, c := range []struct {
		file, boundary string
		parts          int
		code           string
	}{
		{"x-road/proxy-queries/attachm.query", "jetty771207119h3h10dty", 1, ""},
		{"x-road/proxy-queries/attachments.query", "jetty771207119h3h10dty", 3, ""},
		{"x-road/proxy-queries/attachm-mtom.query", `"jetty771207119h3h10dty"`, 1, ""},
		{"x-road/metaservice/wsdl_response.xml", "xroadZTLLyIMMYnAYliBumWCqHJYAhutxNf", 1, ""},
		{"x-road/opmon-requests/mtom_attachment.query", `"----=_Part_10_1777426800.1476273281168"`, 1, ""},
		{"xrd4j/adapter-examples/storeAttachmentsRequest.txt", "MIME_boundary", 2, ""},
		{"x-road/proxy-queries/attachm-error.query", "jetty771207119h3h10dty", 0, "invalid_content_type"},
		{"x-road/proxy-queries/attachm-no-soap.query", "jetty771207119h3h10dty", 0, "invalid_content_type"},
		{"x-road/proxy-queries/faulty-multipart.query", "jetty771207119h3h10dty", 0, "invalid_message"},
	} {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(c.file)))
		if err != nil {
			continue // another folder of samples
		}
		_, parts, err := readAll("Multipart/Related; boundary="+c.boundary, bytes.NewReader(data), true, false)
		var f *soap.Failure
		switch {
		case c.code == "" && (err != nil || len(parts) != c.parts):
			t.Errorf("%s: %d parts, %v", c.file, len(parts), err)
		case c.code != "" && (!errors.As(err, &f) || f.Code != "server.serverproxy.service_failed."+c.code):
			t.Errorf("%s: %v", c.file, err)
		}
	}
}
