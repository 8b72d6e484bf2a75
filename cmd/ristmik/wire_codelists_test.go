package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed is the place of the page of mapping tables, with the folder of lists that
// the page shows, and a table that uses it.
func listed(t *testing.T, lists map[string]string) (dir, config string) {
	t.Helper()
	_, blocks := page(t)
	table := strings.Replace(blocks["yaml vehicles.yaml"][0], "{from: /varv, to: /colours}", "{from: /varv, to: /colours, codes: {list: colours, core: core, register: register}}", 1)
	dir = place(t, strings.Replace(table, `"colours": ["must", "hall"]`, `"colours": ["BLACK", "GREY"]`, 1))
	config = filepath.Join(dir, "ristmik.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "codelists"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, list := range lists {
		if err := os.WriteFile(filepath.Join(dir, "codelists", name), []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(config, []byte(string(text)+blocks["yaml lists"][0]), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, config
}

// A folder of lists is read as a whole; what the page shows is what happens.
func TestListsOfAFolder(t *testing.T) {
	t.Parallel()
	_, blocks := page(t)
	dir, config := listed(t, map[string]string{"colours.csv": blocks["csv codelists/colours.csv"][0], "README.txt": "not a list"})
	if out, code := at(t, dir, "check", "-c", config); code != exitDone || !strings.Contains(out, "examples: 9") {
		t.Fatalf("check: %d\n%s", code, out)
	}
	answer := `<v:soidukidResponse xmlns:v="urn:vehicles"><response><menetleja>amet</menetleja><soiduk><reg_nr>1</reg_nr><riik>FI</riik><omanik>Tamm, Mari</omanik><kehtiv>J</kehtiv><mass>1</mass><varv>%s</varv></soiduk></response></v:soidukidResponse>`
	for colour, want := range map[string]struct {
		code int
		text string
	}{"hõbedane": {exitDone, "SILVER"}, "hall-2": {exitFailed, "not_valid"}, "roheline": {exitFailed, "unknown_code"}} {
		out, code := at(t, dir, "contract", "explain", "vehicles", "soidukid", "-c", config, "--answer", "-d", fmt.Sprintf(answer, colour))
		if code != want.code || !strings.Contains(out, want.text) {
			t.Errorf("%s: %d\n%s", colour, code, out)
		}
	}
}

// What is wrong with a list is told with the file and the line.
func TestFaultsOfListsHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	good := "# list: colours\n# version: 1\ncore,register,from,to\nBLACK,must,,\nGREY,hall,,\n"
	for name, tc := range map[string]struct {
		lists map[string]string
		want  []string
	}{
		"faults of a table": {map[string]string{"colours.csv": good + "RED,,2020-13-01,\nBLACK,mustjas,,\nRED,punane,2020-01-01,2019-01-01\n"}, []string{
			"colours.csv:6: entries[2].from", "colours.csv:7: entries[3].codes.core", "colours.csv:8: entries[4].to"}},
		"short rows":      {map[string]string{"colours.csv": good + "RED\n"}, []string{"colours.csv:6: entries: the row has 1 fields and the row of names 4"}},
		"no name":         {map[string]string{"colours.csv": strings.TrimPrefix(good, "# list: colours\n")}, []string{"colours.csv:1: a list needs a name"}},
		"one name, twice": {map[string]string{"a.csv": good, "b.csv": good}, []string{"b.csv is another list called colours"}},
		"both forms":      {map[string]string{"a.csv": good, "b.yaml": "list: colours\nversion: '1'\nsystems: [core]\nentries: []\n"}, []string{"b.yaml is another list called colours"}},
		"an empty folder": {nil, []string{"has no list"}},
		"a list without a code of the table": {map[string]string{"colours.csv": good, "x.yaml": "list: x\nversion: '1'\nsystems: [core]\nentries: [{codes: {core: A}, from: 1}]\n"}, []string{
			"x.yaml:4: entries[0].from"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, config := listed(t, tc.lists)
			_, problems, err := checkConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, p := range problems {
				told = append(told, p.String())
			}
			for _, want := range tc.want {
				if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, want) }) {
					t.Errorf("%q is missing in\n%s", want, strings.Join(told, "\n"))
				}
			}
		})
	}
}
