package securityserver_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap/conformance"
)

// A SOAP provider may answer 200 or 500; every other status is an error, however
// good the body is.
func TestStatusesOfSOAPProviders(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-076")
	for _, status := range []int{200, 201, 202, 204, 301, 302, 400, 403, 404, 500, 502, 503} {
		w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			rw.Header().Set("Content-Type", "text/xml; charset=UTF-8")
			rw.WriteHeader(status)
			if status != http.StatusNoContent {
				io.WriteString(rw, answerTo(string(data)))
			}
		})
		_, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml")
		refused := strings.Contains(body, "<faultcode>server.serverproxy.service_failed.http_error</faultcode><faultstring>Server responded with error "+strconv.Itoa(status)+":")
		if passes := status == 200 || status == 500; refused == passes || passes != strings.Contains(body, "vehicleByPlateResponse") {
			t.Errorf("status %d: %s", status, body)
		}
	}
}

// A REST provider's status, reason and body are the answer, whatever they are.
func TestStatusesOfRESTProvidersAreTheAnswer(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-126")
	for _, status := range []int{200, 201, 204, 302, 304, 400, 404, 409, 500, 503} {
		w := start(t, securityserver.Spelling78, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("X-Own", "kept")
			rw.WriteHeader(status)
			if status != http.StatusNoContent && status != http.StatusNotModified {
				io.WriteString(rw, `{"a":1}`)
			}
		})
		resp, head := raw(t, w, "GET "+carsPath+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n\r\n")
		want := `{"a":1}`
		if status == http.StatusNoContent || status == http.StatusNotModified {
			want = ""
		}
		if resp.StatusCode != status || head.body != want || resp.Header.Get("X-Own") != "kept" || resp.Header.Get("X-Road-Error") != "" {
			t.Errorf("status %d came as %s with %q, %v", status, resp.Status, head.body, resp.Header)
		}
	}
}

func TestAllMethodsOfRESTPass(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-115")
	var got string
	w := start(t, securityserver.Spelling78, func(_ http.ResponseWriter, r *http.Request) { got = r.Method })
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		resp, _ := raw(t, w, method+" "+carsPath+"/x HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\nContent-Length: 0\r\n\r\n")
		if resp.StatusCode != http.StatusOK || got != method {
			t.Errorf("%s: status %d, the provider saw %s", method, resp.StatusCode, got)
		}
	}
	for _, method := range []string{"CONNECT", "BREW", "get"} {
		resp, head := raw(t, w, method+" "+carsPath+"/x HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE-DEV/GOV/70000001/permits\r\n\r\n")
		if resp.StatusCode != http.StatusInternalServerError || resp.Header.Get("X-Road-Error") != "server.clientproxy.internal_error" {
			t.Errorf("%s: status %d %s", method, resp.StatusCode, head.body)
		}
	}
}
