package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ristmik/configs"
)

// The shipped file is the documentation of the format: it must be without fault.
func TestShippedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	c, err := configs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Consultations["residence_permit.employment"].Legs); got != 3 {
		t.Errorf("legs of the residence permit = %d, want 3", got)
	}
	if c.Delivery.Default.Breaker.OpenFor != 30*time.Second {
		t.Errorf("breaker opens for %v", c.Delivery.Default.Breaker.OpenFor)
	}
}

// Each file in testdata is named after its only fault.
func TestBadFilesAreNamedAfterTheirFault(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("testdata holds %d files (%v)", len(files), err)
	}
	for _, file := range files {
		want := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, err := configs.Load(file)
			problems, ok := errors.AsType[configs.Problems](err)
			if !ok {
				t.Fatalf("error is %v, want problems", err)
			}
			if len(problems) != 1 || problems[0].Code != want {
				t.Fatalf("problems:\n%v", problems)
			}
			if p := problems[0]; p.File != file || p.Message == "" || p.Line == 0 {
				t.Errorf("problem lacks its place: %+v", p)
			}
			if strings.Contains(problems.Error(), "hunter2") {
				t.Error("the problem shows the password")
			}
		})
	}
}

// All faults come out at once, each with its line.
func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := configs.Parse("hub.yaml", []byte(`xroad: {client: EE/GOV/70008747/ristmik, timeout: soon, color: red}
listeners:
  core: {address: "0.0.0.0:80"}
delivery:
  default: {attempts: [1]}
`))
	problems, _ := errors.AsType[configs.Problems](err)
	got := map[string]int{}
	for _, p := range problems {
		got[p.Code] = p.Line
	}
	for code, line := range map[string]int{"not-a-duration": 1, "unknown-key": 1, "open-without-authentication": 3, "wrong-type": 5} {
		if got[code] != line {
			t.Errorf("%s is on line %d, want %d\n%v", code, got[code], line, err)
		}
	}
	if !strings.Contains(err.Error(), "allowed: security_server, security_servers, pause, client, client_certificates, timeout, connect_timeout, header_timeout, services, rest_service, max_answer_mib, require_user_id") {
		t.Errorf("the allowed keys are not named:\n%v", err)
	}
}

// A number with leading zeros in a text stays what was written.
func TestCodesKeepTheirLeadingZeros(t *testing.T) {
	t.Parallel()
	c, err := configs.Parse("hub.yaml", []byte("xroad: {client: 00123456}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.XRoad.Client != "00123456" {
		t.Errorf("client = %q", c.XRoad.Client)
	}
}

func TestMissingFileIsNoProblemList(t *testing.T) {
	t.Parallel()
	_, err := configs.Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

// Values that are well written and cannot work are refused as well.
func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, code, path string }{
		"password in the server's address": {"xroad: {client: EE/GOV/70008747/ristmik, security_server: \"http://u:p@127.0.0.1:8090\"}", "inline-secret", "xroad.security_server"},
		"path in the server's address":     {"xroad: {client: EE/GOV/70008747/ristmik, security_server: \"http://127.0.0.1:8090/r1\"}", "not-an-address", "xroad.security_server"},
		"plain HTTP to another machine":    {"xroad: {client: EE/GOV/70008747/ristmik, security_server: \"http://ss.example:8080\"}", "plaintext", "xroad.security_server"},
		"https and nobody pinned":          {"xroad: {client: EE/GOV/70008747/ristmik, security_servers: [{address: \"https://ss.example\"}]}", "missing", "xroad.security_servers[0].address"},
		"both forms of server":             {"xroad: {client: EE/GOV/70008747/ristmik, security_server: \"http://127.0.0.1\", security_servers: [{address: \"http://127.0.0.1:1\"}]}", "contradiction", "xroad.security_servers"},
		"a certificate for nobody":         {"xroad: {client: EE/GOV/70008747/ristmik, client_certificates: {x: {certificate_file: a, key_file: b}}}", "contradiction", "xroad.client_certificates"},
		"half a key pair":                  {"xroad: {client: EE/GOV/70008747/ristmik, client_certificates: {x: {key_file: b}}, security_servers: [{address: \"https://ss.example\", certificate_file: c}]}", "missing", "xroad.client_certificates.x"},
		"a pinned certificate and no TLS":  {"xroad: {client: EE/GOV/70008747/ristmik, security_servers: [{address: \"http://127.0.0.1\", certificate_file: c}]}", "contradiction", "xroad.security_servers[0].address"},
		"a service's time below zero":      {"xroad: {client: EE/GOV/70008747/ristmik, services: {a: {timeout: -1s}}}", "not-positive", "xroad.services.a"},
		"an answer without bounds":         {"xroad: {client: EE/GOV/70008747/ristmik, max_answer_mib: 5000}", "out-of-range", "xroad.max_answer_mib"},
		"port out of range":                {"xroad: {client: EE/GOV/70008747/ristmik}\nlisteners: {core: {address: \"127.0.0.1:99999\"}}", "not-an-address", "listeners.core.address"},
		"another kind of database":         {"xroad: {client: EE/GOV/70008747/ristmik}\ndatabase: {url: \"mysql://db/x\"}", "not-an-address", "database.url"},
		"a breaker that never opens":       {"xroad: {client: EE/GOV/70008747/ristmik}\ndelivery: {default: {breaker: {failures: 0}}}", "not-positive", "delivery.default"},
		"a service for nobody":             {"xroad: {client: EE/GOV/70008747/ristmik}\nlisteners: {xroad: {services: {submitAnswer: {allowed: []}}}}", "missing", "listeners.xroad.services.submitAnswer"},
		"pins without TLS":                 {"xroad: {client: EE/GOV/70008747/ristmik}\nlisteners: {xroad: {pinned_certificates: [ss.pem]}}", "contradiction", "listeners.xroad.pinned_certificates"},
		"a token from a machine":           {"xroad: {client: EE/GOV/70008747/ristmik}\nlisteners: {xroad: {tokens_file: x}}", "unknown-key", "listeners.xroad.tokens_file"},
		"jitter below zero":                {"xroad: {client: EE/GOV/70008747/ristmik}\nschedules: {x: {cron: \"* * * * *\", zone: UTC, jitter: -1s}}", "not-positive", "schedules.x.jitter"},
		"making up for nothing":            {"xroad: {client: EE/GOV/70008747/ristmik}\nschedules: {x: {cron: \"* * * * *\", zone: UTC, catch_up: none, catch_up_within: 1h}}", "contradiction", "schedules.x.catch_up_within"},
		"rights of nobody":                 {"xroad: {client: EE/GOV/70008747/ristmik}\nevents: {clients: {ris: {types: [\"*\"]}}}", "contradiction", "events.clients.ris"},
		"a webhook without a secret":       {"xroad: {client: EE/GOV/70008747/ristmik}\nevents: {webhooks: {ris: {url: \"https://ris.example\"}}}", "missing", "events.webhooks.ris.secret_files"},
		"a broker without a stream":        {"xroad: {client: EE/GOV/70008747/ristmik}\nevents: {brokers: {bus: {kind: nats, servers: [\"tls://a:4222\"], subject: s}}}", "missing", "events.brokers.bus.stream"},
		"a broker with another's topic":    {"xroad: {client: EE/GOV/70008747/ristmik}\nevents: {brokers: {bus: {kind: nats, servers: [\"tls://a:4222\"], subject: s, stream: E, topic: t}}}", "contradiction", "events.brokers.bus.topic"},
		"a broker of no kind":              {"xroad: {client: EE/GOV/70008747/ristmik}\nevents: {brokers: {bus: {servers: [a]}}}", "missing", "events.brokers.bus.kind"},
		"a range of no addresses":          {"xroad: {client: EE/GOV/70008747/ristmik}\nevents: {webhooks: {ris: {url: \"https://ris.example\", secret_files: [s], allow_addresses: [inside]}}}", "not-an-address", "events.webhooks.ris.allow_addresses[0]"},
		"files in no directory":            {"xroad: {client: EE/GOV/70008747/ristmik}\nattachments: {store: directory}", "missing", "attachments.directory"},
		"files beside the program":         {"xroad: {client: EE/GOV/70008747/ristmik}\nattachments: {directory: files}", "not-absolute", "attachments.directory"},
		"files to who fetches":             {"xroad: {client: EE/GOV/70008747/ristmik}\nauthorities: {x: {title: {et: x, en: x}, subsystem: EE/GOV/1/x, wire: pull, attachments: swa}}", "contradiction", "authorities.x.attachments"},
		"files of somebody else":           {"xroad: {client: EE/GOV/70008747/ristmik}\nauthorities: {x: {title: {et: x, en: x}, subsystem: EE/GOV/1/x, wire: pull, files: EE/GOV/1/xy/failid}}", "contradiction", "authorities.x.files"},
		"cap below base":                   {"xroad: {client: EE/GOV/70008747/ristmik}\ndelivery: {default: {base: 1m, cap: 1s}}", "contradiction", "delivery.default.cap"},
		"opening shorter at last":          {"xroad: {client: EE/GOV/70008747/ristmik}\ndelivery: {destinations: {x: {breaker: {open_for: 1h}}}}", "contradiction", "delivery.destinations.x.breaker.max_open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := configs.Parse("hub.yaml", []byte(c.text))
			problems, _ := errors.AsType[configs.Problems](err)
			if len(problems) != 1 || problems[0].Code != c.code || problems[0].Path != c.path || problems[0].Line == 0 {
				t.Errorf("problems:\n%v", err)
			}
		})
	}
}
