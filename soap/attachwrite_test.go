package soap_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

func TestWrittenMessageIsReadBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-096", "C-097", "C-100", "C-101")
	junk := "\x00\r\n--b\n\r\n--hub-7f3\r\n\xff"
	for _, p := range []soap.Packaging{soap.PackagingSwA, soap.PackagingMTOM} {
		contentType, body, err := soap.WriteMessage([]byte("<a/>\r\n"), p, "hub-7f3c", []soap.Attachment{
			{ContentID: "deed-1@hub.example", ContentType: "application/pdf", Body: strings.NewReader(junk),
				Header: []soap.Field{{Name: "Content-Transfer-Encoding", Value: "base64"}, {Name: "Content-Disposition", Value: `attachment; filename="deed.pdf"`}}},
			{},
		})
		if err != nil {
			t.Fatal(err)
		}
		sent, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(sent, []byte("filename=\"deed.pdf\"\r\n\r\n"+junk)) || bytes.Contains(sent, []byte("base64")) ||
			bytes.Count(sent, []byte("Content-Type: ")) != 3 || !bytes.Contains(sent, []byte("\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <rootpart>\r\n\r\n<a/>")) {
			t.Errorf("%q", sent)
		}
		envelope, parts, err := readAll(contentType, bytes.NewReader(sent), false, false)
		if err != nil || envelope != "<a/>\r\n" {
			t.Fatalf("%q %v", envelope, err)
		}
		if diff := cmp.Diff([]gotPart{{"deed-1@hub.example", "application/pdf", junk}, {"", "application/octet-stream", ""}}, parts); diff != "" {
			t.Error(diff)
		}
		mtom := strings.Contains(contentType, `type="application/xop+xml"; start="<rootpart>"; start-info="text/xml"`)
		if mtom != (p == soap.PackagingMTOM) || !mtom && !strings.Contains(contentType, `type="text/xml"; start="<rootpart>"`) {
			t.Error(contentType)
		}
	}
	contentType, body, err := soap.WriteMessage([]byte("<a/>"), soap.PackagingSwA, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if in, err := soap.OpenRequest(contentType, body, soap.Limits{}); err != nil || !in.Multipart() {
		t.Errorf("a multipart message without attachments: %v", err)
	}
}

// requestHash covers the SOAP part's content and nothing else: a byte order
// mark in it counts, the line break before the boundary does not (PR-MESS 2.2).
func TestHashCoversTheContentOfTheSOAPPart(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-086", "C-088")
	request := golden(t, "request.xml")
	for _, p := range []soap.Packaging{soap.PackagingSwA, soap.PackagingMTOM} {
		for envelope, want := range map[string]string{
			request:            goldenHash,
			"\ufeff" + request: soap.HashOf([]byte("\ufeff" + request)),
		} {
			contentType, body, err := soap.WriteMessage([]byte(envelope), p, "hash", []soap.Attachment{{ContentID: "a", Body: strings.NewReader("x")}})
			if err != nil {
				t.Fatal(err)
			}
			in, err := soap.OpenRequest(contentType, body, soap.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := soap.HashOf(in.Envelope()); got != want {
				t.Errorf("the hash is %s, want %s", got, want)
			}
		}
	}
}

// Nested multiparts and fields that nobody knows reach the other side.
func TestRawPartsPassAsTheyCame(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-099")
	parts := crlf("--b\nContent-Type: multipart/mixed; boundary=inner\nClient-Header: FooBar\n\n--inner\nContent-Type: text/plain\n\nblaah\n--inner--\n\n" +
		"--b\nx-One: 1\nCONTENT-TYPE: a/b\nContent-Transfer-Encoding: base64\n\nQUJD\n  junk!\n--b--\n")
	in, err := soap.OpenRequest(related, strings.NewReader(crlf("--b\nContent-Type: text/xml\n\n<a/>\n")+parts), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var raw []soap.Attachment
	for {
		a, err := in.NextRaw()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.Body = bytes.NewReader(content)
		raw = append(raw, *a)
	}
	_, body, err := soap.WriteMessage(in.Envelope(), soap.PackagingSwA, "b", raw)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if _, after, _ := strings.Cut(string(sent), "<a/>\r\n"); after != parts {
		t.Error(cmp.Diff(parts, after))
	}
}

func TestUnsafeValuesAreNeverWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		boundary string
		a        soap.Attachment
	}{
		"CR LF in the Content-ID":   {"b", soap.Attachment{ContentID: "a\r\nX: y"}},
		"bracket in the Content-ID": {"b", soap.Attachment{ContentID: "a>"}},
		"LF in the type":            {"b", soap.Attachment{ContentType: "a/b\nX: y"}},
		"NUL in a value":            {"b", soap.Attachment{Header: []soap.Field{{Name: "X", Value: "\x00"}}}},
		"colon in a name":           {"b", soap.Attachment{Header: []soap.Field{{Name: "X: y", Value: "z"}}}},
		"CR in a name":              {"b", soap.Attachment{Header: []soap.Field{{Name: "X\r", Value: "z"}}}},
		"header too large":          {"b", soap.Attachment{Header: []soap.Field{{Name: "X", Value: strings.Repeat("z", 1<<15)}}}},
		"Content-ID of the root":    {"b", soap.Attachment{ContentID: "rootpart"}},
		"empty boundary":            {"", soap.Attachment{}},
		"quote in the boundary":     {`"`, soap.Attachment{}},
		"boundary in the envelope":  {"in-the-envelope", soap.Attachment{}},
	} {
		if _, _, err := soap.WriteMessage([]byte("<a>\n--in-the-envelope\n</a>"), soap.PackagingSwA, c.boundary, []soap.Attachment{c.a}); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if _, _, err := soap.WriteMessage(nil, soap.PackagingSwA, "b", make([]soap.Attachment, 64)); err == nil {
		t.Error("65 parts were written")
	}
}

// 200 MB pass without being held.
func TestLargeAttachmentStreams(t *testing.T) {
	// Not parallel: the memory of other tests would count.
	runtime.GC()
	conformance.Covers(t, "C-037")
	const size = 200 << 20
	for name, encode := range map[string]func(io.Reader) io.Reader{
		"binary": nil,
		"base64": func(r io.Reader) io.Reader {
			pr, pw := io.Pipe()
			go func() {
				e := base64.NewEncoder(base64.StdEncoding, pw)
				_, err := io.Copy(e, r)
				if err == nil {
					err = e.Close()
				}
				pw.CloseWithError(err)
			}()
			return pr
		},
	} {
		want := int64(size)
		content := io.LimitReader(pattern{}, size)
		encoding := ""
		if encode != nil {
			want = 20 << 20
			content = encode(io.LimitReader(pattern{}, want))
			encoding = "Content-Transfer-Encoding: " + name + "\r\n"
		}
		body := io.MultiReader(
			strings.NewReader("--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-Type: a/b\r\n"+encoding+"\r\n"),
			content, strings.NewReader("\r\n--b--\r\n"))
		in, err := soap.OpenRequest(related, body, soap.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		_, out, err := soap.WriteMessage(in.Envelope(), soap.PackagingMTOM, "out", []soap.Attachment{*a})
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		var peak uint64
		buf := make([]byte, 64<<10)
		for reads := 0; ; reads++ {
			k, err := out.Read(buf)
			n += int64(k)
			if reads%512 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n < want || n > want+1000 {
			t.Errorf("%s: %d bytes passed", name, n)
		}
		if peak > 64<<20 {
			t.Errorf("%s: %d bytes of memory", name, peak)
		}
	}
}

// pattern is an endless reader of bytes that hold many line breaks.
type pattern struct{}

func (pattern) Read(b []byte) (int, error) {
	for n := 0; n < len(b); {
		n += copy(b[n:], "0123456789 abcdefghijklmnopqrstuvwxyz\r\n--")
	}
	return len(b), nil
}
