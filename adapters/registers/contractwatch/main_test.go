package contractwatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/registers/contractwatch"
	"ristmik/adapters/registers/record"
	"ristmik/adapters/sandbox"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping/table"
	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
	"ristmik/soap/contract"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const carsWSDL = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:t" xmlns:m="urn:m" targetNamespace="urn:t">
<w:types><xs:schema targetNamespace="urn:t"><xs:import namespace="urn:m" schemaLocation="http://127.0.0.1:1/more.xsd"/>
<xs:element name="cars"><xs:complexType><xs:sequence><xs:element name="owner" type="m:code"/><xs:element name="page" type="xs:int" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="carsResponse"><xs:complexType><xs:sequence><xs:element name="car" type="xs:string" minOccurs="0" maxOccurs="unbounded"/><xs:element name="note" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="sum"><xs:complexType><xs:sequence><xs:element name="year" type="xs:int"/></xs:sequence></xs:complexType></xs:element>
</xs:schema></w:types>
<w:message name="cars"><w:part name="body" element="t:cars"/></w:message><w:message name="carsResponse"><w:part name="body" element="t:carsResponse"/></w:message><w:message name="sum"><w:part name="body" element="t:sum"/></w:message>
<w:portType name="p"><w:operation name="cars"><w:input message="t:cars"/><w:output message="t:carsResponse"/></w:operation><w:operation name="sum"><w:input message="t:sum"/><w:output message="t:sum"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="cars"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
<w:operation name="sum"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding>
<w:service name="s"><w:port name="p" binding="t:b"><s:address location="http://127.0.0.1:1/"/></w:port></w:service></w:definitions>`

// The schema that the description imports is had only where the pinned one is.
const moreXSD = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:m"><xs:simpleType name="code"><xs:restriction base="xs:string"/></xs:simpleType></xs:schema>`

const boatsYAML = `openapi: 3.0.3
info: {title: Boats, version: "1"}
paths:
  /boats/{name}:
    get:
      operationId: boat
      parameters: [{name: name, in: path, required: true, schema: {type: string}}, {name: lang, in: query, schema: {type: string}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object, properties: {name: {type: string}, length: {type: number}}}}}}}
`

const worldYAML = `
instance: EE
members:
  - class: GOV
    code: "70008747"
    name: {et: Meie, en: Us}
    subsystems: [{code: ristmik, name: {et: Ristmik, en: Ristmik}}]
  - class: GOV
    code: "70001490"
    name: {et: Transpordiamet, en: Transport Administration}
    subsystems:
      - code: cars
        name: {et: Autod, en: Cars}
        services: [{code: cars, version: v1, type: WSDL, url: "ADDRESS/cars"}, {code: sum, version: v1, type: WSDL, url: "ADDRESS/cars"}]
      - code: boats
        name: {et: Paadid, en: Boats}
        services: [{code: boats, type: OPENAPI3, url: "ADDRESS/boats", description: "ADDRESS/boats"}]
`

var provider = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70001490"}

// world is a watch on two registers behind a sandbox; what they say of themselves
// can be changed.
type world struct {
	t      *testing.T
	pool   *pgxpool.Pool
	watch  *contractwatch.Watch
	runner *schedules.Runner
	source contractwatch.Source

	mu    sync.Mutex
	texts map[string]string // by path; "" is a register that is down
	asked map[string]int
	meet  func(path string, gone <-chan struct{}) // called for each request
}

func newWorld(t *testing.T, change ...func(cars *contractwatch.Register)) *world {
	t.Helper()
	w := &world{t: t, texts: map[string]string{"/cars": carsWSDL, "/boats": boatsYAML}, asked: map[string]int{}}
	register := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		text, meet := w.texts[r.URL.Path], w.meet
		w.asked[r.URL.Path]++
		w.mu.Unlock()
		if meet != nil {
			meet(r.URL.Path, r.Context().Done())
		}
		if text == "" {
			http.Error(rw, "down", http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(rw, text)
	}))
	t.Cleanup(register.Close)
	config, err := sandbox.ParseConfig("world.yaml", []byte(strings.ReplaceAll(worldYAML, "ADDRESS", register.URL)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{
		Config: config, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	client, err := xroad.New(xroad.Options{
		SecurityServer: box.URL(), Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"},
		NewID: uuid.NewString, Now: time.Now, Timeout: 20 * time.Second, Limits: soap.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pool = postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "schedules", FS: schedules.Migrations},
		postgres.MigrationSet{Name: "register", FS: record.Migrations},
		postgres.MigrationSet{Name: "contract_watch", FS: contractwatch.Migrations})
	cars := contractwatch.Register{Name: "cars", Provider: subsystem("cars"), Tolerant: true}
	cars.Folder = memory(map[string]string{"cars.wsdl": carsWSDL, "more.xsd": moreXSD})
	if cars.Contract, err = contract.Load(cars.Folder, "cars.wsdl"); err != nil {
		t.Fatal(err)
	}
	boats := contractwatch.Register{Name: "boats", Provider: subsystem("boats"), Service: "boats"}
	if boats.REST, err = contract.ParseREST([]byte(boatsYAML)); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&cars)
	}
	w.source = client
	if w.watch, err = contractwatch.New(w.options(cars, boats)); err != nil {
		t.Fatal(err)
	}
	w.runner = w.newRunner("one")
	return w
}

func (w *world) options(list ...contractwatch.Register) contractwatch.Options {
	return contractwatch.Options{Pool: w.pool, Source: w.source, Registers: list, Called: 24 * time.Hour, NewID: uuid.NewString}
}

// memory is a folder of files.
func memory(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func subsystem(code string) soap.ClientID {
	id := provider
	id.Subsystem = code
	return id
}

func (w *world) newRunner(owner string) *schedules.Runner {
	w.t.Helper()
	r, err := schedules.NewRunner(w.pool, []schedules.Job{{Name: "contract-watch", Cron: "0 0 1 1 *", Zone: "UTC", CatchUp: "none", Run: w.watch.Run}},
		schedules.Options{Owner: owner, Poll: 10 * time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// change replaces something in what a register says of itself.
func (w *world) change(path, old, text string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := strings.Replace(w.texts[path], old, text, 1)
	if changed == w.texts[path] {
		w.t.Fatalf("%s has no %q", path, old)
	}
	w.texts[path] = changed
}

func (w *world) set(path, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts[path] = text
}

// run runs the job once and returns how it ended.
func (w *world) run() schedules.RunInfo {
	w.t.Helper()
	ticket, err := w.runner.RunNow(w.t.Context(), "contract-watch", "test")
	if err != nil {
		w.t.Fatal(err)
	}
	return w.until(w.runner, ticket)
}

// until lets a runner work until the run has ended.
func (w *world) until(r *schedules.Runner, ticket schedules.Ticket) schedules.RunInfo {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	background, stop := context.WithCancel(ctx)
	go func() { ended <- r.Run(background) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var info schedules.RunInfo
	for !info.State.Ended() || info.State == "" {
		var err error
		if info, err = schedules.Get(ctx, w.pool, ticket); err != nil {
			w.t.Fatal(err)
		}
		<-tick.C
	}
	stop()
	if err := <-ended; err != nil {
		w.t.Fatal(err)
	}
	return info
}

func (w *world) state(register string) contractwatch.State {
	w.t.Helper()
	list, err := w.watch.States(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range list {
		if s.Register == register {
			return s
		}
	}
	w.t.Fatalf("no %s in %+v", register, list)
	return contractwatch.State{}
}

// told is what the core was told, one line an event.
func (w *world) told() (lines []string) {
	w.t.Helper()
	// The record itself, because the feed waits for what else runs in the cluster.
	rows, err := w.pool.Query(w.t.Context(), `select type, subject, data::text from outbox.event order by id`)
	if err != nil {
		w.t.Fatal(err)
	}
	type event struct{ Type, Subject, Data string }
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[event])
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		var d struct {
			Register, Verdict string
			Previous          string `json:"previous_verdict"`
			Breaking          int
			Differences       []contract.Difference
		}
		if err := json.Unmarshal([]byte(e.Data), &d); err != nil || e.Type != "contract.changed" || e.Subject != "register:"+d.Register {
			w.t.Errorf("%+v: %v", e, err)
		}
		lines = append(lines, fmt.Sprintf("%s %s after %s: %d of %d", d.Register, d.Verdict, d.Previous, d.Breaking, len(d.Differences)))
	}
	return lines
}

// carsTable is a mapping table that writes the owner and reads the cars.
func carsTable(t *testing.T, c *contract.Contract) *table.Table {
	t.Helper()
	made, problems := table.New(table.Definition{
		Table: "cars", Operation: "cars", Version: "v1",
		Request: table.Side{Rules: []table.Rule{{From: table.Texts{"/owner"}, To: table.Texts{"/owner"}}}},
		Answer:  table.Side{Ignore: []string{"/note"}, Rules: []table.Rule{{From: table.Texts{"/car"}, To: table.Texts{"/cars"}}}},
	}, table.Options{Contract: c, Today: time.Now()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return made
}
