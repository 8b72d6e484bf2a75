package labour_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/labour"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/soap"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var permits = soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "79990000", Subsystem: "jarelevalve"}, Code: "konsult"}

const receipt = `{"receipt_id":"R-1","duplicate":false}`

// securityServer answers every REST call with one status and body, as a
// provider behind a Security Server would be heard.
func securityServer(t *testing.T, status int, body string) *labour.Register {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := web.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/r1/EE/GOV/79990000/jarelevalve/konsult/permit-notices" {
			t.Errorf("called %s", r.URL.Path)
		}
		w.Header().Set("x-road-id", r.Header.Get("X-Road-Id"))
		w.Header().Set("x-road-client", r.Header.Get("X-Road-Client"))
		w.Header().Set("x-road-service", permits.String())
		w.Header().Set("x-road-request-hash", "aGFzaA==")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}), slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	client, err := xroad.New(xroad.Options{
		SecurityServer: "http://" + listener.Addr().String(), Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"},
		NewID: uuid.NewString, Now: time.Now, Timeout: 10 * time.Second, Limits: soap.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	register, err := labour.New(client, permits)
	if err != nil {
		t.Fatal(err)
	}
	return register
}

// The inspectorate's own status and receipt decide what becomes of a notice.
func TestTheAnswerDecidesTheOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   outbox.Result
		reason string
	}{
		{200, receipt, outbox.ResultDelivered, ""},
		{202, receipt, outbox.ResultDelivered, ""},
		{200, "<html>Hooldus</html>", outbox.ResultUnknown, "unknown_result answer.contract"},
		{202, "{}", outbox.ResultUnknown, "unknown_result answer.contract"},
		{204, "", outbox.ResultUnknown, "unknown_result http.204"},
		{302, "", outbox.ResultUnknown, "unknown_result http.302"},
		{403, "", outbox.ResultRefused, "fix_rights http.403"},
		{408, "", outbox.ResultRetry, "retry_later http.408"},
		{409, "", outbox.ResultRefused, "business http.409"},
		{422, "", outbox.ResultRefused, "fix_data http.422"},
		{429, "", outbox.ResultRetry, "retry_later http.429"},
		{503, "", outbox.ResultRetry, "partner_down http.503"},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.body), func(t *testing.T) {
			t.Parallel()
			payload, err := json.Marshal(labour.Notice{EventID: uuid.NewString(), EventType: "permit.issued", PermitID: "EL1", PersonalCode: "71506150007"})
			if err != nil {
				t.Fatal(err)
			}
			out := securityServer(t, c.status, c.body).Send(t.Context(), outbox.Delivery{Message: outbox.Message{Payload: payload}, Attempt: 1})
			if out.Result != c.want || out.Reason != c.reason || out.Exchange == "" {
				t.Errorf("outcome %+v, want %s for %q", out, c.want, c.reason)
			}
		})
	}
}

// Notices of one person are in one lane, of two persons in two, and no lane is
// a personal code.
func TestNoticesOfAPersonShareALane(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "labour", FS: labour.Migrations})
	register := securityServer(t, http.StatusOK, receipt)
	for _, n := range []labour.Notice{
		{EventID: "a1", EventType: "permit.issued", PermitID: "EL1", PersonalCode: "71506150007"},
		{EventID: "b1", EventType: "permit.issued", PermitID: "EL2", PersonalCode: "81506150008"},
		{EventID: "a2", EventType: "permit.revoked", PermitID: "EL1", PersonalCode: "71506150007"},
		{EventID: "a2", EventType: "permit.revoked", PermitID: "EL1", PersonalCode: "71506150007"},
	} {
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			message, err := register.Note(t.Context(), tx, n)
			if err != nil {
				return err
			}
			return outbox.Publish(t.Context(), tx, message)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := pool.Query(t.Context(), `select lane, key from outbox.message order by id`)
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ Lane, Key string }
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Lane != got[2].Lane || got[0].Lane == got[1].Lane || got[0].Lane == "71506150007" {
		t.Errorf("messages %+v", got)
	}
}
