package sandbox

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
)

// How groups are written where a subsystem could stand (PR-MESS 2.1).
const (
	globalGroup = "GLOBALGROUP:"
	localGroup  = "LOCALGROUP:"
)

// newServer makes the Security Server of a configuration and lists what each
// simulated system offers.
func newServer(o Options, own func() (*tls.Certificate, error)) (*securityserver.Server, map[string][]soap.ServiceID, error) {
	c := o.Config
	so := securityserver.Options{
		Instance: c.Instance, Server: c.Server, Spelling: c.Spelling, Certificate: own,
		EnforceValidity: c.EnforceCertificateValidity, LoggableLimit: int64(c.MaxLoggableBody), TimestampAfter: c.TimestampAfter,
		Limits: soap.DefaultLimits(), NewID: o.NewID, Now: o.Now, Log: o.Log,
	}
	for _, s := range c.Servers {
		so.Hosts = append(so.Hosts, securityserver.Host{ID: s.ID, Maintenance: s.Maintenance})
	}
	systems := map[string][]soap.ServiceID{}
	for _, m := range c.Members {
		member := soap.ClientID{Instance: c.Instance, Class: string(m.Class), Member: m.Code}
		parties := []Subsystem{{Party: m.Party}}
		for _, p := range append(parties, m.Subsystems...) {
			id := member
			id.Subsystem = p.Code
			certificates, err := c.certificates(p.Certificates)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", id, err)
			}
			so.Subsystems = append(so.Subsystems, securityserver.Subsystem{
				ID: id, MemberName: m.Name.ET, SubsystemName: p.Name.ET,
				Connection: p.Connection, Certificates: certificates, Servers: p.Servers,
			})
			for _, v := range p.Services {
				service := c.service(id, p.Party, v)
				so.Services = append(so.Services, service)
				if v.Simulated != "" {
					systems[v.Simulated] = append(systems[v.Simulated], service.ID)
				}
			}
		}
	}
	server, err := securityserver.New(so)
	return server, systems, err
}

func (c Config) service(provider soap.ClientID, sub Party, v Service) securityserver.Service {
	s := securityserver.Service{
		ID: soap.ServiceID{Provider: provider, Code: v.Code, Version: v.Version}, Kind: v.Type,
		URL: v.URL, Description: v.Description, VerifyTLS: v.VerifyTLS, Timeout: v.Timeout, Disabled: v.Disabled,
		Clients: c.clients(sub, v.Clients),
	}
	for _, e := range v.Endpoints {
		s.Endpoints = append(s.Endpoints, securityserver.Endpoint{Method: e.Method, Path: e.Path, Clients: c.clients(sub, e.Clients)})
	}
	return s
}

// clients are those that a list of rights names, by themselves or by their
// groups; what does not parse is left out, since [ParseConfig] has refused it.
func (c Config) clients(provider Party, rights []string) []soap.ClientID {
	var ids []soap.ClientID
	for _, text := range rights {
		names := []string{text}
		if code, ok := strings.CutPrefix(text, globalGroup+c.Instance+"/"); ok {
			names = membersOf(c.GlobalGroups, code)
		} else if code, ok := strings.CutPrefix(text, localGroup); ok {
			names = membersOf(provider.LocalGroups, code)
		}
		for _, n := range names {
			if id, err := soap.ParseClientID(n); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func membersOf(groups []Group, code string) []string {
	for _, g := range groups {
		if g.Code == code {
			return g.Members
		}
	}
	return nil
}

// certificates reads the certificates of PEM files; names are relative to the
// configuration's folder.
func (c Config) certificates(files []string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, file := range files {
		data, err := os.ReadFile(c.path(file))
		if err != nil {
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
		found := 0
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			one, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("reading the certificate %s: %w", file, err)
			}
			list = append(list, one)
			found++
		}
		if found == 0 {
			return nil, fmt.Errorf("reading the certificate %s: there is none in PEM form", file)
		}
	}
	return list, nil
}

func (c Config) path(file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(c.folder, file)
}
