package main

import (
	"encoding/json"
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
	if a.rest != nil {
		return a.entry.Service
	}
	all := a.offers()
	return all[slices.IndexFunc(all, offer.usable)].code
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
	services, rest, err := offeredServices(p, xr, provider)
	if err != nil {
		return nil, err
	}
	if wanted != nil {
		rest = slices.DeleteFunc(rest, func(s xroad.RESTService) bool { return s.ID != *wanted })
		if services = nil; len(rest) == 0 {
			services = []soap.ServiceID{*wanted}
		}
	}
	var all []addition
	var refused []error
	for _, service := range services {
		if slices.ContainsFunc(all, func(a addition) bool { return a.has(service) }) {
			continue
		}
		wsdl, err := xr.WSDL(p.ctx, service)
		if err != nil {
			return nil, fmt.Errorf("asking for the description of %s: %w", service, err)
		}
		a, err := received(wsdl, pathName(service.Code)+".wsdl")
		if err == nil && !a.has(service) {
			err = errors.New("the description that it gives does not have it")
		}
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", service, err))
			continue
		}
		all = append(all, a)
	}
	for _, service := range rest {
		a, err := describedREST(p, xr, service)
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", service.ID, err))
			continue
		}
		all = append(all, a)
	}
	switch {
	case len(all) == 0 && len(refused) == 0:
		return nil, fmt.Errorf("%s offers no services; ristmik call --list shows who offers any", provider)
	case len(all) == 0:
		return nil, errors.Join(refused...)
	}
	for _, err := range refused {
		fmt.Fprintf(p.err, "left out: %v\n", err)
	}
	return all, c.rights(p, xr, provider, all)
}

// offeredServices lists the services of a provider, SOAP and REST.
func offeredServices(p *surroundings, xr *xroad.Client, provider soap.ClientID) ([]soap.ServiceID, []xroad.RESTService, error) {
	services, err := xr.ListMethods(p.ctx, provider)
	if err != nil {
		return nil, nil, fmt.Errorf("asking %s what it offers: %w", provider, err)
	}
	rest, err := xr.ListRESTMethods(p.ctx, provider)
	if err != nil {
		return nil, nil, fmt.Errorf("asking %s what it offers over REST: %w", provider, err)
	}
	return services, rest, nil
}

// describedREST fetches the description of a REST service, of those that have
// one.
func describedREST(p *surroundings, xr *xroad.Client, service xroad.RESTService) (addition, error) {
	if service.Type == "REST" {
		return addition{}, errors.New("a REST service without a description; ristmik contract add FILE --provider … --service … takes one from a file")
	}
	text, contentType, err := xr.OpenAPI(p.ctx, service.ID)
	if err != nil {
		return addition{}, err
	}
	ending := ".yaml"
	if json.Valid(text) || strings.Contains(contentType, "json") {
		ending = ".json"
	}
	a, err := received(text, pathName(service.ID.Code)+ending)
	a.entry.Service = service.ID.Code
	return a, err
}

// has says whether a SOAP description has a service.
func (a addition) has(service soap.ServiceID) bool {
	if a.soap == nil {
		return false
	}
	_, ok := a.soap.Operation(service.Code, service.Version)
	return ok
}

// rights says which of the services may not be called yet.
func (c contractAdd) rights(p *surroundings, xr *xroad.Client, provider soap.ClientID, all []addition) error {
	allowed, err := xr.AllowedMethods(p.ctx, provider)
	if err != nil {
		return fmt.Errorf("asking %s what we may call: %w", provider, err)
	}
	rest, err := xr.AllowedRESTMethods(p.ctx, provider)
	if err != nil {
		return fmt.Errorf("asking %s what we may call over REST: %w", provider, err)
	}
	for _, s := range rest {
		allowed = append(allowed, s.ID)
	}
	for _, a := range all {
		for _, o := range a.offers() {
			id := soap.ServiceID{Provider: provider, Code: o.code, Version: o.version}
			if a.rest != nil {
				id = soap.ServiceID{Provider: provider, Code: a.entry.Service}
			}
			if o.usable() && !slices.Contains(allowed, id) {
				fmt.Fprintf(p.err, "no right yet to call %s: its administrator gives it to our subsystem\n", id)
				if a.rest != nil {
					break // the right is to the service, whatever its operations
				}
			}
		}
	}
	return nil
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
