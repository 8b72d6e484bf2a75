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
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"ristmik/adapters/console"
	"ristmik/adapters/consultation"
	attachments "ristmik/adapters/consultation/files"
	"ristmik/adapters/core"
	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/labour"
	"ristmik/adapters/registers"
	"ristmik/adapters/registers/contractwatch"
	"ristmik/adapters/tax"
	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
)

// The shipped contracts and the jobs.
const (
	contractEmployment = "employment-register.wsdl"
	contractPermits    = "permit-notice.wsdl"
	contractRequest    = "consultation-request.wsdl"
	contractAnswer     = "consultation-answer.wsdl"

	jobEmploymentChanges = "employment-changes"
	jobRetention         = "retention"
	jobContractWatch     = "contract-watch"
)

func jobNames() []string { return []string{jobContractWatch, jobEmploymentChanges, jobRetention} }

// consultationsOf names the outbox destination of questions to an authority.
func consultationsOf(authority string) string { return authority + ".consultations" }

// destinationNames are all destinations of the outbox under this configuration.
func destinationNames(cfg *configs.Config) []string {
	names := []string{tax.Destination, labour.Destination}
	for name, a := range cfg.Authorities {
		if a.Wire.Sends() {
			names = append(names, consultationsOf(name))
		}
	}
	for name := range cfg.Events.Webhooks {
		names = append(names, subscriber.Destination(name))
	}
	for name := range cfg.Events.Brokers {
		names = append(names, subscriber.Destination(name))
	}
	slices.Sort(names)
	return names
}

// hub is the wired product: every room, and the three listeners.
type hub struct {
	log       *slog.Logger
	db        *database
	relay     *outbox.Relay
	runner    *schedules.Runner
	procedure *consultation.Procedure
	doors     [3]*door
	told      *subscriber.Hub
	metrics   *meters
}

// newHub wires the rooms over a database that is, or is being, prepared and opens
// the listeners, so that their addresses are known before anything runs. now is the
// clock by which terms run and cases are dated; deliveries and jobs go by the
// machine's.
func newHub(ctx context.Context, cfg *configs.Config, db *database, log *slog.Logger, now func() time.Time) (*hub, error) {
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
	contracts, err := openRegisters(cfg)
	if err != nil {
		return nil, err
	}
	watched, err := newWatch(cfg, contracts, synced, pool, xr, log)
	if err != nil {
		return nil, err
	}
	calls, err := newRegisterAPI(cfg, contracts, pool, xr, log, metrics.register)
	if err != nil {
		return nil, err
	}
	// What comes now reads tables.
	if err := db.prepared(); err != nil {
		return nil, err
	}
	hidden, err := readHiddenNames(ctx, pool)
	if err != nil {
		return nil, err
	}
	procedure, err := newProcedure(cfg, hidden, now, func(a consultation.Alarm) {
		metrics.classified(a)
		log.Error("a message that is more secret than AK was refused; nothing of it was kept", "door", a.Door, "from", a.From)
	})
	if err != nil {
		return nil, err
	}
	// What is hidden is counted nowhere: its calls go by a client that tells nobody.
	quiet, err := newXRoad(cfg.XRoad, client, nil, func(a xroad.Alarm) {
		metrics.alarm(a)
		logAlarm(log, a)
	})
	if err != nil {
		return nil, err
	}
	if dir := cfg.Attachments.Directory; dir != "" {
		if err := attachments.Prepare(dir); err != nil {
			return nil, fmt.Errorf("attachments.directory: %w", err)
		}
	}
	destinations, err := newDestinations(cfg, hidden, xr, quiet, synced, procedure, filesOf(cfg, pool, now))
	if err != nil {
		return nil, err
	}
	told, err := newSubscribers(cfg, pool, log)
	if err != nil {
		return nil, err
	}
	destinations = append(destinations, told.Destinations(policyOfSubscription(cfg))...)
	owner := ownerName()
	relays, err := db.forRelays(ctx)
	if err != nil {
		return nil, err
	}
	relay, err := outbox.NewRelay(relays, destinations, outbox.Options{
		Owner: owner, Alive: cfg.Delivery.Takeover, Log: log, Rand: rand.Float64, Observe: metrics.delivery,
	})
	if err != nil {
		return nil, err
	}
	runner, err := newRunner(cfg, pool, synced, watched, owner, log, metrics)
	if err != nil {
		return nil, err
	}
	h := &hub{log: log, db: db, relay: relay, runner: runner, procedure: procedure, told: told, metrics: metrics}
	err = h.openDoors(ctx, cfg, rooms{
		pool: pool, procedure: procedure, registers: synced, calls: calls, runner: runner, watched: watched,
		registry: registry, metrics: metrics, client: client, quiet: quiet, stop: ctx.Done(), now: now, sends: destinations,
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
	g.Go(func() error { return h.procedure.RunTimers(ctx, h.db.pool, h.log) })
	g.Go(func() error { return h.told.Run(ctx) })
	g.Go(func() error { return h.db.watch(ctx) })
	g.Go(func() error { core.WatchFeed(ctx, h.db.pool, h.log, h.metrics.feed); return nil })
	g.Go(func() error {
		core.WatchNotifications(ctx, h.db.pool, h.log, h.metrics.notified.Set)
		return nil
	})
	g.Go(func() error { h.metrics.asked.watch(ctx, h.procedure, h.db.pool, h.log); return nil })
	for _, d := range h.doors {
		g.Go(func() error { return d.serve(ctx) })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func newRunner(cfg *configs.Config, pool *pgxpool.Pool, r syncedRegisters, w *contractwatch.Watch, owner string, log *slog.Logger, metrics *meters) (*schedules.Runner, error) {
	work := map[string]func(context.Context, *schedules.Run) error{
		jobEmploymentChanges: r.tax.Changes,
		jobRetention:         retention{pool, filesOf(cfg, pool, time.Now), cfg.Delivery.Keep, cfg.Exchanges.Keep}.run,
		jobContractWatch:     w.Run,
	}
	var jobs []schedules.Job
	for _, name := range slices.Sorted(maps.Keys(cfg.Schedules)) {
		s := cfg.Schedules[name]
		jobs = append(jobs, schedules.Job{
			Name: name, Cron: s.Cron, Zone: s.Zone, CatchUp: schedules.CatchUp(s.CatchUp), CatchUpWithin: s.CatchUpWithin,
			Overlap: schedules.Overlap(s.Overlap), Jitter: s.Jitter, Grace: s.Grace, Timeout: s.Timeout, Run: work[name],
		})
		metrics.missed.WithLabelValues(name) // visible before the first one, so that a rate can be watched
	}
	return schedules.NewRunner(pool, jobs, schedules.Options{
		Owner: owner, Lease: cfg.Delivery.Takeover, Log: log, Observe: metrics.run,
		Missed: func(m schedules.Missed) { metrics.missed.WithLabelValues(m.Job).Inc() },
	})
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
	watched   *contractwatch.Watch
	registry  *prometheus.Registry
	metrics   *meters
	client    soap.ClientID
	quiet     *xroad.Client   // tells nobody of its calls
	stop      <-chan struct{} // closed when the process is to end
	now       func() time.Time
	sends     []outbox.Destination
}

func (r rooms) coreAPI(cfg *configs.Config, _ *web.Certificates, log *slog.Logger) (http.Handler, error) {
	tokens, err := readTokens(cfg.Listeners.Core.TokensFile)
	if err != nil {
		return nil, err
	}
	api, err := core.New(core.Options{
		Pool: r.pool, Procedure: r.procedure, Intake: []core.Intake{r.registers.intake}, Tokens: tokens, Registers: r.calls.Handler(), RegisterPages: r.calls.Pages(),
		Log: log, Now: r.now, NewID: uuid.NewString, Rights: rightsOf(cfg), Questions: questionsOf(cfg), Files: filesOf(cfg, r.pool, r.now), Stop: r.stop,
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
		Pool: r.pool, Runner: r.runner, Registry: r.registry, Tokens: tokens, Titles: titles(cfg), Gateway: ownServerName, Uncounted: isHidden,
		Version: version(), Now: time.Now, Ready: ready(r.pool), Log: log, Contracts: contractNotices{r.watched, r.pool, cfg}, Check: checkOf(r.sends),
	})
	if err != nil {
		return nil, err
	}
	return web.LogRequests(log, "console", web.Recover(log, c.Handler())), nil
}
