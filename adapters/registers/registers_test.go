package registers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/registers"
	"ristmik/adapters/registers/record"
	"ristmik/adapters/sandbox"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/conformance"
	"ristmik/soap/contract"
)

// register is a register that nobody here has seen before.
const registerWSDL = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><xs:schema targetNamespace="urn:t">
<xs:element name="cars"><xs:complexType><xs:sequence>
  <xs:element name="owner" type="xs:string"/><xs:element name="since" type="xs:date" minOccurs="0"/><xs:element name="limit" minOccurs="0"><xs:simpleType><xs:restriction base="xs:int"><xs:maxInclusive value="100"/></xs:restriction></xs:simpleType></xs:element>
</xs:sequence></xs:complexType></xs:element>
<xs:element name="carsResponse"><xs:complexType><xs:sequence>
  <xs:element name="car" type="t:Problem" minOccurs="0" maxOccurs="1000"/>
  <xs:element name="faultCode" type="xs:string" minOccurs="0"/><xs:element name="faultString" type="xs:string" minOccurs="0"/><xs:element name="Viga" type="xs:string" minOccurs="0"/>
  <xs:element name="Veakood" type="xs:integer" minOccurs="0"/><xs:element name="Veatekst" type="xs:string" minOccurs="0"/><xs:element name="lisainfo" type="xs:string" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element>
<xs:complexType name="Problem"><xs:sequence><xs:element name="plate" type="xs:string"/><xs:element name="weight" type="xs:decimal" minOccurs="0"/></xs:sequence></xs:complexType>
<xs:element name="old"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>
</xs:schema></w:types>
<w:message name="cars"><w:part name="body" element="t:cars"/></w:message><w:message name="carsResponse"><w:part name="body" element="t:carsResponse"/></w:message><w:message name="old"><w:part name="body" element="t:old"/></w:message>
<w:portType name="p"><w:operation name="cars"><w:documentation><x:title xml:lang="en">Cars of an owner</x:title><x:title xml:lang="et">Omaniku sõidukid</x:title></w:documentation><w:input message="t:cars"/><w:output message="t:carsResponse"/></w:operation>
<w:operation name="old"><w:input message="t:old"/><w:output message="t:old"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document"/><w:operation name="cars"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
<w:operation name="old"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding></w:definitions>`

const worldYAML = `
instance: EE
members:
  - class: GOV
    code: "70008747"
    name: {et: Meie, en: Us}
    subsystems:
      - {code: ristmik, name: {et: Ristmik, en: Ristmik}}
  - class: GOV
    code: "70000310"
    name: {et: Nemad, en: Them}
    subsystems:
      - code: cars
        name: {et: Register, en: Register}
        services:
          - {code: cars, version: v1, type: WSDL, clients: [EE/GOV/70008747/ristmik]}
`

// world is the API in front of a sandbox's Security Server, behind which a
// register answers with what the test tells it to.
type world struct {
	api *registers.API
	url string
	log *safeBuffer

	mu     sync.Mutex
	answer string // content of the wrapper; a Fault when it begins with "fault:"
	got    *soap.Message
	seen   []registers.Observation
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func client(t *testing.T, text string) soap.ClientID {
	t.Helper()
	id, err := soap.ParseClientID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newWorld(t *testing.T, change func(*registers.Register)) *world {
	t.Helper()
	return newRecordedWorld(t, change, nil)
}

// newRecordedWorld is newWorld with a record of the exchanges.
func newRecordedWorld(t *testing.T, change func(*registers.Register), book *record.Book) *world {
	t.Helper()
	w := &world{log: &safeBuffer{}}
	register := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(register.Close)
	config, err := sandbox.ParseConfig("world.yaml", []byte(worldYAML))
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
	provider := client(t, "EE/GOV/70000310/cars")
	if err := box.SetService(soap.ServiceID{Provider: provider, Code: "cars", Version: "v1"}, register.URL); err != nil {
		t.Fatal(err)
	}
	xr, err := xroad.New(xroad.Options{SecurityServer: box.URL(), Client: client(t, "EE/GOV/70008747/ristmik"), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Load(fstest.MapFS{"cars.wsdl": {Data: []byte(registerWSDL)}}, "cars.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	reg := registers.Register{Name: "cars", Title: "Register of cars", Provider: provider, Contract: c}
	if change != nil {
		change(&reg)
	}
	api, err := registers.New(registers.Options{
		XRoad: xr, Registers: []registers.Register{reg}, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Record: book,
		Observe: func(o registers.Observation) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, o)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.api = api
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// serve is the register.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	m, err := soap.ReadRequest(data, soap.DefaultLimits())
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = m
	rw.Header().Set("Content-Type", soap.ContentType)
	if text, ok := strings.CutPrefix(w.answer, "fault:"); ok {
		_, _ = rw.Write(soap.BuildFault(soap.Fault{Code: "SOAP-ENV:Server", String: text}))
		return
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(`<t:carsResponse xmlns:t="urn:t">` + w.answer + `</t:carsResponse>`); err != nil {
		panic(err)
	}
	out, err := soap.BuildAnswer(m, doc.Root())
	if err != nil {
		panic(err)
	}
	_, _ = rw.Write(out)
}

// ask makes one request and returns status and body.
func (w *world) ask(t *testing.T, method, path, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	d := json.NewDecoder(res.Body)
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%s %s: %d: %v", method, path, res.StatusCode, err)
	}
	return res.StatusCode, out
}

func (w *world) says(answer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func TestAnOperationIsATypedJSONEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.says(`<car><plate>123ABC</plate><weight>1234567890.10</weight></car>`)
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"38001085718","since":"2020-02-29","limit":7}`,
		"X-Road-UserId", "EE38001085718", "X-Road-Issue", "PERMIT-1")
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	want := map[string]any{"car": []any{map[string]any{"plate": "123ABC", "weight": json.Number("1234567890.10")}}}
	if diff := cmp.Diff(want, got["data"]); diff != "" {
		t.Error(diff)
	}
	x := got["exchange"].(map[string]any)
	if x["service"] != "EE/GOV/70000310/cars/cars/v1" || x["message_id"] != w.got.Header.ID || x["request_hash"] == "" || x["answered_at"] == nil || x["took_ms"] == nil {
		t.Errorf("exchange %v", x)
	}
	if h := w.got.Header; h.UserID != "EE38001085718" || h.Issue != "PERMIT-1" {
		t.Errorf("the register was asked by %q about %q", h.UserID, h.Issue)
	}
	// None, one or many: a list is a list.
	w.says("")
	if _, got = w.ask(t, "POST", "/v1/registers/cars/cars?version=v1", `{"owner":"x"}`); cmp.Diff(map[string]any{"car": []any{}}, got["data"]) != "" {
		t.Errorf("data %v", got["data"])
	}
}

func TestARequestThatCannotBeRightDoesNotLeave(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-047")
	w := newWorld(t, func(r *registers.Register) { r.RequireUser, r.RequireIssue = true, true })
	good := []string{"X-Road-UserId", "EE38001085718", "X-Road-Issue", "PERMIT-1"}
	for name, tc := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		errors             []string
	}{
		"every fault at once": {"POST", "/cars/cars", `{"since":"2026-02-30","limit":101,"stranger":1}`, good, 422, []string{"/limit range", "/owner required", "/since format", "/stranger unknown"}},
		"no object":           {"POST", "/cars/cars", `[]`, good, 422, []string{" type"}},
		"no JSON":             {"POST", "/cars/cars", `{`, good, 400, nil},
		"key twice":           {"POST", "/cars/cars", `{"owner":"a","owner":"b"}`, good, 400, []string{"/owner duplicate_key"}},
		"nobody asks":         {"POST", "/cars/cars", `{"owner":"x"}`, nil, 400, []string{"X-Road-Issue required", "X-Road-UserId required"}},
		"no country":          {"POST", "/cars/cars", `{"owner":"x"}`, []string{"X-Road-UserId", "38001085718", "X-Road-Issue", "PERMIT-1"}, 400, []string{"X-Road-UserId country"}},
		"small country":       {"POST", "/cars/cars", `{"owner":"x"}`, []string{"X-Road-UserId", "ee38001085718", "X-Road-Issue", "PERMIT-1"}, 400, []string{"X-Road-UserId country"}},
		"three letters":       {"POST", "/cars/cars", `{"owner":"x"}`, []string{"X-Road-UserId", "EEe8001085718", "X-Road-Issue", "PERMIT-1"}, 400, []string{"X-Road-UserId country"}},
		"country alone":       {"POST", "/cars/cars", `{"owner":"x"}`, []string{"X-Road-UserId", "EE", "X-Road-Issue", "PERMIT-1"}, 400, []string{"X-Road-UserId country"}},
		"escaped path":        {"POST", "/cars/%63ars", `{}`, good, 422, []string{"/owner required"}},
		"longer path":         {"POST", "/cars/cars/more", `{}`, good, 404, nil},
		"no operation":        {"POST", "/cars/", `{}`, good, 404, nil},
		"two ask":             {"POST", "/cars/cars", `{"owner":"x"}`, append([]string{"X-Road-UserId", "EE2"}, good...), 400, []string{"X-Road-UserId duplicate"}},
		"unknown register":    {"POST", "/boats/cars", `{}`, good, 404, nil},
		"unknown operation":   {"POST", "/cars/boats", `{}`, good, 404, nil},
		"unknown version":     {"POST", "/cars/cars?version=v9", `{}`, good, 404, nil},
		"unusable operation":  {"POST", "/cars/old", `{}`, good, 501, nil},
		"wrong method":        {"GET", "/cars/cars", ``, good, 405, nil},
		"wrong method, list":  {"DELETE", "", ``, good, 405, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, got := w.ask(t, tc.method, "/v1/registers"+tc.path, tc.body, tc.headers...)
			var found []string
			if list, ok := got["errors"].([]any); ok {
				for _, one := range list {
					e := one.(map[string]any)
					found = append(found, e["path"].(string)+" "+e["code"].(string))
				}
			}
			slices.Sort(found)
			if status != tc.status || !slices.Equal(found, tc.errors) {
				t.Errorf("%d %v, want %d %v", status, got, tc.status, tc.errors)
			}
		})
	}
	t.Cleanup(func() {
		if w.got != nil {
			t.Error("the register was asked")
		}
	})
}

func TestATolerantRegisterMayAddFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { r.Tolerant = true })
	w.says("<boat>1</boat><car><plate>1</plate><colour>red</colour></car>")
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"x"}`)
	want := map[string]any{"#unknown": []any{"<boat>1</boat>"}, "car": []any{map[string]any{"plate": "1", "#unknown": []any{"<colour>red</colour>"}}}}
	if diff := cmp.Diff(want, got["data"]); status != http.StatusOK || diff != "" {
		t.Errorf("%d %s", status, diff)
	}
	if diff := cmp.Diff([]any{"/boat", "/car/0/colour"}, got["unknown"]); diff != "" {
		t.Error(diff)
	}
}

func TestTheDescriptionSaysWhatTheRegisterTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { r.RequireUser = true })
	status, list := w.ask(t, "GET", "/v1/registers", "")
	if text, _ := json.Marshal(list); status != http.StatusOK || !strings.Contains(string(text), `"operation":"cars","title":"Cars of an owner","version":"v1"`) ||
		!strings.Contains(string(text), `"unusable":"unsupported: xs:list"`) {
		t.Errorf("%d %s", status, text)
	}
	status, doc := w.ask(t, "GET", "/v1/registers/cars/openapi.json", "")
	if status != http.StatusOK || doc["openapi"] != "3.1.0" {
		t.Fatalf("%d %v", status, doc)
	}
	paths := doc["paths"].(map[string]any)
	if len(paths) != 1 {
		t.Errorf("paths %v", paths)
	}
	// A type of the contract may be called what we call one of ours.
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for name, field := range map[string]string{"Problem": "message_id", "Problem_2": "plate"} {
		one, _ := schemas[name].(map[string]any)
		if properties, _ := one["properties"].(map[string]any); properties[field] == nil {
			t.Errorf("the schema %s is %v", name, one)
		}
	}
	post := paths["/v1/registers/cars/cars"].(map[string]any)["post"].(map[string]any)
	if post["summary"] != "Cars of an owner" || !strings.Contains(post["description"].(string), "Omaniku sõidukid\n\nService EE/GOV/70000310/cars/cars/v1.") {
		t.Errorf("titles %v, %v", post["summary"], post["description"])
	}
	if user := post["parameters"].([]any)[0].(map[string]any); user["name"] != "X-Road-UserId" || user["required"] != true {
		t.Errorf("parameter %v", user)
	}
	media := post["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("mem:///openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:///openapi.json#/paths/~1v1~1registers~1cars~1cars/post/requestBody/content/application~1json/schema")
	if err != nil {
		t.Fatal(err)
	}
	examples := media["examples"].(map[string]any)
	if len(examples) != 2 {
		t.Errorf("examples %v", examples)
	}
	for name, one := range examples {
		value := one.(map[string]any)["value"]
		if err := schema.Validate(value); err != nil {
			t.Errorf("example %s: %v", name, err)
		}
		// What is shown can be sent.
		body, _ := json.Marshal(value)
		if status, got := w.ask(t, "POST", "/v1/registers/cars/cars", string(body), "X-Road-UserId", "EE1"); status != http.StatusOK {
			t.Errorf("example %s: %d %v", name, status, got)
		}
	}
}
