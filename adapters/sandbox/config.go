package sandbox

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/simulated"
	"ristmik/soap"
)

// Config is the world of the sandbox: what a Security Server knows from the
// global and its own configuration.
type Config struct {
	// Instance is the X-Road instance, for example "EE".
	Instance string
	// Server is this Security Server's own identifier, for requests that target
	// one: instance/class/owner/server code.
	Server string
	// Spelling is how error codes are written: "7.7" or "7.8".
	Spelling securityserver.Spelling
	// Members are the members of the instance.
	Members []Member
}

// Title is a name for people, in Estonian and English.
type Title struct{ ET, EN string }

// Member is one member with its subsystems.
type Member struct {
	Class, Code string
	Name        Title
	Subsystems  []Subsystem
}

// Subsystem is one subsystem with the services that it offers.
type Subsystem struct {
	Code     string
	Name     Title
	Services []Service
}

// Service is one service. It lives at URL, or is simulated by the system of
// that name; with neither it waits for its address to be registered. Clients
// are the subsystems that may call it. Timeout zero means 60 seconds. Disabled
// is the administrator's notice of a service that is switched off.
type Service struct {
	Code, Version string
	Type          securityserver.Kind
	URL           string
	Simulated     string
	Clients       []soap.ClientID
	Timeout       time.Duration
	Disabled      string
}

// offers is what each simulated system can stand behind; an empty code is any.
var offers = map[string]struct {
	kind          securityserver.Kind
	code, version string
}{
	simulated.EmploymentRegister: {securityserver.WSDL, "TORIK", "v2"},
	simulated.TaxPermits:         {securityserver.WSDL, "permitNotice", "v1"},
	simulated.SecurityService:    {securityserver.WSDL, "consultationRequest", "v1"},
	simulated.LabourInspectorate: {securityserver.REST, "konsult", ""},
}

// reserved are the service codes of metaservices, which no service of a member
// may have (X-Road 7.7, reserved-service-codes).
var reserved = []string{"listClients", "listMethods", "allowedMethods", "getWsdl", "getOpenAPI", "getSecurityServerMetrics", "getSecurityServerOperationalData", "getSecurityServerHealthData"}

// LoadConfig reads the sandbox's world from YAML, strictly: exactly one
// document, no unknown keys, no wrong types, every identifier known. The error
// is [Problems] with everything that is wrong, each with its line.
func LoadConfig(r io.Reader) (Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Config{}, fmt.Errorf("reading the sandbox's configuration: %w", err)
	}
	p := &parser{}
	var c Config
	if n, ok := p.document(data); ok {
		c = p.config(n)
	}
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Line - b.Line })
		return c, p.problems
	}
	return c, nil
}

func (p *parser) config(n *yaml.Node) Config {
	c := Config{Spelling: securityserver.Spelling78}
	var members, server *yaml.Node
	p.mapping(n, "", fields{
		"instance": func(v *yaml.Node, path string) { c.Instance = p.text(v, path) },
		"server":   func(v *yaml.Node, path string) { c.Server, server = p.text(v, path), v },
		"error_spelling": func(v *yaml.Node, path string) {
			c.Spelling = securityserver.Spelling(p.oneOf(v, path, string(securityserver.Spelling77), string(securityserver.Spelling78)))
		},
		"members": func(v *yaml.Node, path string) { members = v },
	}, "instance", "members")
	if server != nil && strings.Count(c.Server, "/") != 3 {
		p.add(server, "server", "instance/class/owner/server code is needed", "EE/GOV/70000001/ss1")
	}
	known := map[soap.ClientID]bool{}
	var rights []right
	p.list(members, "members", func(v *yaml.Node, path string) {
		m := p.member(v, path, c.Instance, known, &rights)
		c.Members = append(c.Members, m)
	})
	for _, r := range rights {
		if !known[r.client] {
			p.add(r.node, r.path, fmt.Sprintf("no subsystem %s is known here", r.client))
		}
	}
	return c
}

// right is an access right whose subsystem is looked up when all are known.
type right struct {
	client soap.ClientID
	node   *yaml.Node
	path   string
}

func (p *parser) member(n *yaml.Node, path, instance string, known map[soap.ClientID]bool, rights *[]right) Member {
	var m Member
	var subsystems *yaml.Node
	p.mapping(n, path, fields{
		"class":      func(v *yaml.Node, path string) { m.Class = p.oneOf(v, path, "GOV", "COM", "NGO", "NEE") },
		"code":       func(v *yaml.Node, path string) { m.Code = p.identifier(v, path) },
		"name":       func(v *yaml.Node, path string) { m.Name = p.title(v, path) },
		"subsystems": func(v *yaml.Node, _ string) { subsystems = v },
	}, "class", "code", "name")
	id := soap.ClientID{Instance: instance, Class: m.Class, Member: m.Code}
	if known[id] {
		p.add(n, path, fmt.Sprintf("member %s stands twice", id))
	}
	known[id] = true
	p.list(subsystems, path+".subsystems", func(v *yaml.Node, path string) {
		var s Subsystem
		var services *yaml.Node
		p.mapping(v, path, fields{
			"code":     func(v *yaml.Node, path string) { s.Code = p.identifier(v, path) },
			"name":     func(v *yaml.Node, path string) { s.Name = p.title(v, path) },
			"services": func(v *yaml.Node, _ string) { services = v },
		}, "code", "name")
		id := id
		id.Subsystem = s.Code
		if known[id] {
			p.add(v, path, fmt.Sprintf("subsystem %s stands twice", id))
		}
		known[id] = true
		seen := map[string]bool{}
		p.list(services, path+".services", func(v *yaml.Node, path string) {
			one := p.service(v, path, rights)
			if key := one.Code + "/" + one.Version; seen[key] {
				p.add(v, path, "the service stands twice")
			} else {
				seen[key] = true
			}
			s.Services = append(s.Services, one)
		})
		m.Subsystems = append(m.Subsystems, s)
	})
	return m
}

func (p *parser) service(n *yaml.Node, path string, rights *[]right) Service {
	var s Service
	p.mapping(n, path, fields{
		"code":    func(v *yaml.Node, path string) { s.Code = p.identifier(v, path) },
		"version": func(v *yaml.Node, path string) { s.Version = p.identifier(v, path) },
		"type": func(v *yaml.Node, path string) {
			s.Type = securityserver.Kind(p.oneOf(v, path, string(securityserver.WSDL), string(securityserver.REST)))
		},
		"url": func(v *yaml.Node, path string) {
			s.URL = p.text(v, path)
			if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				p.add(v, path, "an address is needed", "http://HOST[:PORT]/…", "https://HOST[:PORT]/…")
			}
		},
		"simulated": func(v *yaml.Node, path string) { s.Simulated = p.oneOf(v, path, simulated.Names()...) },
		"timeout": func(v *yaml.Node, path string) {
			d, err := time.ParseDuration(p.text(v, path))
			if err != nil || d <= 0 {
				p.add(v, path, "a duration with its unit is needed", "500ms", "60s")
			}
			s.Timeout = d
		},
		"disabled": func(v *yaml.Node, path string) { s.Disabled = p.text(v, path) },
		"clients": func(v *yaml.Node, path string) {
			p.list(v, path, func(v *yaml.Node, path string) {
				id, err := soap.ParseClientID(p.text(v, path))
				if err != nil || id.Subsystem == "" {
					p.add(v, path, "a subsystem is needed", "EE/GOV/70008747/ristmik")
					return
				}
				s.Clients = append(s.Clients, id)
				*rights = append(*rights, right{id, v, path})
			})
		},
	}, "code", "type")
	if slices.Contains(reserved, s.Code) {
		p.add(n, path+".code", fmt.Sprintf("%q is the code of a metaservice", s.Code))
	}
	if s.Type == securityserver.REST && s.Version != "" {
		p.add(n, path+".version", "a REST service has no version; it belongs into the path")
	}
	if s.Simulated != "" {
		if s.URL != "" {
			p.add(n, path+".url", "the service is simulated too; keep one of them")
		}
		if o := offers[s.Simulated]; o.kind != "" && (o.kind != s.Type || o.code != s.Code || o.version != s.Version) {
			p.add(n, path, strings.TrimSpace(fmt.Sprintf("%s offers %s %s %s", s.Simulated, o.kind, o.code, o.version))+" only")
		}
	}
	return s
}
