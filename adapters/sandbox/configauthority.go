package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/simulated"
	"ristmik/soap"
)

// Authority is one authority that is consulted, and its character at the
// beginning; what is not said is as in [simulated.DefaultCharacter]. Subsystem is
// who it is, and Wire by which of the hub's doors it speaks; the simulated ones
// of the program have both already.
type Authority struct {
	Subsystem  string        `yaml:"subsystem"`
	Wire       Wire          `yaml:"wire"`
	Manner     Manner        `yaml:"manner"`
	AnswerCode AnswerCode    `yaml:"answer_code"`
	SecondCode AnswerCode    `yaml:"second_code"`
	Delay      time.Duration `yaml:"delay"`
	Spread     time.Duration `yaml:"spread"`
	Deliveries int           `yaml:"deliveries"`
	Hold       bool          `yaml:"hold"`
	Fetches    bool          `yaml:"fetches"`
	Poll       time.Duration `yaml:"poll"`
}

// Wire is one of the hub's two doors.
type Wire string

// Allowed lists the values a file may hold.
func (Wire) Allowed() []string { return []string{"soap", "rest"} }

// Manner is how an authority goes about a question.
type Manner string

// Allowed lists the values a file may hold.
func (Manner) Allowed() []string { return simulated.Manners() }

// AnswerCode is what an authority answers.
type AnswerCode string

// Allowed lists the values a file may hold.
func (AnswerCode) Allowed() []string { return simulated.AnswerCodes() }

// kind is the kind of service by which the authority is asked.
func (a Authority) kind() securityserver.Kind {
	if a.Wire == "rest" {
		return securityserver.REST
	}
	return securityserver.WSDL
}

// character is the one that the file gives, over that of the name.
func (a Authority) character(name string) simulated.Character {
	c := simulated.DefaultCharacter(name)
	if a.Manner != "" {
		c.Manner = simulated.Manner(a.Manner)
	}
	if a.AnswerCode != "" {
		c.AnswerCode = string(a.AnswerCode)
	}
	if a.SecondCode != "" {
		c.SecondCode = string(a.SecondCode)
	}
	if a.Delay > 0 {
		c.DelayMS = int(a.Delay.Milliseconds())
	}
	if a.Poll > 0 {
		c.PollMS = max(1, int(a.Poll.Milliseconds()))
	}
	if a.Deliveries > 0 {
		c.Deliveries = a.Deliveries
	}
	c.SpreadMS, c.Hold, c.Fetches = int(a.Spread.Milliseconds()), a.Hold, a.Fetches
	return c
}

// systemNames are the names of what can be simulated.
func (c Config) systemNames() []string {
	names := simulated.Names()
	for name := range c.Authorities {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// authorities are those that are consulted in this world: the simulated ones
// that offer something, and those that the file names.
func (c Config) authorities(offered map[string][]soap.ServiceID) (map[string]simulated.Consulted, error) {
	all := map[string]simulated.Consulted{}
	for _, name := range simulated.Authorities() {
		if ids := offered[name]; len(ids) > 0 {
			all[name] = simulated.Consulted{Subsystem: ids[0].Provider, SOAP: name == simulated.SecurityService, Character: c.Authorities[name].character(name)}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Authorities)) {
		a := c.Authorities[name]
		if _, ok := all[name]; ok || slices.Contains(simulated.Authorities(), name) {
			continue
		}
		id, err := soap.ParseClientID(a.Subsystem)
		if err != nil {
			return nil, fmt.Errorf("authority %s: %w", name, err)
		}
		all[name] = simulated.Consulted{Subsystem: id, SOAP: a.kind() == securityserver.WSDL, Character: a.character(name)}
	}
	return all, nil
}

// hub is whose services authorities call that fetch their questions: the one
// that offers listNotices.
func (c Config) hub() soap.ClientID {
	for _, m := range c.Members {
		for _, s := range m.Subsystems {
			for _, v := range s.Services {
				if v.Code == "listNotices" {
					return soap.ClientID{Instance: c.Instance, Class: string(m.Class), Member: m.Code, Subsystem: s.Code}
				}
			}
		}
	}
	return soap.ClientID{}
}

// authorities finds the faults of those that are consulted.
func (w *world) authorities(c Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Authorities)) {
		a, path := c.Authorities[name], "authorities."+name
		own := slices.Contains(simulated.Authorities(), name)
		switch id, err := soap.ParseClientID(a.Subsystem); {
		case own && (a.Subsystem != "" || a.Wire != ""):
			w.fault(path, "contradiction", "this authority has its subsystem and its wire from its service")
		case own:
		case slices.Contains(simulated.Names(), name):
			w.fault(path, "contradiction", name+" is a register, which is not consulted")
		case a.Subsystem == "":
			w.required(path+".subsystem", "")
		case err != nil:
			w.fault(path+".subsystem", "bad-identifier", "a subsystem is needed", "EE/GOV/70000591/konsult")
		case !w.known[id]:
			w.fault(path+".subsystem", "unknown-subsystem", fmt.Sprintf("no subsystem %s is known here", id))
		}
		for key, d := range map[string]time.Duration{"delay": a.Delay, "spread": a.Spread, "poll": a.Poll} {
			if d < 0 {
				w.fault(path+"."+key, "not-positive", "a time of zero or more is needed")
			}
		}
		if a.Deliveries < 0 || a.Deliveries > 100 {
			w.fault(path+".deliveries", "out-of-range", "a number from 1 to 100 is needed")
		}
	}
}
