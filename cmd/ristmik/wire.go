package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"time"
	_ "time/tzdata" // Europe/Tallinn must be known on every machine

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"ristmik/adapters/console"
	"ristmik/adapters/consultation"
	"ristmik/adapters/core"
	"ristmik/adapters/labour"
	"ristmik/adapters/registers"
	"ristmik/adapters/tax"
	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// The shipped contracts and the jobs.
const (
	contractEmployment = "employment-register.wsdl"
	contractPermits    = "permit-notice.wsdl"
	contractRequest    = "consultation-request.wsdl"
	contractAnswer     = "consultation-answer.wsdl"

	jobEmploymentChanges = "employment-changes"
	jobRetention         = "retention"
)

func jobNames() []string { return []string{jobEmploymentChanges, jobRetention} }

// consultationsOf names the outbox destination of questions to an authority.
func consultationsOf(authority string) string { return authority + ".consultations" }

// destinationNames are all destinations of the outbox under this configuration.
func destinationNames(cfg *configs.Config) []string {
	names := []string{tax.Destination, labour.Destination}
	for name := range cfg.Authorities {
		names = append(names, consultationsOf(name))
	}
	slices.Sort(names)
	return names
}

// loadContract reads one shipped contract.
func loadContract(file string) (*contract.Contract, error) {
	return contract.Load(configs.Contracts(), file)
}

// hub is the wired product: every room, and the three listeners.
type hub struct {
	log    *slog.Logger
	db     *database
	relay  *outbox.Relay
	runner *schedules.Runner
	doors  [3]*door
}

// newHub wires the rooms over an already migrated database and opens the
// listeners, so that their addresses are known before anything runs.
func newHub(ctx context.Context, cfg *configs.Config, db *database, log *slog.Logger) (*hub, error) {
	pool := db.pool
	client, err := soap.ParseClientID(cfg.XRoad.Client)
	if err != nil {
		return nil, fmt.Errorf("xroad.client: %w", err)
	}
	registry := prometheus.NewRegistry()
	metrics, err := newMeters(registry)
	if err != nil {
		return nil, err
	}
	xr, err := newXRoad(cfg.XRoad, client, metrics.call, func(a xroad.Alarm) {
		metrics.alarm(a)
		logAlarm(log, a)
	})
	if err != nil {
		return nil, err
	}
	synced, err := newRegisters(cfg, pool, xr)
	if err != nil {
		return nil, err
	}
	procedure, err := newProcedure(cfg)
	if err != nil {
		return nil, err
	}
	calls, err := newRegisterAPI(cfg, xr, log, metrics.register)
	if err != nil {
		return nil, err
	}
	destinations, err := newDestinations(cfg, xr, synced, procedure)
	if err != nil {
		return nil, err
	}
	owner := ownerName()
	relay, err := outbox.NewRelay(pool, destinations, outbox.Options{
		Owner: owner, Alive: cfg.Delivery.Takeover, Log: log, Rand: rand.Float64, Observe: metrics.delivery,
	})
	if err != nil {
		return nil, err
	}
	runner, err := newRunner(cfg, pool, synced, owner, log, metrics)
	if err != nil {
		return nil, err
	}
	h := &hub{log: log, db: db, relay: relay, runner: runner}
	err = h.openDoors(ctx, cfg, rooms{
		pool: pool, procedure: procedure, registers: synced, calls: calls, runner: runner,
		registry: registry, metrics: metrics, client: client,
	})
	if err != nil {
		h.closeDoors()
		return nil, err
	}
	return h, nil
}

// run works until ctx is done, then stops taking requests, lets what is in
// flight be recorded, and returns.
func (h *hub) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.relay.Run(ctx) })
	g.Go(func() error { return h.runner.Run(ctx) })
	g.Go(func() error { return h.db.watch(ctx) })
	for _, d := range h.doors {
		g.Go(func() error { return d.serve(ctx) })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// syncedRegisters are the two rooms that are kept in sync.
type syncedRegisters struct {
	tax    *tax.Register
	labour *labour.Register
}

func newRegisters(cfg *configs.Config, pool *pgxpool.Pool, xr *xroad.Client) (syncedRegisters, error) {
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		return syncedRegisters{}, err
	}
	employment, employmentOp, err := operation(cfg.Registers.Tax.EmploymentService, contractEmployment)
	if err != nil {
		return syncedRegisters{}, err
	}
	permits, permitsOp, err := operation(cfg.Registers.Tax.PermitService, contractPermits)
	if err != nil {
		return syncedRegisters{}, err
	}
	t, err := tax.New(tax.Options{
		Pool: pool, XRoad: xr, Zone: zone,
		Employment: employment, EmploymentOp: employmentOp, Permits: permits, PermitsOp: permitsOp,
	})
	if err != nil {
		return syncedRegisters{}, err
	}
	service, err := soap.ParseServiceID(cfg.Registers.Labour.PermitService)
	if err != nil {
		return syncedRegisters{}, fmt.Errorf("registers.labour.permit_service: %w", err)
	}
	l, err := labour.New(xr, service)
	if err != nil {
		return syncedRegisters{}, err
	}
	return syncedRegisters{t, l}, nil
}

// operation finds a configured service's operation in its contract.
func operation(service, file string) (soap.ServiceID, *contract.Operation, error) {
	id, err := soap.ParseServiceID(service)
	if err != nil {
		return soap.ServiceID{}, nil, fmt.Errorf("service %q: %w", service, err)
	}
	c, err := loadContract(file)
	if err != nil {
		return soap.ServiceID{}, nil, err
	}
	op, ok := c.Operation(id.Code, id.Version)
	if !ok {
		return soap.ServiceID{}, nil, fmt.Errorf("%s has no operation %s/%s", file, id.Code, id.Version)
	}
	return id, op, nil
}

// intake is what a fact of the core sets going: both registers take note of it
// in the core's own transaction, and then the messages to both are published,
// because lanes are locked after everything else.
func (r syncedRegisters) intake(ctx context.Context, tx pgx.Tx, e core.CoreEvent) error {
	at := e.OccurredAt.UTC().Format(time.RFC3339Nano)
	toTax, err := r.tax.Note(ctx, tx, tax.Notice{
		EventID: e.ID, EventType: e.Type, OccurredAt: at,
		PermitID: e.Data.PermitID, PersonalCode: e.Data.Person.PersonalCode, EmployerCode: e.Data.EmployerCode(),
		ValidFrom: e.Data.ValidFrom, ValidTo: e.Data.ValidTo, EffectiveFrom: e.Data.EffectiveFrom, GroundCode: e.Data.GroundCode,
	})
	if err != nil {
		return err
	}
	toLabour, err := r.labour.Note(ctx, tx, labour.Notice{
		EventID: e.ID, EventType: e.Type, OccurredAt: at,
		PermitID: e.Data.PermitID, PersonalCode: e.Data.Person.PersonalCode, EmployerCode: e.Data.EmployerCode(),
		ValidFrom: e.Data.ValidFrom, ValidTo: e.Data.ValidTo, EffectiveFrom: e.Data.EffectiveFrom, GroundCode: e.Data.GroundCode,
	})
	if err != nil {
		return err
	}
	return outbox.Publish(ctx, tx, toTax, toLabour)
}

func newProcedure(cfg *configs.Config) (*consultation.Procedure, error) {
	policy := consultation.Policy{Types: map[string]consultation.TypePolicy{}}
	for name, c := range cfg.Consultations {
		t := consultation.TypePolicy{}
		for _, leg := range c.Legs {
			t.Legs = append(t.Legs, consultation.LegPolicy{
				Authority: leg.Authority, Mandatory: leg.Mandatory,
				Binding: consultation.Binding(leg.Binding), Destination: consultationsOf(leg.Authority),
			})
		}
		policy.Types[name] = t
	}
	var authorities []consultation.Authority
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		a := cfg.Authorities[name]
		id, err := soap.ParseClientID(a.Subsystem)
		if err != nil {
			return nil, fmt.Errorf("authorities.%s.subsystem: %w", name, err)
		}
		authorities = append(authorities, consultation.Authority{Name: name, Title: a.Title.EN, Client: id})
	}
	return consultation.New(consultation.Options{Policy: policy, Authorities: authorities, NewID: uuid.NewString, Now: time.Now})
}

func newDestinations(cfg *configs.Config, xr *xroad.Client, r syncedRegisters, p *consultation.Procedure) ([]outbox.Destination, error) {
	all := []outbox.Destination{
		{Name: tax.Destination, Sender: r.tax, Policy: policyOf(cfg, tax.Destination)},
		{Name: labour.Destination, Sender: r.labour, Policy: policyOf(cfg, labour.Destination)},
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
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

func newRunner(cfg *configs.Config, pool *pgxpool.Pool, r syncedRegisters, owner string, log *slog.Logger, metrics *meters) (*schedules.Runner, error) {
	work := map[string]func(context.Context, *schedules.Run) error{
		jobEmploymentChanges: r.tax.Changes,
		jobRetention:         retention{pool, cfg.Delivery.Keep}.run,
	}
	var jobs []schedules.Job
	for _, name := range slices.Sorted(maps.Keys(cfg.Schedules)) {
		s := cfg.Schedules[name]
		jobs = append(jobs, schedules.Job{
			Name: name, Cron: s.Cron, Zone: s.Zone, CatchUp: schedules.CatchUp(s.CatchUp), Timeout: s.Timeout, Run: work[name],
		})
	}
	return schedules.NewRunner(pool, jobs, schedules.Options{Owner: owner, Lease: cfg.Delivery.Takeover, Log: log, Observe: metrics.run})
}

// ownerName tells this process from others that share the database.
func ownerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
}

// rooms is what the listeners show.
type rooms struct {
	pool      *pgxpool.Pool
	procedure *consultation.Procedure
	registers syncedRegisters
	calls     *registers.API
	runner    *schedules.Runner
	registry  *prometheus.Registry
	metrics   *meters
	client    soap.ClientID
}

func (r rooms) coreAPI(cfg *configs.Config, _ *web.Certificates, log *slog.Logger) (http.Handler, error) {
	tokens, err := readTokens(cfg.Listeners.Core.TokensFile)
	if err != nil {
		return nil, err
	}
	api, err := core.New(core.Options{
		Pool: r.pool, Procedure: r.procedure, Intake: []core.Intake{r.registers.intake}, Tokens: tokens, Registers: r.calls.Handler(),
		Log: log, Now: time.Now, NewID: uuid.NewString,
	})
	if err != nil {
		return nil, err
	}
	return api.Handler(), nil
}

func (r rooms) console(cfg *configs.Config, _ *web.Certificates, log *slog.Logger) (http.Handler, error) {
	tokens, err := readTokens(cfg.Listeners.Console.TokensFile)
	if err != nil {
		return nil, err
	}
	c, err := console.New(console.Options{
		Pool: r.pool, Runner: r.runner, Registry: r.registry, Tokens: tokens, Titles: titles(cfg),
		Version: version(), Now: time.Now, Ready: ready(r.pool), Log: log,
	})
	if err != nil {
		return nil, err
	}
	return web.LogRequests(log, "console", web.Recover(log, c.Handler())), nil
}
