package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/sandbox"
	"ristmik/adapters/sandbox/trouble"
	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

func failureOf(t *testing.T, err error) *soap.Failure {
	t.Helper()
	f, ok := errors.AsType[*soap.Failure](err)
	if !ok {
		t.Fatalf("no failure but %v", err)
	}
	return f
}

// faultState is a fault as the control API shows it.
type faultState struct {
	ID    string `json:"id"`
	Seen  int    `json:"seen"`
	Hit   int    `json:"hit"`
	Spent bool   `json:"spent"`
}

func TestFaultStrikesTheCallsThatItNames(t *testing.T) {
	t.Parallel()
	s := newStage(t, 30*time.Second)
	denied := func(more params) string {
		fault := params{"kind": "error", "code": "server.serverproxy.access_denied"}
		for k, v := range more {
			fault[k] = v
		}
		return s.arm(t, fault)
	}
	// calls makes calls and says which of them failed.
	calls := func(protocols ...string) (pattern string) {
		for _, p := range protocols {
			if _, err := s.call(t.Context(), p); err != nil {
				pattern += "x"
			} else {
				pattern += "."
			}
		}
		return pattern
	}
	for _, c := range []struct {
		fault     params
		protocols []string
		want      string
	}{
		{nil, []string{"soap", "soap"}, "x."},
		{params{"nth": 3}, []string{"soap", "rest", "soap", "soap"}, "..x."},
		{params{"nth": 2, "times": 2}, []string{"soap", "soap", "soap", "soap"}, ".xx."},
		{params{"times": 0}, []string{"soap", "rest", "soap"}, "xxx"},
		{params{"protocol": "rest"}, []string{"soap", "rest", "rest"}, ".x."},
		{params{"service": ping.String(), "nth": 2}, []string{"rest", "soap", "rest", "rest"}, "..x."},
		{params{"service": echo.String()}, []string{"rest", "soap", "soap"}, ".x."},
		{params{"client": hub.String()}, []string{"soap", "soap"}, "x."},
		{params{"client": tor.String()}, []string{"soap", "rest"}, ".."},
		{params{"after": "1h"}, []string{"soap", "rest"}, ".."},
	} {
		id := denied(c.fault)
		if got := calls(c.protocols...); got != c.want {
			t.Errorf("%v with %v: %s, want %s", c.fault, c.protocols, got, c.want)
		}
		var state faultState
		mustControl(t, s.box, "GET", "faults/"+id, nil, &state)
		if hit := strings.Count(c.want, "x"); state.Hit != hit || state.Seen < hit || state.Spent != (hit > 0 && c.fault["times"] != 0) {
			t.Errorf("%v: %+v", c.fault, state)
		}
		s.disarm(t)
	}
	denied(params{"after": "1h"})
	mustControl(t, s.box, "PUT", "clock", params{"advance": "61m"}, nil)
	if got := calls("soap", "soap"); got != "x." {
		t.Errorf("after an hour: %s", got)
	}
	var all struct {
		Calls map[string]int
		Kinds []struct{ Kind string }
	}
	mustControl(t, s.box, "GET", "faults", nil, &all)
	if all.Calls["soap"] == 0 || all.Calls["rest"] == 0 || len(all.Kinds) != len(trouble.Specs()) {
		t.Errorf("%+v", all)
	}
}

func TestDelayEndsWhenTheClockIsMoved(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"connect", "provider", "answer", "body"} {
		for _, end := range []string{"advance", "delete"} {
			t.Run(at+"/"+end, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, 30*time.Second)
				mustControl(t, s.box, "PUT", "clock", params{"frozen": true}, nil)
				id := s.arm(t, params{"kind": "delay", "at": at, "delay": "1h"})
				done := make(chan error, 1)
				go func() {
					_, err := s.call(t.Context(), "soap")
					done <- err
				}()
				waiting(t, s.box, 1)
				select {
				case err := <-done:
					t.Fatalf("the call ended early: %v", err)
				default:
				}
				if end == "advance" {
					mustControl(t, s.box, "PUT", "clock", params{"advance": "1h"}, nil)
				} else if status := control(t, s.box, "DELETE", "faults/"+id, nil, nil); status != http.StatusNoContent {
					t.Errorf("deleting the fault: status %d", status)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// waiting waits until n timers wait for the sandbox's clock.
func waiting(t *testing.T, s *sandbox.Sandbox, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("that %d wait", n), func() bool {
		var c clockState
		mustControl(t, s, "GET", "clock", nil, &c)
		return c.Waiting == n
	})
}

// A client that leaves ends the pause; nobody waits on for it.
func TestPauseEndsWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"provider", "answer", "body"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 30*time.Second)
			mustControl(t, s.box, "PUT", "clock", params{"frozen": true}, nil)
			s.arm(t, params{"kind": "delay", "at": at, "delay": "1h"})
			ctx, leave := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := s.call(ctx, "rest")
				done <- err
			}()
			waiting(t, s.box, 1)
			leave()
			if f := failureOf(t, <-done); f.Kind != soap.KindUnknownResult {
				t.Errorf("%v", f)
			}
			waiting(t, s.box, 0)
		})
	}
}

func TestTwoCallsAreReordered(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"soap", "rest"} {
		for _, what := range []string{"answers", "requests"} {
			t.Run(protocol+"/"+what, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, 30*time.Second)
				s.arm(t, params{"kind": "reorder", "what": what})
				type result struct {
					id  string
					err error
				}
				first, second := make(chan result, 1), make(chan result, 1)
				send := func(to chan result) {
					id, err := s.call(t.Context(), protocol)
					to <- result{id, err}
				}
				go send(first)
				eventually(t, "the first call", func() bool {
					var all struct{ Faults []faultState }
					mustControl(t, s.box, "GET", "faults", nil, &all)
					return all.Faults[0].Hit == 1
				})
				go send(second)
				a, b := <-first, <-second
				if what == "answers" {
					for _, r := range []result{a, b} {
						if f := failureOf(t, r.err); f.Kind != soap.KindTampered || f.Code != "answer.id" && f.Code != "answer.request_hash" {
							t.Errorf("somebody else's answer: %v", f)
						}
					}
					return
				}
				if a.err != nil || b.err != nil {
					t.Fatal(a.err, b.err)
				}
				if got, want := s.received(), []string{b.id, a.id}; !slices.Equal(got, want) {
					t.Errorf("delivered as %v, want %v", got, want)
				}
			})
		}
	}
}

// The first of two calls is not lost when no second one comes.
func TestLonelyCallGoesOnWhenTheFaultIsDeleted(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"answers", "requests"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 30*time.Second)
			id := s.arm(t, params{"kind": "reorder", "what": what})
			done := make(chan error, 1)
			go func() {
				_, err := s.call(t.Context(), "soap")
				done <- err
			}()
			eventually(t, "the call", func() bool {
				var f faultState
				mustControl(t, s.box, "GET", "faults/"+id, nil, &f)
				return f.Hit == 1
			})
			s.disarm(t)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExpiryComesWithTheClock(t *testing.T) {
	t.Parallel()
	for what, code := range map[string]string{
		"global_configuration": "server.clientproxy.global_conf_outdated", "certificate": "server.clientproxy.ssl_authentication_failed",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 30*time.Second)
			s.arm(t, params{"kind": "expire", "what": what, "after": "48h"})
			if _, err := s.call(t.Context(), "soap"); err != nil {
				t.Fatal(err)
			}
			mustControl(t, s.box, "PUT", "clock", params{"advance": "49h"}, nil)
			for _, protocol := range []string{"soap", "rest"} {
				_, err := s.call(t.Context(), protocol)
				if f := failureOf(t, err); f.Code != code || f.Kind != soap.KindOwnServer {
					t.Errorf("%s: %v", protocol, f)
				}
			}
			s.disarm(t)
			if _, err := s.call(t.Context(), "soap"); err != nil {
				t.Error(err)
			}
		})
	}
}

// Over TLS nothing of the request can have left before the handshake is over:
// whatever happens to it is trouble of our own.
func TestHandshakeThatFailsIsTroubleOfOurOwn(t *testing.T) {
	t.Parallel()
	noneLeft(t)
	o := options(t, "")
	o.Config.TLS = sandbox.TLS{Listen: "127.0.0.1:0"}
	s := &stage{box: start(t, o)}
	pem, err := s.box.CertificatePEM()
	if err != nil {
		t.Fatal(err)
	}
	pin := filepath.Join(t.TempDir(), "internal.crt")
	if err := os.WriteFile(pin, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	mustControl(t, s.box, "PUT", "clock", params{"frozen": true}, nil)
	for _, fault := range []params{{"kind": "cut", "at": "connect"}, {"kind": "cut", "at": "connect", "reset": true}, {"kind": "delay", "at": "connect", "delay": "1h"}} {
		timeout := 10 * time.Second
		if fault["kind"] == "delay" {
			timeout = 100 * time.Millisecond
		}
		client, err := xroad.New(xroad.Options{
			Servers: []xroad.Server{{Address: s.box.TLSURL(), CertificateFile: pin}}, Client: hub, Timeout: 30 * time.Second, ConnectTimeout: timeout,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.arm(t, fault)
		_, err = client.Call(t.Context(), xroad.Call{Service: torikService, Body: wrapper("TORIK")})
		if f := failureOf(t, err); f.Kind != soap.KindOwnServer || f.Code != "transport.unreachable" {
			t.Errorf("%v: %v", fault, f)
		}
		s.disarm(t)
	}
}

func TestWrongFaultsAreRefusedWithEveryFieldNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 30*time.Second)
	for _, c := range []struct {
		fault any
		want  []string
	}{
		{params{}, []string{"/kind"}},
		{[]int{1}, []string{""}},
		{params{"kind": "explode", "nth": "x"}, []string{"/kind"}},
		{params{"kind": "error"}, []string{"/code"}},
		{params{"kind": "error", "code": "no blank", "spelling": "8.0", "at": "body", "delay": "1s", "nth": 0, "times": -1, "after": "soon"},
			[]string{"/after", "/at", "/code", "/delay", "/nth", "/spelling", "/times"}},
		{params{"kind": "delay", "at": "connect", "delay": "-1s", "service": "tor", "client": "x", "protocol": "ftp"},
			[]string{"/at", "/client", "/delay", "/protocol", "/service"}},
		{params{"kind": "cut", "at": nil, "reset": "yes"}, []string{"/at", "/reset"}},
		{params{"kind": "refuse_connections", "nth": 2}, []string{"/nth"}},
		{params{"kind": "field", "field": "hash", "value": "a\nb"}, []string{"/field", "/value"}},
		{params{"kind": "field", "field": "request_id", "protocol": "soap"}, []string{"/field"}},
		{params{"kind": "expire", "what": "everything"}, []string{"/what"}},
		{params{"kind": "reorder", "what": "certificate"}, []string{"/what"}},
		{params{"kind": "page", "status": 200}, []string{"/status"}},
		{params{"kind": "page", "status": 499}, []string{"/status"}},
		{params{"kind": "loggable_size", "bytes": 0}, []string{"/bytes"}},
		{params{"kind": "soap_version", "protocol": "rest"}, []string{"/protocol"}},
	} {
		var p struct {
			Type   string
			Errors []struct{ Path, Message string }
		}
		if status := control(t, s.box, "POST", "faults", c.fault, &p); status != http.StatusBadRequest {
			t.Errorf("%v: status %d", c.fault, status)
			continue
		}
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Path)
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.fault, got, c.want)
		}
	}
	if status := control(t, s.box, "DELETE", "faults/9", nil, nil); status != http.StatusNotFound {
		t.Errorf("deleting what is not there: status %d", status)
	}
	if status := control(t, s.box, "GET", "faults/9", nil, nil); status != http.StatusNotFound {
		t.Errorf("getting what is not there: status %d", status)
	}
}

// The page about the control API has each kind of fault with an example, and
// each example can be armed.
func TestDocumentedFaultsCanBeArmed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(contracttest.Root(t), "docs", "sandbox-control.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[trouble.Kind]bool{}
	for _, m := range regexp.MustCompile(`/control/v1/faults [^\n]*-d '([^']+)'`).FindAllSubmatch(page, -1) {
		f, err := trouble.ParseFault(m[1])
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		shown[f.Kind] = true
	}
	for _, spec := range trouble.Specs() {
		if !shown[spec.Kind] {
			t.Errorf("%s has no example", spec.Kind)
		}
		for _, name := range append(spec.Needed, spec.Takes()...) {
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("%s of %s is not described", name, spec.Kind)
			}
		}
	}
}
