package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/adapters/sandbox"
	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap/conformance"
	"ristmik/soap/contract/contracttest"
)

// The file of docs/sandbox.md, as a developer without the hub would use it.
func TestTheDocumentedWorld(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-022", "C-024", "C-132", "C-146", "C-162")
	document, err := os.ReadFile(filepath.Join(contracttest.Root(t), "docs", "sandbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(document), "```yaml\n")
	world, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the document has no file in it")
	}
	provider := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.yaml" {
			io.WriteString(rw, "openapi: 3.0.3\nservers: [{url: 'http://127.0.0.1/api'}]\npaths: {}\n")
			return
		}
		io.WriteString(rw, r.Method+" "+r.RequestURI)
	}))
	t.Cleanup(provider.Close)
	folder := t.TempDir()
	client, err := securityserver.InternalCertificate(filepath.Join(folder, "client"), options(t, "").Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"world.yaml": strings.ReplaceAll(world, "http://127.0.0.1:9000", provider.URL),
		"client.crt": string(securityserver.CertificatePEM(client)),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, "")
	if o.Config, err = sandbox.LoadConfig(filepath.Join(folder, "world.yaml")); err != nil {
		t.Fatal(err)
	}
	s := start(t, o)

	certificate, err := s.CertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(folder, "tls", "internal.crt"))
	if err != nil || string(kept) != string(certificate) {
		t.Errorf("the internal certificate was not kept (%v)", err)
	}
	block, _ := pem.Decode(certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	call := func(base, method, path, who string, own ...tls.Certificate) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+"/r1/EE/COM/10000002/registry/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Road-Client", "EE/GOV/70000001/"+who)
		resp, err := (&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: own}}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if code := resp.Header.Get("X-Road-Error"); code != "" {
			return code
		}
		return string(data)
	}
	for _, c := range []struct{ got, want string }{
		{call(s.URL(), "GET", "vehicles/v1/cars/1", "permits"), "GET /api/v1/cars/1"},
		{call(s.TLSURL(), "GET", "vehicles/v1/cars/1", "permits"), "GET /api/v1/cars/1"},
		{call(s.URL(), "GET", "vehicles/v1/lists/1", "permits"), "server.serverproxy.access_denied"},
		{call(s.TLSURL(), "DELETE", "vehicles/v1/lists/1/2", "secure", *client), "DELETE /api/v1/lists/1/2"},
		{call(s.TLSURL(), "GET", "vehicles/v1/lists/1", "secure"), "server.clientproxy.ssl_authentication_failed"},
		{call(s.URL(), "GET", "vehicles/v1/lists/1", "secure"), "server.clientproxy.ssl_authentication_failed"},
		{call(s.URL(), "GET", "getOpenAPI?serviceCode=vehicles", "permits"), "openapi: 3.0.3\nservers: [{url: '/api'}]\npaths: {}\n"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestSimulatedServicesHaveTheirWSDL(t *testing.T) {
	t.Parallel()
	s := start(t, options(t, ""))
	const ask = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header><x:client i:objectType="SUBSYSTEM"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>70008747</i:memberCode><i:subsystemCode>ristmik</i:subsystemCode></x:client><x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>70000349</i:memberCode><i:subsystemCode>tor</i:subsystemCode><i:serviceCode>getWsdl</i:serviceCode></x:service><x:id>1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body><x:getWsdl><x:serviceCode>TORIK</x:serviceCode><x:serviceVersion>v2</x:serviceVersion></x:getWsdl></e:Body></e:Envelope>`
	resp, err := http.Post(s.URL(), "text/xml", strings.NewReader(ask))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(data), `location="http://example.org/xroad-endpoint"`) {
		t.Errorf("%v: %.2000s", err, data)
	}
}
