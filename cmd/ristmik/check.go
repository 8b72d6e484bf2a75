package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation/receivers"
	"ristmik/adapters/web"
	"ristmik/adapters/web/pemfile"
	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/schedules"
	"ristmik/soap"
)

type checkCommand struct {
	Config string `short:"c" type:"path" help:"Configuration file; without it, the shipped default."`
}

func (c checkCommand) Run(p *surroundings) error {
	cfg, problems, err := checkConfig(c.Config)
	if err != nil {
		return usage(err)
	}
	for _, problem := range problems {
		fmt.Fprintln(p.out, problem)
	}
	if len(problems) > 0 {
		return usage(fmt.Errorf("problems: %d", len(problems)))
	}
	tables, examples, failed := playExamples(cfg)
	for _, problem := range failed {
		fmt.Fprintln(p.out, problem)
	}
	if len(failed) > 0 {
		return usage(fmt.Errorf("problems: %d", len(failed)))
	}
	name := cfg.File()
	if c.Config == "" {
		name = "the shipped configuration"
	}
	fmt.Fprintf(p.out, "%s is good; authorities: %d, consultation types: %d, schedules: %d, mapping tables: %d (examples: %d)\n",
		name, len(cfg.Authorities), len(cfg.Consultations), len(cfg.Schedules), tables, examples)
	return nil
}

// checkConfig reads the file and checks what its words mean to the rooms:
// identifiers, member codes, cron expressions, contracts. It returns every
// problem at once; err is for a file that cannot be read at all.
func checkConfig(path string) (*configs.Config, configs.Problems, error) {
	cfg, err := configs.Load(path)
	var problems configs.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, nil, err
	}
	return cfg, problemsOf(cfg, problems), nil
}

// problemsOf adds what is wrong with the meaning of a configuration to what is
// wrong with its form. The files of the contracts named unwritten are not
// looked at.
func problemsOf(cfg *configs.Config, problems configs.Problems, unwritten ...string) configs.Problems {
	if !cfg.Any() {
		return problems // nothing could be read: nothing more can be said
	}
	m := &meaning{cfg: cfg, problems: problems}
	m.xroad()
	if cfg.XRoad.RESTService == "" || strings.ContainsAny(cfg.XRoad.RESTService, "/%;:\\ ") {
		m.fault("xroad.rest_service", "bad-identifier", "a service code is needed, one part of an identifier", "konsult")
	}
	m.tokens("listeners.core.tokens_file", cfg.Listeners.Core.TokensFile)
	m.tokens("listeners.console.tokens_file", cfg.Listeners.Console.TokensFile)
	m.certificates("listeners.core.tls", cfg.Listeners.Core.TLS)
	m.certificates("listeners.console.tls", cfg.Listeners.Console.TLS)
	m.xroadListener()
	for name, a := range cfg.Authorities {
		if a.Subsystem != "" {
			m.client("authorities."+name+".subsystem", a.Subsystem)
		}
		if a.Files != "" {
			m.service("authorities."+name+".files", a.Files, false)
		}
		path := "authorities." + name + ".service"
		switch a.Wire {
		case configs.WireSOAP:
			m.operation(path, a.Service, contractRequest)
		case configs.WireEmploymentRegister:
			m.operation(path, a.Service, contractEmployment)
		case configs.WireREST:
			m.service(path, a.Service, false)
		}
	}
	m.operation("registers.tax.employment_service", cfg.Registers.Tax.EmploymentService, contractEmployment)
	m.operation("registers.tax.permit_service", cfg.Registers.Tax.PermitService, contractPermits)
	m.service("registers.labour.permit_service", cfg.Registers.Labour.PermitService, false)
	m.contracts(unwritten)
	m.cases()
	m.schedules()
	m.events()
	m.destinations()
	m.problems.Sort()
	return m.problems
}

// meaning collects the faults of meaning of one configuration.
type meaning struct {
	cfg      *configs.Config
	problems configs.Problems
}

func (m *meaning) fault(path, code, message string, allowed ...string) {
	for _, p := range m.problems {
		if p.Path == path {
			return // the same value was refused for a plainer reason
		}
	}
	m.problems = append(m.problems, m.cfg.Problem(path, code, message, allowed...))
}

// cases checks the conditions of the rules against the types of what they read.
func (m *meaning) cases() {
	for name, c := range m.cfg.Cases {
		for version, rules := range c.Versions {
			_, faults := receivers.Compile(factsOf(c), rulesOf(rules))
			for _, f := range faults {
				m.fault(fmt.Sprintf("cases.%s.versions.%s[%d].when", name, version, f.Rule), "bad-condition", f.Err.Error())
			}
		}
	}
}

// client checks an X-Road client identifier; a state member's code is a
// registry code and carries a check digit, so a slip of the pen shows.
func (m *meaning) client(path, value string) {
	if value == "" {
		return
	}
	id, err := soap.ParseClientID(value)
	if err != nil {
		m.fault(path, "bad-identifier", err.Error(), "INSTANCE/CLASS/MEMBER/SUBSYSTEM")
		return
	}
	if id.Subsystem == "" {
		m.fault(path, "bad-identifier", "the subsystem is missing", "INSTANCE/CLASS/MEMBER/SUBSYSTEM")
		return
	}
	m.member(path, id)
}

func (m *meaning) member(path string, id soap.ClientID) {
	if code := mapping.CheckRegistryCode(id.Member); code != "" {
		m.fault(path, code, fmt.Sprintf("the member code %s is no registry code", id.Member))
	}
}

func (m *meaning) service(path, value string, versioned bool) (soap.ServiceID, bool) {
	form := "INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE"
	if versioned {
		form += "/VERSION"
	}
	if value == "" {
		m.fault(path, "missing", "a value is needed", form)
		return soap.ServiceID{}, false
	}
	id, err := soap.ParseServiceID(value)
	if err != nil {
		m.fault(path, "bad-identifier", err.Error(), form)
		return soap.ServiceID{}, false
	}
	if !versioned && id.Version != "" {
		m.fault(path, "bad-identifier", "a REST service has no version in its identifier", form)
		return soap.ServiceID{}, false
	}
	m.member(path, id.Provider)
	return id, true
}

// operation checks that the service's code and version stand in the contract.
func (m *meaning) operation(path, value, file string) {
	id, ok := m.service(path, value, true)
	if !ok {
		return
	}
	c, err := loadContract(file)
	if err != nil {
		m.fault(path, "bad-contract", err.Error())
		return
	}
	op, ok := c.Operation(id.Code, id.Version)
	if !ok {
		var known []string
		for _, op := range c.Operations() {
			known = append(known, op.Code+"/"+op.Version)
		}
		m.fault(path, "unknown-operation", fmt.Sprintf("%s has no operation %s", file, strings.TrimSuffix(id.Code+"/"+id.Version, "/")), known...)
		return
	}
	if op.Unsupported != nil {
		m.fault(path, "bad-contract", op.Unsupported.Error())
	}
}

// contracts checks that every contract can be read and used.
func (m *meaning) contracts(unwritten []string) {
	lists, problems := openCodeLists(m.cfg)
	m.problems = append(m.problems, problems...)
	for _, s := range syncTables(m.cfg) {
		_, problems := s.open(m.cfg, lists)
		m.problems = append(m.problems, problems...)
	}
	for name, k := range m.cfg.Contracts {
		path := "contracts." + name
		m.client(path+".provider", k.Provider)
		if k.File == "" || slices.Contains(unwritten, name) {
			continue
		}
		offered, err := offeredBy(m.cfg, k)
		if overBudget(err) {
			m.fault(path+".file", costsOne, err.Error())
			continue
		}
		if err != nil {
			m.fault(path+".file", "bad-contract", err.Error())
			continue
		}
		_, problems, _ := openTables(m.cfg, name, lists) // the contract has been read above
		m.problems = append(m.problems, problems...)
		if !slices.ContainsFunc(offered, offer.usable) {
			m.fault(path+".file", "bad-contract", "none of its operations can be used; ristmik contract check tells why")
			continue
		}
		m.pointers(path, k)
	}
}

// tokens checks that the file of tokens can be used.
func (m *meaning) tokens(path, file string) {
	if _, err := readTokens(file); err != nil {
		m.fault(path, "bad-tokens", err.Error())
	}
}

// certificates checks that a listener's certificate and key can be used.
func (m *meaning) certificates(path string, t configs.TLS) {
	if t.CertificateFile == "" || t.KeyFile == "" {
		return
	}
	if _, err := web.LoadCertificates(t.CertificateFile, t.KeyFile, nil, slog.New(slog.DiscardHandler)); err != nil {
		m.fault(path, "bad-certificate", err.Error())
	}
}

// xroadListener checks whom the door of our own X-Road services lets in.
func (m *meaning) xroadListener() {
	const path = "listeners.xroad"
	l := m.cfg.Listeners.XRoad
	m.certificates(path+".tls", l.TLS)
	for i, file := range l.PinnedCertificates {
		if _, err := pemfile.Certificates(file); err != nil {
			m.fault(fmt.Sprintf("%s.pinned_certificates[%d]", path, i), "bad-certificate", err.Error())
		}
	}
	own := append(authority.SOAPServices(), m.cfg.XRoad.RESTService)
	for name, s := range l.Services {
		service := path + ".services." + name
		if !slices.Contains(own, name) {
			m.fault(service, "unknown-service", "we have no such service; services are named by their code, without a version", own...)
		}
		for i, subsystem := range s.Allowed {
			at := fmt.Sprintf("%s.allowed[%d]", service, i)
			if subsystem == "" {
				m.fault(at, "bad-identifier", "a subsystem is needed", "INSTANCE/CLASS/MEMBER/SUBSYSTEM")
			}
			m.client(at, subsystem)
		}
	}
}

func (m *meaning) schedules() {
	for name, s := range m.cfg.Schedules {
		path := "schedules." + name
		if !slices.Contains(jobNames(), name) {
			m.fault(path, "unknown-job", "no job has this name", jobNames()...)
		}
		if s.Cron == "" || s.Zone == "" {
			continue
		}
		if _, err := time.LoadLocation(s.Zone); err != nil {
			m.fault(path+".zone", "bad-zone", fmt.Sprintf("no time zone is called %q", s.Zone), "Europe/Tallinn", "UTC")
			continue
		}
		schedule, err := schedules.ParseCron(s.Cron, s.Zone)
		if err != nil {
			m.fault(path+".cron", "bad-cron", err.Error(), "MINUTE HOUR DAY MONTH WEEKDAY")
			continue
		}
		if err := schedule.CheckJitter(s.Jitter); err != nil {
			m.fault(path+".jitter", "bad-jitter", err.Error())
		}
	}
}

func (m *meaning) destinations() {
	known := destinationNames(m.cfg)
	m.reasons("delivery.default", m.cfg.Delivery.Default, countedReasons(""))
	for name, p := range m.cfg.Delivery.Destinations {
		path := "delivery.destinations." + name
		if !slices.Contains(known, name) {
			m.fault(path, "unknown-destination", "nothing is sent there", known...)
			continue
		}
		m.reasons(path, p, countedReasons(name))
		operations := operationsOf(name)
		for operation := range p.Operations {
			if operations != nil && !slices.Contains(operations, operation) {
				m.fault(path+".operations."+operation, "unknown-kind", "no such messages are sent there", operations...)
			}
		}
	}
}

// reasons checks which failures are to count for a breaker.
func (m *meaning) reasons(path string, p configs.DeliveryPolicy, known []string) {
	for i, reason := range p.Breaker.Reasons {
		if known != nil && !slices.Contains(known, reason) {
			m.fault(fmt.Sprintf("%s.breaker.reasons[%d]", path, i), "unknown-reason", fmt.Sprintf("%q never counts against a partner", reason), known...)
		}
	}
}
