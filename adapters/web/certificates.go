package web

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificates are a listener's own certificate and key and the certificates
// of the callers that it takes, from PEM files. The files are looked at again
// with every connection and every question, so a certificate is exchanged
// without a restart; while what stands in them cannot be used, the last that
// could stays in force. It is safe for concurrent use.
type Certificates struct {
	certificateFile, keyFile string
	pinnedFiles              []string
	log                      *slog.Logger

	mu     sync.Mutex
	stamps []stamp
	own    tls.Certificate
	pinned [][]byte
}

// stamp is what changes when a file is written again.
type stamp struct {
	at   time.Time
	size int64
}

// LoadCertificates reads the files. pinnedFiles may be empty: then callers are
// asked for no certificate. The error names the file that cannot be used, never
// its content. Later reading is told to log.
func LoadCertificates(certificateFile, keyFile string, pinnedFiles []string, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{certificateFile: certificateFile, keyFile: keyFile, pinnedFiles: pinnedFiles, log: log}
	c.stamps = c.look()
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// ServerConfig returns what a TLS listener needs: TLS 1.2 or newer (X-Road
// Security Servers speak 1.2 by default) and, where certificates are pinned, a
// handshake that only their holders finish. What counts is that the leaf is
// exactly one of them, as Security Servers do it themselves: no chain, no name,
// no dates (PR-REST 4.7).
func (c *Certificates) ServerConfig() *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.refresh()
			own := c.own
			return &own, nil
		},
	}
	if len(c.pinnedFiles) > 0 {
		config.ClientAuth = tls.RequireAnyClientCert
		config.VerifyConnection = func(state tls.ConnectionState) error { // of resumed sessions too
			if !c.Knows(&state) {
				return errors.New("the client's certificate is not one of the pinned ones")
			}
			return nil
		}
	}
	return config
}

// Knows tells whether the peer of a connection has shown one of the pinned
// certificates; nil stands for a connection without TLS. Asked for every
// request, it ends the rights of a kept connection whose certificate has been
// taken away.
func (c *Certificates) Knows(state *tls.ConnectionState) bool {
	if state == nil || len(state.PeerCertificates) == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh()
	for _, p := range c.pinned {
		if bytes.Equal(p, state.PeerCertificates[0].Raw) {
			return true
		}
	}
	return false
}

// refresh reads the files again when one has changed.
func (c *Certificates) refresh() {
	now := c.look()
	same := true
	for i := range now {
		same = same && now[i].size == c.stamps[i].size && now[i].at.Equal(c.stamps[i].at)
	}
	if same {
		return
	}
	c.stamps = now
	if err := c.load(); err != nil {
		c.log.Error("certificates not exchanged; the former ones stay in force", "error", err.Error())
		return
	}
	c.log.Info("certificates exchanged", "certificate_file", c.certificateFile)
}

func (c *Certificates) look() []stamp {
	var out []stamp
	for _, file := range append([]string{c.certificateFile, c.keyFile}, c.pinnedFiles...) {
		var s stamp
		if info, err := os.Stat(file); err == nil {
			s = stamp{info.ModTime(), info.Size()}
		}
		out = append(out, s)
	}
	return out
}

func (c *Certificates) load() error {
	info, err := os.Stat(c.keyFile)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o004 != 0 {
		return fmt.Errorf("%s: everybody on this machine can read the key; take the right away (chmod o-r)", c.keyFile)
	}
	own, err := tls.LoadX509KeyPair(c.certificateFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("%s with %s: %w", c.certificateFile, c.keyFile, err)
	}
	var pinned [][]byte
	for _, file := range c.pinnedFiles {
		found, err := ReadPinned(file)
		if err != nil {
			return err
		}
		pinned = append(pinned, found...)
	}
	c.own, c.pinned = own, pinned
	return nil
}

// ReadPinned returns the certificates in a PEM file, as DER. There is at least
// one; anything but certificates in the file is an error.
func ReadPinned(file string) ([][]byte, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: holds something else than certificates", file)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, block.Bytes)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: holds no certificate (PEM)", file)
	}
	return out, nil
}
