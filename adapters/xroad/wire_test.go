package xroad

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What is written is what net/http reads: the same request, and nothing behind
// it.
func TestRequestsAreWrittenAsNetHTTPReadsThem(t *testing.T) {
	t.Parallel()
	target, err := url.Parse("http://server.example:8080/r1/EE/GOV/1%2F2/x?a=1&b=%C3%A4")
	if err != nil {
		t.Fatal(err)
	}
	for _, closing := range []bool{false, true} {
		req := &http.Request{
			Method: http.MethodPut, URL: target, ContentLength: 8, Body: io.NopCloser(strings.NewReader("question")), Close: closing,
			Header: http.Header{
				"X-Road-Id": {"1", "2"}, "SOAPAction": {`"urn:x"`}, "Content-Type": {" text/xml "}, "Host": {"other"}, "content-length": {"3"},
				"Transfer-Encoding": {"chunked"}, "Connection": {"upgrade"}, "Trailer": {"X"}, "User-Agent": {"ristmik"},
			},
		}
		written, err := appendRequest(nil, req)
		if err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(bytes.NewReader(written))
		got, err := http.ReadRequest(reader)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || string(body) != "question" || got.ContentLength != 8 || len(got.TransferEncoding) > 0 {
			t.Errorf("body %q of %d, %v, %v", body, got.ContentLength, got.TransferEncoding, err)
		}
		if got.Method != http.MethodPut || got.RequestURI != "/r1/EE/GOV/1%2F2/x?a=1&b=%C3%A4" || got.Host != "server.example:8080" || got.Close != closing {
			t.Errorf("%s %s of %s, closing %t", got.Method, got.RequestURI, got.Host, got.Close)
		}
		want := http.Header{"X-Road-Id": {"1", "2"}, "Soapaction": {`"urn:x"`}, "Content-Type": {"text/xml"}, "User-Agent": {"ristmik"}, "Content-Length": {"8"}}
		if closing {
			want["Connection"] = []string{"close"}
		}
		for name := range got.Header {
			if strings.Join(got.Header[name], "|") != strings.Join(want[name], "|") {
				t.Errorf("%s is %q", name, got.Header[name])
			}
		}
		if len(got.Header) != len(want) || reader.Buffered() != 0 {
			t.Errorf("fields %v, %d bytes behind the request", got.Header, reader.Buffered())
		}
	}
}

// What would become another request is not written, and neither is a body that
// is not as long as was said.
func TestRequestsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	broken := errors.New("the body breaks")
	for name, spoil := range map[string]func(*http.Request){
		"a method with a blank":     func(r *http.Request) { r.Method = "GET /x" },
		"no method":                 func(r *http.Request) { r.Method = "" },
		"a host with a line break":  func(r *http.Request) { r.Host = "a\r\nX: y" },
		"a query with a blank":      func(r *http.Request) { r.URL.RawQuery = "a b" },
		"a name with a colon":       func(r *http.Request) { r.Header = http.Header{"X: y": {"z"}} },
		"a value with a line break": func(r *http.Request) { r.Header = http.Header{"X": {"y\r\nZ: 1"}} },
		"a value with a NUL":        func(r *http.Request) { r.Header = http.Header{"X": {"y\x00"}} },
		"a body that is too short":  func(r *http.Request) { r.ContentLength = 9 },
		"a body that is too long":   func(r *http.Request) { r.ContentLength = 7 },
		"a body that is not there":  func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("")) },
		"a body that fails": func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("que"), failing{broken}))
		},
		"a body that fails at its end": func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("question"), failing{broken}))
		},
	} {
		closed := 0
		req := &http.Request{
			Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "server.example", Path: "/"}, ContentLength: 8,
			Body: io.NopCloser(strings.NewReader("question")),
		}
		spoil(req)
		req.Body = &counted{req.Body, &closed}
		_, err := appendRequest(nil, req)
		if err == nil || closed != 1 {
			t.Errorf("%s: %v, closed %d times", name, err, closed)
		}
		if strings.Contains(name, "fails") && !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// counted counts how often a body is closed.
type counted struct {
	io.ReadCloser
	closed *int
}

func (c *counted) Close() error {
	*c.closed++
	return c.ReadCloser.Close()
}
