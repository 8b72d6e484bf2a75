package xroad

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// errWrongCertificate ends a handshake with somebody who is not our Security
// Server.
var errWrongCertificate = errors.New("the server's certificate is none of the pinned ones")

// KeyPair names the PEM files of a client certificate and its key; both may be
// the same file. Security Servers compare the certificate with those registered
// for the subsystem (UG-SS, connection types), so each subsystem has its own.
type KeyPair struct{ CertificateFile, KeyFile string }

// stamp tells one state of a file from another without reading it.
type stamp struct {
	size     int64
	modified time.Time
}

// watched is a value made of files. It is made again when a file has changed;
// while the new files cannot be used, the old value stays.
type watched[T any] struct {
	files []string
	make  func() (T, error)
	// broken is told, once for each change, that the new files cannot be used.
	broken func(error)

	mu    sync.Mutex
	seen  []stamp
	value T
}

// newWatched reads the files for the first time; the error says what is wrong
// with them.
func newWatched[T any](files []string, build func() (T, error), broken func(error)) (*watched[T], error) {
	w := &watched[T]{files: files, make: build, broken: broken}
	w.seen, _ = stamps(files)
	v, err := build()
	if err != nil {
		return nil, err
	}
	w.value = v
	return w, nil
}

// get returns the value of the files as they are, or the last good one.
func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := stamps(w.files)
	if err == nil && same(now, w.seen) {
		return w.value
	}
	if err != nil && w.seen == nil {
		return w.value // it was told already
	}
	w.seen = now
	if err == nil {
		var v T
		if v, err = w.make(); err == nil {
			w.value = v
			return v
		}
	}
	w.broken(err)
	return w.value
}

// stamps returns nil and an error when a file cannot be seen.
func stamps(files []string) ([]stamp, error) {
	out := make([]stamp, 0, len(files))
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return nil, err
		}
		out = append(out, stamp{info.Size(), info.ModTime()})
	}
	return out, nil
}

func same(a, b []stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].size != b[i].size || !a[i].modified.Equal(b[i].modified) {
			return false
		}
	}
	return true
}

// readPinned reads the certificates of a PEM file; more than one lets a server
// change its certificate without an interruption.
func readPinned(file string) ([][]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s: a certificate in it cannot be read: %w", file, err)
		}
		out = append(out, block.Bytes)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: there is no certificate in it (PEM is needed)", file)
	}
	return out, nil
}

// CheckPinned says what is wrong with a file of pinned certificates.
func CheckPinned(file string) error {
	_, err := readPinned(file)
	return err
}

// Check says what is wrong with the files of a key pair.
func (k KeyPair) Check() error {
	_, err := k.read()
	return err
}

func (k KeyPair) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(k.CertificateFile, k.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", k.CertificateFile, k.KeyFile, err)
	}
	return &pair, nil
}

// identity is both sides of the connections to one server.
type identity struct {
	pinned *watched[[][]byte]
	// own is nil where the subsystem has no certificate (HTTPS NO AUTH).
	own *watched[*tls.Certificate]
}

// config returns the configuration of one handshake, with the files as they
// are now. The server is who has exactly a pinned certificate: there is no
// authority above it and its names mean nothing (PR-MESS leaves them open;
// ClientProxy makes a self-signed one). TLS 1.2 is the least that a Security
// Server offers.
func (i *identity) config() *tls.Config {
	pinned := i.pinned.get()
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// The check that this turns off is replaced by a stricter one below.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errWrongCertificate
			}
			for _, p := range pinned {
				if bytes.Equal(p, s.PeerCertificates[0].Raw) {
					return nil
				}
			}
			return errWrongCertificate
		},
	}
	if i.own != nil {
		own := i.own.get()
		// The certificate is sent whatever authorities the server names: it
		// compares it with the registered ones and builds no chain.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	return c
}
