package securityserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"sync"
	"time"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// providers are the ways to the information systems behind the services.
type providers struct {
	own func() (*tls.Certificate, error)

	mu      sync.Mutex
	callers map[soap.ClientID]*wire.Caller
}

func newProviders(own func() (*tls.Certificate, error)) *providers {
	return &providers{own: own, callers: map[soap.ClientID]*wire.Caller{}}
}

// errUntrusted is a provider whose certificate is none of the registered ones;
// the text is X-Road's.
var errUntrusted = errors.New("Server certificate is not trusted")

// caller finds the way to a service. Those whose certificate is verified have
// one for each provider; one that takes any certificate does for all others.
func (p *providers) caller(v Service, certificates []*x509.Certificate) *wire.Caller {
	var key soap.ClientID
	if v.VerifyTLS {
		key = v.ID.Provider
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.callers[key]; c != nil {
		return c
	}
	// Names and chains say nothing here: a certificate is registered or it is not.
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.own() }}
	if v.VerifyTLS {
		config.VerifyConnection = func(c tls.ConnectionState) error {
			if !holds(certificates, c.PeerCertificates[0]) {
				return errUntrusted
			}
			return nil
		}
	}
	c := &wire.Caller{TLS: config}
	p.callers[key] = c
	return c
}

func (p *providers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.callers {
		c.Close()
	}
}

// errSilent ends a call whose provider has been silent for the service timeout;
// the text is X-Road's.
var errSilent = errors.New("Read timed out")

// patience ends a context when nothing has moved for a while: the service
// timeout is one of silence, not of the whole call (UG-SYSPAR).
type patience struct {
	timer *time.Timer
	after time.Duration
}

func patient(ctx context.Context, after time.Duration) (context.Context, *patience, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{after: after}
	p.timer = time.AfterFunc(after, func() { cancel(errSilent) })
	return ctx, p, func() { p.timer.Stop(); cancel(nil) }
}

// watch lets every read that moves something begin the patience anew.
func (p *patience) watch(r io.Reader) io.Reader { return &watched{r, p} }

type watched struct {
	io.Reader
	p *patience
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	if n > 0 {
		w.p.timer.Reset(w.p.after)
	}
	return n, err
}
