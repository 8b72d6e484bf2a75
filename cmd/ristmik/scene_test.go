package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/sandbox"
	"ristmik/adapters/sandbox/securityserver"
	"ristmik/configs"
	"ristmik/outbox"
)

// scene is a whole hub, as serve wires it, over a database of its own, with a
// sandbox as its Security Server; both go by the sandbox's clock.
type scene struct {
	t        *testing.T
	box      *sandbox.Sandbox
	core     string
	console  string
	log      *lockedBuffer
	db       *database
	position string // of the event that was read last
}

// The authorities of a scene: a name in the hub's configuration, its name in
// the sandbox, by which door it speaks, and its subsystem.
var sceneAuthorities = []struct{ name, system, wire, subsystem string }{
	{"security", "security-service", "soap", "EE/GOV/70000591/konsult"},
	{"labour", "labour-inspectorate", "rest", "EE/GOV/79990000/jarelevalve"},
	{"ministry", "ministry", "soap", "EE/GOV/79990017/konsult"},
	{"town", "town", "rest", "EE/GOV/79990023/konsult"},
	{"embassy", "embassy", "rest", "EE/GOV/79990037/konsult"},
	{"sirene", "sirene", "rest", "EE/GOV/70008747/sirene"}, // in the hub's configuration it only fetches
}

// sceneFrom is when a scene begins, unless it says something else: a Monday
// morning in Tallinn.
const sceneFrom = "2026-03-02T08:00:00Z"

// sceneOptions are what differs between scenes. Consultations is YAML, one type
// after another; Authorities are their characters at the beginning, by the
// sandbox's names.
type sceneOptions struct {
	consultations string
	from          string
	authorities   map[string]sandbox.Authority
	unserved      bool // the authorities that are not the sandbox's own offer no service: they can only fetch
	config        func(*configs.Config)
}

// The places in the shipped configuration where a scene adds its own.
var (
	authoritiesKey   = regexp.MustCompile(`(?m)^authorities:.*\n`)
	consultationsKey = regexp.MustCompile(`(?m)^consultations:.*\n`)
)

// newScene starts everything; it ends with the test.
func newScene(t *testing.T, o sceneOptions) *scene {
	t.Helper()
	s := &scene{t: t, log: &lockedBuffer{}}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	world := sceneWorld(t, o)
	box, err := sandbox.Start(context.Background(), sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.box = box
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	if o.from == "" {
		o.from = sceneFrom
	}
	s.clock(o.from)
	cfg := sceneConfig(t, o.consultations, box.URL())
	if o.config != nil {
		o.config(cfg)
	}
	s.db = &database{pool: postgrestest.Pool(t, migrations()...)}
	if _, err := outbox.Resume(t.Context(), s.db.pool); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	h, err := newHub(ctx, cfg, s.db, log, box.Now)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s.core, s.console = h.doors[doorCore].url(), h.doors[doorConsole].url()
	if err := register(box, cfg, h.doors[doorXRoad].url()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the hub ended with %v", err)
		}
	})
	return s
}

// shippedAuthority says whether the shipped configuration has the authority.
func shippedAuthority(name string) bool {
	return name == "security" || name == "labour" || name == "sirene"
}

// sceneConfig is the hub's configuration on free ports, read from a file as
// serve reads it.
func sceneConfig(t *testing.T, consultations, securityServer string) *configs.Config {
	t.Helper()
	shipped, err := configs.Shipped.ReadFile(configs.DefaultFile)
	if err != nil {
		t.Fatal(err)
	}
	authorities := ""
	for _, a := range sceneAuthorities {
		switch {
		case shippedAuthority(a.name):
		case a.wire == "soap":
			authorities += fmt.Sprintf("  %s: {title: {et: %[1]s, en: %[1]s}, subsystem: %[2]s, wire: soap, service: %[2]s/consultationRequest/v1}\n", a.name, a.subsystem)
		default:
			authorities += fmt.Sprintf("  %s: {title: {et: %[1]s, en: %[1]s}, subsystem: %[2]s, wire: rest, service: %[2]s/konsult}\n", a.name, a.subsystem)
		}
	}
	text := authoritiesKey.ReplaceAllString(string(shipped), "${0}"+authorities)
	text = consultationsKey.ReplaceAllString(text, "${0}"+strings.TrimPrefix(consultations, "\n")+"\n")
	file := filepath.Join(t.TempDir(), "ristmik.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	quicken(cfg, securityServer)
	return cfg
}

// sceneWorld is the sandbox's world with every authority of the scene.
func sceneWorld(t *testing.T, o sceneOptions) sandbox.Config {
	t.Helper()
	world, err := sandbox.LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	world.Authorities = map[string]sandbox.Authority{}
	for _, a := range sceneAuthorities {
		c := o.authorities[a.system]
		if c.Delay == 0 {
			c.Delay = time.Millisecond
		}
		if c.Poll == 0 {
			c.Poll = 20 * time.Millisecond
		}
		if !strings.Contains(a.system, "-") { // not one of the program's own
			c.Subsystem, c.Wire = a.subsystem, sandbox.Wire(a.wire)
			service := sandbox.Service{Code: "konsult", Type: securityserver.REST, Simulated: a.system, Clients: []string{"EE/GOV/70008747/ristmik"}}
			if a.wire == "soap" {
				service.Code, service.Version, service.Type = "consultationRequest", "v1", securityserver.WSDL
			}
			services := []sandbox.Service{service}
			if o.unserved || a.name == "sirene" {
				services = nil
			}
			title := sandbox.Title{ET: a.name, EN: a.name}
			if a.name == "sirene" {
				world.Members[0].Subsystems = append(slices.Clone(world.Members[0].Subsystems), sandbox.Subsystem{Code: "sirene", Name: title})
				c.Fetches = true
				world.Authorities[a.system] = c
				continue
			}
			world.Members = append(world.Members, sandbox.Member{Class: "GOV", Code: strings.Split(a.subsystem, "/")[2], Name: title, Subsystems: []sandbox.Subsystem{{
				Code: "konsult", Name: title, Party: sandbox.Party{Services: services},
			}}})
		}
		world.Authorities[a.system] = c
	}
	hub := &world.Members[0].Subsystems[0]
	for i := range hub.Services {
		for _, a := range sceneAuthorities {
			if !slices.Contains(hub.Services[i].Clients, a.subsystem) {
				hub.Services[i].Clients = append(slices.Clone(hub.Services[i].Clients), a.subsystem)
			}
		}
	}
	return world
}

// do sends one request and reads the answer into out; it returns the status.
func (s *scene) do(method, address string, header http.Header, body, out any) int {
	s.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if out != nil && len(data) > 0 {
		if err := json.Unmarshal(data, out); err != nil {
			s.t.Fatalf("%s %s: %d %s", method, address, resp.StatusCode, data)
		}
	}
	return resp.StatusCode
}

// must is do for what has to work.
func (s *scene) must(method, address string, header http.Header, body, out any) {
	s.t.Helper()
	var raw json.RawMessage
	if status := s.do(method, address, header, body, &raw); status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, address, status, raw)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			s.t.Fatal(err)
		}
	}
}

// clock sets the clock of everything; it goes on from there.
func (s *scene) clock(now string) {
	s.t.Helper()
	s.must("PUT", s.box.ControlURL()+"/control/v1/clock", nil, map[string]any{"now": now}, nil)
}

// character changes how an authority goes on, by its name in the sandbox.
func (s *scene) character(system string, change map[string]any) {
	s.t.Helper()
	s.must("PUT", s.box.ControlURL()+"/control/v1/authorities/"+system, nil, change, nil)
}

// freeze sets the clock and stops it.
func (s *scene) freeze(now string) {
	s.t.Helper()
	s.must("PUT", s.box.ControlURL()+"/control/v1/clock", nil, map[string]any{"now": now, "frozen": true}, nil)
}

// eventually looks until what it waits for shows at a door that can only be
// asked.
func (s *scene) eventually(what string, look func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !look() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("no %s after a minute", what)
		}
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is everything that was written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
