package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
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
	// Servers are the other Security Servers of the instance, and this one where
	// it is in maintenance.
	Servers []Server `yaml:"servers"`
	// TLS is the HTTPS side.
	TLS TLS `yaml:"tls"`
	// EnforceCertificateValidity refuses information systems' certificates that
	// have expired or are not yet valid.
	EnforceCertificateValidity bool `yaml:"enforce_certificate_validity"`
	// MaxLoggableBody is the longest body of a REST message, in bytes; zero is 20
	// MiB.
	MaxLoggableBody int `yaml:"max_loggable_body"`
	// Spelling is how error codes are written: "7.7" or "7.8".
	Spelling securityserver.Spelling `yaml:"error_spelling"`
	// TimestampAfter is how long a message waits for its time-stamp, until which
	// /asic does not give it out unless forced.
	TimestampAfter time.Duration `yaml:"timestamp_after"`
	// GlobalGroups are groups of members and subsystems of the whole instance.
	GlobalGroups []Group `yaml:"global_groups"`
	// Authorities are those that are consulted and have a character, by the names
	// under which the control API knows them: the simulated ones, and others.
	Authorities map[string]Authority `yaml:"authorities"`
	// Members are the members of the instance.
	Members []Member `yaml:"members"`

	// folder is where the file stands: its own file names are relative to it.
	folder string
}

// Server is a Security Server of the instance. Maintenance is the
// administrator's notice while it is in maintenance mode.
type Server struct {
	ID          string `yaml:"id"`
	Maintenance string `yaml:"maintenance"`
}

// TLS is where the HTTPS side listens, "" being nowhere, and the folder that
// keeps the internal certificate; without one it is made anew at every start.
type TLS struct {
	Listen    string `yaml:"listen"`
	Directory string `yaml:"directory"`
}

// Group is a named group of clients, for rights.
type Group struct {
	Code    string   `yaml:"code"`
	Members []string `yaml:"members"`
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

// Member is one member with its subsystems. A member can be a client and a
// provider itself, as a subsystem can.
type Member struct {
	Class Class  `yaml:"class"`
	Code  string `yaml:"code"`
	Name  Title  `yaml:"name"`
	Party
	Subsystems []Subsystem `yaml:"subsystems"`
}

// Party is what a member and a subsystem can have: how its information systems
// connect, the files of their certificates (PEM, as clients and as providers),
// the servers where it is registered (none is on this one), its local groups and
// its services.
type Party struct {
	Connection   securityserver.Connection `yaml:"connection"`
	Certificates []string                  `yaml:"certificates"`
	Servers      []string                  `yaml:"servers"`
	LocalGroups  []Group                   `yaml:"local_groups"`
	Services     []Service                 `yaml:"services"`
}

// Subsystem is one subsystem.
type Subsystem struct {
	Code string `yaml:"code"`
	Name Title  `yaml:"name"`
	Party
}

// Service is one service. Description is where its OpenAPI document or its WSDL
// is (a WSDL is looked for at the address with "?wsdl", where nothing else is
// said). It lives at URL, or is simulated by the system of
// that name; with neither it waits for its address to be registered. Clients
// are the subsystems and groups that may call it, Endpoints those parts of a
// REST service that more may call. Timeout zero means 60 seconds. Disabled is
// the administrator's notice of a service that is switched off.
type Service struct {
	Code        string              `yaml:"code"`
	Version     string              `yaml:"version"`
	Type        securityserver.Kind `yaml:"type"`
	URL         string              `yaml:"url"`
	Description string              `yaml:"description"`
	VerifyTLS   bool                `yaml:"verify_tls"`
	Simulated   string              `yaml:"simulated"`
	Clients     []string            `yaml:"clients"`
	Endpoints   []Endpoint          `yaml:"endpoints"`
	Timeout     time.Duration       `yaml:"timeout"`
	Disabled    string              `yaml:"disabled"`
}

// Endpoint is one method ("*" is every one) and path pattern of a REST service
// with who may call it.
type Endpoint struct {
	Method  string   `yaml:"method"`
	Path    string   `yaml:"path"`
	Clients []string `yaml:"clients"`
}

// offers is what each simulated system of the program's own can stand behind.
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
	c, err := ParseConfig(name, data)
	c.folder = filepath.Dir(path)
	return c, err
}

// ParseConfig reads the sandbox's world from YAML, strictly: exactly one
// document, no unknown keys, no wrong types, every identifier known. The error
// is [configs.Problems] with everything that is wrong, each with its line; the
// file is called name in them.
func ParseConfig(name string, data []byte) (Config, error) {
	c := Config{Spelling: securityserver.Spelling78, TimestampAfter: time.Minute}
	lines, problems := configs.Decode(name, data, &c)
	w := &world{lines: lines, problems: problems, known: map[soap.ClientID]bool{}, servers: map[string]bool{c.Server: true}, groups: map[string]bool{}}
	if lines.Any() {
		w.check(c)
	}
	if len(w.problems) == 0 {
		return c, nil
	}
	w.problems.Sort()
	return c, w.problems
}
