package securityserver

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"ristmik/soap"
)

// Endpoint is one operation of a REST service with who may call it: Method may
// be "*", Path is a pattern in which "*" stands for anything within one
// segment, "**" for any number of segments and "{name}" for "*" (PR-REST 5.2).
type Endpoint struct {
	Method, Path string
	Clients      []soap.ClientID
}

// covers says whether the endpoint is one that a request is about.
func (e Endpoint) covers(method, path string) bool {
	return (e.Method == "*" || strings.EqualFold(e.Method, method)) && glob(e.Path).MatchString(path)
}

var wildcards = regexp.MustCompile(`\*\*|\*|\{[^{}/]*\}`)

// glob makes an expression of a path pattern.
func glob(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for pattern != "" {
		at := wildcards.FindStringIndex(pattern)
		if at == nil {
			break
		}
		b.WriteString(regexp.QuoteMeta(pattern[:at[0]]))
		if pattern[at[0]:at[1]] == "**" {
			b.WriteString(".*")
		} else {
			b.WriteString("[^/]*")
		}
		pattern = pattern[at[1]:]
	}
	b.WriteString(regexp.QuoteMeta(pattern) + "$")
	return regexp.MustCompile(b.String()) // quoted text and two wildcards always compile
}

// allowed says whether client has a right on any version of the service: rights
// ignore versions (PR-MESS 3.1), looking a service up does not. A right on the
// whole service is one on every endpoint.
func (s *Server) allowed(client soap.ClientID, id soap.ServiceID, covers func(Endpoint) bool) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k, v := range s.services {
		if k.Provider != id.Provider || k.Code != id.Code {
			continue
		}
		if slices.Contains(v.Clients, client) {
			return true
		}
		if slices.ContainsFunc(v.Endpoints, func(e Endpoint) bool { return slices.Contains(e.Clients, client) && covers(e) }) {
			return true
		}
	}
	return false
}

// matchingPath is what access rights are matched against: the path decoded and
// freed of dot segments. %2F becomes a separator, %3F and %23 cut the path.
// Characters that make no URI break the server whatever the rights are; a path
// that still climbs is denied (UriUtils.decodeAndNormalize, 7.7.1 and later).
func matchingPath(id soap.ServiceID, raw string) (string, error) {
	decoded, err := url.PathUnescape(raw)
	if err != nil || strings.ContainsAny(decoded, " \"<>{}|\\^`[]%") {
		return "", refuse("server.serverproxy.internal_error", "Illegal character in path")
	}
	if i := strings.IndexAny(decoded, "?#"); i >= 0 {
		decoded = decoded[:i]
	}
	var kept []string
	segments := strings.Split(decoded, "/")
	for i, seg := range segments {
		switch {
		case seg == "." || seg == "..":
			if seg == ".." {
				if len(kept) < 2 {
					return "", refuse("server.serverproxy.access_denied", "Request is not allowed: %s", id.LogForm())
				}
				kept = kept[:len(kept)-1]
			}
			if i == len(segments)-1 {
				kept = append(kept, "")
			}
		case seg == "" && i > 0 && i < len(segments)-1: // of two slashes one is dropped
		default:
			kept = append(kept, seg)
		}
	}
	return strings.Join(kept, "/"), nil
}

// callable finds what may be called by client under id, in the order of the
// provider side's checks: exists, kind, right (of method and path where the
// service is a REST one), enabled.
func (s *Server) callable(client soap.ClientID, id soap.ServiceID, rest bool, method, rawPath string) (Service, error) {
	s.mu.RLock()
	v, ok := s.services[id]
	s.mu.RUnlock()
	switch {
	case !ok:
		return v, refuse("server.serverproxy.unknown_service", "Unknown service: %s", id.LogForm())
	case v.Kind != WSDL && !rest:
		return v, refuse("server.serverproxy.service_type", "Service is a REST service and cannot be called using SOAP interface")
	case v.Kind == WSDL && rest:
		return v, refuse("server.serverproxy.service_type", "Service is a SOAP service and cannot be called using REST interface")
	}
	path, err := matchingPath(id, rawPath)
	if err != nil {
		return v, err
	}
	switch {
	case !s.allowed(client, id, func(e Endpoint) bool { return e.covers(method, path) }):
		return v, refuse("server.serverproxy.access_denied", "Request is not allowed: %s", id.LogForm())
	case v.Disabled != "":
		return v, refuse("server.serverproxy.service_disabled", "Service %s is disabled: %s", id.LogForm(), v.Disabled)
	case v.URL == "":
		return v, refuse("server.serverproxy.service_missing_url", "Service address not specified for '%s'", id.LogForm())
	}
	return v, nil
}

// offered lists the services of a provider over SOAP or over REST, in the order
// of their identifiers; with a client only those that it may call, and of those
// only the endpoints that it may call.
func (s *Server) offered(provider soap.ClientID, rest bool, client *soap.ClientID) []Service {
	s.mu.RLock()
	var list []Service
	for _, v := range s.services {
		if v.ID.Provider == provider && (v.Kind != WSDL) == rest {
			list = append(list, v)
		}
	}
	s.mu.RUnlock()
	if client != nil {
		list = slices.DeleteFunc(list, func(v Service) bool {
			return !s.allowed(*client, v.ID, func(Endpoint) bool { return true })
		})
		for i, v := range list {
			if !slices.Contains(v.Clients, *client) {
				list[i].Endpoints = slices.DeleteFunc(slices.Clone(v.Endpoints), func(e Endpoint) bool { return !slices.Contains(e.Clients, *client) })
			}
		}
	}
	slices.SortFunc(list, func(a, b Service) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return list
}

// withBody says whether a body of the method travels to the provider; others
// lose theirs on the way (ServerRestMessageProcessor).
func withBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}
