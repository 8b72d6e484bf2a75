package securityserver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files of the internal TLS certificate in the folder that keeps it.
const (
	certificateFile = "internal.crt"
	keyFile         = "internal.key"
)

// validity is how long a newly made certificate is good; pinning does not look
// at it, but some clients do.
const validity = 20 * 365 * 24 * time.Hour

// InternalCertificate returns the Security Server's own TLS certificate, with
// which it answers information systems and which it offers to them when it
// calls them. It is self-signed with an RSA key, because the default suites of
// a real server have RSA only. With folder "" it is made anew; else it is kept
// there, so that those who pinned it go on after a restart.
func InternalCertificate(folder string, now time.Time) (*tls.Certificate, error) {
	if folder == "" {
		c, _, err := makeCertificate(now)
		return c, err
	}
	certificatePath, keyPath := filepath.Join(folder, certificateFile), filepath.Join(folder, keyFile)
	c, err := tls.LoadX509KeyPair(certificatePath, keyPath)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, fmt.Errorf("reading the internal certificate: %w", err)
		}
		return &c, nil
	}
	own, key, err := makeCertificate(now)
	if err != nil {
		return nil, err
	}
	// The key stands first: a certificate without its key would be of no use.
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(keyPath, key, 0o600), os.WriteFile(certificatePath, CertificatePEM(own), 0o644)); err != nil {
		return nil, fmt.Errorf("keeping the internal certificate: %w", err)
	}
	return own, nil
}

// CertificatePEM writes the leaf of c as PEM: what an information system pins.
func CertificatePEM(c *tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

func makeCertificate(now time.Time) (*tls.Certificate, []byte, error) {
	fail := func(err error) (*tls.Certificate, []byte, error) {
		return nil, nil, fmt.Errorf("making the internal certificate: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fail(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fail(err)
	}
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Sandbox Security Server"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return fail(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// TLSConfig is how the HTTPS side listens: TLS 1.2, as a Security Server does
// by default on this interface, asking for a client certificate, taking any and
// none (UG-SYSPAR client-tls-protocols).
func TLSConfig(own *tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{*own}, ClientAuth: tls.RequestClientCert,
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
	}
}
