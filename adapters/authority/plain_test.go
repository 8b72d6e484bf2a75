package authority_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/soap/conformance"
)

// A Security Server adds and takes away header fields of HTTP as it likes:
// what a caller need not send is not needed, and what it did not ask for is not
// given (PR-REST 4.3).
func TestTheDoorsNeedLittleOfHTTP(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-034", "C-035", "C-067", "C-137", "C-139")
	h := newHostile(t)
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	chunked := func(body string) string {
		half := len(body) / 2
		return fmt.Sprintf("%x;x=y\r\n%s\r\n%X\r\n%s\r\n0\r\nX-Trailer: a\r\n\r\n", half, body[:half], len(body)-half, body[half:])
	}
	whole := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	rest := "POST /rest/v1/consultations/0b1d2a7e-5c0f-4b7e-9a55-000000000000/answers HTTP/1.1\r\nHost: x\r\nX-Road-Client: " + labour.String() + "\r\nx-road-id: 1\r\n"
	long := strings.Repeat(" ", 200_000) + restBody("B-1")
	// All on one connection, one after the other: each is read to its end and
	// nothing of it is taken for the next.
	for name, c := range map[string]struct {
		request     string
		status      int
		contentType string
	}{
		"SOAP":                         {"POST /soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n" + whole(h.good), 200, "text/xml; charset=UTF-8"},
		"SOAP in chunks":               {"POST /soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(h.good), 200, "text/xml; charset=UTF-8"},
		"SOAP with a query":            {"POST /soap?a=/../b HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nSOAPAction: \"urn:x\"\r\n" + whole(h.good), 200, "text/xml; charset=UTF-8"},
		"SOAP, refused":                {"POST /soap HTTP/1.1\r\nHost: x\r\n" + whole(h.good), 500, "text/xml; charset=UTF-8"},
		"REST, bare":                   {rest + whole(restBody("B-1")), 404, "application/problem+json"},
		"REST in chunks":               {rest + "Transfer-Encoding: chunked\r\n\r\n" + chunked(restBody("B-1")), 404, "application/problem+json"},
		"REST, long, in chunks":        {rest + "Transfer-Encoding: chunked\r\n\r\n" + chunked(long), 404, "application/problem+json"},
		"REST, with what nobody asked": {rest + "Accept-Encoding: gzip,deflate\r\nAccept: text/html\r\n" + whole(restBody("B-1")), 404, "application/problem+json"},
		"the description":              {"GET /soap?wsdl HTTP/1.1\r\nHost: x\r\n\r\n", 200, "text/xml; charset=UTF-8"},
		"the description of REST":      {"GET /rest/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 200, "application/json; charset=utf-8"},
	} {
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(name, err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(name, err)
		}
		if res.StatusCode != c.status || res.Header.Get("Content-Type") != c.contentType || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v: %.300s", name, res.StatusCode, res.Header, text)
		}
		for field := range res.Header {
			if strings.HasPrefix(strings.ToLower(field), "x-road") {
				t.Errorf("%s: the answer sets %s, which is the Security Server's", name, field)
			}
		}
	}
	h.unharmed()
}
