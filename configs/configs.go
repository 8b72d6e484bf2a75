// Package configs holds the hub's configuration: its typed form, the strict
// reading of its one YAML file, and everything that ships with the program as
// data (contracts, the default file, the sandbox's world).
//
// The package knows words and numbers only. What a word means to a room (an
// X-Road identifier, a cron expression, a contract) is checked where that room
// is wired, with the line that [Lines] remember.
package configs

import (
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Shipped is what the program carries: code lists, contracts/*.wsdl,
// mappings/*.yaml, ristmik.yaml and sandbox.yaml.
//
//go:embed codelists contracts mappings ristmik.yaml sandbox.yaml
var Shipped embed.FS

// DefaultFile is the name in [Shipped] of the configuration that is used when
// none is given: everything on loopback, a private PostgreSQL, the sandbox's
// Security Server.
const DefaultFile = "ristmik.yaml"

// Config is the whole configuration file. CodeLists are files of code lists for
// mapping tables beside those that ship with the program; one with the name of a
// shipped list stands in its place.
type Config struct {
	Database      Database                `yaml:"database"`
	Listeners     Listeners               `yaml:"listeners"`
	XRoad         XRoad                   `yaml:"xroad"`
	Authorities   map[string]Authority    `yaml:"authorities"`
	Consultations map[string]Consultation `yaml:"consultations"`
	Cases         map[string]Case         `yaml:"cases"`
	Attachments   Attachments             `yaml:"attachments"`
	Registers     Registers               `yaml:"registers"`
	Contracts     map[string]Contract     `yaml:"contracts"`
	CodeLists     []string                `yaml:"code_lists"`
	Exchanges     Exchanges               `yaml:"exchanges"`
	Schedules     map[string]Schedule     `yaml:"schedules"`
	Delivery      Delivery                `yaml:"delivery"`
	Events        Events                  `yaml:"events"`

	Lines
}

// Database says where the state lives. With no URL the program starts a
// private PostgreSQL that keeps its data in Directory.
type Database struct {
	URL       string `yaml:"url"`
	URLFile   string `yaml:"url_file"`
	Directory string `yaml:"directory"`
}

// Listeners are the three doors, one for each kind of user, so that a firewall
// can tell them apart.
type Listeners struct {
	Core    Listener      `yaml:"core"`
	XRoad   XRoadListener `yaml:"xroad"`
	Console Listener      `yaml:"console"`
}

// Listener is a door for the core or for operators. TokensFile holds one "name
// token" pair a line; a door without one listens on loopback only.
type Listener struct {
	Address    string `yaml:"address"`
	TokensFile string `yaml:"tokens_file"`
	TLS        TLS    `yaml:"tls"`
}

// XRoadListener is the door for our own Security Server, which is known by the
// addresses in AllowFrom, by its internal certificate in one of the PEM files
// of PinnedCertificates, or by both. Without either the door listens on
// loopback only. Services narrows who may call a service.
type XRoadListener struct {
	Address            string             `yaml:"address"`
	AllowFrom          []string           `yaml:"allow_from"`
	TLS                TLS                `yaml:"tls"`
	PinnedCertificates []string           `yaml:"pinned_certificates"`
	Services           map[string]Service `yaml:"services"`
}

// Service is one of our own X-Road services, named by its code without a
// version, since rights are the same for all versions (PR-MESS 3.1). Allowed
// are the subsystems that may call it; a service that is not listed may be
// called by the subsystems of all configured authorities.
type Service struct {
	Allowed []string `yaml:"allowed"`
}

// TLS names the files of a listener's own certificate and key, PEM.
type TLS struct {
	CertificateFile string `yaml:"certificate_file"`
	KeyFile         string `yaml:"key_file"`
}

// XRoad says who the hub is in X-Road, which Security Servers are its own, and
// how it connects to them. RequireUserID refuses messages of authorities that
// name no end user.
//
// SecurityServer is the short form of one server over plain HTTP; Servers has
// them all. Certificates are the client certificates by client subsystem, and
// Services the time-outs of single services, by identifier.
type XRoad struct {
	SecurityServer string                     `yaml:"security_server"`
	Servers        []SecurityServer           `yaml:"security_servers"`
	Pause          time.Duration              `yaml:"pause"`
	Client         string                     `yaml:"client"`
	Certificates   map[string]TLS             `yaml:"client_certificates"`
	Timeout        time.Duration              `yaml:"timeout"`
	ConnectTimeout time.Duration              `yaml:"connect_timeout"`
	HeaderTimeout  time.Duration              `yaml:"header_timeout"`
	Services       map[string]ServiceTimeouts `yaml:"services"`
	RESTService    string                     `yaml:"rest_service"`
	MaxAnswerMiB   int                        `yaml:"max_answer_mib"`
	RequireUserID  bool                       `yaml:"require_user_id"`
}

// SecurityServer is one of our Security Servers: its address, the PEM file of
// its internal TLS certificate (needed with https), and whether plain HTTP to
// another machine is wanted.
type SecurityServer struct {
	Address         string `yaml:"address"`
	CertificateFile string `yaml:"certificate_file"`
	Plaintext       bool   `yaml:"plaintext"`
}

// ServiceTimeouts are the time-outs of one service; what is left out is that of
// the whole section.
type ServiceTimeouts struct {
	Timeout        time.Duration `yaml:"timeout"`
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	HeaderTimeout  time.Duration `yaml:"header_timeout"`
}

// SecurityServers returns the servers of either form.
func (x XRoad) SecurityServers() []SecurityServer {
	if len(x.Servers) > 0 {
		return x.Servers
	}
	return []SecurityServer{{Address: x.SecurityServer}}
}

// Title is a name for people, in Estonian and English.
type Title struct {
	ET string `yaml:"et"`
	EN string `yaml:"en"`
}

// Binding says what an authority's negative answer does to the outcome.
type Binding string

// Allowed lists the values a file may hold.
func (Binding) Allowed() []string { return []string{"veto", "override", "advisory", "facts"} }

// Registers are the two registers kept in sync with the migration core.
type Registers struct {
	Tax    TaxRegister    `yaml:"tax"`
	Labour LabourRegister `yaml:"labour"`
}

// TaxRegister names the tax board's services: the employment register's query
// by person and the service that takes permit notices, each with the file of its
// mapping table, found as those of contracts are. Watch is as in [Contract].
type TaxRegister struct {
	EmploymentService string `yaml:"employment_service"`
	EmploymentMapping string `yaml:"employment_mapping"`
	PermitService     string `yaml:"permit_service"`
	PermitMapping     string `yaml:"permit_mapping"`
	Watch             Switch `yaml:"watch"`
}

// LabourRegister names the Labour Inspectorate's REST service that takes
// permit notices. Watch is as in [Contract].
type LabourRegister struct {
	PermitService string `yaml:"permit_service"`
	Watch         Switch `yaml:"watch"`
}

// Contract is a register whose operations the core may call as JSON, at
// /v1/registers/NAME. File is its WSDL or OpenAPI description: beside the
// configuration file, or one that ships with the program. Provider is the
// subsystem that offers it; Service, with OpenAPI only, the code of the service
// that the description is of. Require
// are the headers that a call must have; Tolerant takes answers with fields that
// the contract does not have; Refusals are JSON pointers into answers where a
// text says that the register refused, Errors further places that say so; AsOf is
// one where it says of when its data are. Mappings are files of mapping tables, one
// for each operation that takes and gives the core's shape, found as File is.
// Timeout zero means that of X-Road calls. Watch says whether the job contract-watch
// compares the description with the register's own.
type Contract struct {
	Title    Title         `yaml:"title"`
	File     string        `yaml:"file"`
	Provider string        `yaml:"provider"`
	Service  string        `yaml:"service"`
	Require  []Requirement `yaml:"require"`
	Tolerant bool          `yaml:"tolerant"`
	Refusals []string      `yaml:"refusals"`
	Errors   []ErrorField  `yaml:"errors"`
	AsOf     string        `yaml:"as_of"`
	Mappings []string      `yaml:"mappings"`
	Timeout  time.Duration `yaml:"timeout"`
	Watch    Switch        `yaml:"watch"`
}

// Switch is on or off; left out, it is on.
type Switch string

// On says whether it is not off.
func (s Switch) On() bool { return s != "off" }

// Allowed lists the values a file may hold.
func (Switch) Allowed() []string { return []string{"on", "off"} }

// ErrorField is where answers say that something is wrong: JSON pointers to a
// code, a text or both. Good are the codes that say that nothing is, Matching a
// regular expression for the texts that are errors, where others are not.
type ErrorField struct {
	Code     string   `yaml:"code"`
	Text     string   `yaml:"text"`
	Good     []string `yaml:"good"`
	Matching string   `yaml:"matching"`
}

// REST says whether the description is OpenAPI, by the name of its file.
func (c Contract) REST() bool {
	switch strings.ToLower(path.Ext(c.File)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// Requirement is what a call of a register must say.
type Requirement string

// What a call may have to say: on whose behalf, and for which case.
const (
	RequireUserID Requirement = "user_id"
	RequireIssue  Requirement = "issue"
	// RequirePurpose is what the call is for in words; it is recorded and stays here.
	RequirePurpose Requirement = "purpose"
)

// Allowed lists the values a file may hold.
func (Requirement) Allowed() []string {
	return []string{string(RequireUserID), string(RequireIssue), string(RequirePurpose)}
}

// Attachments bound the files that come with questions and answers: how large
// one may be, 20 MiB by default, and of which media types; without any, those of
// documents, pictures and signed containers. Store says where new ones are kept;
// those in Directory are read whatever it says.
type Attachments struct {
	MaxMiB    int       `yaml:"max_mib"`
	Types     []string  `yaml:"types"`
	Store     FileStore `yaml:"store"`
	Directory string    `yaml:"directory"`
}

// FileStore is where files are kept; "" is the database.
type FileStore string

// The stores of files.
const (
	StoreDatabase  FileStore = "database"
	StoreDirectory FileStore = "directory"
)

// Allowed lists the values a file may hold.
func (FileStore) Allowed() []string { return []string{string(StoreDatabase), string(StoreDirectory)} }

// maxAttachmentMiB is the largest limit.
const maxAttachmentMiB = 2048

func (a Attachments) check(at func(path, code, message string, allowed ...string)) {
	if a.MaxMiB < 0 || a.MaxMiB > maxAttachmentMiB {
		at("attachments.max_mib", "out-of-range", fmt.Sprintf("a number from 1 to %d is needed", maxAttachmentMiB))
	}
	switch {
	case a.Directory == "" && a.Store == StoreDirectory:
		at("attachments.directory", "missing", "a value is needed")
	case a.Directory != "" && !filepath.IsAbs(a.Directory):
		at("attachments.directory", "not-absolute", "a path from the root is needed")
	}
	for i, t := range a.Types {
		if media, params, err := mime.ParseMediaType(t); err != nil || media != t || len(params) > 0 {
			at(fmt.Sprintf("attachments.types[%d]", i), "not-a-media-type", "a media type without parameters is needed, in lower case", "application/pdf")
		}
	}
}

// Exchanges says whether calls of the contracts are recorded: durably, before the
// request leaves and before the answer is given, without their bodies. Keep is how
// long a record stays in the database.
type Exchanges struct {
	Record bool          `yaml:"record"`
	Keep   time.Duration `yaml:"keep"`
}

// Delivery is how messages are sent and repeated: the defaults, and what
// differs for single destinations. Takeover is how long a process may be silent
// before others take over what it had under way; Keep how long what has been
// delivered, and the answers kept under idempotency keys, stay in the database.
type Delivery struct {
	Takeover     time.Duration             `yaml:"takeover"`
	Keep         time.Duration             `yaml:"keep"`
	Default      DeliveryPolicy            `yaml:"default"`
	Destinations map[string]DeliveryPolicy `yaml:"destinations"`
}

// File is the name the configuration was read under.
func (c *Config) File() string { return c.file }

// Contracts is the folder of the shipped contracts.
func Contracts() fs.FS {
	sub, err := fs.Sub(Shipped, "contracts")
	if err != nil {
		panic(err) // the folder is embedded: its name is a constant of this package
	}
	return sub
}
