package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
	"ristmik/soap"
)

// hugeRecords is how many records make an answer of 50 MB.
const hugeRecords = 100_000

// hugeService is the service that answers with them.
var hugeService = soap.ServiceID{Provider: Service.Provider, Code: "people", Version: "v1"}

const hugeWSDL = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:people" targetNamespace="urn:people">
<w:types><xs:schema targetNamespace="urn:people">
<xs:element name="people"><xs:complexType><xs:sequence><xs:element name="since" type="xs:date"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="peopleResponse"><xs:complexType><xs:sequence><xs:element name="person" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
<xs:element name="id" type="xs:long"/><xs:element name="code" type="xs:string"/><xs:element name="name" type="xs:string"/><xs:element name="born" type="xs:date"/>
<xs:element name="sum" type="xs:decimal"/><xs:element name="note" type="xs:string" minOccurs="0" maxOccurs="3"/><xs:element name="active" type="xs:boolean" nillable="true"/>
</xs:sequence><xs:attribute name="kind" type="xs:string"/></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema></w:types>
<w:message name="in"><w:part name="body" element="t:people"/></w:message><w:message name="out"><w:part name="body" element="t:peopleResponse"/></w:message>
<w:portType name="p"><w:operation name="people"><w:input message="t:in"/><w:output message="t:out"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document"/><w:operation name="people"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding></w:definitions>`

const hugeTable = `table: people
operation: people
version: v1
request:
  rules:
    - {from: /changed_since, to: /since}
answer:
  rules:
    - from: /person
      to: /people
      each:
        - {from: /id, to: /id}
        - {from: /code, to: /personal_code, transform: personal_code}
        - {from: /name, to: /full_name, transform: trim}
        - {from: /born, to: /birth_date, transform: day}
        - {from: /sum, to: /sum}
        - {from: /note, to: /notes}
        - {from: /active, to: /active}
        - {from: /@kind, to: /kind, values: {resident: k1, visitor: k2}}
`

// hugeWorld is who may call the service in the sandbox.
const hugeWorld = `
instance: EE
members:
  - {class: GOV, code: "70008747", name: {et: Meie, en: Us}, subsystems: [{code: ristmik, name: {et: Ristmik, en: Ristmik}}]}
  - class: GOV
    code: "70000349"
    name: {et: Nemad, en: Them}
    subsystems:
      - code: tor
        name: {et: Register, en: Register}
        services: [{code: people, version: v1, type: WSDL, clients: [EE/GOV/70008747/ristmik]}]
`

// populace answers with many records, of so many bytes.
type populace struct{ content string }

func newPopulace(records int) populace {
	var out strings.Builder
	note := strings.Repeat("pikk märkus ", 21)
	for i := range records {
		fmt.Fprintf(&out, `<person kind="k%d"><id>%d</id><code>%s</code><name>Mari-Liis Männik &amp; Õnne Ülle %d</name><born>1980-02-%02d</born><sum>%d.50</sum><note>%s</note><note>"two"
lines</note><active>true</active></person>`, 1+i%2, 9007199254740993+i, Person, i, 1+i%28, i, note)
	}
	return populace{out.String()}
}

// ServeHTTP implements http.Handler, as a provider behind a Security Server.
func (c populace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	var m *soap.Message
	if err == nil {
		m, err = soap.ReadRequest(text, soap.DefaultLimits())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	const here = "@@"
	wrapper := etree.NewElement("t:peopleResponse")
	wrapper.CreateAttr("xmlns:t", "urn:people")
	wrapper.SetText(here)
	answer, err := soap.BuildAnswer(m, wrapper)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	head, tail, _ := bytes.Cut(answer, []byte(here))
	w.Header().Set("Content-Type", soap.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+len(c.content)+len(tail)))
	for _, part := range []string{string(head), c.content, string(tail)} {
		if _, err := io.WriteString(w, part); err != nil {
			return // the caller has gone
		}
	}
}

// huge measures what memory an answer of 50 MB takes on the whole way: POST, the
// hub, the sandbox's Security Server, the register, and back as JSON; in the
// register's shape, and through a mapping table. As a real one the Security Server
// does not say how long the answer is, so the HTTP stack reads it into parts and
// joins them; what counts is the memory that is in use from then on, beside the bytes
// of the answer.
func huge(ctx context.Context, o Options) (rows []row, notes []string, err error) {
	answerer := newPopulace(hugeRecords)
	provider, stop, err := serveHandler(answerer)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	world, err := sandbox.ParseConfig("huge.yaml", []byte(hugeWorld))
	if err != nil {
		return nil, nil, err
	}
	box, err := sandbox.Start(ctx, sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	if err := box.SetService(hugeService, provider); err != nil {
		return nil, nil, err
	}
	size := float64(len(answerer.content)) / mb
	for _, way := range []struct{ what, mappings, body string }{
		{"in the register's shape", "", `{"since":"2026-01-01"}`},
		{"through a mapping table", ", mappings: [people.yaml]", `{"changed_since":"2026-01-01"}`},
	} {
		seen, err := o.cyclesOfHuge(ctx, box.URL(), way.mappings, way.body)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", way.what, err)
		}
		reading, converting := phases(seen, int(size))
		beside := float64(converting-slices.Min(seen)) - size
		rows = append(rows, row{
			what:  fmt.Sprintf("%d records, POST to sandbox and back %s: most memory in use beside the answer", hugeRecords, way.what),
			ours:  fmt.Sprintf("%.1f MB", max(0, beside)),
			rival: fmt.Sprintf("%.1f MB long, %d MB to read it", size, reading), goal: "≤ 32 MB", met: beside <= 32,
		})
	}
	return rows, nil, nil
}

// phases tells how much was in use at most while an answer of that many megabytes
// was read, and how much from when its parts had been joined: where, after as much
// is in use as it is long, the parts go.
func phases(seen []int, size int) (reading, converting int) {
	joined := false
	for i, used := range seen {
		switch {
		case i > 0 && reading >= size && used < seen[i-1]:
			joined = true
		case !joined:
			reading = max(reading, used)
		}
		if joined {
			converting = max(converting, used)
		}
	}
	if !joined {
		converting = reading // too few cycles to tell them apart
	}
	return reading, converting
}

// cyclesOfHuge lets the product pass on one huge answer, and returns what its
// collector found in use behind every cycle, in megabytes.
func (o Options) cyclesOfHuge(ctx context.Context, securityServer, mappings, body string) (seen []int, err error) {
	home, err := newHome(ctx, o.Program)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, home.close(context.WithoutCancel(ctx))) }()
	for name, text := range map[string]string{"people.wsdl": hugeWSDL, "people.yaml": hugeTable} {
		if err := os.WriteFile(filepath.Join(home.dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	config, err := home.configure("huge", map[string]string{
		"http://127.0.0.1:8090":                   securityServer,
		"contracts: # registers whose operations": "contracts:\n  people: {title: {et: Isikud, en: People}, file: people.wsdl, provider: EE/GOV/70000349/tor" + mappings + "}\n# registers whose operations",
	})
	if err != nil {
		return nil, err
	}
	told := new(traces)
	home.environment, home.stderr = append(home.environment, "GOGC=5", "GODEBUG=gctrace=1"), told
	process, err := startServer(home.command(ctx, "serve", "-c", config))
	if err != nil {
		return nil, err
	}
	defer process.end()
	if err := whole(request{address: process.address, path: "/v1/registers/people/" + hugeService.Code, contentType: "application/json", body: body}, 1); err != nil {
		return nil, err
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	if len(told.all) == 0 {
		return nil, errors.New("the collector of serve told nothing")
	}
	return slices.Clone(told.all), nil
}
