package securityserver_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

const swaType = `multipart/related; type="text/xml"; start="<soap@hub.example>"; boundary="hub-7f3c"`

// parts is a multipart message with envelope and, behind it, what else.
func parts(envelope string, behind ...string) string {
	var b strings.Builder
	b.WriteString("a preamble\r\n--hub-7f3c\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <soap@hub.example>\r\n\r\n" + envelope)
	for _, p := range behind {
		b.WriteString("\r\n--hub-7f3c\r\n" + p)
	}
	b.WriteString("\r\n--hub-7f3c--\r\n")
	return b.String()
}

const (
	pdf    = "content-TYPE: application/pdf\r\nX-Custom: a  b\r\nContent-Transfer-Encoding: base64\r\nContent-ID: deed-1\r\n\r\nJVBERi0=\r\n"
	nested = "Content-Type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\n\r\na\r\n--inner--"
)

func TestAttachmentsTravelUntouchedBothWays(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-066", "C-086", "C-088", "C-099", "C-100", "C-101")
	for name, c := range map[string]struct{ contentType, answerType, wantType string }{
		"SwA":  {swaType, `multipart/related; type="text/xml"; boundary="hub-7f3c"`, `multipart/related; type="text/xml"; boundary="hub-7f3c";charset=UTF-8`},
		"MTOM": {`multipart/related; type="application/xop+xml"; start-info="text/xml"; boundary="hub-7f3c"`, `Multipart/Related; type="application/xop+xml"; charset="UTF-8"; boundary=hub-7f3c`, `Multipart/Related; type="application/xop+xml"; charset="UTF-8"; boundary=hub-7f3c`},
	} {
		for _, attached := range [][]string{{pdf, nested}, nil} {
			envelope := "\xef\xbb\xbf" + goldenRequest
			sent := parts(envelope, attached...)
			if name == "MTOM" {
				sent = strings.Replace(sent, "Content-Type: text/xml", `Content-Type: application/xop+xml; type="text/xml"`, 1)
			}
			var got, gotType string
			answer := parts(answerTo(goldenRequest), attached...)
			w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
				data, _ := io.ReadAll(r.Body)
				got, gotType = string(data), r.Header.Get("Content-Type")
				rw.Header().Set("Content-Type", c.answerType)
				io.WriteString(rw, answer)
			})
			resp, body := send(t, "POST", w.url, sent, "Content-Type", c.contentType)
			if got != sent || gotType != c.contentType {
				t.Errorf("%s: the provider got %q as %q", name, got, gotType)
			}
			if resp.Header.Get("Content-Type") != c.wantType {
				t.Errorf("%s: the answer's type is %q, want %q", name, resp.Header.Get("Content-Type"), c.wantType)
			}
			hash := `<x:requestHash algorithmId="http://www.w3.org/2001/04/xmlenc#sha512">` + soap.HashOf([]byte(envelope)) + `</x:requestHash>`
			want := parts(strings.NewReplacer("</x:id>", "</x:id>"+hash, "<make/>", "<make></make>").Replace(answerTo(goldenRequest))+"\n", attached...)
			if diff := cmp.Diff(want, body); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestDefectsOfMultipartMessages(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-054", "C-078", "C-082", "C-098")
	const failed = "server.serverproxy.service_failed."
	const fault = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>soap:Server</faultcode><faultstring>no</faultstring></e:Fault></e:Body></e:Envelope>`
	whole := parts(goldenRequest, pdf)
	answer := parts(answerTo(goldenRequest), pdf)
	called := make(chan struct{}, 20)
	for name, c := range map[string]struct{ request, answer, code string }{
		"empty":                     {"", "", "client.missing_soap"},
		"no type of a part":         {strings.Replace(whole, "content-TYPE", "X-Type", 1), "", "client.invalid_content_type"},
		"the first part is no SOAP": {strings.Replace(whole, "text/xml", "application/pdf", 1), "", "client.invalid_content_type"},
		"no end":                    {strings.TrimSuffix(whole, "--\r\n"), "", "client.mime_parsing_failed"},
		"unknown client, no end":    {strings.ReplaceAll(strings.TrimSuffix(whole, "--\r\n"), "permits", "nobody"), "", "server.clientproxy.unknown_member"},
		"an empty answer":           {whole, "-", failed + "invalid_message"},
		"an answer's part":          {whole, strings.Replace(answer, "content-TYPE", "X-Type", 1), failed + "invalid_content_type"},
		"an answer without an end":  {whole, strings.TrimSuffix(answer, "--\r\n"), failed + "invalid_message"},
		"another id in the answer":  {whole, strings.Replace(answer, "7f1c11<", "7f1c12<", 1), "server.clientproxy.service_failed.inconsistent_response"},
		"a Fault among parts":       {whole, parts(fault, pdf), "soap:Server"},
	} {
		w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
			called <- struct{}{}
			io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", swaType)
			io.WriteString(rw, strings.TrimPrefix(c.answer, "-"))
		})
		resp, body := send(t, "POST", w.url, c.request, "Content-Type", swaType)
		if !strings.Contains(body, "<faultcode>"+c.code+"</faultcode>") || resp.Header.Get("Content-Type") != "text/xml;charset=utf-8" {
			t.Errorf("%s: %s as %s, want %s", name, body, resp.Header.Get("Content-Type"), c.code)
		}
		if c.code == "soap:Server" && body != fault {
			t.Errorf("%s: %s", name, body)
		}
		if c.answer == "" && len(called) > 0 {
			t.Errorf("%s: the provider was called", name)
		}
		for len(called) > 0 {
			<-called
		}
	}
}

// block is what a large attachment is made of.
var block = bytes.Repeat([]byte("a line of a large attachment\n"), 2000)

// pattern is a large attachment that is made while it is read.
type pattern struct{ left int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), p.left)], block)
	p.left -= int64(n)
	return n, nil
}

// The attachment is longer than what all of it may take of memory, there and
// back.
func TestLargeAttachmentsAreNotHeldInMemory(t *testing.T) {
	conformance.Covers(t, "C-037")
	const size = 300 << 20
	var seen string
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, _ := io.Copy(sum, r.Body)
		seen = fmt.Sprintf("%d %x", n, sum.Sum(nil))
		rw.Header().Set("Content-Type", swaType)
		head, tail, _ := strings.Cut(parts(answerTo(goldenRequest), "Content-Type: a/b\r\n\r\n*"), "*")
		io.WriteString(rw, head)
		io.Copy(rw, &pattern{left: size})
		io.WriteString(rw, tail)
	})
	head, tail, _ := strings.Cut(parts(goldenRequest, "Content-Type: a/b\r\n\r\n*"), "*")
	body := func() io.Reader {
		return io.MultiReader(strings.NewReader(head), &pattern{left: size}, strings.NewReader(tail))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, body())
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", swaType)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	sum := sha256.New()
	length, _ := io.Copy(sum, body())
	if want := fmt.Sprintf("%d %x", length, sum.Sum(nil)); seen != want {
		t.Errorf("the provider got %s, want %s", seen, want)
	}
	if n < size {
		t.Errorf("the caller got %d bytes", n)
	}
	// Everything that was allocated, freed or not.
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

func TestAnAnswerInLatin1AmongParts(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-083")
	w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", swaType)
		answer := bytes.ReplaceAll([]byte(answerTo(goldenRequest)), []byte("<make/>"), []byte("<make>\xf5</make>"))
		io.WriteString(rw, parts(strings.Replace(string(answer), `encoding="UTF-8"`, `encoding="ISO-8859-1"`, 1)))
	})
	_, body := send(t, "POST", w.url, parts(goldenRequest), "Content-Type", swaType)
	if !strings.Contains(body, "<make>õ</make>") {
		t.Error(body)
	}
}
