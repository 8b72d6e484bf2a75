package xroad_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// pair makes a self-signed certificate, as Security Servers and information
// systems have; nobody looks at its names or dates.
func pair(t testing.TB, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, text
}

func write(t testing.TB, file string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tlsServer plays a Security Server behind TLS: it asks for a client
// certificate and takes any or none, and tells whom it saw.
func tlsServer(t testing.TB, own tls.Certificate, change ...func(*tls.Config)) (s *httptest.Server, saw func() []string) {
	t.Helper()
	var mu sync.Mutex
	var names []string
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		names = append(names, name)
		mu.Unlock()
		w.Header().Set("Connection", "close") // every call shakes hands anew
		restAnswer(w, r, 200, "{}")
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert}
	for _, c := range change {
		c(s.TLS)
	}
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), names...) }
}

// alarms collects what a client reports.
func alarms(o *xroad.Options) func() []string {
	var mu sync.Mutex
	var codes []string
	o.Alarm = func(a xroad.Alarm) { mu.Lock(); defer mu.Unlock(); codes = append(codes, a.Code) }
	return func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), codes...) }
}

func ask(t testing.TB, c *xroad.Client) error {
	t.Helper()
	_, err := c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET", Path: "/a"})
	return err
}

func newClient(t testing.TB, o xroad.Options) *xroad.Client {
	t.Helper()
	if o.Client == (soap.ClientID{}) {
		o.Client = us
	}
	c, err := xroad.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Exactly the pinned certificate counts: not its issuer, names or dates.
func TestServerIsWhoHasThePinnedCertificate(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-018", "C-019")
	dir := t.TempDir()
	own, text := pair(t, "turvaserver")
	_, other := pair(t, "turvaserver") // the same name
	s, _ := tlsServer(t, own)
	good := write(t, filepath.Join(dir, "good.pem"), text)
	both := write(t, filepath.Join(dir, "both.pem"), append(append([]byte{}, other...), text...))
	bad := write(t, filepath.Join(dir, "bad.pem"), other)
	for _, file := range []string{good, both} {
		if err := ask(t, newClient(t, xroad.Options{Servers: []xroad.Server{{Address: s.URL, CertificateFile: file}}})); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	o := xroad.Options{Servers: []xroad.Server{{Address: s.URL, CertificateFile: bad}}}
	told := alarms(&o)
	f := failure(t, ask(t, newClient(t, o)))
	if f.Kind != soap.KindOwnServer || f.Code != "transport.wrong_certificate" {
		t.Errorf("failure is %+v", f)
	}
	if got := told(); len(got) != 1 || got[0] != xroad.AlarmWrongCertificate {
		t.Errorf("alarms are %v", got)
	}
}

// Each subsystem shows its own certificate, or none.
func TestEachSubsystemHasItsOwnCertificate(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-020")
	dir := t.TempDir()
	own, text := pair(t, "turvaserver")
	s, saw := tlsServer(t, own)
	server := xroad.Server{Address: s.URL, CertificateFile: write(t, filepath.Join(dir, "server.pem"), text)}
	for _, name := range []string{"ristmik", "teine", ""} {
		id := us
		o := xroad.Options{Servers: []xroad.Server{server}}
		if name != "" {
			_, text := pair(t, name)
			file := write(t, filepath.Join(dir, name+".pem"), text)
			id.Subsystem, o.Certificate = name, xroad.KeyPair{CertificateFile: file, KeyFile: file}
		}
		o.Client = id
		if err := ask(t, newClient(t, o)); err != nil && !strings.Contains(err.Error(), "answer.service") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := strings.Join(saw(), " "); got != "ristmik teine nobody" {
		t.Errorf("the server saw %s", got)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	own, text := pair(t, "turvaserver")
	s, saw := tlsServer(t, own, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	file := write(t, filepath.Join(t.TempDir(), "s.pem"), text)
	f := failure(t, ask(t, newClient(t, xroad.Options{Servers: []xroad.Server{{Address: s.URL, CertificateFile: file}}})))
	if f.Kind != soap.KindOwnServer || f.Code != "transport.unreachable" || len(saw()) != 0 {
		t.Errorf("failure is %+v", f)
	}
}

// Files are read again when they change; a broken one changes nothing but the
// administrator's peace.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, text := pair(t, "turvaserver")
	s, saw := tlsServer(t, own)
	_, first := pair(t, "first")
	_, second := pair(t, "second, longer")
	pinned, mine := write(t, filepath.Join(dir, "server.pem"), text), write(t, filepath.Join(dir, "own.pem"), first)
	o := xroad.Options{
		Servers:     []xroad.Server{{Address: s.URL, CertificateFile: pinned}},
		Certificate: xroad.KeyPair{CertificateFile: mine, KeyFile: mine},
	}
	told := alarms(&o)
	c := newClient(t, o)
	step := func(want string) {
		t.Helper()
		if err := ask(t, c); err != nil {
			t.Fatal(err)
		}
		if got := saw(); got[len(got)-1] != want {
			t.Errorf("the server saw %s, want %s", got[len(got)-1], want)
		}
	}
	step("first")
	write(t, mine, second)
	step("second, longer")
	write(t, mine, []byte("half a file"))
	write(t, pinned, nil)
	step("second, longer")
	step("second, longer")
	if err := os.Remove(pinned); err != nil {
		t.Fatal(err)
	}
	step("second, longer")
	step("second, longer")
	write(t, mine, first)
	write(t, pinned, text)
	step("first")
	want := strings.Join([]string{xroad.AlarmPinnedUnreadable, xroad.AlarmCertificateUnreadable, xroad.AlarmPinnedUnreadable}, " ")
	if got := strings.Join(told(), " "); got != want {
		t.Errorf("alarms are %s, want %s", got, want)
	}
}

// What cannot be safe is refused before the first call.
func TestConnectionsThatAreNotSafeAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, text := pair(t, "x")
	good := write(t, filepath.Join(dir, "good.pem"), text)
	empty := write(t, filepath.Join(dir, "empty.pem"), nil)
	for name, o := range map[string]xroad.Options{
		"plain HTTP to another machine": {Servers: []xroad.Server{{Address: "http://turvaserver.example"}}},
		"https and nobody pinned":       {Servers: []xroad.Server{{Address: "https://127.0.0.1:8443"}}},
		"no certificate in the file":    {Servers: []xroad.Server{{Address: "https://127.0.0.1:8443", CertificateFile: empty}}},
		"no such file":                  {Servers: []xroad.Server{{Address: "https://127.0.0.1:8443", CertificateFile: filepath.Join(dir, "none")}}},
		"no own key": {
			Servers:     []xroad.Server{{Address: "https://127.0.0.1:8443", CertificateFile: good}},
			Certificate: xroad.KeyPair{CertificateFile: good, KeyFile: empty},
		},
	} {
		o.Client = us
		if _, err := xroad.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := xroad.New(xroad.Options{Client: us, Servers: []xroad.Server{{Address: "http://turvaserver.example", Plaintext: true}}}); err != nil {
		t.Errorf("plain HTTP that was allowed: %v", err)
	}
}

// A server that accepts and never shakes hands is left within the time to
// connect, and the next one gets the whole request.
func TestServerThatDoesNotShakeHandsIsPassedOver(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-030")
	dir := t.TempDir()
	own, text := pair(t, "turvaserver")
	s, saw := tlsServer(t, own)
	file := write(t, filepath.Join(dir, "s.pem"), text)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	first := xroad.Server{Address: "https://" + silent.Addr().String(), CertificateFile: file}
	byClient := func(d time.Duration) xroad.Options { return xroad.Options{ConnectTimeout: d} }
	byService := func(d time.Duration) xroad.Options {
		return xroad.Options{ConnectTimeout: time.Hour, Services: map[soap.ServiceID]xroad.Timeouts{rest: {Connect: d}}}
	}
	for name, options := range map[string]func(time.Duration) xroad.Options{"client": byClient, "service": byService} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(50 * time.Millisecond)
			o.Servers = []xroad.Server{first}
			f := failure(t, ask(t, newClient(t, o)))
			if f.Kind != soap.KindOwnServer || f.Code != "transport.unreachable" {
				t.Errorf("failure is %+v", f)
			}
			// The second server has to shake hands within the same time, on a
			// machine that may be busy.
			o = options(2 * time.Second)
			o.Servers = []xroad.Server{first, {Address: s.URL, CertificateFile: file}}
			call := xroad.RESTCall{Service: rest, Method: "POST", Stream: strings.NewReader("{}")}
			if _, err := newClient(t, o).REST(t.Context(), call); err != nil || len(saw()) == 0 {
				t.Errorf("the second server saw %d calls, %v", len(saw()), err)
			}
		})
	}
}
