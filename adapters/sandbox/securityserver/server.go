// Package securityserver behaves towards an information system like a real
// X-Road Security Server, consumer side and provider side in one: message
// protocol 4.0 over SOAP, message protocol for REST v1, the metaservices, with
// the checks in their order and the codes and texts of the reference
// implementation. Its containers of signed documents carry a test signature
// that says so; it does not time-stamp.
package securityserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// Kind is what a service is described by: SOAP services by a WSDL, REST ones by
// an OpenAPI document or by nothing but a base path. SOAP and REST cannot be
// called through one another (PR-MESSTRANSP 1.1).
type Kind string

// The kinds of services.
const (
	WSDL     Kind = "WSDL"
	REST     Kind = "REST"
	OpenAPI3 Kind = "OPENAPI3"
)

// Allowed lists the values a configuration may hold.
func (Kind) Allowed() []string { return []string{string(WSDL), string(REST), string(OpenAPI3)} }

// Subsystem is one entry of the global list of clients: a member (no subsystem
// code) or a subsystem of one. Connection is how its information system has to
// connect, "" being NOSSL; Certificates are those of its information systems,
// as a client and as a provider. Servers are where it is registered, by their
// identifiers; none is on this server.
type Subsystem struct {
	ID                        soap.ClientID
	MemberName, SubsystemName string
	Connection                Connection
	Certificates              []*x509.Certificate
	Servers                   []string
}

// Service is one registered service: where it and its description live (that of
// a SOAP service is at its address with "?wsdl", where nothing else is said), how long its information
// system may be silent, who may call it as a whole and who only an endpoint of
// it, and the administrator's notice when it is disabled. VerifyTLS demands a
// registered certificate of an https address.
type Service struct {
	ID          soap.ServiceID
	Kind        Kind
	URL         string
	Description string
	VerifyTLS   bool
	Timeout     time.Duration
	Clients     []soap.ClientID
	Endpoints   []Endpoint
	Disabled    string
}

// Options of a [Server]. Server is the Security Server's own identifier, for
// requests that target one, Hosts are the servers of the instance, where this
// one may be left out. Certificate is asked for the one that providers over https
// are offered, when it is first needed. EnforceValidity refuses clients' certificates out of their time.
// LoggableLimit is the longest body of a REST message, in bytes; zero is
// [DefaultLoggableLimit]. TimestampAfter is how long a message waits for its
// time-stamp, until which its container is not given out.
type Options struct {
	Instance, Server string
	Hosts            []Host
	Spelling         Spelling
	Subsystems       []Subsystem
	Services         []Service
	Certificate      func() (*tls.Certificate, error)
	EnforceValidity  bool
	LoggableLimit    int64
	TimestampAfter   time.Duration
	Limits           soap.Limits
	NewID            func() string
	Now              func() time.Time
	Log              *slog.Logger
}

// DefaultTimeout is the service timeout of a newly registered service
// (UG-SYSPAR).
const DefaultTimeout = 60 * time.Second

// DefaultLoggableLimit is max-loggable-message-body-size of the Estonian
// package, in bytes (UG-SYSPAR).
const DefaultLoggableLimit = 20 << 20

// Server answers requests. It is safe for many goroutines.
type Server struct {
	o         Options
	providers *providers
	exchanges exchangeLog
	messages  messageLog

	mu               sync.RWMutex
	services         map[soap.ServiceID]Service
	maintenance      map[string]string // the notice of every server of the instance
	globalConfExpiry time.Time
}

// New checks the services' addresses and makes a server.
func New(o Options) (*Server, error) {
	if o.LoggableLimit <= 0 {
		o.LoggableLimit = DefaultLoggableLimit
	}
	s := &Server{o: o, providers: newProviders(o.Certificate), services: map[soap.ServiceID]Service{}, maintenance: map[string]string{o.Server: ""}}
	for _, h := range o.Hosts {
		s.maintenance[h.ID] = h.Maintenance
	}
	for _, v := range o.Services {
		if v.Timeout <= 0 {
			v.Timeout = DefaultTimeout
		}
		if err := checkURL(v.URL); err != nil {
			return nil, fmt.Errorf("service %s: %w", v.ID, err)
		}
		s.services[v.ID] = v
	}
	return s, nil
}

// checkURL takes an absolute http or https address; "" is a service whose
// address is not known yet.
func checkURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the address must be http://HOST[:PORT]/… or https://…")
	}
	return nil
}

// UnknownServiceError says that no such service is registered; Known lists
// those that are.
type UnknownServiceError struct {
	ID    soap.ServiceID
	Known []string
}

// Error names the service and the registered ones.
func (e *UnknownServiceError) Error() string {
	return fmt.Sprintf("no service %s is registered (known: %s)", e.ID, strings.Join(e.Known, ", "))
}

// SetURL changes the address of a registered service; the next call uses it.
// The error is an *[UnknownServiceError] or says what is wrong with the address.
func (s *Server) SetURL(id soap.ServiceID, address string) error {
	if err := checkURL(address); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.services[id]
	if !ok {
		unknown := &UnknownServiceError{ID: id}
		for known := range s.services {
			unknown.Known = append(unknown.Known, known.String())
		}
		slices.Sort(unknown.Known)
		return unknown
	}
	v.URL = address
	s.services[id] = v
	return nil
}

// Close lets go of the connections to providers that are kept open.
func (s *Server) Close() { s.providers.close() }

// Handle answers one request: by path and method, in the order of a Security
// Server's handlers. It is a [wire.Handler].
func (s *Server) Handle(ctx context.Context, r *wire.Request) *wire.Response {
	path, query, _ := strings.Cut(r.Target, "?")
	switch {
	case strings.HasPrefix(path, "/r1/"):
		return s.handleREST(ctx, r)
	case path == "/listClients" && r.Method == http.MethodGet:
		return s.listClients(r, query)
	case path == "/asic" && r.Method == http.MethodGet:
		return s.asic(r, query)
	case path == "/verificationconf" && r.Method == http.MethodGet:
		return s.verificationConf()
	default:
		return s.handleSOAP(ctx, r)
	}
}

// client makes the checks of who is calling: registered on this server, and
// connected as it has to be.
func (s *Server) client(id soap.ClientID, r *wire.Request) error {
	if !slices.Contains(s.hostsOf(id), s.o.Server) {
		return refuse("server.clientproxy.unknown_member", "Client '%s' not found", id.LogForm())
	}
	return s.connected(id, r)
}
