package authority_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/authority"
	"ristmik/adapters/consultation"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/soap"
	"ristmik/soap/contract"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// marker stands in the content of messages; no log line may hold it.
const marker = "MARKER-71506150400"

var (
	self     = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}
	security = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000591", Subsystem: "konsult"}
	labour   = soap.ClientID{Instance: "EE", Class: "GOV", Member: "79990000", Subsystem: "jarelevalve"}
)

// world is a provider over a real database with one open round that asks the
// security service and the Labour Inspectorate.
type world struct {
	t         *testing.T
	pool      *pgxpool.Pool
	procedure *consultation.Procedure
	handler   http.Handler
	url       string
	round     consultation.Consultation
	log       *lines
	spoil     func(string) string // what becomes of a message on its way, nil: nothing

	mu       sync.Mutex
	observed []authority.Observation
}

// lines is a log that tests can read.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the lines written since it was called last.
func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return strings.FieldsFunc(l.text.String(), func(r rune) bool { return r == '\n' })
}

func newWorld(t *testing.T, change ...func(*authority.Options)) *world {
	t.Helper()
	w := &world{t: t, log: &lines{}, pool: postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "consultation", FS: consultation.Migrations})}
	var err error
	w.procedure, err = consultation.New(consultation.Options{
		Authorities: []consultation.Authority{
			{Name: "security", Title: "Kaitsepolitseiamet", Client: security},
			{Name: "labour", Title: "Tööinspektsioon", Client: labour},
		},
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
			{Authority: "security", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingVeto, Destination: "consultations.security"},
			{Authority: "labour", Fields: consultation.CaseFields(), Mandatory: true, Binding: consultation.BindingAdvisory, Destination: "consultations.labour"},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := authority.Options{
		Pool: w.pool, Procedure: w.procedure, Contract: load(t), Self: self, RESTService: "konsult", Callers: callers(),
		Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Observe: func(seen authority.Observation) {
			w.mu.Lock()
			defer w.mu.Unlock()
			seen.Took = 0
			w.observed = append(w.observed, seen)
		},
	}
	for _, f := range change {
		f(&o)
	}
	p, err := authority.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.serve(p)
	w.round = w.open()
	return w
}

func (w *world) serve(p *authority.Provider) {
	w.handler = p.Handler()
	server := httptest.NewServer(w.handler)
	w.t.Cleanup(server.Close)
	w.url = server.URL
}

func callers() map[string][]soap.ClientID {
	both := []soap.ClientID{security, labour}
	return map[string][]soap.ClientID{"submitAnswer": both, "konsult": both}
}

func load(t *testing.T) *contract.Contract {
	t.Helper()
	contracts, err := fs.Sub(configs.Shipped, "contracts")
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Load(contracts, "consultation-answer.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) open() (c consultation.Consultation) {
	w.t.Helper()
	err := pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) (err error) {
		c, err = w.procedure.Open(w.t.Context(), tx, consultation.OpenRequest{
			CaseReference: "ELT-2026/004711", Type: "residence_permit.employment", LegalBasis: "Välismaalaste seadus § 176",
			Purpose: "Elamisloa andmine", Person: consultation.Person{PersonalCode: "71506150400", GivenName: "Mai", Surname: "Sünteetiline"},
			Official: "EE81506151050",
		})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// leg is the id of the question to an authority.
func (w *world) leg(name string) string {
	w.t.Helper()
	for _, l := range w.round.Legs {
		if l.Authority == name {
			return l.ID
		}
	}
	w.t.Fatalf("no leg for %s", name)
	return ""
}

// stored counts everything that an answer could leave behind.
func (w *world) stored() (n int) {
	w.t.Helper()
	err := w.pool.QueryRow(context.Background(), `
		select (select count(*) from consultation.answer) + (select count(*) from outbox.event where type <> 'consultation.requested')
		     + (select count(*) from consultation.leg where state <> 'QUEUED')`).Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) results() (list []authority.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.observed
}

// response is an answer of the provider that has been read.
type response struct {
	status int
	header http.Header
	body   string
}

// do sends one request; headers come in pairs, "-NAME" takes one away.
func (w *world) do(method, path string, body io.Reader, headers ...string) response {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name := range res.Header {
		if strings.HasPrefix(strings.ToLower(name), "x-road") {
			w.t.Errorf("the answer sets %s, which is the Security Server's", name)
		}
	}
	return response{res.StatusCode, res.Header, string(text)}
}

// send sends a SOAP message as a Security Server does.
func (w *world) send(message string) response {
	w.t.Helper()
	return w.do(http.MethodPost, "/soap", strings.NewReader(message), "Content-Type", "text/xml; charset=UTF-8", "SOAPAction", "", "Accept-Encoding", "")
}

// answerOf is a good SOAP answer of the security service.
func (w *world) answerOf(answerID string) string {
	return message(`<p:submitAnswer xmlns:p="http://ristmik.x-road.eu/consultation"><request>` +
		`<answerId>` + answerID + `</answerId><consultationId>` + w.leg("security") + `</consultationId><round>1</round>` +
		`<answerCode>NO_OBJECTION</answerCode><justification>` + marker + `</justification>` +
		`<answeredAt>2026-11-20T14:00:00+02:00</answeredAt></request></p:submitAnswer>`)
}

// message is an envelope of the security service around a body. Its header has
// what a provider must give back as it came: an odd order, an extension, an
// empty field, prefixes of its own.
func message(body string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="` + soap.NSEnvelope + `" xmlns:xrd="` + soap.NSXRoad + `" xmlns:id="` + soap.NSIdentifiers + `"><e:Header>` +
		`<xrd:protocolVersion>4.0</xrd:protocolVersion>` +
		`<xrd:issue/>` +
		`<xrd:client id:objectType="SUBSYSTEM"><id:xRoadInstance>EE</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>70000591</id:memberCode><id:subsystemCode>konsult</id:subsystemCode></xrd:client>` +
		`<pdu:pdu xmlns:pdu="http://x-road.eu/xsd/pdu.xsd" hidden="true"><pdu:reason>kooskõlastus</pdu:reason></pdu:pdu>` +
		`<xrd:id>` + messageID + `</xrd:id>` +
		`<xrd:service id:objectType="SERVICE"><id:xRoadInstance>EE</id:xRoadInstance><id:memberClass>GOV</id:memberClass><id:memberCode>70008747</id:memberCode><id:subsystemCode>ristmik</id:subsystemCode><id:serviceCode>submitAnswer</id:serviceCode><id:serviceVersion>v1</id:serviceVersion></xrd:service>` +
		`<xrd:userId>EE81506151050</xrd:userId>` +
		`</e:Header><e:Body>` + body + `</e:Body></e:Envelope>`
}

const messageID = "0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11"

// rest posts a JSON answer as labour's Security Server delivers it.
func (w *world) rest(leg, body string, headers ...string) response {
	w.t.Helper()
	if len(headers) == 0 {
		headers = []string{"X-Road-Client", labour.String(), "X-Road-Id", messageID, "X-Road-UserId", "EE81506151050", "Content-Type", "application/json"}
	}
	return w.do(http.MethodPost, "/rest/v1/consultations/"+leg+"/answers", strings.NewReader(body), headers...)
}

func restBody(answerID string) string {
	return fmt.Sprintf(`{"answer_id":%q,"round":1,"answer_code":"OPINION_NEGATIVE","legal_ground":"TLS § 3","justification":%q,"answered_at":"2026-11-20T12:00:00Z"}`, answerID, marker)
}
