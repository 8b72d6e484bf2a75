package main

import (
	"fmt"
	"maps"
	"slices"

	"ristmik/adapters/consultation"
	"ristmik/adapters/labour"
	"ristmik/adapters/tax"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/soap"
)

func newDestinations(cfg *configs.Config, xr *xroad.Client, r syncedRegisters, p *consultation.Procedure) ([]outbox.Destination, error) {
	all := []outbox.Destination{
		{Name: tax.Destination, Sender: r.tax, Policy: policyOf(cfg, tax.Destination)},
		{Name: labour.Destination, Sender: r.labour, Policy: policyOf(cfg, labour.Destination)},
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		if !cfg.Authorities[name].Wire.Sends() {
			continue
		}
		wire, err := wireOf(cfg.Authorities[name], xr, r)
		if err != nil {
			return nil, fmt.Errorf("authority %s: %w", name, err)
		}
		destination := consultationsOf(name)
		all = append(all, outbox.Destination{
			Name: destination, Sender: p.Sender(wire), Policy: policyOf(cfg, destination), OnDead: p.OnDead,
		})
	}
	return all, nil
}

// policyOf turns the configured pace of a destination into the outbox's own.
// Every send of ours carries a business id by which the receiver recognises a
// repetition, so an unknown result may be repeated.
func policyOf(cfg *configs.Config, destination string) outbox.Policy {
	c := cfg.Delivery.Destinations[destination].Or(cfg.Delivery.Default)
	p := outbox.DefaultPolicy()
	p.Base, p.Cap, p.MaxAttempts, p.MaxInFlight = c.Base, c.Cap, c.Attempts, c.MaxInFlight
	p.Breaker = outbox.BreakerPolicy{Failures: uint32(c.Breaker.Failures), OpenFor: c.Breaker.OpenFor, MaxOpen: c.Breaker.MaxOpen}
	p.Idempotent = true
	return p
}

func wireOf(a configs.Authority, xr *xroad.Client, r syncedRegisters) (consultation.Wire, error) {
	switch a.Wire {
	case configs.WireEmploymentRegister:
		return registerWire{r.tax}, nil
	case configs.WireREST:
		id, err := soap.ParseServiceID(a.Service)
		if err != nil {
			return nil, err
		}
		return consultation.NewRESTWire(xr, id), nil
	default:
		id, op, err := operation(a.Service, contractRequest)
		if err != nil {
			return nil, err
		}
		return consultation.NewSOAPWire(xr, id, op), nil
	}
}
