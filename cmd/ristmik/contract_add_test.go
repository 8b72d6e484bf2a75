package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
	"ristmik/soap"
)

// carsWSDL is a register that the program does not ship. It imports a schema
// that nobody has, which costs one operation, and names an address that nobody
// may call.
const carsWSDL = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:t" xmlns:m="urn:m" targetNamespace="urn:t">
<w:types><xs:schema targetNamespace="urn:t"><xs:import namespace="urn:m" schemaLocation="http://127.0.0.1:1/missing.xsd"/>
<xs:element name="cars"><xs:complexType><xs:sequence><xs:element name="owner" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="carsResponse"><xs:complexType><xs:sequence><xs:element name="car" type="xs:string" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="lost"><xs:complexType><xs:sequence><xs:element name="x" type="m:x"/></xs:sequence></xs:complexType></xs:element>
</xs:schema></w:types>
<w:message name="cars"><w:part name="body" element="t:cars"/></w:message><w:message name="carsResponse"><w:part name="body" element="t:carsResponse"/></w:message><w:message name="lost"><w:part name="body" element="t:lost"/></w:message>
<w:portType name="p"><w:operation name="cars"><w:documentation><x:title>Cars of an owner</x:title></w:documentation><w:input message="t:cars"/><w:output message="t:carsResponse"/></w:operation>
<w:operation name="lost"><w:input message="t:lost"/><w:output message="t:lost"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="cars"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
<w:operation name="lost"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding>
<w:service name="s"><w:port name="p" binding="t:b"><s:address location="http://127.0.0.1:1/"/></w:port></w:service></w:definitions>`

const carsWorld = `
instance: EE
members:
  - class: GOV
    code: "70008747"
    name: {et: Meie, en: Us}
    subsystems:
      - {code: ristmik, name: {et: Ristmik, en: Ristmik}}
  - class: GOV
    code: "70001490"
    name: {et: Transpordiamet, en: Transport Administration}
    subsystems:
      - code: liiklusregister
        name: {et: Liiklusregister, en: Traffic register}
        services:
          - {code: cars, version: v1, type: WSDL, url: "ADDRESS", clients: [EE/GOV/70008747/ristmik]}
          - {code: lost, version: v1, type: WSDL, url: "ADDRESS"}
      - code: teenused
        name: {et: Teenused, en: Services}
        services:
          - {code: boats, type: OPENAPI3, url: "ADDRESS/boats", description: "ADDRESS/boats.yaml", clients: [EE/GOV/70008747/ristmik]}
          - {code: bare, type: REST, url: "ADDRESS/bare"}
`

// boatsYAML is a REST register that the program does not ship.
const boatsYAML = `openapi: 3.0.3
info: {title: Boats, version: "1"}
paths:
  /boats/{name}:
    get:
      operationId: boat
      summary: One boat
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object}}}}}
    post: {operationId: sail, requestBody: {required: true, content: {text/csv: {}}}, responses: {"204": {description: ok}}}
`

// carsRegister serves the register behind a sandbox and returns the address of
// its Security Server.
func carsRegister(t *testing.T) string {
	t.Helper()
	register := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", soap.ContentType)
		switch {
		case r.URL.Path == "/boats.yaml":
			_, _ = io.WriteString(w, boatsYAML)
			return
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, carsWSDL)
			return
		}
		data, _ := io.ReadAll(r.Body)
		m, err := soap.ReadRequest(data, soap.DefaultLimits())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		doc := etree.NewDocument()
		_ = doc.ReadFromString(`<t:carsResponse xmlns:t="urn:t"><car>123 ABC</car></t:carsResponse>`)
		answer, _ := soap.BuildAnswer(m, doc.Root())
		_, _ = w.Write(answer)
	}))
	t.Cleanup(register.Close)
	config, err := sandbox.ParseConfig("world.yaml", []byte(strings.ReplaceAll(carsWorld, "ADDRESS", register.URL)))
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
	return box.URL()
}

// asShipped is the shipped configuration with a Security Server of the test and
// ports that are free.
func asShipped(t *testing.T, dir, server string) string {
	t.Helper()
	text, err := configs.Shipped.ReadFile(configs.DefaultFile)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`address: 127\.0\.0\.1:\d+`).ReplaceAllString(string(text), "address: 127.0.0.1:0")
	changed = strings.Replace(changed, "http://127.0.0.1:8090", server, 1)
	file := filepath.Join(dir, configs.DefaultFile)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The commands of the README, typed as they stand there, make a register that
// nobody here has seen callable, and the call that they print works.
func TestARegisterIsAddedAsTheREADMESays(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### A register more")
	_, block, _ := strings.Cut(section, "```\n")
	block, _, _ = strings.Cut(block, "```")
	commands := strings.Split(strings.TrimSpace(block), "\n")
	if len(commands) != 2 || !strings.HasPrefix(commands[0], "ristmik contract add --from ") || commands[1] != "ristmik serve -c ristmik.yaml" {
		t.Fatalf("the README has other commands: %q", commands)
	}
	dir := openDir(t)
	asShipped(t, dir, carsRegister(t))

	add, out := program(t, strings.Fields(commands[0])[1:]...)
	add.Dir = dir
	if err := add.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(out)
	if err := add.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"1 of 2 operations can be used", "POST /v1/registers/liiklusregister/cars", "Cars of an owner", "refused: lost", "missing.xsd", commands[1]} {
		if !strings.Contains(string(said), want) {
			t.Errorf("%q is missing in:\n%s", want, said)
		}
	}
	serve, out := program(t, append(strings.Fields(commands[1])[1:], "--log-level", "error")...)
	serve.Dir = dir
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	core := ""
	for lines := bufio.NewScanner(out); core == "" && lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "core API"); ok {
			core = strings.TrimSuffix(strings.TrimSpace(address), "/")
		}
	}
	example := regexp.MustCompile(`curl -s (\S+) -H '(\S+): (\S+)' -H '(\S+): (\S+)' -H '(\S+): (\S+)' -d '(.*)'`).FindStringSubmatch(string(said))
	if example == nil || core == "" {
		t.Fatalf("no example to try at %q in:\n%s", core, said)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(example[1], "http://127.0.0.1:0", core, 1), strings.NewReader(example[8]))
	if err != nil {
		t.Fatal(err)
	}
	for i := 2; i < 8; i += 2 {
		req.Header.Set(example[i], example[i+1])
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), `"car":["123 ABC"]`) {
		t.Errorf("%s: %s", answer.Status, body)
	}
	_ = serve.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, out)
	if err := serve.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// adding runs ristmik contract add in this process.
func adding(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"contract", "add"}, args...), &out, &errs)
	return code, out.String() + errs.String()
}

// files are the names of everything in a folder, with their texts.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A file comes with the schemas that it imports and with nothing else; nothing
// is written by a dry run or by what is refused.
func TestAContractFileIsAddedWithItsSchemas(t *testing.T) {
	t.Parallel()
	source, dir := t.TempDir(), t.TempDir()
	config := asShipped(t, dir, "http://127.0.0.1:1")
	for name, text := range map[string]string{
		"cars.wsdl": strings.Replace(carsWSDL, "http://127.0.0.1:1/missing.xsd", "types/m.xsd", 1), "secret.txt": "x",
		"types/m.xsd": `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:m"><xs:simpleType name="x"><xs:restriction base="xs:string"/></xs:simpleType></xs:schema>`,
		"boats.yaml":  boatsYAML, "bad.wsdl": `<a/>`, "none.wsdl": strings.NewReplacer(`type="xs:string"`, `type="m:y"`, `element="t:carsResponse"`, `element="t:lost"`).Replace(carsWSDL),
	} {
		if err := replaceFile(filepath.Join(source, name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	wsdl := filepath.Join(source, "cars.wsdl")
	provider := []string{"--provider", "EE/GOV/70001490/liiklusregister", "-c", config}
	before := files(t, dir)
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"dry run":          {append([]string{wsdl, "--dry-run"}, provider...), 0, "Nothing was written"},
		"nothing named":    {provider, 2, "name a file, or a register with --from"},
		"both named":       {append([]string{wsdl, "--from", "EE/GOV/70001490/x"}, provider...), 2, "name a file"},
		"no provider":      {[]string{wsdl, "-c", config}, 2, "which subsystem"},
		"no service":       {append([]string{filepath.Join(source, "boats.yaml")}, provider...), 2, "--service CODE"},
		"service of WSDL":  {append([]string{wsdl, "--service", "cars"}, provider...), 2, "--service goes with OpenAPI"},
		"bad service":      {append([]string{filepath.Join(source, "boats.yaml"), "--service", "a/b"}, provider...), 2, "the code of the service is needed"},
		"bad provider":     {[]string{wsdl, "-c", config, "--provider", "EE"}, 2, "--provider"},
		"wrong member":     {[]string{wsdl, "-c", config, "--provider", "EE/GOV/70001491/x"}, 2, "no registry code"},
		"no file":          {append([]string{wsdl + "x"}, provider...), 2, "there is no file"},
		"no WSDL":          {append([]string{filepath.Join(source, "bad.wsdl")}, provider...), 2, "bad.wsdl"},
		"nothing usable":   {append([]string{filepath.Join(source, "none.wsdl")}, provider...), 2, "no operation of none.wsdl can be used"},
		"bad name":         {append([]string{wsdl, "--name", "A_b"}, provider...), 2, "lower-case letters"},
		"known name":       {append([]string{wsdl, "--name", "employment"}, provider...), 2, "--replace"},
		"unknown replaced": {append([]string{wsdl, "--replace"}, provider...), 2, "no register liiklusregister to replace"},
		"other's replaced": {append([]string{wsdl, "--replace", "--name", "employment"}, provider...), 2, "is offered by EE/GOV/70000349/tor"},
		"bad requirement":  {append([]string{wsdl, "--require", "money"}, provider...), 2, "must be one of"},
		"no configuration": {[]string{wsdl, "-c", config + "x", "--provider", "EE/GOV/70001490/x"}, 2, "without -c"},
		"not a service":    {[]string{"--from", "EE/GOV", "-c", config}, 2, "--from"},
		"no subsystem":     {[]string{"--from", "EE/GOV/70001490", "-c", config}, 2, "which subsystem"},
		"server away":      {[]string{"--from", "EE/GOV/70001490/x", "-c", config}, 1, "own_server"},
		"help":             {[]string{"--help"}, 0, "ristmik contract add rr.wsdl"},
	} {
		if code, said := adding(t, tc.args...); code != tc.code || !strings.Contains(said, tc.want) {
			t.Errorf("%s: exit code %d, %q is not in:\n%s", name, code, tc.want, said)
		}
	}
	after := files(t, dir)
	if len(after) != len(before) || after["ristmik.yaml"] != before["ristmik.yaml"] {
		t.Fatalf("something was written: %q", slices.Sorted(func(yield func(string) bool) {
			for name := range after {
				if !yield(name) {
					return
				}
			}
		}))
	}
	code, said := adding(t, append([]string{wsdl, "--title-en", "Cars", "--title-et", "Sõidukid", "--tolerant"}, provider...)...)
	if code != exitDone || !strings.Contains(said, "2 of 2 operations can be used") || !strings.Contains(said, `-d '{"owner":"text"}'`) {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	after = files(t, dir)
	if len(after) != 3 || after["contracts/liiklusregister/types/m.xsd"] == "" || !strings.Contains(after["ristmik.yaml"], "title: {et: Sõidukid, en: Cars}") {
		t.Errorf("written are %v", after)
	}
	// A newer description takes its place, and what breaks is said.
	newer := strings.Replace(files(t, source)["cars.wsdl"], `name="owner"`, `name="keeper"`, 1)
	if err := replaceFile(wsdl, []byte(newer)); err != nil {
		t.Fatal(err)
	}
	code, said = adding(t, append([]string{wsdl, "--replace"}, provider...)...)
	if code != exitDone || !strings.Contains(said, "BREAKING") || !strings.Contains(said, "/owner") || files(t, dir)["contracts/liiklusregister/cars.wsdl"] != newer {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if code, said := adding(t, append([]string{wsdl}, provider...)...); code != exitUsage || !strings.Contains(said, "there is a register liiklusregister already") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

// Without a configuration there is one afterwards; a register with several
// descriptions becomes several.
func TestAConfigurationIsMadeWhereThereIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cars.wsdl"), []byte(carsWSDL), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := program(t, "contract", "add", "cars.wsdl", "--provider", "EE/GOV/70001490/liiklusregister")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil || !strings.Contains(string(said), "ristmik.yaml is new") || !strings.Contains(string(said), "serve -c ristmik.yaml") {
		t.Errorf("%v\n%s", err, said)
	}
	if cfg, problems, err := checkConfig(filepath.Join(dir, "ristmik.yaml")); err != nil || len(problems) > 0 || len(cfg.Contracts) != 2 {
		t.Errorf("%v, %v", err, problems)
	}
	other := t.TempDir()
	config := asShipped(t, other, sandboxAddress(t))
	code, text := adding(t, "--from", "EE/GOV/70000349/tor", "-c", config)
	if code != exitDone || !strings.Contains(text, "/v1/registers/tor-torik/TORIK") || !strings.Contains(text, "/v1/registers/tor-permitnotice/permitNotice") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	code, text = adding(t, "--from", "EE/GOV/70000349/tor/TORIK/v2", "-c", config, "--name", "employment", "--replace")
	if code != exitDone || !strings.Contains(text, "0 differences") || !strings.Contains(files(t, other)["ristmik.yaml"], "file: contracts/employment/torik.wsdl # WSDL or OpenAPI, beside this file") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	code, text = adding(t, "--from", "EE/GOV/70000349/tor/NONE/v2", "-c", config)
	if code != exitFailed || !strings.Contains(text, "advice") {
		t.Errorf("exit code %d\n%s", code, text)
	}
}

// A REST register is added as one of SOAP is, and what shows contracts shows it.
func TestARESTRegisterIsAdded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := asShipped(t, dir, carsRegister(t))
	code, said := adding(t, "--from", "EE/GOV/70001490/teenused", "-c", config)
	for _, want := range []string{
		"teenused (EE/GOV/70001490/teenused/boats): 1 of 2 operations can be used", "POST /v1/registers/teenused/boat", "One boat", "refused: sail",
		"left out: EE/GOV/70001490/teenused/bare: a REST service without a description", `-d '{"path":{"name":"text"}}'`,
	} {
		if code != exitDone || !strings.Contains(said, want) {
			t.Errorf("exit code %d, %q is missing in:\n%s", code, want, said)
		}
	}
	file := filepath.Join(dir, "contracts", "teenused", "boats.yaml")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check", "-c", config}, 0, "is good"},
		{[]string{"contract", "list", "-c", config}, 0, "One boat"},
		{[]string{"contract", "check", file}, 0, "GET /boats/{name}"},
		{[]string{"contract", "check", file}, 0, "cannot be used: unsupported: body that is not JSON"},
		{[]string{"contract", "sample", file, "boat"}, 0, `"name": "text"`},
		{[]string{"contract", "sample", file, "sail"}, 2, "cannot be used"},
		{[]string{"contract", "sample", file, "boat", "--answer"}, 0, "{}"},
		{[]string{"contract", "add", "--from", "EE/GOV/70001490/teenused/bare", "-c", config}, 1, "without a description"},
		{[]string{"contract", "add", "--from", "EE/GOV/70001490/teenused/boats", "-c", config}, 2, "--replace"},
		{[]string{"contract", "add", "--from", "EE/GOV/70001490/teenused/boats", "-c", config, "--replace"}, 0, "1 of 2"},
		{[]string{"contract", "add", file, "--provider", "EE/GOV/70001490/teenused", "--service", "other", "-c", config, "--replace"}, 2, "is offered by EE/GOV/70001490/teenused/boats"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), c.args, &out, &errs); code != c.code || !strings.Contains(out.String()+errs.String(), c.want) {
			t.Errorf("%v: exit code %d, %q is not in:\n%s%s", c.args, code, c.want, &out, &errs)
		}
	}
}
