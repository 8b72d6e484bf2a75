package securityserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"ristmik/soap"
)

// providers are the ways to the information systems behind the services:
// redirects are never followed and nothing is ever sent twice.
type providers struct {
	own func() (*tls.Certificate, error)

	mu   sync.Mutex
	ways map[way]*http.Transport
}

// way tells transports apart: one that keeps connections from one that does
// not, and by whose registered certificates an https address is verified, the
// zero provider being "any certificate will do".
type way struct {
	kept   bool
	verify soap.ClientID
}

func newProviders(own func() (*tls.Certificate, error)) *providers {
	return &providers{own: own, ways: map[way]*http.Transport{}}
}

// errUntrusted is a provider whose certificate is none of the registered ones.
var errUntrusted = errors.New("Server certificate is not trusted") // the text is X-Road's

// transport finds the way. net/http repeats a request without a body by itself
// when a kept connection turns out to be dead; a Security Server never does, so
// those get a new connection each.
func (p *providers) transport(kept bool, v Service, certificates []*x509.Certificate) *http.Transport {
	w := way{kept: kept}
	if v.VerifyTLS {
		w.verify = v.ID.Provider
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.ways[w]; t != nil {
		return t
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
	t := &http.Transport{
		DialContext:         (&net.Dialer{}).DialContext,
		TLSClientConfig:     config,
		DisableCompression:  true,
		DisableKeepAlives:   !kept,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     15 * time.Second,
	}
	p.ways[w] = t
	return t
}

func (p *providers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.ways {
		t.CloseIdleConnections()
	}
}

// errSilent ends a call whose provider has been silent for the service timeout.
var errSilent = errors.New("Read timed out") // the text is X-Road's

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
