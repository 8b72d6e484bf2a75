package authority_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/authority"
	"ristmik/adapters/web"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// Each service has its callers; whoever is none of them learns nothing but
// that, whatever else is wrong with the message.
func TestOnlyItsCallersReachAService(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-157")
	w := newWorld(t, func(o *authority.Options) {
		o.Callers = map[string][]soap.ClientID{"submitAnswer": {security}, "konsult": {labour}}
	})
	foreign := strings.NewReplacer("<id:memberCode>70000591<", "<id:memberCode>79990000<", "<id:subsystemCode>konsult<", "<id:subsystemCode>jarelevalve<")
	for name, from := range map[string]string{
		"another authority":      foreign.Replace(w.answerOf("A-1")),
		"with a bad body":        strings.Replace(foreign.Replace(w.answerOf("A-1")), "<round>1<", "<round>one<", 1),
		"the member itself":      strings.Replace(w.answerOf("A-1"), "<id:subsystemCode>konsult</id:subsystemCode>", "", 1),
		"another spelling of it": strings.Replace(w.answerOf("A-1"), "<id:subsystemCode>konsult<", "<id:subsystemCode>Konsult<", 1),
		"a blank behind it":      strings.Replace(w.answerOf("A-1"), "<id:subsystemCode>konsult<", "<id:subsystemCode>konsult <", 1),
	} {
		got := w.send(from)
		w.isFault(name, "client.access_denied", got)
		for _, secret := range []string{"konsult", "70000591", "round", "authorit"} {
			if strings.Contains(got.body, secret) {
				t.Errorf("%s: the fault tells %s: %s", name, secret, got.body)
			}
		}
	}
	for name, client := range map[string]soap.ClientID{
		"another authority": security, "the member itself": {Instance: "EE", Class: "GOV", Member: "79990000"},
	} {
		got := w.rest(w.leg("labour"), restBody("B-1"), "X-Road-Client", client.String(), "X-Road-Id", messageID, "Content-Type", "application/json")
		if got.status != http.StatusForbidden || strings.Contains(got.body, "jarelevalve") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		w.oneLine(name)
	}
	if n := w.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
	if got := w.send(w.answerOf("A-1")); got.status != http.StatusOK || !strings.Contains(got.body, "accepted") {
		t.Errorf("the caller itself: %d %s", got.status, got.body)
	}
	if got := w.rest(w.leg("labour"), restBody("B-1")); got.status != http.StatusOK {
		t.Errorf("the caller itself: %d %s", got.status, got.body)
	}
}

// files writes a new self-signed certificate and its key, as a Security Server
// makes them, and returns the pair.
func files(t *testing.T, certificate, key string) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)} // long expired: only equality counts
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		// A new file in the old one's place, as administrators' tools do it.
		if err := os.WriteFile(name+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// With a pinned certificate the door is TLS 1.2 or newer, and only the holder
// of exactly that certificate gets through; both sides' certificates are
// exchanged while the hub runs.
func TestThePinnedSecurityServerIsServed(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-028", "C-138")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	own := files(t, at("hub.pem"), at("hub-key.pem"))
	server := files(t, at("ss.pem"), at("ss-key.pem"))
	stranger := files(t, at("other.pem"), at("other-key.pem"))
	pinned, err := web.LoadCertificates(at("hub.pem"), at("hub-key.pem"), []string{at("ss.pem")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *authority.Options) { o.Pinned = pinned })
	w.isFault("without TLS", "client.not_security_server", w.send(w.answerOf("A-1")))
	if got := w.rest(w.leg("labour"), restBody("B-1")); got.status != http.StatusForbidden {
		t.Errorf("REST without TLS: %d", got.status)
	}

	door := httptest.NewUnstartedServer(w.handler)
	door.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	told := make(written, 16)
	listener := web.StrictHeads(door.Listener, pinned.ServerConfig(), slog.New(slog.NewJSONHandler(told, nil)))
	go func() { _ = door.Config.Serve(listener) }()
	t.Cleanup(func() { _ = door.Config.Close() })
	client := func(own *tls.Certificate, expect tls.Certificate, most uint16) *http.Client {
		config := &tls.Config{InsecureSkipVerify: true, MaxVersion: most, VerifyConnection: func(s tls.ConnectionState) error {
			if string(s.PeerCertificates[0].Raw) != string(expect.Certificate[0]) {
				t.Error("the door shows another certificate")
			}
			return nil
		}}
		if own != nil {
			config.Certificates = []tls.Certificate{*own}
		}
		transport := &http.Transport{TLSClientConfig: config}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	get := func(c *http.Client) int {
		res, err := c.Get("https://" + listener.Addr().String() + "/soap?wsdl")
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	kept := client(&server, own, 0)
	for name, c := range map[string]struct {
		client *http.Client
		want   int
	}{
		"the Security Server":    {kept, http.StatusOK},
		"with TLS 1.2":           {client(&server, own, tls.VersionTLS12), http.StatusOK},
		"with TLS 1.1":           {client(&server, own, tls.VersionTLS11), 0},
		"no certificate":         {client(nil, own, 0), 0},
		"another certificate":    {client(&stranger, own, 0), 0},
		"another, with TLS 1.2":  {client(&stranger, own, tls.VersionTLS12), 0},
		"nothing, with TLS 1.2":  {client(nil, own, tls.VersionTLS12), 0},
		"the hub's own, as mine": {client(&own, own, 0), 0},
	} {
		if got := get(c.client); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}

	// A line may come after its client has gone.
	for range 6 {
		<-told
	}
	if n := len(told); n != 0 {
		t.Errorf("the log has %d lines more than the six about handshakes that failed", n)
	}

	// The Security Server gets a new certificate, and so does the hub.
	renewed := files(t, at("ss.pem"), at("ss-key.pem"))
	if got := get(kept); got != http.StatusInternalServerError {
		t.Errorf("a kept connection with the former certificate: status %d", got)
	}
	own = files(t, at("hub.pem"), at("hub-key.pem"))
	if got := get(client(&renewed, own, 0)); got != http.StatusOK {
		t.Errorf("the new certificate: status %d", got)
	}
	// What cannot be used does not shut the door.
	if err := os.WriteFile(at("ss.pem"), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := get(client(&renewed, own, 0)); got != http.StatusOK {
		t.Errorf("with a broken file: status %d", got)
	}
}

// written is a log that tells of each line.
type written chan struct{}

// Write implements io.Writer.
func (w written) Write(p []byte) (int, error) {
	w <- struct{}{}
	return len(p), nil
}
