package web

import (
	"crypto/tls"
	"errors"
	"log/slog"

	"ristmik/adapters/web/pemfile"
)

// Certificates are a listener's own certificate and key and the certificates
// of the callers that it takes, from PEM files. The files are looked at again
// with every connection and every question, so a certificate is exchanged
// without a restart; while what stands in them cannot be used, the last that
// could stays in force. It is safe for concurrent use.
type Certificates struct {
	files *pemfile.Watched[certificates]
	asks  bool // for the caller's certificate
}

// certificates is what the files hold.
type certificates struct {
	own    *tls.Certificate
	pinned [][]byte
}

// LoadCertificates reads the files. pinnedFiles may be empty: then callers are
// asked for no certificate. The error names the file that cannot be used, never
// its content. Later reading is told to log.
func LoadCertificates(certificateFile, keyFile string, pinnedFiles []string, log *slog.Logger) (*Certificates, error) {
	read := func() (c certificates, err error) {
		if c.own, err = pemfile.KeyPair(certificateFile, keyFile); err != nil {
			return c, err
		}
		c.pinned, err = pemfile.Certificates(pinnedFiles...)
		return c, err
	}
	files, err := pemfile.Watch(append([]string{certificateFile, keyFile}, pinnedFiles...), read, func(err error) {
		if err != nil {
			log.Error("certificates not exchanged; the former ones stay in force", "error", err.Error())
			return
		}
		log.Info("certificates exchanged", "certificate_file", certificateFile)
	})
	if err != nil {
		return nil, err
	}
	return &Certificates{files, len(pinnedFiles) > 0}, nil
}

// ServerConfig returns what a TLS listener needs: TLS 1.2 or newer (X-Road
// Security Servers speak 1.2 by default) and, where certificates are pinned, a
// handshake that only their holders finish. What counts is that the leaf is
// exactly one of them, as Security Servers do it themselves: no chain, no name,
// no dates (PR-REST 4.7).
func (c *Certificates) ServerConfig() *tls.Config {
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.files.Get().own, nil },
	}
	if c.asks {
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
	return pemfile.Shows(state, c.files.Get().pinned)
}
