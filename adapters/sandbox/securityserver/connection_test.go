package securityserver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// newCertificate makes a self-signed certificate that is good for the time
// given.
func newCertificate(t *testing.T, from, until time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "information system"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, leaf
}

// over makes one request as the client, offering the certificates.
func over(t *testing.T, method, url, body string, header http.Header, own ...tls.Certificate) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if header == nil {
		req.Header = http.Header{}
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: own}}
	resp, err := transport.RoundTrip(req)
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

func TestConnectionTypes(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-021", "C-022", "C-023", "C-024", "C-025", "C-026", "C-027")
	now := time.Now()
	registered, registeredLeaf := newCertificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	unknown, _ := newCertificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	expired, expiredLeaf := newCertificate(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	early, earlyLeaf := newCertificate(t, now.Add(time.Hour), now.Add(2*time.Hour))
	const (
		name = "Client (SUBSYSTEM:EE-DEV/GOV/70000001/permits) "
		a    = name + "specifies HTTPS NO AUTH but client made plaintext connection"
		b    = name + "specifies HTTPS but did not supply TLS certificate"
		c    = name + "has no IS certificates"
		d    = name + "TLS certificate does not match any IS certificates"
		e    = name + "TLS certificate is expired"
		f    = name + "TLS certificate is not yet valid"
	)
	all := []*x509.Certificate{registeredLeaf, expiredLeaf, earlyLeaf}
	for _, x := range []struct {
		name       string
		connection securityserver.Connection
		leaves     []*x509.Certificate
		enforce    bool
		secure     bool
		own        []tls.Certificate
		want       string // "" passes
	}{
		{"HTTP, plain", securityserver.NoSSL, nil, false, false, nil, ""},
		{"HTTP, over TLS", securityserver.NoSSL, nil, false, true, nil, ""},
		{"HTTP, any certificate", securityserver.NoSSL, nil, false, true, []tls.Certificate{unknown}, ""},
		{"no auth, plain", securityserver.SSLNoAuth, nil, false, false, nil, a},
		{"no auth, over TLS", securityserver.SSLNoAuth, nil, false, true, nil, ""},
		{"no auth, any certificate", securityserver.SSLNoAuth, all, false, true, []tls.Certificate{unknown}, ""},
		{"mutual, plain", securityserver.SSLAuth, all, false, false, nil, b},
		{"mutual, none offered", securityserver.SSLAuth, all, false, true, nil, b},
		{"mutual, none registered", securityserver.SSLAuth, nil, false, true, []tls.Certificate{registered}, c},
		{"mutual, another", securityserver.SSLAuth, all, true, true, []tls.Certificate{unknown}, d},
		{"mutual, registered", securityserver.SSLAuth, all, true, true, []tls.Certificate{registered}, ""},
		{"mutual, expired", securityserver.SSLAuth, all, false, true, []tls.Certificate{expired}, ""},
		{"mutual, expired and enforced", securityserver.SSLAuth, all, true, true, []tls.Certificate{expired}, e},
		{"mutual, early and enforced", securityserver.SSLAuth, all, true, true, []tls.Certificate{early}, f},
	} {
		w := start(t, securityserver.Spelling78, echo(same), func(o *securityserver.Options) {
			o.Subsystems[0].Connection, o.Subsystems[0].Certificates, o.EnforceValidity = x.connection, x.leaves, x.enforce
		})
		base := w.url
		if x.secure {
			base = w.secure
		}
		_, body := over(t, "POST", base, goldenRequest, http.Header{"Content-Type": {"text/xml"}}, x.own...)
		m, err := soap.ReadAnswer([]byte(body), soap.DefaultLimits())
		switch {
		case err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.want == "" && m.Fault != nil:
			t.Errorf("%s: refused with %s", x.name, m.Fault.String)
		case x.want != "" && (m.Fault == nil || m.Fault.Code != "server.clientproxy.ssl_authentication_failed" || m.Fault.String != x.want):
			t.Errorf("%s: %s, want %s", x.name, body, x.want)
		}
		resp, body := over(t, "GET", base+carsPath, "", http.Header{"X-Road-Client": {"EE-DEV/GOV/70000001/permits"}}, x.own...)
		if got := resp.Header.Get("X-Road-Error"); x.want == "" && got != "" || x.want != "" && (got != "server.clientproxy.ssl_authentication_failed" || !strings.Contains(body, x.want)) {
			t.Errorf("REST, %s: %s %s", x.name, got, body)
		}
		// An unregistered client is told so whatever its connection is.
		if _, body := over(t, "POST", base, strings.ReplaceAll(goldenRequest, "permits", "nobody"), http.Header{"Content-Type": {"text/xml"}}, x.own...); !strings.Contains(body, "unknown_member") {
			t.Errorf("%s: an unregistered client got %s", x.name, body)
		}
		if resp, _ := over(t, "GET", base+"/listClients", "", nil, x.own...); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: listClients has status %d", x.name, resp.StatusCode)
		}
	}
}

// secureProvider is a provider over https that wants a client certificate.
func secureProvider(t *testing.T, offered chan<- []*x509.Certificate) (*httptest.Server, *x509.Certificate) {
	t.Helper()
	p := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		offered <- r.TLS.PeerCertificates
		echo(same)(rw, r)
	}))
	p.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	p.StartTLS()
	t.Cleanup(p.Close)
	return p, p.Certificate()
}

func TestProvidersOverTLS(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-028", "C-029")
	offered := make(chan []*x509.Certificate, 10)
	p, leaf := secureProvider(t, offered)
	_, other := newCertificate(t, time.Now(), time.Now().Add(time.Hour))
	own, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		verify bool
		leaves []*x509.Certificate
		passes bool
	}{
		{"anybody", false, nil, true},
		{"registered", true, []*x509.Certificate{other, leaf}, true},
		{"another", true, []*x509.Certificate{other}, false},
		{"none registered", true, nil, false},
	} {
		w := start(t, securityserver.Spelling78, echo(same), func(o *securityserver.Options) {
			o.Subsystems[2].Certificates = c.leaves
			for i := range o.Services {
				o.Services[i].URL, o.Services[i].VerifyTLS = p.URL, c.verify
			}
		})
		_, body := send(t, "POST", w.url, goldenRequest, "Content-Type", "text/xml")
		resp, _ := send(t, "GET", w.url+carsPath, "", "X-Road-Client", "EE-DEV/GOV/70000001/permits")
		if !c.passes {
			if !strings.Contains(body, "<faultcode>server.serverproxy.service_failed.ssl_authentication_failed</faultcode>") {
				t.Errorf("%s: %s", c.name, body)
			}
			if got := resp.Header.Get("X-Road-Error"); got != "server.serverproxy.ssl_authentication_failed" {
				t.Errorf("%s, REST: %s", c.name, got)
			}
			continue
		}
		if !strings.Contains(body, "vehicleByPlateResponse") || resp.Header.Get("X-Road-Error") != "" {
			t.Errorf("%s: %s, REST error %q", c.name, body, resp.Header.Get("X-Road-Error"))
		}
		for range 2 {
			if got := <-offered; len(got) != 1 || !strings.EqualFold(string(got[0].Raw), string(own.Certificate[0])) {
				t.Errorf("%s: the provider was offered another certificate than the server's own", c.name)
			}
		}
	}
}

func TestTheInternalCertificateIsKept(t *testing.T) {
	t.Parallel()
	folder := t.TempDir() + "/tls"
	first, err := securityserver.InternalCertificate(folder, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	second, err := securityserver.InternalCertificate(folder, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if string(securityserver.CertificatePEM(first)) != string(securityserver.CertificatePEM(second)) {
		t.Error("the certificate was made anew")
	}
	block, _ := pem.Decode(securityserver.CertificatePEM(first))
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		t.Error(err)
	}
}
