package xroad

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"ristmik/adapters/web/pemfile"
	"ristmik/adapters/web/sockets"
)

// Server is one Security Server as our side sees it.
type Server struct {
	// Address is scheme, host and port: "https://turvaserver.example:8443".
	Address string
	// CertificateFile is the PEM file of the server's internal TLS certificate,
	// or of several where it is about to change. It is needed with https: the
	// server is who has exactly this certificate.
	CertificateFile string
	// Plaintext allows http to another machine. Loopback needs no permission.
	Plaintext bool
}

// server is a Server that can be asked.
type server struct {
	base      url.URL
	transport http.RoundTripper
	// once keeps no connection. TRACE goes over it: a transport would repeat it
	// on a kept connection that breaks, and it cannot have a body that prevents
	// that.
	once http.RoundTripper
	// direct is the transport where it is ours; place is where its connections
	// go, and head the beginning of every message that goes there.
	direct *direct
	place  place
	head   []byte
	// failing is until when another one is asked first; guarded by servers.
	failing time.Time
}

// servers are all Security Servers of one client, in the order of preference.
type servers struct {
	all   []*server
	pause time.Duration
	now   func() time.Time

	mu      sync.Mutex
	current int
}

// order returns the servers in the order in which they are to be asked: the one
// that answered last, then the others, those in a pause at the end.
func (s *servers) order() []*server {
	if len(s.all) == 1 {
		return s.all
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var good, paused []*server
	for i := range s.all {
		v := s.all[(s.current+i)%len(s.all)]
		if now.Before(v.failing) {
			paused = append(paused, v)
		} else {
			good = append(good, v)
		}
	}
	return append(good, paused...)
}

// failed puts v into a pause.
func (s *servers) failed(v *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.failing = s.now().Add(s.pause)
}

// answered makes v the one that is asked first from now on.
func (s *servers) answered(v *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.failing = time.Time{}
	for i, other := range s.all {
		if other == v {
			s.current = i
		}
	}
}

// parseAddress reads the address of a Security Server. The error never quotes
// it: an address that is wrong may hold a password.
func parseAddress(address string) (*url.URL, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("address of the Security Server: is no URL")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("address of the Security Server: the scheme is not http or https")
	case base.Hostname() == "":
		return nil, errors.New("address of the Security Server: there is no host")
	case base.User != nil, base.RawQuery != "", base.Fragment != "", base.Path != "" && base.Path != "/":
		return nil, errors.New("address of the Security Server: only scheme, host and port are allowed")
	}
	return base, nil
}

// newServer makes the connections to one server possible; nothing is dialled.
func (o *Options) newServer(s Server) (*server, error) {
	base, err := parseAddress(s.Address)
	if err != nil {
		return nil, err
	}
	v := &server{base: url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/"}, transport: o.Transport}
	if base.Scheme == "http" {
		if !s.Plaintext && !loopback(base.Hostname()) {
			return nil, fmt.Errorf("Security Server %s: plain HTTP to another machine must be allowed (plaintext)", base.Host)
		}
		if v.transport == nil {
			v.over(NewTransport())
		}
		return v, nil
	}
	if v.transport != nil {
		return v, nil // whoever brings a transport answers for its TLS
	}
	if s.CertificateFile == "" {
		return nil, fmt.Errorf("Security Server %s: https needs the server's certificate (certificate file)", base.Host)
	}
	id := &identity{}
	broken := func(code string) func(error) {
		return func(err error) {
			if err != nil {
				o.Alarm(Alarm{Code: code, Server: base.Host, Err: err})
			}
		}
	}
	id.pinned, err = pemfile.Watch([]string{s.CertificateFile}, func() ([][]byte, error) { return pemfile.Certificates(s.CertificateFile) }, broken(AlarmPinnedUnreadable))
	if err != nil {
		return nil, fmt.Errorf("Security Server %s: %w", base.Host, err)
	}
	if k := o.Certificate; k != (KeyPair{}) {
		id.own, err = pemfile.Watch([]string{k.CertificateFile, k.KeyFile}, k.read, broken(AlarmCertificateUnreadable))
		if err != nil {
			return nil, err
		}
	}
	t := NewTransport()
	t.DialTLSContext = dialTLS(id)
	v.over(t)
	return v, nil
}

// over makes the server's requests go out as t dials.
func (s *server) over(t *http.Transport) {
	once := t.Clone()
	once.DisableKeepAlives = true
	s.direct, s.place, s.head = newDirect(t), placeOf(&s.base), messageHead(s.base.Host)
	s.transport, s.once = s.direct, once
}

// connectKey carries the time to connect of one call to the dialler.
type connectKey struct{}

// connectWithin bounds connecting, handshake included. The dialler's context
// outlives the call, so the bound travels as a value.
func connectWithin(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Value(connectKey{}).(time.Duration)
	if !ok {
		d = connectTimeout
	}
	return context.WithTimeout(ctx, d)
}

func dialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	limited, cancel := connectWithin(ctx)
	defer cancel()
	d := net.Dialer{KeepAlive: 30 * time.Second}
	c, err := d.DialContext(limited, network, addr)
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: sockets.Quick(c)}, nil
}

// dialTLS dials and shakes hands. The bytes counted are those of requests: the
// handshake is over when counting begins.
func dialTLS(id *identity) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		limited, cancel := connectWithin(ctx)
		defer cancel()
		d := net.Dialer{KeepAlive: 30 * time.Second}
		c, err := d.DialContext(limited, network, addr)
		if err != nil {
			return nil, err
		}
		config := id.config()
		if host, _, err := net.SplitHostPort(addr); err == nil {
			config.ServerName = host
		}
		shaken := tls.Client(sockets.Quick(c), config)
		if err := shaken.HandshakeContext(limited); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return &countingConn{Conn: shaken}, nil
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
