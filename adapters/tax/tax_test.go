package tax_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/sandbox"
	"ristmik/adapters/tax"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping/table"
	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
	"ristmik/soap/conformance"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// world is the tax room between a real database and a sandbox Security Server.
type world struct {
	pool *pgxpool.Pool
	box  *sandbox.Sandbox
	tax  *tax.Register
}

func newWorld(t *testing.T) world {
	t.Helper()
	return newWorldThrough(t, func(securityServer string) string { return securityServer })
}

// newWorldThrough is newWorld with something between the hub and its Security
// Server.
func newWorldThrough(t *testing.T, between func(securityServer string) string) world {
	t.Helper()
	pool := postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "schedules", FS: schedules.Migrations},
		postgres.MigrationSet{Name: "tax", FS: tax.Migrations})
	config, err := sandbox.LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{
		Config: config, Contracts: configs.Contracts(), Seed: 3, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	client, err := xroad.New(xroad.Options{
		SecurityServer: between(box.URL()), Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"},
		NewID: uuid.NewString, Now: time.Now, Timeout: 10 * time.Second, Limits: soap.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		t.Fatal(err)
	}
	register, err := tax.New(tax.Options{
		Pool: pool, XRoad: client, Zone: zone, Now: time.Now,
		Employment: service(t, "EE/GOV/70000349/tor/TORIK/v2"), EmploymentTable: mappingTable(t, "employment-sync.yaml", "employment-register.wsdl"),
		Permits: service(t, "EE/GOV/70000349/tor/permitNotice/v1"), PermitTable: mappingTable(t, "permit-notice.yaml", "permit-notice.wsdl"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return world{pool, box, register}
}

func service(t *testing.T, s string) soap.ServiceID {
	t.Helper()
	id, err := soap.ParseServiceID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// mappingTable is a table that ships with the program.
func mappingTable(t *testing.T, file, wsdl string) *table.Table {
	t.Helper()
	data, err := configs.Shipped.ReadFile("mappings/" + file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Load(configs.Contracts(), wsdl)
	if err != nil {
		t.Fatal(err)
	}
	var d table.Definition
	if _, problems := configs.Decode(file, data, &d); len(problems) > 0 {
		t.Fatal(problems)
	}
	made, problems := table.New(d, table.Options{Contract: c})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return made
}

// control speaks to the sandbox's control door.
func (w world) control(t *testing.T, method, path string, body, out any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, w.box.ControlURL()+"/control/v1/"+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %s", method, path, resp.Status, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatal(err)
		}
	}
}

type person struct {
	PersonalCode string `json:"personal_code"`
	Employments  []struct {
		ID       int64  `json:"toot_id"`
		Employer string `json:"employer_code"`
		End      string `json:"end"`
	} `json:"employments"`
}

// employed is a person with an employment that lasts, and that employment's id.
func (w world) employed(t *testing.T) (person, int64) {
	t.Helper()
	var all struct {
		Persons []person `json:"persons"`
	}
	w.control(t, http.MethodGet, "persons", nil, &all)
	for _, p := range all.Persons {
		for _, e := range p.Employments {
			if e.End == "" {
				return p, e.ID
			}
		}
	}
	t.Fatal("nobody is employed")
	return person{}, 0
}

// end ends an employment today.
func (w world) end(t *testing.T, p person, id int64) {
	t.Helper()
	w.control(t, http.MethodPost, "employments/end", map[string]any{
		"personal_code": p.PersonalCode, "toot_id": id, "end": time.Now().Format(time.DateOnly), "ground_code": "1",
	}, nil)
}

func (w world) publish(t *testing.T, n tax.Notice) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		message, err := w.tax.Note(t.Context(), tx, n)
		if err != nil {
			return err
		}
		return outbox.Publish(t.Context(), tx, message)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// events reads the feed's table: the feed itself waits for every transaction of
// the cluster, and tests beside this one have some.
func (w world) events(t *testing.T) []outbox.Event {
	t.Helper()
	rows, err := w.pool.Query(t.Context(), `select type, subject, data from outbox.event order by label, id`)
	if err != nil {
		t.Fatal(err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e outbox.Event, err error) {
		err = row.Scan(&e.Type, &e.Subject, &e.Data)
		return e, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// run runs the job once, as its schedule would, and waits for its end.
func (w world) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan schedules.Observation, 1)
	runner, err := schedules.NewRunner(w.pool, []schedules.Job{{
		Name: "changes", Cron: "0 0 1 1 *", Zone: "Europe/Tallinn", CatchUp: "none", Timeout: time.Minute, Run: w.tax.Changes,
	}}, schedules.Options{Owner: uuid.NewString(), Now: time.Now, Observe: func(o schedules.Observation) { ended <- o }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	if _, err := runner.RunNow(ctx, "changes", "test"); err != nil {
		t.Fatal(err)
	}
	if o := <-ended; o.State != schedules.StateSucceeded {
		t.Errorf("the run ended as %s", o.State)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The register's answer about a person is what the register holds.
func TestActiveEmploymentsAreTheRegisters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, id := w.employed(t)
	found, exchange, err := w.tax.Active(t.Context(), p.PersonalCode, "EE71506150007", "TL-1")
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, e := range p.Employments {
		if e.End == "" {
			want++
		}
	}
	if len(found) != want || exchange.MessageID == "" || found[0].PersonalCode != p.PersonalCode {
		t.Errorf("found %d of %d, exchange %q", len(found), want, exchange.MessageID)
	}
	has := false
	for _, e := range found {
		has = has || e.ID == id
	}
	if !has {
		t.Error("the employment that lasts is not among the active ones")
	}
	none, _, err := w.tax.Active(t.Context(), "71506150007", "EE71506150007", "TL-1")
	if err != nil || len(none) != 0 {
		t.Errorf("an unknown person has %d employments (%v)", len(none), err)
	}
}

// The same event is one notice; the board gets it with the business id by
// which it recognises a repetition.
func TestPermitNoticeReachesTheBoardOnce(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-160")
	w := newWorld(t)
	n := tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL2", PersonalCode: "71506150007", ValidFrom: "2026-11-01", ValidTo: "2028-11-01"}
	w.publish(t, n)
	w.publish(t, n)
	rows, err := outbox.List(t.Context(), w.pool, outbox.Filter{Destination: tax.Destination, Limit: 10})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d messages (%v)", len(rows), err)
	}
	payload, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	exchanges := map[string]bool{"": true}
	for attempt := 1; attempt <= 2; attempt++ {
		out := w.tax.Send(t.Context(), outbox.Delivery{Message: outbox.Message{Payload: payload}, Attempt: attempt})
		if out.Result != outbox.ResultDelivered || exchanges[out.Exchange] {
			t.Errorf("attempt %d: %+v, or the message id of an attempt before", attempt, out)
		}
		exchanges[out.Exchange] = true
	}
	var received struct {
		Notices []struct {
			EventID       string `json:"event_id"`
			TimesReceived int    `json:"times_received"`
		} `json:"notices"`
	}
	w.control(t, http.MethodGet, "received/tax-permits", nil, &received)
	if len(received.Notices) != 1 || received.Notices[0].EventID != n.EventID || received.Notices[0].TimesReceived != 2 {
		t.Errorf("the board holds %+v", received.Notices)
	}
}

// A notice that an older version has stored is sent, and in the same words.
func TestBug28NoticeOfAnOlderVersionReachesTheBoard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := uuid.NewString()
	payload := `{"eventId":"` + id + `","eventType":"permit.issued","occurredAt":"2026-11-01T09:00:00Z","permitId":"EL2","personalCode":"71506150007","validFrom":"2026-11-01","validTo":"2028-11-01"}`
	if out := w.tax.Send(t.Context(), outbox.Delivery{Message: outbox.Message{Payload: []byte(payload)}, Attempt: 1}); out.Result != outbox.ResultDelivered {
		t.Fatalf("%+v", out)
	}
	var received struct {
		Notices []map[string]any `json:"notices"`
	}
	w.control(t, http.MethodGet, "received/tax-permits", nil, &received)
	if len(received.Notices) != 1 || received.Notices[0]["event_id"] != id {
		t.Errorf("the board holds %v", received.Notices)
	}
}

// A register that is away is the partner's trouble: the send is repeated.
func TestRegisterThatIsDownIsRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.control(t, http.MethodPut, "services/tax-permits", map[string]any{"down": true}, nil)
	payload, err := json.Marshal(tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL3", PersonalCode: "71506150007"})
	if err != nil {
		t.Fatal(err)
	}
	out := w.tax.Send(t.Context(), outbox.Delivery{Message: outbox.Message{Payload: payload}, Attempt: 1})
	if out.Result != outbox.ResultRetry || !out.CountsAgainst {
		t.Errorf("outcome %+v", out)
	}
}

// What goes to the employment register, and what its simulation answers, is
// valid against the real register's description.
func TestEmploymentQueryFitsTheRealDescription(t *testing.T) {
	t.Parallel()
	real := contracttest.RealTOR(t)
	var mu sync.Mutex
	var seen [][]byte
	w := newWorldThrough(t, func(securityServer string) string {
		target, err := url.Parse(securityServer)
		if err != nil {
			t.Fatal(err)
		}
		keep := func(body *io.ReadCloser) error {
			data, err := io.ReadAll(*body)
			mu.Lock()
			seen = append(seen, data)
			mu.Unlock()
			*body = io.NopCloser(bytes.NewReader(data))
			return err
		}
		proxy := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				if err := keep(&r.Out.Body); err != nil {
					t.Error(err)
				}
			},
			ModifyResponse: func(r *http.Response) error { return keep(&r.Body) },
		})
		t.Cleanup(proxy.Close)
		return proxy.URL
	})
	p, id := w.employed(t)
	if _, _, err := w.tax.Active(t.Context(), p.PersonalCode, "EE71506150007", "TL-1"); err != nil {
		t.Fatal(err)
	}
	w.publish(t, tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL1", PersonalCode: p.PersonalCode})
	w.end(t, p, id)
	w.run(t)
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 4 {
		t.Fatalf("%d messages, want two queries and their answers", len(seen))
	}
	for _, message := range seen {
		doc, err := soap.ReadTree(message, soap.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		body := soap.Child(doc.Root(), soap.NSEnvelope, "Body")
		contracttest.ValidateBody(t, real, contracttest.Bytes(t, body.ChildElements()[0]))
	}
}
