package console_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/console"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/outbox"
	"ristmik/schedules"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// secret is in every payload of these tests; nothing that an operator sees may
// hold it.
const secret = "PAYLOAD-SECRET-71506150400"

// hub is a console over a real database, with everything an operator may meet.
type hub struct {
	t      *testing.T
	pool   *pgxpool.Pool
	runner *schedules.Runner
	url    string
}

var titles = map[string]console.Title{
	"tax":      {ET: "Maksu- ja Tolliamet", EN: "Tax and Customs Board"},
	"labour":   {ET: "Tööinspektsioon", EN: "Labour Inspectorate"},
	"security": {ET: "Kaitsepolitseiamet", EN: "Internal Security Service"},
}

func newHub(t *testing.T, change ...func(*console.Options)) *hub {
	t.Helper()
	pool := postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "schedules", FS: schedules.Migrations})
	h := &hub{t: t, pool: pool}
	var err error
	h.runner, err = schedules.NewRunner(pool, []schedules.Job{
		{Name: "employment-changes", Cron: "*/15 6-22 * * *", Zone: "Europe/Tallinn", Run: func(_ context.Context, r *schedules.Run) error {
			r.Report(map[string]int{"persons": 120, "changed": 3})
			return nil
		}},
		{Name: "tax-debts", Cron: "0 5 * * *", Zone: "Europe/Tallinn", Run: func(context.Context, *schedules.Run) error {
			return errors.New("asking the register: partner_down server.serverproxy.service_failed.network_error")
		}},
	}, schedules.Options{Owner: "test", Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	o := console.Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Pool: pool, Runner: h.runner, Titles: titles, Version: "1.2.3"}
	for _, f := range change {
		f(&o)
	}
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c.Handler())
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// serve puts a handler behind an address of its own.
func serve(t *testing.T, handler http.Handler) *hub {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &hub{t: t, url: server.URL}
}

// publish stores n messages for a destination, each in a lane of its own.
func (h *hub) publish(destination string, n int) {
	h.t.Helper()
	err := pgx.BeginFunc(h.t.Context(), h.pool, func(tx pgx.Tx) error {
		for i := range n {
			id := destination + "-" + string(rune('a'+i))
			if err := outbox.Publish(h.t.Context(), tx, outbox.Message{
				Destination: destination, Lane: id, Kind: "permit.issued", Key: "event-" + id, Payload: []byte(secret),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// relayUntil runs a relay until the counts are as wanted: messages to labour
// die, those to tax find nobody, those to security arrive.
func (h *hub) relayUntil(done func(map[string]outbox.DestinationStats) bool) {
	h.t.Helper()
	send := func(o outbox.Outcome) outbox.Sender {
		return outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome { return o })
	}
	policy := outbox.Policy{Base: time.Millisecond, Cap: 2 * time.Millisecond, Breaker: outbox.BreakerPolicy{Failures: 2, OpenFor: time.Hour, MaxOpen: time.Hour}}
	relay, err := outbox.NewRelay(h.pool, []outbox.Destination{
		{Name: "labour", Policy: policy, Sender: send(outbox.Outcome{Result: outbox.ResultDead, Reason: "fix_rights server.serverproxy.access_denied"})},
		{Name: "tax", Policy: policy, Sender: send(outbox.Outcome{Result: outbox.ResultRetry, Reason: "partner_down server.serverproxy.service_failed.network_error", CountsAgainst: true})},
		{Name: "security", Policy: policy, Sender: send(outbox.Outcome{Result: outbox.ResultDelivered})},
	}, outbox.Options{Owner: "test", Poll: 20 * time.Millisecond})
	if err != nil {
		h.t.Fatal(err)
	}
	h.during(relay.Run, func(ctx context.Context) bool {
		stats, err := outbox.Stats(ctx, h.pool)
		if err != nil {
			h.t.Fatal(err)
		}
		by := map[string]outbox.DestinationStats{}
		for _, s := range stats {
			by[s.Destination] = s
		}
		return done(by)
	})
}

// during runs something in the background until done says so.
func (h *hub) during(run func(context.Context) error, done func(context.Context) bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	background, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(background) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-ctx.Done():
			stop()
			<-ended
			h.t.Fatal("the state that was waited for has not come")
		case <-tick.C:
		}
	}
	stop()
	if err := <-ended; err != nil {
		h.t.Fatal(err)
	}
}

// trouble makes two dead messages for labour, an open breaker for tax, three
// messages that security has, and one job that failed.
func (h *hub) trouble() {
	h.t.Helper()
	h.publish("labour", 2)
	h.publish("tax", 3)
	h.publish("security", 3)
	h.relayUntil(func(s map[string]outbox.DestinationStats) bool {
		return s["labour"].Dead == 2 && s["tax"].Parked == 3 && s["security"].Delivered == 3
	})
	for _, name := range []string{"employment-changes", "tax-debts"} {
		ticket, err := h.runner.RunNow(h.t.Context(), name, "test")
		if err != nil {
			h.t.Fatal(err)
		}
		h.during(h.runner.Run, func(ctx context.Context) bool {
			run, err := schedules.Get(ctx, h.pool, ticket)
			return err == nil && !run.Finished.IsZero()
		})
	}
}

// deadID is the id of a dead message.
func (h *hub) deadID() int64 {
	h.t.Helper()
	rows, err := outbox.List(h.t.Context(), h.pool, outbox.Filter{State: outbox.Dead})
	if err != nil || len(rows) == 0 {
		h.t.Fatalf("%d dead messages, %v", len(rows), err)
	}
	return rows[0].ID
}

func (h *hub) count(query string) (n int) {
	h.t.Helper()
	if err := h.pool.QueryRow(h.t.Context(), query).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *hub) dead() int {
	h.t.Helper()
	return h.count(`select count(*) from outbox.dead`)
}

func (h *hub) number(id string) int64 {
	h.t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request; headers come in pairs. Redirects are not followed.
func (h *hub) do(method, path, body string, headers ...string) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if v := req.Header.Get("Host"); v != "" {
		req.Host = v
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.Contains(string(text), secret) && req.Header.Get("X-May-Show") == "" {
		h.t.Errorf("%s %s shows a payload", method, path)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (h *hub) get(path string, headers ...string) answer {
	h.t.Helper()
	return h.do(http.MethodGet, path, "", headers...)
}

func (h *hub) form(path string, values url.Values, headers ...string) answer {
	h.t.Helper()
	return h.do(http.MethodPost, path, values.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func (h *hub) json(path, body string, headers ...string) answer {
	h.t.Helper()
	return h.do(http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}
