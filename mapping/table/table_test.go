package table_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"ristmik/configs"
	"ristmik/mapping/codelist"
	"ristmik/mapping/table"
	"ristmik/soap/contract"
)

var today = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// options are the contract in testdata and the shipped code list.
func options(t *testing.T) table.Options {
	t.Helper()
	c, err := contract.Load(os.DirFS("testdata"), "persons.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	data, err := configs.Shipped.ReadFile("codelists/countries.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d codelist.Definition
	if _, problems := configs.Decode("countries.yaml", data, &d); len(problems) > 0 {
		t.Fatal(problems)
	}
	l, err := codelist.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return table.Options{Contract: c, Lists: map[string]*codelist.List{"countries": l}, Today: today}
}

// load reads a table as the program does: problems have file and line.
func load(t *testing.T, name string, data []byte, o table.Options) (*table.Table, []string) {
	t.Helper()
	var d table.Definition
	lines, problems := configs.Decode(name, data, &d)
	made, found := table.New(d, o)
	for _, p := range found {
		problems = append(problems, lines.Problem(p.Path, p.Code, p.Message, p.Allowed...))
	}
	problems.Sort()
	var out []string
	for _, p := range problems {
		out = append(out, p.Code+" "+p.String())
	}
	return made, out
}

// good is the table in testdata.
func good(t *testing.T) *table.Table {
	t.Helper()
	data, err := os.ReadFile("testdata/persons.yaml")
	if err != nil {
		t.Fatal(err)
	}
	made, problems := load(t, "persons.yaml", data, options(t))
	if len(problems) > 0 {
		t.Fatal(strings.Join(problems, "\n"))
	}
	return made
}

func TestExamplesComeTrue(t *testing.T) {
	t.Parallel()
	for _, p := range good(t).RunExamples(today) {
		t.Errorf("%s: %s: %s", p.Path, p.Code, p.Message)
	}
}
