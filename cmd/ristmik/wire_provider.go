package main

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"ristmik/adapters/authority"
	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
)

func (r rooms) provider(cfg *configs.Config, certificates *web.Certificates, log *slog.Logger) (http.Handler, error) {
	c, err := loadContract(contractAnswer)
	if err != nil {
		return nil, err
	}
	allowed, err := prefixes(cfg.Listeners.XRoad.AllowFrom)
	if err != nil {
		return nil, err
	}
	callers, err := callersOf(cfg)
	if err != nil {
		return nil, err
	}
	offers, err := filesAt(cfg, r.quiet)
	if err != nil {
		return nil, err
	}
	if len(cfg.Listeners.XRoad.PinnedCertificates) == 0 {
		certificates = nil // the door has TLS, but asks its callers for no certificate
	}
	p, err := authority.New(authority.Options{
		Pool: r.pool, Procedure: r.procedure, Contract: c, Self: r.client, RESTService: cfg.XRoad.RESTService,
		RequireUserID: cfg.XRoad.RequireUserID, Files: filesOf(cfg, r.pool, r.now), Offers: offers, AllowFrom: allowed, Pinned: certificates, Callers: callers, Limits: soap.DefaultLimits(), Now: r.now, Log: log, Observe: r.metrics.answer,
	})
	if err != nil {
		return nil, err
	}
	// The provider logs each message itself, once, with its X-Road ids.
	return web.Recover(log, p.Handler()), nil
}

// filesAt says where files are fetched that authorities name.
func filesAt(cfg *configs.Config, quiet *xroad.Client) (authority.Offers, error) {
	offers := authority.Offers{XRoad: quiet, Services: map[soap.ClientID]soap.ServiceID{}}
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		a := cfg.Authorities[name]
		if a.Files == "" {
			continue
		}
		service, err := soap.ParseServiceID(a.Files)
		if err != nil {
			return offers, fmt.Errorf("authorities.%s.files: %w", name, err)
		}
		offers.Services[service.Provider] = service
	}
	return offers, nil
}

// callersOf says who may call which of our X-Road services.
func callersOf(cfg *configs.Config) (map[string][]soap.ClientID, error) {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		if subsystem := cfg.Authorities[name].Subsystem; subsystem != "" {
			all = append(all, subsystem)
		}
	}
	out := map[string][]soap.ClientID{}
	for _, code := range append(authority.SOAPServices(), cfg.XRoad.RESTService) {
		out[code] = nil // a service that nobody may call is a service
		list := all
		if s, ok := cfg.Listeners.XRoad.Services[code]; ok {
			list = s.Allowed
		}
		for _, text := range list {
			id, err := soap.ParseClientID(text)
			if err != nil {
				return nil, fmt.Errorf("who may call %s: %w", code, err)
			}
			out[code] = append(out[code], id)
		}
	}
	return out, nil
}
