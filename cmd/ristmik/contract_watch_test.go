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
