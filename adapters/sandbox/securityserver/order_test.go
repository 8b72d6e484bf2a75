package securityserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap/conformance"
)

// Header fields keep their order and spelling through the server, both ways.
func TestOrderOfHeaderFields(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-117", "C-118", "C-120")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan []string, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var lines []string
		for r := bufio.NewReader(c); ; {
			line, err := r.ReadString('\n')
			if err != nil || line == "\r\n" {
				break
			}
			lines = append(lines, strings.TrimSuffix(line, "\r\n"))
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nx-Late: 1\r\nETag: e\r\nServer: s\r\nAge: 2\r\nX-Road-ID: mine\r\nx-late: 3\r\nContent-Length: 0\r\n\r\n")
		seen <- lines
	}()
	t.Cleanup(func() { ln.Close() })
	w := start(t, securityserver.Spelling78, func(http.ResponseWriter, *http.Request) {}, func(o *securityserver.Options) {
		o.Services[1].URL = "http://" + ln.Addr().String() + "/api/"
	})
	_, answer := raw(t, w, "GET "+carsPath+"/x HTTP/1.1\r\nHost: a\r\nZebra: 1\r\nX-ROAD-client: EE-DEV/GOV/70000001/permits\r\nUser-Agent: me\r\nCookie: c=d\r\nx-road-ID: m-1\r\nAccept-Encoding: identity\r\nzebra: 2\r\n\r\n")
	want := []string{"GET /api/x HTTP/1.1", "Host: " + ln.Addr().String(), "Zebra: 1", "X-ROAD-client: EE-DEV/GOV/70000001/permits", "Cookie: c=d", "x-road-ID: m-1", "Accept-Encoding: identity", "zebra: 2", "x-road-request-id: id-1", "User-Agent: ristmik-sandbox"}
	if diff := cmp.Diff(want, <-seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Date", "x-Late", "ETag", "Age", "x-late", "x-road-id", "x-road-client", "x-road-service", "x-road-request-id", "x-road-request-hash", "Transfer-Encoding"}, answer.names); diff != "" {
		t.Error(diff)
	}
}
