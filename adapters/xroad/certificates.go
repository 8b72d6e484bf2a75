package xroad

import (
	"crypto/tls"
	"errors"

	"ristmik/adapters/web/pemfile"
)

// errWrongCertificate ends a handshake with somebody who is not our Security
// Server.
var errWrongCertificate = errors.New("the server's certificate is none of the pinned ones")

// KeyPair names the PEM files of a client certificate and its key; both may be
// the same file. Security Servers compare the certificate with those registered
// for the subsystem (UG-SS, connection types), so each subsystem has its own.
type KeyPair struct{ CertificateFile, KeyFile string }

// CheckPinned says what is wrong with a file of pinned certificates.
func CheckPinned(file string) error {
	_, err := pemfile.Certificates(file)
	return err
}

// Check says what is wrong with the files of a key pair.
func (k KeyPair) Check() error {
	_, err := k.read()
	return err
}

func (k KeyPair) read() (*tls.Certificate, error) {
	return pemfile.KeyPair(k.CertificateFile, k.KeyFile)
}

// identity is both sides of the connections to one server.
type identity struct {
	pinned *pemfile.Watched[[][]byte]
	// own is nil where the subsystem has no certificate (HTTPS NO AUTH).
	own *pemfile.Watched[*tls.Certificate]
}

// config returns the configuration of one handshake, with the files as they
// are now. The server is who has exactly a pinned certificate: there is no
// authority above it and its names mean nothing (PR-MESS leaves them open;
// ClientProxy makes a self-signed one). TLS 1.2 is the least that a Security
// Server offers.
func (i *identity) config() *tls.Config {
	pinned := i.pinned.Get()
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The check that this turns off is replaced by a stricter one below.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if !pemfile.Shows(&s, pinned) {
				return errWrongCertificate
			}
			return nil
		},
	}
	if i.own != nil {
		own := i.own.Get()
		// The certificate is sent whatever authorities the server names: it
		// compares it with the registered ones and builds no chain.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	return c
}
