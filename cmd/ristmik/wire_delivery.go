package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/consultation"
	attachments "ristmik/adapters/consultation/files"
	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/labour"
	"ristmik/adapters/tax"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/soap"
)

func newDestinations(cfg *configs.Config, hidden hiddenNames, xr, quiet *xroad.Client, r syncedRegisters, p *consultation.Procedure, store *attachments.Store) ([]outbox.Destination, error) {
	all := []outbox.Destination{
		{Name: tax.Destination, Sender: r.tax, Check: r.tax.Check, Policy: policyOf(cfg, tax.Destination), Probe: probeOf(xr, cfg.Registers.Tax.PermitService)},
		{Name: labour.Destination, Sender: r.labour, Check: labour.Check, Policy: policyOf(cfg, labour.Destination), Probe: probeOf(xr, cfg.Registers.Labour.PermitService)},
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		a := cfg.Authorities[name]
		if !a.Wire.Sends() {
			continue // it fetches its questions, or reads them at the desk
		}
		wire, err := wireOf(a, xr, r, store)
		if err != nil {
			return nil, fmt.Errorf("authority %s: %w", name, err)
		}
		sender, err := senderOf(a, p, wire, xr)
		if err != nil {
			return nil, fmt.Errorf("authority %s: %w", name, err)
		}
		destination := consultationsOf(name)
		all = append(all, outbox.Destination{
			Name: destination, Sender: sender, Check: consultation.CheckEdited, Policy: policyOf(cfg, destination), OnDead: p.OnDead, Probe: probeOf(xr, a.Service),
			Knows: func(kind string) bool { return slices.Contains(operationsOf(destination), kind) },
		})
		if a.Wire == configs.WireEmploymentRegister {
			continue
		}
		if wire, err = wireOf(a, quiet, r, store); err != nil {
			return nil, fmt.Errorf("authority %s: %w", name, err)
		}
		if sender, err = senderOf(a, p, wire, quiet); err != nil {
			return nil, fmt.Errorf("authority %s: %w", name, err)
		}
		for _, name := range hidden.served(name) {
			all = append(all, outbox.Destination{
				Name: name, Sender: sender, Policy: policyOf(cfg, destination), OnDead: p.OnDead, Probe: probeOf(quiet, a.Service),
			})
		}
	}
	own := ownServer(cfg, xr)
	for i := range all {
		all[i].Gateway = own
	}
	return all, nil
}

// ownServerName is the row of the breaker of our own Security Server.
const ownServerName = "security-server"

// ownServer is what everything over X-Road goes through. Whether it is there,
// the list of clients tells, which it gives by itself.
func ownServer(cfg *configs.Config, xr *xroad.Client) *outbox.Gateway {
	return &outbox.Gateway{
		Name: ownServerName, Breaker: policyOfOwnServer(cfg),
		Probe: func(ctx context.Context) outbox.Outcome {
			_, err := xr.ListClients(ctx, "")
			o := xroad.Outcome(err)
			o.CountsAgainst = o.CountsAgainst || o.AgainstGateway
			return o
		},
	}
}

// probeOf asks the provider of a service for the services that we may call,
// which carries no personal data, to see whether it is there again. Any answer
// of the provider's own says that it is.
func probeOf(xr *xroad.Client, service string) func(context.Context) outbox.Outcome {
	return func(ctx context.Context) outbox.Outcome {
		id, err := soap.ParseServiceID(service)
		if err == nil && id.Version != "" {
			_, err = xr.AllowedMethods(ctx, id.Provider)
		} else if err == nil {
			_, err = xr.AllowedRESTMethods(ctx, id.Provider)
		}
		return xroad.Outcome(err)
	}
}

// policyOf turns the configured pace of a destination into the outbox's own.
// Every send of ours carries a business id by which the receiver recognises a
// repetition, so an unknown result may be repeated.
func policyOf(cfg *configs.Config, destination string) outbox.Policy {
	c := cfg.Delivery.Destinations[destination].Or(cfg.Delivery.Default)
	rate, _ := c.Rate.PerSecond() // checked when the configuration was read
	p := outbox.Policy{
		Rate: rate, Base: c.Base, Cap: c.Cap, MaxAttempts: c.Attempts, MaxAge: c.MaxAge, MaxInFlight: c.MaxInFlight, OnDead: outbox.OnDead(c.OnDead),
		RetryBudget: float64(c.RetryBudget) / 100, Kinds: map[string]outbox.KindPolicy{}, Hours: hoursOf(c.OpeningHours), Idempotent: true,
		Breaker: breakerOf(c.Breaker),
	}
	for kind, o := range c.Operations {
		p.Kinds[kind] = outbox.KindPolicy{Base: o.Base, Cap: o.Cap, MaxAttempts: o.Attempts, MaxAge: o.MaxAge, OnDead: outbox.OnDead(o.OnDead)}
	}
	// A notice that nobody takes holds no other one up, unless the configuration says so.
	if k := p.Kinds[consultation.KindTell]; k.OnDead == "" {
		k.OnDead = outbox.Skip
		p.Kinds[consultation.KindTell] = k
	}
	return p
}

// policyOfOwnServer is the default, whichever failures of partners count.
func policyOfOwnServer(cfg *configs.Config) outbox.BreakerPolicy {
	p := breakerOf(cfg.Delivery.Default.Breaker)
	p.Reasons = nil
	return p
}

func breakerOf(b configs.Breaker) outbox.BreakerPolicy {
	return outbox.BreakerPolicy{
		Failures: uint32(b.Failures), Lasting: b.Lasting, Share: float64(b.Share) / 100, Least: uint32(b.Least), Window: b.Window,
		Reasons: b.Reasons, OpenFor: b.OpenFor, MaxOpen: b.MaxOpen, Calm: b.Calm, Ramp: b.Ramp,
	}
}

// operationsOf are the kinds of messages that go to a destination; nil where they
// are the core's own types of events, which are not ours to list.
func operationsOf(destination string) []string {
	if strings.HasSuffix(destination, consultationsOf("")) {
		return []string{consultation.KindAsk, consultation.KindTell}
	}
	return nil
}

// countedReasons are the kinds of failures that may count for the breaker of a
// destination; nil where they are not kinds of ours.
func countedReasons(destination string) []string {
	if strings.HasPrefix(destination, subscriber.Destination("")) {
		return nil
	}
	var list []string
	for _, k := range soap.Kinds() {
		if k.CountsAgainstPartner() {
			list = append(list, string(k))
		}
	}
	return list
}

// hoursOf are the opening hours of a checked configuration.
func hoursOf(h configs.OpeningHours) *outbox.Hours {
	zone, err := time.LoadLocation(h.Zone)
	if !h.Set() || err != nil {
		return nil
	}
	hours := &outbox.Hours{Zone: zone}
	for day, times := range h.Week() {
		for _, t := range times {
			hours.Days[day] = append(hours.Days[day], outbox.Span{From: t.From, To: t.To})
		}
	}
	return hours
}

// enclosed says how files go with the questions to an authority.
func enclosed(a configs.Authority, store *attachments.Store) consultation.Enclosed {
	switch a.Attachments {
	case configs.EncloseNone:
		return consultation.Enclosed{}
	case configs.EncloseMTOM:
		return consultation.Enclosed{Store: store, Packaging: soap.PackagingMTOM}
	}
	return consultation.Enclosed{Store: store, Packaging: soap.PackagingSwA}
}

// senderOf sends an authority its questions and, where its wire takes them, what
// becomes of them.
func senderOf(a configs.Authority, p *consultation.Procedure, wire consultation.Wire, xr *xroad.Client) (outbox.Sender, error) {
	ask := p.Sender(wire)
	if a.Wire == configs.WireEmploymentRegister {
		return ask, nil
	}
	service, err := soap.ParseServiceID(a.Service)
	if err != nil {
		return nil, err
	}
	if a.Wire == configs.WireREST {
		return p.Telling(ask, consultation.NewRESTTeller(xr, service)), nil
	}
	service.Code, service.Version = "consultationNotice", "v1"
	id, op, err := operation(service.String(), contractRequest)
	if err != nil {
		return nil, err
	}
	return p.Telling(ask, consultation.NewSOAPTeller(xr, id, op)), nil
}

func wireOf(a configs.Authority, xr *xroad.Client, r syncedRegisters, store *attachments.Store) (consultation.Wire, error) {
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
		return consultation.NewSOAPWire(xr, id, op, enclosed(a, store)), nil
	}
}
