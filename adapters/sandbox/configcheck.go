package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/configs"
	"ristmik/soap"
)

// world collects the faults of meaning of one configuration.
type world struct {
	lines    configs.Lines
	problems configs.Problems
	known    map[soap.ClientID]bool
	servers  map[string]bool // the Security Servers of the instance
	groups   map[string]bool // the global groups, by their codes
	systems  []string        // the names of what can be simulated
	asked    map[string]Authority
}

func (w *world) fault(path, code, message string, allowed ...string) {
	w.problems = append(w.problems, w.lines.Problem(path, code, message, allowed...))
}

func (w *world) required(path, value string) {
	if value != "" || w.refused(path) {
		return
	}
	w.fault(path, "missing", "a value is needed")
}

// refused says whether the value at path has been refused for a plainer reason.
func (w *world) refused(path string) bool {
	return slices.ContainsFunc(w.problems, func(p configs.Problem) bool { return p.Path == path })
}

func (w *world) check(c Config) {
	w.required("instance", c.Instance)
	if c.Server != "" {
		w.server("server", c.Server)
	}
	w.systems, w.asked = c.systemNames(), c.Authorities
	for i, one := range c.Servers {
		w.server(fmt.Sprintf("servers[%d].id", i), one.ID)
		w.servers[one.ID] = true
	}
	if c.TimestampAfter < 0 {
		w.fault("timestamp_after", "not-positive", "a time of zero or more is needed")
	}
	if c.MaxLoggableBody < 0 {
		w.fault("max_loggable_body", "not-positive", "a number of bytes is needed")
	}
	if len(c.Members) == 0 && !w.refused("members") {
		w.fault("members", "missing", "a value is needed")
	}
	for i, m := range c.Members {
		w.member(fmt.Sprintf("members[%d]", i), c.Instance, m)
	}
	for i, g := range c.GlobalGroups {
		w.group(fmt.Sprintf("global_groups[%d]", i), g)
		w.groups[g.Code] = true
	}
	w.authorities(c)
	for i, m := range c.Members { // rights last: they may name a subsystem that stands further down
		w.granted(fmt.Sprintf("members[%d]", i), c.Instance, m.Party)
		for j, sub := range m.Subsystems {
			w.granted(fmt.Sprintf("members[%d].subsystems[%d]", i, j), c.Instance, sub.Party)
		}
	}
}

// identifier checks a part of an identifier; new ones keep to the characters
// that X-Road documents (PR-MESS 2.7).
func (w *world) identifier(path, value string) {
	w.required(path, value)
	if strings.ContainsFunc(value, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("'()+,-.=?", r)
	}) {
		w.fault(path, "bad-identifier", "a character that identifiers should not have", "A-Z", "a-z", "0-9", "'()+,-.=?")
	}
}

func (w *world) title(path string, t Title) {
	w.required(path+".et", t.ET)
	w.required(path+".en", t.EN)
}

func (w *world) member(path, instance string, m Member) {
	w.required(path+".class", string(m.Class))
	w.identifier(path+".code", m.Code)
	w.title(path+".name", m.Name)
	id := soap.ClientID{Instance: instance, Class: string(m.Class), Member: m.Code}
	if w.known[id] {
		w.fault(path, "duplicate", fmt.Sprintf("member %s stands twice", id))
	}
	w.known[id] = true
	w.party(path, m.Party)
	for i, s := range m.Subsystems {
		w.subsystem(fmt.Sprintf("%s.subsystems[%d]", path, i), id, s)
	}
}

func (w *world) subsystem(path string, id soap.ClientID, s Subsystem) {
	w.identifier(path+".code", s.Code)
	w.title(path+".name", s.Name)
	id.Subsystem = s.Code
	if w.known[id] {
		w.fault(path, "duplicate", fmt.Sprintf("subsystem %s stands twice", id))
	}
	w.known[id] = true
	w.party(path, s.Party)
}

// party checks what members and subsystems have alike.
func (w *world) party(path string, s Party) {
	for i, server := range s.Servers {
		if !w.servers[server] {
			w.fault(fmt.Sprintf("%s.servers[%d]", path, i), "unknown-server", fmt.Sprintf("no Security Server %s is known here", server))
		}
	}
	seen := map[string]bool{}
	for i, one := range s.Services {
		at := fmt.Sprintf("%s.services[%d]", path, i)
		w.service(at, one)
		if key := one.Code + "/" + one.Version; seen[key] {
			w.fault(at, "duplicate", "the service stands twice")
		} else {
			seen[key] = true
		}
	}
}

func (w *world) service(path string, s Service) {
	w.identifier(path+".code", s.Code)
	w.required(path+".type", string(s.Type))
	if slices.Contains(reserved, s.Code) {
		w.fault(path+".code", "reserved", fmt.Sprintf("%q is the code of a metaservice", s.Code))
	}
	if s.Type != securityserver.WSDL && s.Type != "" && s.Version != "" {
		w.fault(path+".version", "contradiction", "a REST service has no version; it belongs into the path")
	}
	if s.Timeout < 0 {
		w.fault(path+".timeout", "not-positive", "a time above zero is needed")
	}
	w.address(path+".url", s.URL)
	w.address(path+".description", s.Description)
	if s.Type == securityserver.OpenAPI3 && s.Description == "" && s.Simulated == "" {
		w.fault(path+".description", "missing", "an OPENAPI3 service needs the address of its document")
	}
	if s.VerifyTLS && !strings.HasPrefix(s.URL, "https://") {
		w.fault(path+".verify_tls", "contradiction", "the address is not an https one")
	}
	if s.Type == securityserver.WSDL && len(s.Endpoints) > 0 {
		w.fault(path+".endpoints", "contradiction", "a WSDL service has no endpoints")
	}
	for i, e := range s.Endpoints {
		at := fmt.Sprintf("%s.endpoints[%d]", path, i)
		if !slices.Contains(methods, e.Method) {
			w.fault(at+".method", "not-allowed", fmt.Sprintf("%q is not one of the values", e.Method), methods...)
		}
		if !strings.HasPrefix(e.Path, "/") && e.Path != "**" {
			w.fault(at+".path", "bad-pattern", "a path pattern is needed", "/cars/*", "/cars/{plate}", "/cars/**", "**")
		}
	}
	if s.Simulated == "" {
		return
	}
	if s.URL != "" {
		w.fault(path+".url", "contradiction", "the service is simulated too; keep one of them")
	}
	if !slices.Contains(w.systems, s.Simulated) {
		w.fault(path+".simulated", "not-allowed", fmt.Sprintf("%q is not one of the values", s.Simulated), w.systems...)
		return
	}
	if a, ok := w.asked[s.Simulated]; ok && offers[s.Simulated].kind == "" {
		if want := a.kind(); want != s.Type && !described(want, s) || want == securityserver.WSDL && (!asking(s)) {
			w.fault(path, "contradiction", "an authority is asked by WSDL consultationRequest v1 and told by consultationNotice v1, or both by REST where its wire is rest")
		}
	}
	if o := offers[s.Simulated]; o.kind != "" && !(o.code == "consultationRequest" && asking(s)) && (o.kind != s.Type && !described(o.kind, s) || o.code != s.Code || o.version != s.Version) {
		w.fault(path, "contradiction", strings.TrimSpace(fmt.Sprintf("%s offers %s %s %s", s.Simulated, o.kind, o.code, o.version))+" only")
	}
}

// described says whether a REST service is one that describes itself, as simulated
// ones can.
func described(kind securityserver.Kind, s Service) bool {
	return kind == securityserver.REST && s.Type == securityserver.OpenAPI3
}

// asking tells whether a service is one of those by which authorities are asked
// and told over SOAP.
func asking(s Service) bool {
	return s.Type == securityserver.WSDL && s.Version == "v1" && (s.Code == "consultationRequest" || s.Code == "consultationNotice")
}

// address checks a web address, where there is one.
func (w *world) address(path, address string) {
	if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		w.fault(path, "not-an-address", "an address is needed", "http://HOST[:PORT]/…", "https://HOST[:PORT]/…")
	}
}

// granted checks the groups of a party and the rights on its services.
func (w *world) granted(path, instance string, p Party) {
	local := map[string]bool{}
	for i, g := range p.LocalGroups {
		w.group(fmt.Sprintf("%s.local_groups[%d]", path, i), g)
		local[g.Code] = true
	}
	for i, s := range p.Services {
		at := fmt.Sprintf("%s.services[%d]", path, i)
		w.rights(at, instance, s.Clients, local)
		for j, e := range s.Endpoints {
			w.rights(fmt.Sprintf("%s.endpoints[%d]", at, j), instance, e.Clients, local)
		}
	}
}

// methods are those of an endpoint.
var methods = []string{"*", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}

func (w *world) server(path, id string) {
	if strings.Count(id, "/") != 3 {
		w.fault(path, "bad-identifier", "instance/class/owner/server code is needed", "EE/GOV/70000001/ss1")
	}
}

// group checks that who is in a group is known.
func (w *world) group(path string, g Group) {
	w.identifier(path+".code", g.Code)
	for i, text := range g.Members {
		at := fmt.Sprintf("%s.members[%d]", path, i)
		id, err := soap.ParseClientID(text)
		switch {
		case err != nil:
			w.fault(at, "bad-identifier", "a member or a subsystem is needed", "EE/GOV/70008747/ristmik")
		case !w.known[id]:
			w.fault(at, "unknown-subsystem", fmt.Sprintf("no member or subsystem %s is known here", id))
		}
	}
}

// rights checks that who may call a service is known: subsystems, groups of the
// instance (GLOBALGROUP:EE/code) and of the provider (LOCALGROUP:code).
func (w *world) rights(path, instance string, clients []string, local map[string]bool) {
	for i, text := range clients {
		at := fmt.Sprintf("%s.clients[%d]", path, i)
		if code, ok := strings.CutPrefix(text, globalGroup+instance+"/"); ok {
			if !w.groups[code] {
				w.fault(at, "unknown-group", fmt.Sprintf("no global group %s is known here", code))
			}
			continue
		}
		if code, ok := strings.CutPrefix(text, localGroup); ok {
			if !local[code] {
				w.fault(at, "unknown-group", fmt.Sprintf("the subsystem has no local group %s", code))
			}
			continue
		}
		id, err := soap.ParseClientID(text)
		switch {
		case err != nil || id.Subsystem == "":
			w.fault(at, "bad-identifier", "a subsystem is needed", "EE/GOV/70008747/ristmik", globalGroup+"EE/code", localGroup+"code")
		case !w.known[id]:
			w.fault(at, "unknown-subsystem", fmt.Sprintf("no subsystem %s is known here", id))
		}
	}
}
