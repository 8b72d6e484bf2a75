package sandbox

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/simulated"
	"ristmik/configs"
	"ristmik/soap"
)

// shippedConfig is the name in [configs.Shipped] of the world that ships.
const shippedConfig = "sandbox.yaml"

// Config is the world of the sandbox: what a Security Server knows from the
// global and its own configuration.
type Config struct {
	// Instance is the X-Road instance, for example "EE".
	Instance string `yaml:"instance"`
	// Server is this Security Server's own identifier, for requests that target
	// one: instance/class/owner/server code.
	Server string `yaml:"server"`
	// Spelling is how error codes are written: "7.7" or "7.8".
	Spelling securityserver.Spelling `yaml:"error_spelling"`
	// Members are the members of the instance.
	Members []Member `yaml:"members"`
}

// Title is a name for people, in Estonian and English.
type Title struct {
	ET string `yaml:"et"`
	EN string `yaml:"en"`
}

// Class is a member class of X-tee.
type Class string

// Allowed lists the values a file may hold.
func (Class) Allowed() []string { return []string{"GOV", "COM", "NGO", "NEE"} }

// System is the name of a simulated system.
type System string

// Allowed lists the values a file may hold.
func (System) Allowed() []string { return simulated.Names() }

// Member is one member with its subsystems.
type Member struct {
	Class      Class       `yaml:"class"`
	Code       string      `yaml:"code"`
	Name       Title       `yaml:"name"`
	Subsystems []Subsystem `yaml:"subsystems"`
}

// Subsystem is one subsystem with the services that it offers.
type Subsystem struct {
	Code     string    `yaml:"code"`
	Name     Title     `yaml:"name"`
	Services []Service `yaml:"services"`
}

// Service is one service. It lives at URL, or is simulated by the system of
// that name; with neither it waits for its address to be registered. Clients
// are the subsystems that may call it. Timeout zero means 60 seconds. Disabled
// is the administrator's notice of a service that is switched off.
type Service struct {
	Code      string              `yaml:"code"`
	Version   string              `yaml:"version"`
	Type      securityserver.Kind `yaml:"type"`
	URL       string              `yaml:"url"`
	Simulated System              `yaml:"simulated"`
	Clients   []string            `yaml:"clients"`
	Timeout   time.Duration       `yaml:"timeout"`
	Disabled  string              `yaml:"disabled"`
}

// clients are the parsed Clients of a service; what does not parse is left out,
// since [ParseConfig] has refused it.
func (s Service) clients() []soap.ClientID {
	var ids []soap.ClientID
	for _, c := range s.Clients {
		if id, err := soap.ParseClientID(c); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
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

// LoadConfig reads the sandbox's world from the file at path, or the world that
// ships with the program when path is "". See [ParseConfig].
func LoadConfig(path string) (Config, error) {
	read, name := os.ReadFile, path
	if path == "" {
		read, name = configs.Shipped.ReadFile, shippedConfig
	}
	data, err := read(name)
	if err != nil {
		return Config{}, fmt.Errorf("reading the sandbox's configuration: %w", err)
	}
	return ParseConfig(name, data)
}

// ParseConfig reads the sandbox's world from YAML, strictly: exactly one
// document, no unknown keys, no wrong types, every identifier known. The error
// is [configs.Problems] with everything that is wrong, each with its line; the
// file is called name in them.
func ParseConfig(name string, data []byte) (Config, error) {
	c := Config{Spelling: securityserver.Spelling78}
	lines, problems := configs.Decode(name, data, &c)
	w := &world{lines: lines, problems: problems, known: map[soap.ClientID]bool{}}
	if lines.Any() {
		w.check(c)
	}
	if len(w.problems) == 0 {
		return c, nil
	}
	w.problems.Sort()
	return c, w.problems
}

// world collects the faults of meaning of one configuration.
type world struct {
	lines    configs.Lines
	problems configs.Problems
	known    map[soap.ClientID]bool
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
	if c.Server != "" && strings.Count(c.Server, "/") != 3 {
		w.fault("server", "bad-identifier", "instance/class/owner/server code is needed", "EE/GOV/70000001/ss1")
	}
	if len(c.Members) == 0 && !w.refused("members") {
		w.fault("members", "missing", "a value is needed")
	}
	for i, m := range c.Members {
		w.member(fmt.Sprintf("members[%d]", i), c.Instance, m)
	}
	for i, m := range c.Members { // rights last: they may name a subsystem that stands further down
		for j, sub := range m.Subsystems {
			for k, s := range sub.Services {
				w.rights(fmt.Sprintf("members[%d].subsystems[%d].services[%d]", i, j, k), s)
			}
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
	if s.Type == securityserver.REST && s.Version != "" {
		w.fault(path+".version", "contradiction", "a REST service has no version; it belongs into the path")
	}
	if s.Timeout < 0 {
		w.fault(path+".timeout", "not-positive", "a time above zero is needed")
	}
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		w.fault(path+".url", "not-an-address", "an address is needed", "http://HOST[:PORT]/…", "https://HOST[:PORT]/…")
	}
	if s.Simulated == "" {
		return
	}
	if s.URL != "" {
		w.fault(path+".url", "contradiction", "the service is simulated too; keep one of them")
	}
	if o := offers[string(s.Simulated)]; o.kind != "" && (o.kind != s.Type || o.code != s.Code || o.version != s.Version) {
		w.fault(path, "contradiction", strings.TrimSpace(fmt.Sprintf("%s offers %s %s %s", s.Simulated, o.kind, o.code, o.version))+" only")
	}
}

// rights checks that who may call a service is known.
func (w *world) rights(path string, s Service) {
	for i, text := range s.Clients {
		at := fmt.Sprintf("%s.clients[%d]", path, i)
		id, err := soap.ParseClientID(text)
		switch {
		case err != nil || id.Subsystem == "":
			w.fault(at, "bad-identifier", "a subsystem is needed", "EE/GOV/70008747/ristmik")
		case !w.known[id]:
			w.fault(at, "unknown-subsystem", fmt.Sprintf("no subsystem %s is known here", id))
		}
	}
}
