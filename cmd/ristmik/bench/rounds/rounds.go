// Package rounds drives a whole hub with rounds of consultations: the program
// serves in a process of its own over a private PostgreSQL, the sandbox is its
// Security Server with authorities that answer by both wires. It measures how
// long opening takes, how soon a round is with its authorities and how late
// timers are; it can kill the hub at random in the middle; and in the end it
// counts everything again by SQL and at the authorities.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/authority"
	"ristmik/adapters/postgres"
	"ristmik/adapters/sandbox"
	"ristmik/adapters/sandbox/securityserver"
	"ristmik/configs"
	"ristmik/soap"
)

// Options of [Run]. Command makes the program with its arguments, to be started
// in a process of its own.
type Options struct {
	Command func(ctx context.Context, args ...string) Command
	// Rounds is how many consultations of five legs are opened, Rate how many in
	// a second; 0 is as fast as Clients clients can.
	Rounds, Clients int
	Rate            float64
	// Kills is how often the hub is killed in the meantime, at random.
	Kills int
	Seed  uint64
	// Open is how many legs are open beside them, Due how many of those have
	// terms that end while it is watched how late they do. Open 0 leaves that out.
	Open, Due int
	Progress  io.Writer
}

// Result is what was found. Durations that could not be measured, because the
// hub was killed, are zero.
type Result struct {
	Opened  int             // acknowledged
	Kills   int             // that struck
	Opening []time.Duration // of each opening call, sorted
	Commits []time.Duration // of the same clients: as many bytes, committed by the database itself; sorted
	FanOut  []time.Duration // from the opening until the last authority had its question, sorted
	Late    []time.Duration // of the timers that were watched, sorted
	Took    time.Duration
	Wrong   []string // what the recount found; none is right
}

// At is the value below which a share of the sorted durations lies; 0 of none.
func At(list []time.Duration, share float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return list[min(len(list)-1, int(share*float64(len(list))))]
}

// asked are the authorities of a round.
var asked = []struct{ name, system, wire, subsystem, binding string }{
	{"labour", "labour-inspectorate", "rest", "EE/GOV/79990000/jarelevalve", "advisory"},
	{"security", "security-service", "soap", "EE/GOV/70000591/konsult", "override"},
	{"ministry", "ministry", "soap", "EE/GOV/79990017/konsult", "advisory"},
	{"town", "town", "rest", "EE/GOV/79990023/konsult", "facts"},
	{"embassy", "embassy", "rest", "EE/GOV/79990037/konsult", "veto"},
}

// said is what an authority may answer; it changes during a run.
var said = map[string][]string{
	"labour-inspectorate": {"OPINION_POSITIVE", "OPINION_NEGATIVE"}, "security-service": {"NO_OBJECTION", "OBJECTION"},
	"ministry": {"NO_OBJECTION", "APPROVED_WITH_CONDITIONS"}, "town": {"FACTS", "NO_DATA"}, "embassy": {"APPROVED", "PERMIT_DENIED", "APPROVED"},
}

// kind is the type of consultation.
const kind = "bench.five"

// world is everything that runs.
type world struct {
	o      Options
	dir    string
	db     *postgres.Private
	pool   *pgxpool.Pool
	box    *sandbox.Sandbox
	config string
	rand   *rand.Rand
	hub    *hub
}

// Run does it all. The error says what could not be done; what is wrong with the
// result stands in it.
func Run(ctx context.Context, o Options) (_ Result, err error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	w := &world{o: o, rand: rand.New(rand.NewPCG(o.Seed, o.Seed))}
	defer func() { err = errors.Join(err, w.end(context.WithoutCancel(ctx))) }()
	if err := w.begin(ctx); err != nil {
		return Result{}, err
	}
	var r Result
	if o.Open > 0 {
		if err := w.fill(ctx); err != nil {
			return r, err
		}
	}
	if err := w.drive(ctx, &r); err != nil {
		return r, err
	}
	if err := w.recount(ctx, &r); err != nil {
		return r, err
	}
	if o.Open > 0 {
		if err := w.timers(ctx, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// begin starts the database, the sandbox and the hub.
func (w *world) begin(ctx context.Context) (err error) {
	if w.dir, err = os.MkdirTemp("", "ristmik-rounds-"); err != nil {
		return err
	}
	// A kept cluster: what is measured has been made durable. Its server, as another user, must get into the directory.
	if err := os.Chmod(w.dir, 0o711); err != nil {
		return err
	}
	if w.db, err = postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: filepath.Join(w.dir, "postgres")}); err != nil {
		return err
	}
	if w.pool, err = postgres.Open(ctx, w.db.URL(postgres.Database)); err != nil {
		return err
	}
	sandboxWorld, err := authorities()
	if err != nil {
		return err
	}
	w.box, err = sandbox.Start(context.WithoutCancel(ctx), sandbox.Options{
		Config: sandboxWorld, Contracts: configs.Contracts(), Seed: w.o.Seed, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if err := w.configure(); err != nil {
		return err
	}
	if out, err := w.command(ctx, "migrate", "-c", w.config).Output(); err != nil {
		return fmt.Errorf("migrating: %w: %s", err, out)
	}
	return w.start(ctx)
}

func (w *world) end(ctx context.Context) error {
	var errs []error
	if w.hub != nil {
		w.hub.kill()
	}
	if w.box != nil {
		errs = append(errs, w.box.Close(ctx))
	}
	if w.pool != nil {
		w.pool.Close()
	}
	if w.db != nil {
		errs = append(errs, w.db.Stop(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// configure writes the shipped configuration with the type and its authorities.
func (w *world) configure() error {
	shipped, err := configs.Shipped.ReadFile(configs.DefaultFile)
	if err != nil {
		return err
	}
	text := string(shipped)
	for _, port := range []string{"8080", "8081", "8082"} {
		text = strings.Replace(text, "address: 127.0.0.1:"+port, "address: 127.0.0.1:0", 1)
	}
	more, legs := "", ""
	for _, a := range asked {
		if strings.Contains(a.system, "-") { // it ships
		} else if a.wire == "soap" {
			more += fmt.Sprintf("  %s: {title: {et: %[1]s, en: %[1]s}, subsystem: %[2]s, wire: soap, service: %[2]s/consultationRequest/v1}\n", a.name, a.subsystem)
		} else {
			more += fmt.Sprintf("  %s: {title: {et: %[1]s, en: %[1]s}, subsystem: %[2]s, wire: rest, service: %[2]s/konsult}\n", a.name, a.subsystem)
		}
		legs += fmt.Sprintf("      - {authority: %s, mandatory: true, binding: %s, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}\n", a.name, a.binding)
	}
	for from, to := range map[string]string{
		"http://127.0.0.1:8090": w.box.URL(),
		"\nauthorities:\n":      "\nauthorities:\n" + more,
		// Ours before the types that ship, whatever stands behind the key.
		"\n  residence_permit.employment:\n": "\n  " + kind + ":\n    title: {et: Viis, en: Five}\n    legs:\n" + legs + "\n  residence_permit.employment:\n",
		"    base: 1s ":                      "    base: 200ms ",
		"    cap: 5m\n":                      "    cap: 2s\n",
		"    attempts: 100 ":                 "    attempts: 10000 ",
		"  takeover: 10s ":                   "  takeover: 3s ",
	} {
		if !strings.Contains(text, from) {
			return fmt.Errorf("the shipped configuration has no %q", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	w.config = filepath.Join(w.dir, "hub.yaml")
	return os.WriteFile(w.config, []byte(text), 0o600)
}

// authorities is the sandbox's world with those that are asked.
func authorities() (sandbox.Config, error) {
	c, err := sandbox.LoadConfig("")
	if err != nil {
		return c, err
	}
	c.Authorities = map[string]sandbox.Authority{}
	for _, a := range asked {
		character := sandbox.Authority{Delay: 50 * time.Millisecond, Spread: 200 * time.Millisecond}
		if !strings.Contains(a.system, "-") {
			character.Subsystem, character.Wire = a.subsystem, sandbox.Wire(a.wire)
			service := sandbox.Service{Code: "konsult", Type: securityserver.REST, Simulated: a.system, Clients: []string{"EE/GOV/70008747/ristmik"}}
			if a.wire == "soap" {
				service.Code, service.Version, service.Type = "consultationRequest", "v1", securityserver.WSDL
			}
			title := sandbox.Title{ET: a.name, EN: a.name}
			c.Members = append(c.Members, sandbox.Member{Class: "GOV", Code: strings.Split(a.subsystem, "/")[2], Name: title, Subsystems: []sandbox.Subsystem{
				{Code: "konsult", Name: title, Party: sandbox.Party{Services: []sandbox.Service{service}}},
			}})
		}
		c.Authorities[a.system] = character
	}
	hub := &c.Members[0].Subsystems[0]
	for i := range hub.Services {
		for _, a := range asked {
			if !slices.Contains(hub.Services[i].Clients, a.subsystem) {
				hub.Services[i].Clients = append(slices.Clone(hub.Services[i].Clients), a.subsystem)
			}
		}
	}
	return c, nil
}

// register tells the Security Server where the hub's services live now.
func (w *world) register(provider string) error {
	self := soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}
	problems := []error{w.box.SetService(soap.ServiceID{Provider: self, Code: "konsult"}, provider+"/rest/v1")}
	for _, code := range authority.SOAPServices() {
		problems = append(problems, w.box.SetService(soap.ServiceID{Provider: self, Code: code, Version: "v1"}, provider+"/soap"))
	}
	return errors.Join(problems...)
}
