package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
	"ristmik/soap/conformance"
)

// clientFile writes a certificate with its key into one file.
func clientFile(t *testing.T, file string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A subsystem that is registered with mutual TLS is let in with its own
// certificate only; the server is who was pinned.
func TestCallOverMutualTLS(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-018", "C-019", "C-020")
	dir := t.TempDir()
	mine, other, pinned := clientFile(t, filepath.Join(dir, "mine.pem")), clientFile(t, filepath.Join(dir, "other.pem")), filepath.Join(dir, "server.pem")
	world, err := sandbox.LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	world.TLS.Listen = "127.0.0.1:0"
	for i := range world.Members {
		for j := range world.Members[i].Subsystems {
			if s := &world.Members[i].Subsystems[j]; s.Code == "ristmik" {
				s.Connection, s.Certificates = "SSLAUTH", []string{mine}
			}
		}
	}
	box, err := sandbox.Start(context.WithoutCancel(t.Context()), sandbox.Options{
		Listen: "127.0.0.1:0", ControlListen: "127.0.0.1:0", Config: world, Contracts: configs.Contracts(),
		Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.WithoutCancel(t.Context())) })
	certificate, err := box.CertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pinned, []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	const refused = "ssl_authentication_failed"
	for _, c := range []struct {
		address string
		args    []string
		code    int
		want    string
	}{
		{box.TLSURL(), []string{"--server-certificate", pinned, "--client-certificate", mine}, exitDone, ""},
		{box.TLSURL(), []string{"--server-certificate", pinned, "--client-certificate", other}, exitFailed, refused},
		{box.TLSURL(), []string{"--server-certificate", pinned}, exitFailed, refused},
		{box.TLSURL(), []string{"--server-certificate", other, "--client-certificate", mine}, exitFailed, "wrong_certificate"},
		{box.URL(), nil, exitFailed, refused},
	} {
		for _, call := range [][]string{
			{torik, "-d", ask, "--user-id", "EE80001010000"},
			{konsult, "-X", "POST", "--path", "/permit-notices", "-d", permitNotice},
		} {
			code, out, errOut := calling(t, c.address, append(call, c.args...)...)
			if code != c.code || !strings.Contains(errOut, c.want) {
				t.Errorf("%s %v: exit code %d, want %d with %q\n%s%s", c.address, c.args, code, c.code, c.want, out, errOut)
			}
		}
	}
}
