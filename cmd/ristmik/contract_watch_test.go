package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/console"
	"ristmik/adapters/sandbox"
	"ristmik/configs"
)

// watchedWorld is a hub's configuration whose only contract is cars, pinned, with
// a sandbox behind which the register describes itself as said.
type watchedWorld struct {
	t      *testing.T
	config string
	live   atomic.Pointer[string]
}

func newWatchedWorld(t *testing.T) *watchedWorld {
	t.Helper()
	w := &watchedWorld{t: t}
	w.describe(carsWSDL)
	register := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, *w.live.Load()) }))
	t.Cleanup(register.Close)
	world, err := sandbox.ParseConfig("world.yaml", []byte(strings.ReplaceAll(carsWorld, "ADDRESS", register.URL)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	dir := openDir(t)
	w.config = asShipped(t, dir, box.URL())
	if err := os.WriteFile(filepath.Join(dir, "cars.wsdl"), []byte(carsWSDL), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "\ncontracts:")
	_, after, _ = strings.Cut(after, "\n# code_lists")
	changed := before + `
contracts:
  cars:
    title: {et: Liiklusregister, en: Traffic register}
    file: cars.wsdl
    provider: EE/GOV/70001490/liiklusregister
    tolerant: true

# code_lists` + after
	changed = strings.Replace(changed, "  labour:\n    permit_service", "    watch: off\n  labour:\n    permit_service", 1)
	for _, partner := range []string{"    permit_service: EE/GOV/79990000/jarelevalve/konsult\n", "    service: EE/GOV/79990000/jarelevalve/konsult\n", "    service: EE/GOV/70000591/konsult/consultationRequest/v1\n"} {
		changed = strings.Replace(changed, partner, partner+"    watch: off\n", 1)
	}
	changed = strings.Replace(changed, "directory: ristmik-data", "directory: "+filepath.Join(dir, "data"), 1)
	if err := os.WriteFile(w.config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watchedWorld) describe(wsdl string) { w.live.Store(&wsdl) }

// run runs a command with the configuration and returns what it printed.
func (w *watchedWorld) run(code int, args ...string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	if got := run(w.t.Context(), append(args, "-c", w.config), &out, &errs); got != code {
		w.t.Errorf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
	}
	return out.String() + errs.String()
}

// The command compares without a hub, shows what breaks, and takes note of it.
func TestContractWatchWithoutAHub(t *testing.T) {
	t.Parallel()
	w := newWatchedWorld(t)
	w.run(exitDone, "migrate")
	holds := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in\n%s", want, text)
			}
		}
	}
	holds(w.run(exitDone, "contract", "watch"), "cars", "not compared yet", "0 breaking, 0 harmless")
	holds(w.run(exitDone, "contract", "watch", "--now"), "same")
	w.describe(strings.Replace(carsWSDL, ` minOccurs="0" maxOccurs="unbounded"`, ``, 1))
	holds(w.run(exitFailed, "contract", "watch", "--now"), "BREAKING", "1 breaking, 1 harmless", "answer", "/car", "the field is no list now", "1 descriptions that break what is used")

	var views []watchView
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"contract", "watch", "--json", "-c", w.config}, &out, &errs); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if err := json.Unmarshal(out.Bytes(), &views); err != nil || len(views) != 1 || views[0].Register != "cars" || views[0].Verdict != "breaking" || len(views[0].Differences) != 2 || views[0].Acknowledged != nil {
		t.Errorf("%v: %s", err, &out)
	}
	holds(w.run(exitDone, "contract", "watch", "--acknowledge", "cars", "--reason", "known", "--by", "mari"), "BREAKING", "taken note of", "by mari: known")
	holds(w.run(exitUsage, "contract", "watch", "--acknowledge", "ships", "--reason", "known"), "no such register")
	holds(w.run(exitUsage, "contract", "watch", "--acknowledge", "cars"), "go together")
	w.describe("no description")
	holds(w.run(exitFailed, "contract", "watch", "--now"), "not compared at", "not compared: cars")
}

// A register changes what it says of itself; the job runs in the hub; the core
// reads the event, and operators see the notice in their language until somebody
// takes note.
func TestAChangedContractIsToldToTheCoreAndToOperators(t *testing.T) {
	t.Parallel()
	w := newWatchedWorld(t)
	cfg, err := loadConfig(w.config)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	db, err := openDatabase(t.Context(), cfg.Database, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := db.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := newHub(t.Context(), cfg, db, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	get := func(url, language string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", language)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v: %s", url, res.StatusCode, err, text)
		}
		return string(text)
	}
	holds := func(what, text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in\n%s", what, want, text)
			}
		}
	}
	console, core := h.doors[doorConsole].url(), h.doors[doorCore].url()
	w.run(exitDone, "jobs", "run", jobContractWatch, "--wait")
	if page := get(console+"/", "en"); strings.Contains(page, "description has changed") || !strings.Contains(page, "Traffic register") {
		t.Errorf("before: %s", page)
	}
	w.describe(strings.Replace(carsWSDL, `name="owner" type="xs:string"`, `name="owner" type="xs:date"`, 1))
	w.run(exitDone, "jobs", "run", jobContractWatch, "--wait")

	var feed struct {
		Events []struct {
			Type, Subject string
			Data          struct {
				Verdict     string
				Differences []struct{ Operation, Path, Change string }
			}
		}
	}
	text := get(core+"/v1/events?types=contract.changed&wait=30", "")
	if err := json.Unmarshal([]byte(text), &feed); err != nil || len(feed.Events) != 1 || feed.Events[0].Subject != "register:cars" || feed.Events[0].Data.Verdict != "breaking" {
		t.Errorf("%v: %s", err, text)
	} else if d := feed.Events[0].Data.Differences; len(d) != 1 || d[0].Operation != "cars" || d[0].Path != "/owner" || d[0].Change != "type_changed" {
		t.Errorf("%s", text)
	}
	holds("en", get(console+"/", "en"), "Traffic register", "one difference breaks what we use", "<code>/owner</code>")
	holds("et", get(console+"/", "et"), "Liiklusregister", "üks erinevus lõhub seda, mida kasutame", "väärtuse liik on teine")
	holds("api", get(console+"/api/v1/contracts", ""), `"register":"cars"`, `"verdict":"breaking"`, `"acknowledged":false`, `"et":"Liiklusregister"`)

	res, err := http.Post(console+"/api/v1/contracts/cars/acknowledge", "application/json", strings.NewReader(`{"reason":"known","by":"mari"}`))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	_ = res.Body.Close()
	if page := get(console+"/", "en"); strings.Contains(page, "description has changed") || !strings.Contains(page, "Noted by mari: known") {
		t.Errorf("after: %s", page)
	}
	if res, err = http.Post(console+"/api/v1/contracts/ships/acknowledge", "application/json", strings.NewReader(`{"reason":"x"}`)); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown one: %v, %v", res, err)
	}
	_ = res.Body.Close()
}

// Operators see registers by name, those that are kept in sync too.
func TestWatchedRegistersHaveNames(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	for register, want := range map[string]console.Title{
		"employment":           {ET: "Töötamise register", EN: "Employment register"},
		"registers.tax.permit": {ET: "Maksu- ja Tolliamet: loateated", EN: "Tax and Customs Board: permit notices"},
	} {
		if got := watchedTitle(cfg, register); got != want {
			t.Errorf("%s: %+v", register, got)
		}
	}
}
