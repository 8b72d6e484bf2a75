package securityserver_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

var (
	consumer = soap.ClientID{Instance: "EE-DEV", Class: "GOV", Member: "70000001", Subsystem: "permits"}
	stranger = soap.ClientID{Instance: "EE-DEV", Class: "GOV", Member: "70000001", Subsystem: "other"}
	registry = soap.ClientID{Instance: "EE-DEV", Class: "COM", Member: "10000002", Subsystem: "registry"}
	query    = soap.ServiceID{Provider: registry, Code: "vehicleByPlate", Version: "v1"}
	cars     = soap.ServiceID{Provider: registry, Code: "vehicles"}
	off      = soap.ServiceID{Provider: registry, Code: "retired", Version: "v1"}
)

// world is a Security Server on loopback in front of one provider, whose
// handler a test chooses.
type world struct {
	*securityserver.Server
	url      string
	secure   string // the HTTPS side
	provider string
}

func start(t testing.TB, spelling securityserver.Spelling, provider http.HandlerFunc, edits ...func(*securityserver.Options)) world {
	t.Helper()
	p := httptest.NewServer(provider)
	t.Cleanup(p.Close)
	var n atomic.Int64
	o := securityserver.Options{
		Instance: "EE-DEV", Server: "EE-DEV/GOV/70000009/ss1", Spelling: spelling,
		Subsystems: []securityserver.Subsystem{
			{ID: consumer, MemberName: "Permit Office", SubsystemName: "Permits"}, {ID: stranger, MemberName: "Permit Office"}, {ID: registry, MemberName: "Registry"},
		},
		Services: []securityserver.Service{
			{ID: query, Kind: securityserver.WSDL, URL: p.URL + "/soap", Clients: []soap.ClientID{consumer}},
			{ID: cars, Kind: securityserver.REST, URL: p.URL + "/api/", Clients: []soap.ClientID{consumer}, Timeout: 200 * time.Millisecond},
			{ID: off, Kind: securityserver.WSDL, URL: p.URL, Clients: []soap.ClientID{consumer}, Disabled: "closed for good"},
		},
		Limits: soap.DefaultLimits(), NewID: func() string { return fmt.Sprintf("id-%d", n.Add(1)) }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Certificate: certificate,
	}
	for _, edit := range edits {
		edit(&o)
	}
	s, err := securityserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	wo := wire.Options{MaxBody: 1 << 20, MaxLong: securityserver.MaxLong, Idle: time.Minute, Read: time.Minute, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	w := wire.Serve(context.Background(), ln, s.Handle, wo)
	ws := wire.Serve(context.Background(), tls.NewListener(secure, securityserver.TLSConfig(own)), s.Handle, wo)
	t.Cleanup(func() { w.Abort(); ws.Abort(); s.Close() })
	return world{s, "http://" + ln.Addr().String(), "https://" + secure.Addr().String(), p.URL}
}

// certificate is the internal certificate of every server here: making a key
// takes long.
var certificate = sync.OnceValues(func() (*tls.Certificate, error) {
	return securityserver.InternalCertificate("", time.Now())
})

// send makes one request and returns the answer with its body.
func send(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header[header[i]] = append(req.Header[header[i]], header[i+1])
	}
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

// goldenRequest is the request whose requestHash is known.
const goldenRequest = `<?xml version="1.0" encoding="UTF-8"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers">
  <env:Header>
    <x:client i:objectType="SUBSYSTEM">
      <i:xRoadInstance>EE-DEV</i:xRoadInstance>
      <i:memberClass>GOV</i:memberClass>
      <i:memberCode>70000001</i:memberCode>
      <i:subsystemCode>permits</i:subsystemCode>
    </x:client>
    <x:service i:objectType="SERVICE">
      <i:xRoadInstance>EE-DEV</i:xRoadInstance>
      <i:memberClass>COM</i:memberClass>
      <i:memberCode>10000002</i:memberCode>
      <i:subsystemCode>registry</i:subsystemCode>
      <i:serviceCode>vehicleByPlate</i:serviceCode>
      <i:serviceVersion>v1</i:serviceVersion>
    </x:service>
    <x:id>0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11</x:id>
    <x:userId>EE38001085718</x:userId>
    <x:issue>PERMIT-2024/17</x:issue>
    <x:protocolVersion>4.0</x:protocolVersion>
  </env:Header>
  <env:Body>
    <p:vehicleByPlate xmlns:p="http://registry.example/producer">
      <plate>123ABC</plate>
    </p:vehicleByPlate>
  </env:Body>
</env:Envelope>`

const goldenHash = "QmEIVJWAc9kVoGONgKzJpuL7mm/YKxEXde5A+QeQQkfabpGtz+QK83Ir6JZZwSS0RuqVsq3aYFkyLJ4TMreYtA=="

// answerTo is a provider's answer: the request's header and the wrapper of the
// answer.
func answerTo(request string) string {
	i := strings.Index(request, "<env:Body>")
	return request[:i] + `<env:Body><p:vehicleByPlateResponse xmlns:p="http://registry.example/producer"><make/></p:vehicleByPlateResponse></env:Body></env:Envelope>`
}

// echo is a provider that answers well after edit has had its way with the
// answer.
func echo(edit func(string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(data), "<env:Body>") {
			return // a call over REST
		}
		w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
		io.WriteString(w, edit(answerTo(string(data))))
	}
}

func same(s string) string { return s }
