package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ristmik/adapters/console"
	"ristmik/adapters/registers/contractwatch"
	"ristmik/configs"
	"ristmik/soap"
)

// contractPartner describes what a partner's REST service must take from us.
const contractPartner = "partner.yaml"

// The operations of the services of partners that the hub calls.
const (
	opQuestion = "consultationRequest"
	opNotice   = "consultationNotice"
	opPermit   = "permitNotice"
)

// The names of watched services that are no contracts of the configuration; those
// cannot have a dot.
const (
	watchedAuthority = "authorities."
	watchedLabour    = "registers.labour.permit"
)

// partnersWatched are the services of authorities that take our questions, and that
// of the Labour Inspectorate that takes permit notices. The employment register as an
// authority is watched with the registers that are kept in sync.
func partnersWatched(cfg *configs.Config) ([]contractwatch.Register, error) {
	var all []contractwatch.Register
	add := func(name, service string, rest bool, operations ...string) error {
		id, err := soap.ParseServiceID(service)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		one := contractwatch.Register{Name: name, Provider: id.Provider, Folder: configs.Contracts(), Only: operations}
		if rest {
			// Of an answer only a few fields are read.
			one.Service, one.Tolerant = id.Code, true
			one.REST, err = compileREST(configs.Contracts(), contractPartner)
		} else {
			one.Contract, err = loadContract(contractRequest)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, one)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		a := cfg.Authorities[name]
		if !a.Watch.On() || a.Wire != configs.WireSOAP && a.Wire != configs.WireREST {
			continue
		}
		operations := []string{opQuestion}
		if a.Notices == configs.NoticesPush {
			operations = append(operations, opNotice)
		}
		if err := add(watchedAuthority+name, a.Service, a.Wire == configs.WireREST, operations...); err != nil {
			return nil, err
		}
	}
	if l := cfg.Registers.Labour; l.Watch.On() && l.PermitService != "" {
		if err := add(watchedLabour, l.PermitService, true, opPermit); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// partnerTitle names the service of a partner for people; ok is false for what is
// none.
func partnerTitle(cfg *configs.Config, name string) (title console.Title, ok bool) {
	authority, ok := strings.CutPrefix(name, watchedAuthority)
	what := configs.Title{ET: "konsultatsioonid", EN: "consultations"}
	if name == watchedLabour {
		authority, ok, what = "labour", true, configs.Title{ET: "loateated", EN: "permit notices"}
	}
	if !ok {
		return console.Title{}, false
	}
	if t := cfg.Authorities[authority].Title; t != (configs.Title{}) {
		return console.Title{ET: t.ET + ": " + what.ET, EN: t.EN + ": " + what.EN}, true
	}
	return console.Title{ET: what.ET, EN: what.EN}, true
}
