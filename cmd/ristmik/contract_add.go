package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// contractAdd makes a register more of a description.
type contractAdd struct {
	File     string   `arg:"" optional:"" type:"path" help:"The register's WSDL, or the OpenAPI description of a REST service (.yaml, .yml, .json); schemas that a WSDL imports are taken from beside it."`
	From     string   `placeholder:"SERVICE" help:"Instead of a file: ask the register itself through the Security Server. INSTANCE/CLASS/MEMBER/SUBSYSTEM takes everything that it offers, with /SERVICE[/VERSION] the description that has this service."`
	Config   string   `short:"c" type:"path" help:"The configuration file to add to. Without it, ristmik.yaml in this folder, which is made of the shipped default when there is none."`
	Name     string   `help:"The register's name in paths: lower-case letters, digits and hyphens. Without it, that of the subsystem."`
	Provider string   `placeholder:"INSTANCE/CLASS/MEMBER/SUBSYSTEM" help:"With a file: the subsystem that offers these services."`
	Service  string   `placeholder:"CODE" help:"With an OpenAPI file: the code of the REST service that it describes."`
	TitleET  string   `name:"title-et" placeholder:"TEXT" help:"The register's name for people, in Estonian."`
	TitleEN  string   `name:"title-en" placeholder:"TEXT" help:"The same in English."`
	Require  []string `enum:"user_id,issue,purpose" placeholder:"user_id,issue" help:"What a call must say: on whose behalf, for which case, for what purpose."`
	Tolerant bool     `help:"Take answers with fields that the contract does not have."`
	Replace  bool     `help:"Put the description in the place of the one that the register of this name has, and say what differs."`
	DryRun   bool     `help:"Say what would be done, and do nothing."`
}

// Help is what --help says below the flags.
func (contractAdd) Help() string {
	return `Examples:

  ristmik contract add rr.wsdl --provider EE/GOV/70008440/rr
  ristmik contract add cars.yaml --provider EE/GOV/70001490/liiklusregister --service cars
  ristmik contract add --from EE/GOV/70000349/tor
  ristmik contract add --from EE/GOV/70000349/tor/TORIK/v2 --name employment --replace --dry-run

Nothing that a description names is ever fetched: a schema on another address is taken
from the file of that name beside the description, or from those that ship with the program.
The configuration keeps its comments. A running hub reads it at its next start.
Exit codes: 0 added, 1 the register cannot be asked or used, 2 wrong usage or configuration.`
}

// addition is one register to be added.
type addition struct {
	name  string
	entry configs.Contract
	soap  *contract.Contract // or
	rest  *contract.REST
	files map[string][]byte // by their place below the register's folder
}

func (a addition) offers() []offer {
	if a.rest != nil {
		return offersOfREST(a.rest)
	}
	return offersOf(a.soap)
}

// Run adds the registers that one source describes, all of them or none.
func (c contractAdd) Run(p *surroundings) error {
	if (c.File == "") == (c.From == "") {
		return usage(errors.New("contract add: name a file, or a register with --from; ristmik contract add --help has examples"))
	}
	path, text, made, err := c.configuration()
	if err != nil {
		return usage(err)
	}
	cfg, problems := parseConfig(path, text)
	if len(problems) > 0 {
		return usage(fmt.Errorf("the configuration has to be mended first:\n%w", problems))
	}
	var all []addition
	if c.From != "" {
		all, err = c.fetched(p, cfg)
	} else {
		all, err = c.fromFile()
	}
	if err != nil {
		return err
	}
	for i := range all {
		if text, err = c.enter(cfg, &all[i], text); err != nil {
			return usage(err)
		}
	}
	if _, problems = parseConfig(path, text, added(all)...); len(problems) > 0 {
		return usage(problems)
	}
	for _, a := range all {
		c.report(p, cfg, a)
	}
	if c.DryRun {
		fmt.Fprintf(p.out, "\nNothing was written (--dry-run); %s would have the new entry.\n", path)
		return nil
	}
	if err := c.write(path, text, all); err != nil {
		return err
	}
	if made {
		fmt.Fprintf(p.out, "\n%s is new, made of the shipped default.", path)
	}
	fmt.Fprintf(p.out, "\n%s has it. Start the hub, again if it runs:\n\n  ristmik serve -c %s\n", path, shellQuoted(shortened(path)))
	example(p, cfg, all[0])
	return nil
}

// configuration reads the file to add to; made says that there was none.
func (c contractAdd) configuration() (path string, text []byte, made bool, err error) {
	path = c.Config
	if path == "" {
		if path, err = filepath.Abs(configs.DefaultFile); err != nil {
			return "", nil, false, err
		}
	}
	text, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && c.Config == "" {
		text, err = configs.Shipped.ReadFile(configs.DefaultFile)
		return path, text, true, err
	}
	if err != nil {
		return "", nil, false, fmt.Errorf("reading the configuration to add to: %w (without -c, ristmik.yaml is made in this folder)", err)
	}
	return path, text, false, nil
}

// parseConfig checks a configuration, but for the files of the contracts that
// are still to be written.
func parseConfig(path string, text []byte, unwritten ...string) (*configs.Config, configs.Problems) {
	cfg, err := configs.Parse(path, text)
	var problems configs.Problems
	if err != nil && !errors.As(err, &problems) {
		problems = configs.Problems{{File: path, Message: err.Error()}}
	}
	return cfg, problemsOf(cfg, problems, unwritten...)
}

func added(all []addition) (names []string) {
	for _, a := range all {
		names = append(names, a.name)
	}
	return names
}

// fromFile reads a description with what it imports from beside it.
func (c contractAdd) fromFile() ([]addition, error) {
	if c.Provider == "" {
		return nil, usage(errors.New("contract add: which subsystem offers these services? --provider INSTANCE/CLASS/MEMBER/SUBSYSTEM; ristmik call --list lists them"))
	}
	provider, err := soap.ParseClientID(c.Provider)
	if err != nil {
		return nil, usage(fmt.Errorf("--provider: %w", err))
	}
	if _, err := os.Stat(c.File); err != nil {
		return nil, usage(fmt.Errorf("there is no file %s; --from asks the register itself", c.File))
	}
	a, err := described(os.DirFS(filepath.Dir(c.File)), filepath.Base(c.File))
	if err != nil {
		return nil, usage(err)
	}
	a.name, a.entry.Provider, a.entry.Service = registerName(provider), provider.String(), c.Service
	switch {
	case a.rest != nil && c.Service == "":
		return nil, usage(errors.New("contract add: which service does it describe? --service CODE; ristmik call --list lists them"))
	case a.rest == nil && c.Service != "":
		return nil, usage(errors.New("contract add: --service goes with OpenAPI; a WSDL has the codes of its services itself"))
	}
	return []addition{a}, nil
}

// described reads a description and notes which files it is made of.
func described(fsys fs.FS, file string) (addition, error) {
	r := &reads{FS: fsys, names: map[string]bool{}}
	a := addition{files: map[string][]byte{}}
	a.entry.File = file
	var err error
	if a.entry.REST() {
		a.rest, err = compileREST(r, file)
	} else {
		a.soap, err = compileContract(r, file)
	}
	if err != nil {
		return addition{}, err
	}
	if all := a.offers(); !slices.ContainsFunc(all, offer.usable) {
		var why []string
		for _, o := range all {
			why = append(why, fmt.Sprintf("  %s: %s", o.code, o.about()))
		}
		return addition{}, fmt.Errorf("no operation of %s can be used\n%s", file, strings.Join(why, "\n"))
	}
	for name := range r.names {
		if a.files[name], err = fs.ReadFile(fsys, name); err != nil {
			return addition{}, err
		}
	}
	return a, nil
}

// reads is a folder that notes what is opened in it.
type reads struct {
	fs.FS
	names map[string]bool
}

func (r *reads) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err == nil {
		r.names[name] = true
	}
	return f, err
}

// Stat looks whether a file is there, which is not to read it.
func (r *reads) Stat(name string) (fs.FileInfo, error) { return fs.Stat(r.FS, name) }

// registerName makes a name for paths of a subsystem's code.
func registerName(provider soap.ClientID) string {
	return pathName(provider.Subsystem)
}

func pathName(code string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(code)), "-")
	if name == "" || name[0] < 'a' {
		name = strings.TrimRight("register-"+name, "-")
	}
	return name[:min(len(name), 63)]
}

// enter completes the entry and puts it into the text of the configuration.
func (c contractAdd) enter(cfg *configs.Config, a *addition, text []byte) ([]byte, error) {
	if c.Name != "" {
		a.name = c.Name
	}
	known, exists := cfg.Contracts[a.name]
	switch {
	case exists && !c.Replace:
		return nil, fmt.Errorf("there is a register %s already (%s:%d): --replace puts the new description in its place, --name NAME adds it beside",
			a.name, cfg.File(), cfg.Line("contracts."+a.name))
	case !exists && c.Replace:
		return nil, fmt.Errorf("there is no register %s to replace; ristmik contract list shows which there are, --name says which is meant", a.name)
	case exists && (known.Provider != a.entry.Provider || known.Service != a.entry.Service):
		return nil, fmt.Errorf("the register %s is offered by %s, not by %s", a.name,
			strings.Trim(known.Provider+"/"+known.Service, "/"), strings.Trim(a.entry.Provider+"/"+a.entry.Service, "/"))
	}
	a.entry.File = "contracts/" + a.name + "/" + a.entry.File
	if exists {
		entry := known
		entry.File = a.entry.File
		a.entry = entry
		return configs.AddContract(text, a.name, entry, true)
	}
	for _, t := range []struct {
		into  *string
		given string
	}{{&a.entry.Title.ET, c.TitleET}, {&a.entry.Title.EN, c.TitleEN}} {
		if t.given != "" {
			*t.into = t.given
		}
	}
	for _, t := range []*string{&a.entry.Title.ET, &a.entry.Title.EN} {
		if *t == "" {
			*t = a.name
		}
	}
	for _, r := range c.Require {
		a.entry.Require = append(a.entry.Require, configs.Requirement(r))
	}
	a.entry.Tolerant = c.Tolerant
	return configs.AddContract(text, a.name, a.entry, false)
}

// report says what the register offers now.
func (c contractAdd) report(p *surroundings, cfg *configs.Config, a addition) {
	all := a.offers()
	good := len(slices.DeleteFunc(slices.Clone(all), func(o offer) bool { return !o.usable() }))
	fmt.Fprintf(p.out, "%s (%s): %d of %d operations can be used\n", a.name, strings.Trim(a.entry.Provider+"/"+a.entry.Service, "/"), good, len(all))
	t := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	for _, o := range all {
		if o.usable() {
			fmt.Fprintf(t, "  POST /v1/registers/%s/%s\t%s\t%s\n", a.name, o.code, o.version, o.title)
		}
	}
	for _, o := range all {
		if !o.usable() {
			fmt.Fprintf(t, "  refused: %s\t%s\t%s\n", o.code, o.version, o.refused)
		}
	}
	_ = t.Flush() // the output is told by the lines that follow
	if !c.Replace {
		return
	}
	if a.rest != nil {
		if older, err := openREST(cfg, cfg.Contracts[a.name].File); err == nil {
			differences(p, contract.CompareREST(older, a.rest))
		}
		return
	}
	if older, err := openContract(cfg, cfg.Contracts[a.name].File); err == nil {
		differences(p, contract.Compare(older, a.soap))
	}
}

// example prints a call that can be made now.
func example(p *surroundings, cfg *configs.Config, a addition) {
	for _, o := range a.offers() {
		if !o.usable() {
			continue
		}
		value, err := o.sample(false, false)
		if err != nil {
			continue
		}
		body, err := json.Marshal(value)
		if err != nil {
			continue
		}
		headers := ` -H 'Content-Type: application/json'`
		if o.user || slices.Contains(a.entry.Require, configs.RequireUserID) {
			headers += ` -H 'X-Road-UserId: EE38001085718'`
		}
		if o.issue || slices.Contains(a.entry.Require, configs.RequireIssue) {
			headers += ` -H 'X-Road-Issue: CASE-1'`
		}
		if slices.Contains(a.entry.Require, configs.RequirePurpose) {
			headers += ` -H 'X-Purpose: residence permit'`
		}
		if cfg.Listeners.Core.TokensFile != "" {
			headers += ` -H "Authorization: Bearer $TOKEN"`
		}
		scheme := "http"
		if cfg.Listeners.Core.TLS.CertificateFile != "" {
			scheme = "https"
		}
		base := scheme + "://" + reachable(cfg.Listeners.Core.Address) + "/v1/registers/" + a.name
		fmt.Fprintf(p.out, "\nThen, for example:\n\n  curl -s %s/%s%s -d %s\n\nWhat it takes and gives: %s/openapi.json\n", base, o.code, headers, shellQuoted(string(body)), base)
		return
	}
}

// reachable is a listener's address as a caller on this machine writes it.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// shellQuoted writes a text as one word of a shell.
func shellQuoted(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shortened is a path as seen from this folder, where that is shorter.
func shortened(path string) string {
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	return path
}
