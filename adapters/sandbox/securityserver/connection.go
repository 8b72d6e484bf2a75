package securityserver

import (
	"bytes"
	"crypto/x509"
	"slices"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// Connection is how a client's information system has to reach its Security
// Server (UG-SS, connection type).
type Connection string

// The connection types: plain HTTP allowed, HTTPS with any or no certificate,
// HTTPS with a certificate that is registered for the client.
const (
	NoSSL     Connection = "NOSSL"
	SSLNoAuth Connection = "SSLNOAUTH"
	SSLAuth   Connection = "SSLAUTH"
)

// Allowed lists the values a configuration may hold.
func (Connection) Allowed() []string {
	return []string{string(NoSSL), string(SSLNoAuth), string(SSLAuth)}
}

// connected says whether a request of client came the way its connection type
// wants. The listener takes any certificate and none; this is where it is
// compared, by its bytes: no chain, no host name, no revocation
// (IsAuthentication.verifyClientAuthentication).
func (s *Server) connected(client soap.ClientID, r *wire.Request) error {
	i := slices.IndexFunc(s.o.Subsystems, func(v Subsystem) bool { return v.ID == client })
	if i < 0 {
		return nil
	}
	v := s.o.Subsystems[i]
	failed := func(format string) error {
		return refuse("server.clientproxy.ssl_authentication_failed", format, client.LogForm())
	}
	switch v.Connection {
	case NoSSL, "":
		return nil
	case SSLNoAuth:
		if !r.Secure {
			return failed("Client (%s) specifies HTTPS NO AUTH but client made plaintext connection")
		}
		return nil
	}
	switch {
	case r.Certificate == nil:
		return failed("Client (%s) specifies HTTPS but did not supply TLS certificate")
	case len(v.Certificates) == 0:
		return failed("Client (%s) has no IS certificates")
	case !holds(v.Certificates, r.Certificate):
		return failed("Client (%s) TLS certificate does not match any IS certificates")
	}
	now := s.o.Now()
	switch {
	case !s.o.EnforceValidity:
	case now.After(r.Certificate.NotAfter):
		return failed("Client (%s) TLS certificate is expired")
	case now.Before(r.Certificate.NotBefore):
		return failed("Client (%s) TLS certificate is not yet valid")
	}
	return nil
}

func holds(list []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(list, func(one *x509.Certificate) bool { return bytes.Equal(one.Raw, c.Raw) })
}
