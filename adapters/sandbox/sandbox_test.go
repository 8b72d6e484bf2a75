package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

var (
	hub      = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}
	tor      = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "tor"}
	security = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000591", Subsystem: "konsult"}
	labour   = soap.ClientID{Instance: "EE", Class: "GOV", Member: "79990000", Subsystem: "jarelevalve"}
)

// shipped is the world that ships with the program.
func shipped(t testing.TB) sandbox.Config {
	t.Helper()
	c, err := sandbox.LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// options are those of the tests: the shipped world on free ports.
func options(t testing.TB, dir string) sandbox.Options {
	return sandbox.Options{
		Config: shipped(t), Contracts: os.DirFS(filepath.Join(contracttest.Root(t), "configs", "contracts")), DataDir: dir,
		Seed: 7, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	}
}

// start runs a sandbox until the end of the test.
func start(t testing.TB, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
	})
	return s
}

// control calls the control API and decodes its answer into out.
func control(t testing.TB, s *sandbox.Sandbox, method, path string, in, out any) int {
	t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.ControlURL()+"/control/v1/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return resp.StatusCode
}

// mustControl is control that has to succeed.
func mustControl(t testing.TB, s *sandbox.Sandbox, method, path string, in, out any) {
	t.Helper()
	if status := control(t, s, method, path, in, out); status != http.StatusOK {
		t.Fatalf("%s %s: status %d", method, path, status)
	}
}

// eventually waits until done, at most for a minute.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not happen in time", what)
		case <-tick.C:
		}
	}
}

// envelope is a request as an information system writes it; extra goes into
// the header, inner into the wrapper.
func envelope(client soap.ClientID, service soap.ServiceID, id, extra, wrapper string) string {
	subsystem := ""
	if client.Subsystem != "" {
		subsystem = "<i:subsystemCode>" + client.Subsystem + "</i:subsystemCode>"
	}
	version := ""
	if service.Version != "" {
		version = "<i:serviceVersion>" + service.Version + "</i:serviceVersion>"
	}
	p := service.Provider
	return `<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header>` +
		fmt.Sprintf(`<x:client i:objectType="%s"><i:xRoadInstance>%s</i:xRoadInstance><i:memberClass>%s</i:memberClass><i:memberCode>%s</i:memberCode>%s</x:client>`,
			client.ObjectType(), client.Instance, client.Class, client.Member, subsystem) +
		fmt.Sprintf(`<x:service i:objectType="SERVICE"><i:xRoadInstance>%s</i:xRoadInstance><i:memberClass>%s</i:memberClass><i:memberCode>%s</i:memberCode><i:subsystemCode>%s</i:subsystemCode><i:serviceCode>%s</i:serviceCode>%s</x:service>`,
			p.Instance, p.Class, p.Member, p.Subsystem, service.Code, version) +
		`<x:id>` + id + `</x:id>` + extra + `<x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body>` + wrapper + `</e:Body></e:Envelope>`
}

// call sends an envelope through the Security Server and reads the answer.
func call(t testing.TB, s *sandbox.Sandbox, message string) *soap.Message {
	t.Helper()
	resp, err := http.Post(s.URL(), "text/xml; charset=UTF-8", bytes.NewReader([]byte(message)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/xml;charset=utf-8" {
		t.Fatalf("status %d, content type %q; SOAP answers are always 200 and text/xml", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	m, err := soap.ReadAnswer(data, soap.DefaultLimits())
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return m
}

// faultOf calls and returns the code and text of the Fault that must come.
func faultOf(t testing.TB, s *sandbox.Sandbox, message string) (code, text string) {
	t.Helper()
	m := call(t, s, message)
	if m.Fault == nil {
		t.Fatalf("no Fault but %s", m.Raw)
	}
	return m.Fault.Code, m.Fault.String
}

// bodyOf is the wrapper of a message as a document of its own.
func bodyOf(t testing.TB, m *soap.Message) []byte {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(m.Body().Copy())
	data, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// torik is a query for employment records.
func torik(kind, codes, more string) string {
	return `<t:TORIK xmlns:t="http://emta-v6.x-road.eu"><request><paringu_liik>` + kind + `</paringu_liik>` + more + `<isikukoodid>` + codes + `</isikukoodid></request></t:TORIK>`
}

var torikService = soap.ServiceID{Provider: tor, Code: "TORIK", Version: "v2"}

// person is one of the population, as the control API shows it.
type person struct {
	PersonalCode string `json:"personal_code"`
	GivenName    string `json:"given_name"`
	Surname      string `json:"surname"`
	Employments  []struct {
		ID    int64  `json:"toot_id"`
		Start string `json:"start"`
		End   string `json:"end"`
	} `json:"employments"`
}

func persons(t testing.TB, s *sandbox.Sandbox) []person {
	t.Helper()
	var out struct{ Persons []person }
	mustControl(t, s, "GET", "persons", nil, &out)
	return out.Persons
}

// received is what an authority has got.
type received struct {
	Consultations []struct {
		ID             string `json:"id"`
		Round          int    `json:"round"`
		TimesReceived  int    `json:"times_received"`
		Answered       bool   `json:"answered"`
		AnswerID       string `json:"answer_id"`
		AnswerCode     string `json:"answer_code"`
		DeliveriesDone int    `json:"deliveries_done"`
		AnswerStatus   string `json:"answer_status"`
		LastError      string `json:"last_error"`
	}
	Notices []struct {
		EventID       string `json:"event_id"`
		PersonalCode  string `json:"personal_code"`
		TimesReceived int    `json:"times_received"`
	}
}

func receivedBy(t testing.TB, s *sandbox.Sandbox, name string) received {
	t.Helper()
	var out received
	mustControl(t, s, "GET", "received/"+name, nil, &out)
	return out
}
