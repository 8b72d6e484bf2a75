// Package securityserver behaves towards an information system like a real
// X-Road Security Server, consumer side and provider side in one: message
// protocol 4.0 over SOAP, message protocol for REST v1, the metaservices, with
// the checks in their order and the codes and texts of the reference
// implementation. It neither signs nor time-stamps, and it carries no
// attachments.
package securityserver

import (
	"context"
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

// Kind is what a service is described by; the two cannot be called through one
// another (PR-MESSTRANSP 1.1).
type Kind string

// The kinds of services.
const (
	WSDL Kind = "WSDL"
	REST Kind = "REST"
)

// Allowed lists the values a configuration may hold.
func (Kind) Allowed() []string { return []string{string(WSDL), string(REST)} }

// Subsystem is one entry of the global list of clients: a member (no subsystem
// code) or a subsystem of one.
type Subsystem struct {
	ID                        soap.ClientID
	MemberName, SubsystemName string
}

// Service is one registered service: where it lives, how long an answer may
// take, who may call it, and the administrator's notice when it is disabled.
type Service struct {
	ID       soap.ServiceID
	Kind     Kind
	URL      string
	Timeout  time.Duration
	Clients  []soap.ClientID
	Disabled string
}

// Options of a [Server]. Server is the Security Server's own identifier in its
// path form, for requests that target one.
type Options struct {
	Instance, Server string
	Spelling         Spelling
	Subsystems       []Subsystem
	Services         []Service
	Limits           soap.Limits
	NewID            func() string
	Now              func() time.Time
	Log              *slog.Logger
}

// DefaultTimeout is the service timeout of a newly registered service
// (UG-SYSPAR).
const DefaultTimeout = 60 * time.Second

// Server answers requests. It is safe for many goroutines.
type Server struct {
	o         Options
	providers providers
	exchanges exchangeLog

	mu       sync.RWMutex
	services map[soap.ServiceID]Service
}

// New checks the services' addresses and makes a server.
func New(o Options) (*Server, error) {
	s := &Server{o: o, providers: newProviders(), services: map[soap.ServiceID]Service{}}
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
	default:
		return s.handleSOAP(ctx, r)
	}
}

// registered says whether a member or subsystem is known.
func (s *Server) registered(id soap.ClientID) bool {
	return slices.ContainsFunc(s.o.Subsystems, func(v Subsystem) bool { return v.ID == id })
}

// service finds what may be called by client under id, in the order of the
// provider side's checks: exists, kind, right, enabled.
func (s *Server) service(client soap.ClientID, id soap.ServiceID, kind Kind) (Service, error) {
	s.mu.RLock()
	v, ok := s.services[id]
	s.mu.RUnlock()
	switch {
	case !ok:
		return v, refuse("server.serverproxy.unknown_service", "Unknown service: %s", id.LogForm())
	case v.Kind == REST && kind == WSDL:
		return v, refuse("server.serverproxy.service_type", "Service is a REST service and cannot be called using SOAP interface")
	case v.Kind == WSDL && kind == REST:
		return v, refuse("server.serverproxy.service_type", "Service is a SOAP service and cannot be called using REST interface")
	case !s.allowed(client, id):
		return v, refuse("server.serverproxy.access_denied", "Request is not allowed: %s", id.LogForm())
	case v.Disabled != "":
		return v, refuse("server.serverproxy.service_disabled", "Service %s is disabled: %s", id.LogForm(), v.Disabled)
	case v.URL == "":
		return v, refuse("server.serverproxy.service_missing_url", "Service address not specified for '%s'", id.LogForm())
	}
	return v, nil
}

// allowed says whether client has a right on any version of the service: rights
// ignore versions (PR-MESS 3.1), looking a service up does not.
func (s *Server) allowed(client soap.ClientID, id soap.ServiceID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k, v := range s.services {
		if k.Provider == id.Provider && k.Code == id.Code && slices.Contains(v.Clients, client) {
			return true
		}
	}
	return false
}

// offered lists the services of a provider that are of a kind, in the order of
// their identifiers; only those that client may call, unless client is nil.
func (s *Server) offered(provider soap.ClientID, kind Kind, client *soap.ClientID) []Service {
	s.mu.RLock()
	var list []Service
	for _, v := range s.services {
		if v.ID.Provider == provider && v.Kind == kind {
			list = append(list, v)
		}
	}
	s.mu.RUnlock()
	if client != nil {
		list = slices.DeleteFunc(list, func(v Service) bool { return !s.allowed(*client, v.ID) })
	}
	slices.SortFunc(list, func(a, b Service) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return list
}
