package configs

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Load reads the configuration file at path, or the shipped default when path
// is "". Every fault is named at once in [Problems]; a file that cannot be
// opened is an ordinary error.
func Load(path string) (*Config, error) {
	if path == "" {
		data, err := fs.ReadFile(Shipped, DefaultFile)
		if err != nil {
			return nil, fmt.Errorf("reading the shipped configuration: %w", err)
		}
		return Parse(DefaultFile, data)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads data as a configuration file called name. The error, if any, is
// [Problems]; the configuration that comes with it holds what could be read,
// so that checks of meaning can go on and name their faults as well.
func Parse(name string, data []byte) (*Config, error) {
	c := defaults()
	var problems Problems
	c.Lines, problems = Decode(name, data, c)
	if c.Any() { // of a file that cannot be read at all, nothing more can be said
		problems = append(problems, c.check()...)
	}
	if len(problems) == 0 {
		return c, nil
	}
	problems.Sort()
	return c, problems
}

// reName is what a name in a path may be.
var reName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// reFact is what the name of a fact may be.
var reFact = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// defaults are the values of what a file leaves out.
func defaults() *Config {
	return &Config{
		Database: Database{Directory: "ristmik-data"},
		Listeners: Listeners{
			Core:    Listener{Address: "127.0.0.1:8080"},
			XRoad:   XRoadListener{Address: "127.0.0.1:8081"},
			Console: Listener{Address: "127.0.0.1:8082"},
		},
		XRoad:     XRoad{SecurityServer: "http://127.0.0.1:8090", Timeout: time.Minute, RESTService: "konsult"},
		Registers: Registers{Tax: TaxRegister{EmploymentMapping: "employment-sync.yaml", PermitMapping: "permit-notice.yaml"}},
		Exchanges: Exchanges{Record: true, Keep: 2 * 365 * 24 * time.Hour},
		Delivery: Delivery{Takeover: 10 * time.Second, Keep: 30 * 24 * time.Hour, Default: DeliveryPolicy{
			Base: time.Second, Cap: 5 * time.Minute, Attempts: 100, OnDead: OnDeadBlock, MaxInFlight: 8, RetryBudget: 10,
			Breaker: Breaker{
				Failures: 5, Lasting: 2 * time.Second, Share: 50, Least: 20, Window: 20 * time.Second,
				OpenFor: 30 * time.Second, MaxOpen: 10 * time.Minute, Calm: time.Minute, Ramp: 10 * time.Second,
			},
		}},
	}
}

// check finds the faults that need more than one value, or more than a type,
// to be seen.
func (c *Config) check() Problems {
	var problems Problems
	at := func(path, code, message string, allowed ...string) {
		problems = append(problems, c.Problem(path, code, message, allowed...))
	}
	if c.Database.URL != "" && hasPassword(c.Database.URL) {
		at("database.url", "inline-secret", "the address holds a password; put the whole address into a file and name it in database.url_file, or set RISTMIK_DATABASE_URL")
	}
	if u, err := url.Parse(c.Database.URL); c.Database.URL != "" && (err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql") {
		at("database.url", "not-an-address", "the address of a PostgreSQL is needed", "postgres://USER@HOST[:PORT]/DATABASE")
	}
	if c.Database.URL != "" && c.Database.URLFile != "" {
		at("database.url_file", "contradiction", "database.url is set too; keep one of them")
	}
	c.checkListeners(at)
	c.checkXRoad(at)
	required := func(path, value string) {
		if value == "" {
			at(path, "missing", "a value is needed")
		}
	}
	required("xroad.client", c.XRoad.Client)
	for _, name := range sorted(c.Authorities) {
		a, path := c.Authorities[name], "authorities."+name
		required(path+".title.et", a.Title.ET)
		required(path+".title.en", a.Title.EN)
		required(path+".wire", string(a.Wire))
		if a.Wire != WireDesk {
			required(path+".subsystem", a.Subsystem)
		}
		switch {
		case a.Wire.Sends():
			required(path+".service", a.Service)
		case a.Service != "":
			at(path+".service", "contradiction", "nothing is sent over this wire")
		case a.Fallback != "":
			at(path+".fallback", "contradiction", "what is not sent waits for the authority anyway")
		}
		if a.Attachments != "" && a.Wire != WireSOAP {
			at(path+".attachments", "contradiction", "only wire: soap sends files with a question")
		}
		if a.Files != "" && (a.Subsystem == "" || !strings.HasPrefix(a.Files, a.Subsystem+"/")) {
			at(path+".files", "contradiction", "files are fetched at a service of the authority's own subsystem only")
		}
		if a.Notices == NoticesPush && (!a.Wire.Sends() || a.Wire == WireEmploymentRegister) {
			at(path+".notices", "contradiction", "notices are sent over the wires soap and rest only")
		}
	}
	for _, name := range sorted(c.Consultations) {
		c.checkConsultation(name, at)
	}
	for _, name := range sorted(c.Cases) {
		c.checkCase(name, at)
	}
	c.checkContracts(at, required)
	c.checkSchedules(at)
	c.checkDelivery(at)
	c.checkEvents(at)
	c.Attachments.check(at)
	return problems
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return false
	}
	_, ok := u.User.Password()
	return ok
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
