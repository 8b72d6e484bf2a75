package securityserver_test

import (
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// Segments are decoded one by one on the way in and escaped again on the way
// out; a slash inside one separates nothing.
func TestRESTIdentifierSegmentsAreDecodedAndEscaped(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-009", "C-011", "C-013", "C-014", "C-015")
	asker := soap.ClientID{Instance: "EE", Class: "BUSINESS", Member: "consumer", Subsystem: "sub/system"}
	owner := soap.ClientID{Instance: "EE", Class: "BUSINESS", Member: "my_pro ducer", Subsystem: "s/ub"}
	asked := soap.ServiceID{Provider: owner, Code: "öäå"}
	w := start(t, securityserver.Spelling78, func(http.ResponseWriter, *http.Request) {}, func(o *securityserver.Options) {
		o.Instance = "EE"
		o.Subsystems = append(o.Subsystems, securityserver.Subsystem{ID: asker}, securityserver.Subsystem{ID: owner})
		provider := o.Services[1]
		provider.ID, provider.Clients = asked, []soap.ClientID{asker}
		o.Services = append(o.Services, provider)
	})
	const path = "/r1/EE/BUSINESS/my_pro%20ducer/s%2Fub/%C3%B6%C3%A4%C3%A5/"
	resp, head := raw(t, w, "GET "+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: EE/BUSINESS/consumer/sub%2Fsystem\r\n\r\n")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, head.body)
	}
	if got, want := resp.Header.Get("x-road-client"), "EE/BUSINESS/consumer/sub%2Fsystem"; got != want {
		t.Errorf("x-road-client %s, want %s", got, want)
	}
	if got, want := resp.Header.Get("x-road-service"), "EE/BUSINESS/my_pro%20ducer/s%2Fub/%C3%B6%C3%A4%C3%A5"; got != want {
		t.Errorf("x-road-service %s, want %s", got, want)
	}
	// Another case or a blank more is another client.
	for _, other := range []string{"EE/BUSINESS/consumer/Sub%2Fsystem", "EE/BUSINESS/consumer/sub%2Fsystem%20", "EE/BUSINESS/consumer"} {
		if resp, _ := raw(t, w, "GET "+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: "+other+"\r\n\r\n"); resp.Header.Get("X-Road-Error") != "server.clientproxy.unknown_member" {
			t.Errorf("%s: %s", other, resp.Header.Get("X-Road-Error"))
		}
	}
	// In the path a broken sequence does not get past the HTTP layer.
	for _, broken := range []string{"EE/BUSINESS/consumer/%zz", "EE/BUSINESS/consumer/%2"} {
		if resp, _ := raw(t, w, "GET "+path+" HTTP/1.1\r\nHost: a\r\nX-Road-Client: "+broken+"\r\n\r\n"); resp.StatusCode != 500 || resp.Header.Get("X-Road-Error") != "server.clientproxy.internal_error" {
			t.Errorf("client %s: status %d, %s", broken, resp.StatusCode, resp.Header.Get("X-Road-Error"))
		}
	}
}

// An empty field is not an absent one.
func TestAnEmptyIssueHasToComeBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-081")
	empty := strings.Replace(goldenRequest, "<x:issue>PERMIT-2024/17</x:issue>", "<x:issue/>", 1)
	absent := strings.Replace(goldenRequest, "<x:issue>PERMIT-2024/17</x:issue>", "", 1)
	for name, c := range map[string]struct {
		request  string
		edit     func(string) string
		accepted bool
	}{
		"kept":             {empty, same, true},
		"written out":      {empty, func(s string) string { return strings.Replace(s, "<x:issue/>", "<x:issue></x:issue>", 1) }, true},
		"dropped":          {empty, func(s string) string { return strings.Replace(s, "<x:issue/>", "", 1) }, false},
		"made of nothing":  {absent, func(s string) string { return strings.Replace(s, "<x:protocol", "<x:issue/><x:protocol", 1) }, false},
		"absent, as asked": {absent, same, true},
	} {
		w := start(t, securityserver.Spelling78, echo(c.edit))
		_, body := send(t, "POST", w.url, c.request, "Content-Type", "text/xml")
		if accepted := !strings.Contains(body, "<faultcode>server.clientproxy.service_failed.inconsistent_response</faultcode>"); accepted != c.accepted {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// What RPC clients write into the body is none of the server's business.
func TestRPCEncodingIsAccepted(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-060")
	w := start(t, securityserver.Spelling78, echo(same))
	rpc := strings.Replace(goldenRequest, "<p:vehicleByPlate ", `<p:vehicleByPlate env:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" `, 1)
	if _, body := send(t, "POST", w.url, rpc, "Content-Type", "text/xml"); !strings.Contains(body, "vehicleByPlateResponse") {
		t.Error(body)
	}
}
