package securityserver

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"ristmik/soap"
)

// Host is a Security Server of the instance, by its identifier in path form
// with plain parts: instance/class/owner/server code. Maintenance is the
// administrator's notice while it is in maintenance mode, else "".
type Host struct{ ID, Maintenance string }

// hostsOf lists the Security Servers on which a provider is registered; none
// when the global configuration does not know it.
func (s *Server) hostsOf(provider soap.ClientID) []string {
	for _, v := range s.o.Subsystems {
		if v.ID == provider {
			if len(v.Servers) == 0 {
				return []string{s.o.Server}
			}
			return v.Servers
		}
	}
	return nil
}

// address finds a Security Server of the service's provider: the targeted one
// where the message names one (PR-TARGETSS), and none that is in maintenance
// (AbstractClientMessageProcessor).
func (s *Server) address(id soap.ServiceID, target string, targeted bool) error {
	hosts := s.hostsOf(id.Provider)
	if len(hosts) == 0 {
		return refuse("server.clientproxy.unknown_member", "Could not find addresses for service provider \"%s\"", id.LogForm())
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if targeted {
		if _, known := s.maintenance[target]; !known {
			return refuse("server.clientproxy.invalid_security_server", "Could not find security server \"SERVER:%s\"", target)
		}
		if !slices.Contains(hosts, target) {
			return refuse("server.clientproxy.invalid_security_server", "Invalid security server \"SERVER:%s\"", target)
		}
		hosts = []string{target}
	}
	for _, h := range hosts {
		if s.maintenance[h] == "" {
			return nil
		}
	}
	return refuse("server.clientproxy.maintenance_mode", "Security server \"SERVER:%s\" is in maintenance mode: %s", hosts[0], s.maintenance[hosts[0]])
}

// SetMaintenance puts a Security Server of the instance into maintenance mode
// with the administrator's notice; "" ends it. The error names the servers that
// there are.
func (s *Server) SetMaintenance(server, notice string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.maintenance[server]; !ok {
		return fmt.Errorf("no Security Server %s is known (known: %s)", server, strings.Join(slices.Sorted(maps.Keys(s.maintenance)), ", "))
	}
	s.maintenance[server] = notice
	return nil
}

// servers lists the Security Servers of the instance.
func (s *Server) servers() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.maintenance))
}

// SetGlobalConfExpiry says when the global configuration expires; the zero time
// is never.
func (s *Server) SetGlobalConfExpiry(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.globalConfExpiry = at
}

// valid refuses everything once the global configuration has expired.
func (s *Server) valid() error {
	s.mu.RLock()
	at := s.globalConfExpiry
	s.mu.RUnlock()
	if !at.IsZero() && !s.o.Now().Before(at) {
		return refuse("server.clientproxy.global_conf_outdated", "Global configuration is expired")
	}
	return nil
}

// serverID reads a server identifier of a REST header into its plain parts.
func serverID(header string) (string, bool) {
	parts := strings.Split(header, "/")
	for i, p := range parts {
		plain, err := url.PathUnescape(p)
		if err != nil || plain == "" {
			return "", false
		}
		parts[i] = plain
	}
	return strings.Join(parts, "/"), len(parts) == 4
}
