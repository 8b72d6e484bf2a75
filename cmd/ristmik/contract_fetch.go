package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
)

// fetched asks a register for its descriptions, through the Security Server and
// nowhere else.
func (c contractAdd) fetched(p *surroundings, cfg *configs.Config) ([]addition, error) {
	provider, wanted, err := c.source()
	if err != nil {
		return nil, usage(err)
	}
	client, err := soap.ParseClientID(cfg.XRoad.Client)
	if err != nil {
		return nil, usage(fmt.Errorf("xroad.client: %w", err))
	}
	xr, err := newXRoad(cfg.XRoad, client, nil, nil)
	if err != nil {
		return nil, usage(err)
	}
	all, err := c.descriptions(p, xr, provider, wanted)
	if err != nil {
		return nil, explained(err, result{})
	}
	for i := range all {
		a := &all[i]
		a.entry.Provider = provider.String()
		a.entry.Title = titleOf(p, xr, provider)
		if a.name = registerName(provider); len(all) > 1 {
			a.name = pathName(provider.Subsystem + "-" + firstUsable(*a))
		}
	}
	if len(all) > 1 && c.Name != "" {
		return nil, usage(fmt.Errorf("%s has %d descriptions, which cannot have one name; name one service with --from", provider, len(all)))
	}
	return all, nil
}

func firstUsable(a addition) string {
	ops := a.contract.Operations()
	return ops[slices.IndexFunc(ops, usable)].Code
}

// source reads --from: a subsystem, or one service of it.
func (c contractAdd) source() (provider soap.ClientID, wanted *soap.ServiceID, err error) {
	if strings.Count(strings.Trim(c.From, "/"), "/") > 3 {
		service, err := soap.ParseServiceID(c.From)
		if err != nil {
			return provider, nil, fmt.Errorf("--from: %w", err)
		}
		return service.Provider, &service, nil
	}
	if provider, err = soap.ParseClientID(c.From); err != nil {
		return provider, nil, fmt.Errorf("--from: %w", err)
	}
	if provider.Subsystem == "" {
		return provider, nil, fmt.Errorf("--from: which subsystem of %s? ristmik call --list %s lists them", c.From, c.From)
	}
	return provider, nil, nil
}

// descriptions fetches the description of the one service, or one after the
// other until every service of the provider stands in one.
func (c contractAdd) descriptions(p *surroundings, xr *xroad.Client, provider soap.ClientID, wanted *soap.ServiceID) ([]addition, error) {
	var services []soap.ServiceID
	if wanted != nil {
		services = []soap.ServiceID{*wanted}
	} else {
		var err error
		if services, err = xr.ListMethods(p.ctx, provider); err != nil {
			return nil, fmt.Errorf("asking %s what it offers: %w", provider, err)
		}
		if len(services) == 0 {
			return nil, fmt.Errorf("%s offers no SOAP services; ristmik call --list %s shows what it offers", provider, provider)
		}
	}
	var all []addition
	var refused []error
	for _, service := range services {
		if slices.ContainsFunc(all, func(a addition) bool {
			_, has := a.contract.Operation(service.Code, service.Version)
			return has
		}) {
			continue
		}
		wsdl, err := xr.WSDL(p.ctx, service)
		if err != nil {
			return nil, fmt.Errorf("asking for the description of %s: %w", service, err)
		}
		a, err := received(wsdl, pathName(service.Code)+".wsdl")
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", service, err))
			continue
		}
		if _, has := a.contract.Operation(service.Code, service.Version); !has {
			refused = append(refused, fmt.Errorf("%s: the description that it gives does not have it", service))
			continue
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, errors.Join(refused...)
	}
	for _, err := range refused {
		fmt.Fprintf(p.err, "left out: %v\n", err)
	}
	allowed, err := xr.AllowedMethods(p.ctx, provider)
	if err != nil {
		return nil, fmt.Errorf("asking %s what we may call: %w", provider, err)
	}
	for _, a := range all {
		for _, op := range a.contract.Operations() {
			id := soap.ServiceID{Provider: provider, Code: op.Code, Version: op.Version}
			if usable(op) && !slices.Contains(allowed, id) {
				fmt.Fprintf(p.err, "no right yet to call %s: its administrator gives it to our subsystem\n", id)
			}
		}
	}
	return all, nil
}

// received reads a description that came over the network. It stands alone:
// nothing is beside it.
func received(text []byte, file string) (addition, error) {
	dir, err := os.MkdirTemp("", "ristmik-contract-")
	if err != nil {
		return addition{}, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
		return addition{}, err
	}
	return described(os.DirFS(dir), file)
}

// titleOf is the provider's name as X-Road knows it, "" where it does not tell.
func titleOf(p *surroundings, xr *xroad.Client, provider soap.ClientID) configs.Title {
	members, err := xr.ListClients(p.ctx, provider.Instance)
	if err != nil {
		return configs.Title{} // a name is a comfort, and the register can be added without
	}
	for _, m := range members {
		if m.ID == provider {
			name := m.SubsystemName
			if name == "" {
				name = m.Name + " (" + provider.Subsystem + ")"
			}
			return configs.Title{ET: name, EN: name}
		}
	}
	return configs.Title{}
}
