package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ristmik/configs"
	"ristmik/mapping/table"
)

// page is docs/mapping-tables.md with its code blocks by what stands behind the
// fence.
func page(t *testing.T) (text string, blocks map[string][]string) {
	t.Helper()
	data, err := os.ReadFile("../../docs/mapping-tables.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks = map[string][]string{}
	for _, m := range regexp.MustCompile("(?s)\n```([^\n]+)\n(.*?)\n```\n").FindAllStringSubmatch(string(data), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2]+"\n")
	}
	return string(data), blocks
}

// place is a folder with the example of the page: contract, table and
// configuration.
func place(t *testing.T, vehicles string) string {
	t.Helper()
	_, blocks := page(t)
	wsdl, err := os.ReadFile("testdata/vehicles/vehicles.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := configs.Shipped.ReadFile(configs.DefaultFile)
	if err != nil {
		t.Fatal(err)
	}
	if vehicles == "" {
		vehicles = blocks["yaml vehicles.yaml"][0]
	}
	section := regexp.MustCompile(`(?m)^contracts:.*\n`)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"vehicles.wsdl": string(wsdl), "vehicles.yaml": vehicles,
		"ristmik.yaml": section.ReplaceAllString(string(shipped), blocks["yaml"][0]),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// at runs a command and returns what it prints, with the folder left out.
func at(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, &out, &errs)
	return strings.ReplaceAll(out.String(), dir+string(filepath.Separator), ""), code
}

// What docs/mapping-tables.md shows is what happens.
func TestThePageOfMappingTables(t *testing.T) {
	t.Parallel()
	text, blocks := page(t)
	dir := place(t, "")
	config := filepath.Join(dir, "ristmik.yaml")

	sample, code := at(t, dir, "contract", "sample", filepath.Join(dir, "vehicles.wsdl"), "soidukid", "--fullest")
	if want := blocks["json sample"][0]; code != exitDone || sample != want {
		t.Errorf("the sample is\n%s", sample)
	}
	if out, code := at(t, dir, "check", "-c", config); code != exitDone || !strings.Contains(out, "mapping tables: 4 (examples: 9)") {
		t.Errorf("check: %d\n%s", code, out)
	}
	shown := func(block string) string { _, rest, _ := strings.Cut(block, "\n"); return rest }
	out, code := at(t, dir, "contract", "explain", "vehicles", "soidukid", "-c", config, "-d", `{"owner": {"personal_code": "38001085718"}}`)
	if want := shown(blocks["console"][0]); code != exitDone || out != want {
		t.Errorf("explain: %d\n%s", code, out)
	}
	slips := strings.NewReplacer("/request/isikukood,", "/request/isikukod,", "all: X", "all: Y", "transform: date(", "transform: datum(", "kehtiv == 'J'", "kehtiv == 1")
	wrong := place(t, slips.Replace(blocks["yaml vehicles.yaml"][0]))
	out, code = at(t, wrong, "check", "-c", filepath.Join(wrong, "ristmik.yaml"))
	if want := shown(blocks["console"][1]); code != exitUsage || out != want {
		t.Errorf("check of slips: %d\n%s", code, out)
	}
	for _, one := range table.Transforms() {
		name, turned := one.Name, "yes"
		if one.Arguments != "" {
			name += "(" + one.Arguments + ")"
		}
		if !one.TwoWay {
			turned = "no; " + one.Direction
		}
		if row := fmt.Sprintf("| `%s` | %s ⇄ %s | %s | %s |\n", name, one.Core, one.Register, turned, one.Doc); !strings.Contains(text, row) {
			t.Errorf("the page lacks\n%s", row)
		}
	}
}

// An example that does not come true is a problem with its line.
func TestCheckPlaysTheExamples(t *testing.T) {
	t.Parallel()
	_, blocks := page(t)
	vehicles := blocks["yaml vehicles.yaml"][0]
	dir := place(t, strings.Replace(vehicles, "<seisuga>25.11.2026<", "<seisuga>26.11.2026<", 1))
	out, code := at(t, dir, "check", "-c", filepath.Join(dir, "ristmik.yaml"))
	line := 1 + strings.Count(vehicles[:strings.Index(vehicles, "sends: |")], "\n")
	want := fmt.Sprintf("vehicles.yaml:%d: examples[0].sends: valid vehicles of one owner: /request/seisuga is \"25.11.2026\"; the example has \"26.11.2026\"\n", line)
	if code != exitUsage || out != want {
		t.Errorf("%d\n%s, want\n%s", code, out, want)
	}
}

func TestContractExplain(t *testing.T) {
	t.Parallel()
	dir := place(t, "")
	config := filepath.Join(dir, "ristmik.yaml")
	answer := `<v:soidukidResponse xmlns:v="urn:vehicles"><response><soiduk><reg_nr>1</reg_nr><riik>FI</riik><omanik>A, B</omanik><kehtiv>J</kehtiv></soiduk></response></v:soidukidResponse>`
	for name, tc := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"both ways":         {[]string{"vehicles", "soidukid"}, exitDone, []string{"request  7 ", "answer   17 ", "/vehicles/*/first_registered_in", "code list countries, alpha3 and alpha2"}},
		"one way":           {[]string{"vehicles", "soidukid", "--answer"}, exitDone, []string{"answer  14 "}},
		"an answer":         {[]string{"vehicles", "soidukid", "--answer", "-d", answer}, exitDone, []string{"/response/soiduk/0/riik", "/vehicles/0/first_registered_in", `filled   "FIN"`}},
		"a refused answer":  {[]string{"vehicles", "soidukid", "--answer", "-d", strings.Replace(answer, "FI", "XX", 1)}, exitFailed, []string{"refused", "code_list", "/response/soiduk/0/riik"}},
		"refused":           {[]string{"vehicles", "soidukid", "-d", `{"which": "some"}`}, exitFailed, []string{"/owner/personal_code", "required", "/which", "code_list"}},
		"no JSON":           {[]string{"vehicles", "soidukid", "-d", `[`}, exitUsage, nil},
		"no register":       {[]string{"boats", "soidukid"}, exitUsage, nil},
		"no operation":      {[]string{"vehicles", "boats"}, exitUsage, nil},
		"no version":        {[]string{"vehicles", "soidukid", "--version", "v9"}, exitUsage, nil},
		"no such file":      {[]string{"vehicles", "soidukid", "-d", "@" + filepath.Join(dir, "none")}, exitUsage, nil},
		"the shipped table": {[]string{"employment", "TORIK"}, exitDone, []string{"table employment in mappings/employment.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := at(t, dir, append(append([]string{"contract", "explain"}, tc.args...), "-c", config)...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in\n%s", want, out)
				}
			}
		})
	}
	out, code := at(t, dir, "contract", "explain", "vehicles", "soidukid", "-c", config, "--json", "--answer", "-d", answer)
	var got struct {
		File  string
		Rules []struct {
			Line          int
			Rule, Outcome string
		}
		Result map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); code != exitDone || err != nil || got.File != "vehicles.yaml" || len(got.Rules) != 7 || got.Rules[0].Line != 17 || got.Result["source"] != "vehicles" {
		t.Errorf("%d %v %+v", code, err, got)
	}
}

// The files that a configuration names are looked for, and what is wrong with
// them is told with the file that it is in.
func TestFilesOfTables(t *testing.T) {
	t.Parallel()
	const (
		mapping = "mappings: [vehicles.yaml]"
		openAPI = "openapi: 3.0.0\ninfo: {title: v, version: '1'}\npaths: {/v: {get: {operationId: v, responses: {'200': {description: v}}}}}\n"
	)
	for name, tc := range map[string]struct{ config, lists, want string }{
		"no file":             {"mappings: [none.yaml]", "", "bad-mapping ristmik.yaml"},
		"twice":               {"mappings: [vehicles.yaml, vehicles.yaml]", "", "contradiction ristmik.yaml"},
		"OpenAPI":             {mapping + "\n    service: v", "", "unknown-operation vehicles.yaml"},
		"not YAML":            {"mappings: [vehicles.wsdl]", "", "wrong-type vehicles.wsdl"},
		"no list":             {mapping, "code_lists: [none.yaml]\n", "bad-code-list ristmik.yaml"},
		"a list, faulty":      {mapping, "code_lists: [list.yaml]\n", "bad-code-list list.yaml"},
		"a list, no such key": {mapping, "code_lists: [vehicles.yaml]\n", "unknown-key vehicles.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := place(t, "")
			config := filepath.Join(dir, "ristmik.yaml")
			data, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(data), mapping, tc.config, 1) + tc.lists
			if name == "OpenAPI" {
				text = strings.Replace(text, "file: vehicles.wsdl", "file: openapi.yaml", 1)
			}
			for file, text := range map[string]string{config: text, filepath.Join(dir, "list.yaml"): "list: x\n", filepath.Join(dir, "openapi.yaml"): openAPI} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, problems, err := checkConfig(config)
			if err != nil || len(problems) == 0 {
				t.Fatal(err, problems)
			}
			if p := problems[0]; p.Code+" "+filepath.Base(p.File) != tc.want || p.Line == 0 {
				t.Errorf("%s %v", p.Code, problems)
			}
		})
	}
}

// A drafted table is good as it is printed.
func TestContractTable(t *testing.T) {
	t.Parallel()
	dir := place(t, "")
	draft, code := at(t, dir, "contract", "table", filepath.Join(dir, "vehicles.wsdl"), "soidukid")
	if code != exitDone || !strings.Contains(draft, "{from: /isikukood, to: /request/isikukood}") {
		t.Fatalf("%d\n%s", code, draft)
	}
	dir = place(t, draft)
	if out, code := at(t, dir, "check", "-c", filepath.Join(dir, "ristmik.yaml")); code != exitDone {
		t.Errorf("%d\n%s", code, out)
	}
	if _, code := at(t, dir, "contract", "table", filepath.Join(dir, "vehicles.wsdl"), "boats"); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}
