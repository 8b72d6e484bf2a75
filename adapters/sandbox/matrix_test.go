package sandbox_test

import (
	"slices"
	"testing"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

type params map[string]any

// seen is what the hub makes of a fault: kinds, any of which may come (none:
// the call succeeds), the code of the failure where it is worth saying, and how
// often the provider was called, -1 where that is open.
type seen struct {
	kinds []soap.Kind
	code  string
	calls int
}

func as(kind soap.Kind, code string, calls int) seen { return seen{[]soap.Kind{kind}, code, calls} }

func fine(calls int) seen { return seen{nil, "", calls} }

// kindMeans is, for the kinds that faults lead to, whose turn it is and what the
// outbox does.
var kindMeans = map[soap.Kind]struct {
	turn   soap.Turn
	result outbox.Result
}{
	soap.KindFixData:       {soap.TurnOurs, outbox.ResultRefused},
	soap.KindFixRights:     {soap.TurnTheirs, outbox.ResultRefused},
	soap.KindHashMismatch:  {soap.TurnOurs, outbox.ResultRefused},
	soap.KindOwnServer:     {soap.TurnOurs, outbox.ResultWait},
	soap.KindPartnerDown:   {soap.TurnTheirs, outbox.ResultRetry},
	soap.KindRetryLater:    {soap.TurnTheirs, outbox.ResultRetry},
	soap.KindTampered:      {soap.TurnTheirs, outbox.ResultRefused},
	soap.KindUnknownResult: {soap.TurnOurs, outbox.ResultUnknown},
	soap.KindWait:          {soap.TurnNobody, outbox.ResultWait},
}

// faultRows is the matrix: each fault and how the hub sees it over SOAP, with and
// without a file in the answer, and over REST. Late rows are those in which the answer does not come in time: the
// sandbox's clock stands, so that no pause of it ever ends.
var faultRows = []struct {
	name       string
	fault      params
	soap, rest seen
	late       bool
	covers     []string
}{
	{name: "right missing", fault: params{"kind": "error", "code": "server.serverproxy.access_denied"},
		soap: as(soap.KindFixRights, "server.serverproxy.access_denied", 0), rest: as(soap.KindFixRights, "server.serverproxy.access_denied", 0)},
	{name: "maintenance", fault: params{"kind": "error", "code": "Server.ClientProxy.MaintenanceMode", "message": "until noon"},
		soap: as(soap.KindWait, "server.clientproxy.maintenance_mode", 0), rest: as(soap.KindWait, "server.clientproxy.maintenance_mode", 0)},
	{name: "error after the provider acted", fault: params{"kind": "error", "code": "server.serverproxy.io_error", "message": "Read timed out", "at": "answer"},
		soap: as(soap.KindUnknownResult, "server.serverproxy.io_error", 1), rest: as(soap.KindUnknownResult, "server.serverproxy.io_error", 1)},

	{name: "delay at the connection", covers: []string{"C-030"}, fault: params{"kind": "delay", "at": "connect", "delay": "1h"}, late: true,
		soap: as(soap.KindUnknownResult, "transport.timeout", -1), rest: as(soap.KindUnknownResult, "transport.timeout", -1)},
	{name: "delay before the provider", covers: []string{"C-030"}, fault: params{"kind": "delay", "at": "provider", "delay": "1h"}, late: true,
		soap: as(soap.KindUnknownResult, "transport.timeout", -1), rest: as(soap.KindUnknownResult, "transport.timeout", -1)},
	{name: "delay before the answer", covers: []string{"C-030"}, fault: params{"kind": "delay", "at": "answer", "delay": "1h"}, late: true,
		soap: as(soap.KindUnknownResult, "transport.timeout", 1), rest: as(soap.KindUnknownResult, "transport.timeout", 1)},
	{name: "delay in the body", covers: []string{"C-030"}, fault: params{"kind": "delay", "at": "body", "delay": "1h"}, late: true,
		soap: as(soap.KindUnknownResult, "transport.timeout", 1), rest: as(soap.KindUnknownResult, "transport.timeout", 1)},
	{name: "slow drip", covers: []string{"C-030"}, fault: params{"kind": "drip", "bytes": 7, "delay": "1s"}, late: true,
		soap: as(soap.KindUnknownResult, "transport.timeout", 1), rest: as(soap.KindUnknownResult, "transport.timeout", 1)},

	{name: "connections refused", fault: params{"kind": "refuse_connections"},
		soap: as(soap.KindOwnServer, "transport.unreachable", 0), rest: as(soap.KindOwnServer, "transport.unreachable", 0)},
	// Whether bytes of the request left before the cut was noticed is open.
	{name: "cut at the connection", covers: []string{"C-033"}, fault: params{"kind": "cut", "at": "connect"},
		soap: seen{[]soap.Kind{soap.KindOwnServer, soap.KindUnknownResult}, "", 0}, rest: seen{[]soap.Kind{soap.KindOwnServer, soap.KindUnknownResult}, "", 0}},
	{name: "cut before the provider", covers: []string{"C-033"}, fault: params{"kind": "cut", "at": "provider"},
		soap: as(soap.KindUnknownResult, "transport.broken", 0), rest: as(soap.KindUnknownResult, "transport.broken", 0)},
	{name: "cut before the answer", covers: []string{"C-033"}, fault: params{"kind": "cut", "at": "answer"},
		soap: as(soap.KindUnknownResult, "transport.broken", 1), rest: as(soap.KindUnknownResult, "transport.broken", 1)},
	{name: "reset before the answer", covers: []string{"C-033"}, fault: params{"kind": "cut", "at": "answer", "reset": true},
		soap: as(soap.KindUnknownResult, "transport.broken", 1), rest: as(soap.KindUnknownResult, "transport.broken", 1)},
	{name: "cut in the body", covers: []string{"C-033"}, fault: params{"kind": "cut", "at": "body"},
		soap: as(soap.KindUnknownResult, "transport.broken", 1), rest: as(soap.KindUnknownResult, "transport.broken", 1)},
	{name: "reset in the body", covers: []string{"C-033"}, fault: params{"kind": "cut", "at": "body", "reset": true},
		soap: as(soap.KindUnknownResult, "transport.broken", 1), rest: as(soap.KindUnknownResult, "transport.broken", 1)},

	// A REST hash covers the request as the Security Server saw it: it is evidence
	// and nothing that the sender could compute (PR-REST 4.3).
	{name: "another request hash", covers: []string{"C-089"}, fault: params{"kind": "hash", "value": "b3RoZXI="},
		soap: as(soap.KindHashMismatch, "answer.request_hash", 1), rest: fine(1)},
	{name: "no request hash", fault: params{"kind": "hash"},
		soap: as(soap.KindTampered, "answer.no_request_hash", 1), rest: as(soap.KindTampered, "answer.no_request_hash", 1)},
	{name: "another id", covers: []string{"C-094"}, fault: params{"kind": "field", "field": "id", "value": "somebody-elses"},
		soap: as(soap.KindTampered, "answer.id", 1), rest: as(soap.KindTampered, "answer.id", 1)},
	{name: "another client", fault: params{"kind": "field", "field": "client", "value": "EE/GOV/70000591/konsult"},
		soap: as(soap.KindTampered, "answer.client", 1), rest: as(soap.KindTampered, "answer.client", 1)},
	{name: "another service", covers: []string{"C-094"}, fault: params{"kind": "field", "field": "service", "value": "EE/GOV/70000349/other/echo/v1"},
		soap: as(soap.KindTampered, "answer.service", 1), rest: as(soap.KindTampered, "answer.service", 1)},
	{name: "no id", fault: params{"kind": "field", "field": "id"},
		soap: as(soap.KindUnknownResult, "", 1), rest: as(soap.KindTampered, "answer.id", 1)},
	{name: "no client", fault: params{"kind": "field", "field": "client"},
		soap: as(soap.KindUnknownResult, "", 1), rest: as(soap.KindTampered, "answer.client", 1)},
	{name: "no service", fault: params{"kind": "field", "field": "service"},
		soap: as(soap.KindUnknownResult, "", 1), rest: as(soap.KindTampered, "answer.service", 1)},

	{name: "global configuration expired", covers: []string{"C-163"}, fault: params{"kind": "expire", "what": "global_configuration"},
		soap: as(soap.KindOwnServer, "server.clientproxy.global_conf_outdated", 0), rest: as(soap.KindOwnServer, "server.clientproxy.global_conf_outdated", 0)},
	{name: "certificate expired", fault: params{"kind": "expire", "what": "certificate"},
		soap: as(soap.KindOwnServer, "server.clientproxy.ssl_authentication_failed", 0), rest: as(soap.KindOwnServer, "server.clientproxy.ssl_authentication_failed", 0)},
	{name: "our certificate refused", fault: params{"kind": "tls_certificate"},
		soap: as(soap.KindOwnServer, "server.clientproxy.ssl_authentication_failed", 0), rest: as(soap.KindOwnServer, "server.clientproxy.ssl_authentication_failed", 0)},
	{name: "too large for the log", fault: params{"kind": "loggable_size", "bytes": 10},
		soap: as(soap.KindFixData, "server.clientproxy.io_error", 0), rest: as(soap.KindFixData, "server.clientproxy.io_error", 0)},

	{name: "page 400", covers: []string{"C-166"}, fault: params{"kind": "page", "status": 400},
		soap: as(soap.KindOwnServer, "transport.http_400", 0), rest: as(soap.KindOwnServer, "transport.http_400", 0)},
	{name: "page 431", covers: []string{"C-166"}, fault: params{"kind": "page", "status": 431},
		soap: as(soap.KindOwnServer, "transport.http_431", 0), rest: as(soap.KindOwnServer, "transport.http_431", 0)},
	{name: "page 502", covers: []string{"C-166"}, fault: params{"kind": "page", "status": 502},
		soap: as(soap.KindOwnServer, "transport.http_502", 0), rest: as(soap.KindOwnServer, "transport.http_502", 0)},

	// What a REST body is, is between the information systems.
	{name: "another content type", fault: params{"kind": "content_type", "value": "text/html"},
		soap: as(soap.KindUnknownResult, "answer.content_type", 1), rest: fine(1)},
	{name: "no content type", fault: params{"kind": "content_type"},
		soap: as(soap.KindUnknownResult, "answer.content_type", 1), rest: fine(1)},
	{name: "truncated multipart", fault: params{"kind": "truncate_multipart"},
		soap: as(soap.KindUnknownResult, "", 1), rest: fine(1)},
	{name: "another SOAP version", fault: params{"kind": "soap_version"},
		soap: as(soap.KindUnknownResult, "", 1), rest: fine(1)},

	{name: "delivered twice", fault: params{"kind": "duplicate"}, soap: fine(2), rest: fine(2)},
}

// Every fault of the control API is seen by the hub as what it is.
func TestEveryFaultIsSeenAsTheRightKind(t *testing.T) {
	t.Parallel()
	for _, row := range faultRows {
		for protocol, want := range map[string]seen{"soap": row.soap, "soap with a file": row.soap, "rest": row.rest} {
			t.Run(row.name+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				conformance.Covers(t, row.covers...)
				timeout := 30 * time.Second
				if row.late {
					timeout = 150 * time.Millisecond
				}
				s := newStage(t, timeout)
				if row.late {
					mustControl(t, s.box, "PUT", "clock", params{"frozen": true}, nil)
				}
				s.arm(t, row.fault)
				_, err := s.call(t.Context(), protocol)
				check(t, err, want)
				if n := len(s.received()); want.calls >= 0 && n != want.calls {
					t.Errorf("the provider was called %d times, want %d", n, want.calls)
				}
				s.disarm(t)
				if _, err := s.call(t.Context(), protocol); err != nil && !row.late {
					t.Errorf("after the fault: %v", err)
				}
			})
		}
	}
}

// check compares an error with how a fault is to be seen.
func check(t *testing.T, err error, want seen) {
	t.Helper()
	if len(want.kinds) == 0 {
		if err != nil {
			t.Errorf("failed: %v", err)
		}
		return
	}
	kind := soap.KindOf(err)
	if !slices.Contains(want.kinds, kind) {
		t.Fatalf("%v is of kind %q, want %s", err, kind, want.kinds)
	}
	out := xroad.Outcome(err)
	if m := kindMeans[kind]; kind.Turn() != m.turn || out.Result != m.result {
		t.Errorf("%s: it is %s turn and the outbox says %s, want %s and %s", kind, kind.Turn(), out.Result, m.turn, m.result)
	}
	if reason := string(kind) + " " + want.code; want.code != "" && out.Reason != reason {
		t.Errorf("the reason is %q, want %q", out.Reason, reason)
	}
}
