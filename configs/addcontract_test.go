package configs_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/configs"
)

// A register is added, and every other line of the file stays as it was.
func TestAContractIsAddedAndTheRestStays(t *testing.T) {
	t.Parallel()
	shipped, err := fs.ReadFile(configs.Shipped, configs.DefaultFile)
	if err != nil {
		t.Fatal(err)
	}
	added := configs.Contract{
		Title: configs.Title{ET: "Liiklusregister: sõidukid", EN: "Vehicles, #1"}, File: "contracts/cars/cars.wsdl", Provider: "EE/GOV/70001490/liiklusregister",
		Require: []configs.Requirement{configs.RequireUserID, configs.RequireIssue}, Tolerant: true, Refusals: []string{"/Viga"}, AsOf: "/aeg",
	}
	without, _, found := strings.Cut(string(shipped), "contracts:")
	if !found {
		t.Fatal("the shipped configuration has no contracts")
	}
	for name, before := range map[string]string{
		"shipped":     string(shipped),
		"no section":  without,
		"no newline":  strings.TrimRight(without, "\n"),
		"empty":       without + "contracts: # none yet\n",
		"empty, last": without + "contracts:",
		"wide":        without + "contracts:\n      # the first\n      employment: # one\n            title: {et: a, en: b}\n            file: employment-register.wsdl\n            provider: EE/GOV/70000349/tor\n",
	} {
		after, err := configs.AddContract([]byte(before), "cars", added, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cfg, err := configs.Parse("x.yaml", after)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, after)
			continue
		}
		if diff := cmp.Diff(added, cfg.Contracts["cars"]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		kept := 0
		rest := strings.Split(string(after), "\n")
		for line := range strings.SplitSeq(strings.TrimRight(before, "\n"), "\n") {
			for len(rest) > 0 && rest[0] != line {
				rest, kept = rest[1:], kept+1
			}
			if len(rest) == 0 {
				t.Errorf("%s: the line %q is gone or elsewhere:\n%s", name, line, after)
				break
			}
			rest = rest[1:]
		}
		if kept > 10 {
			t.Errorf("%s: %d lines were added:\n%s", name, kept, after)
		}
	}
}

// The file of an entry is replaced in its place, by those who ask for it.
func TestAContractIsReplacedOnPurposeOnly(t *testing.T) {
	t.Parallel()
	const before = "contracts: # registers\n  cars:\n    file: \"old.wsdl\" # as of May\n    provider: EE/GOV/70001490/liiklusregister\n"
	k := configs.Contract{File: "contracts/cars/new: 1.wsdl"}
	if _, err := configs.AddContract([]byte(before), "cars", k, false); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v", err)
	}
	after, err := configs.AddContract([]byte(before), "cars", k, true)
	want := strings.Replace(before, `"old.wsdl"`, `'contracts/cars/new: 1.wsdl'`, 1)
	if err != nil || string(after) != want {
		t.Errorf("%v\n%s", err, after)
	}
	for _, flow := range []string{"contracts: {cars: {file: a}}\n", "{contracts: {}}\n", "contracts: {}\n", "- a\n"} {
		if _, err := configs.AddContract([]byte(flow), "boats", k, false); !errors.Is(err, configs.ErrBraces) {
			t.Errorf("%s: error %v", flow, err)
		}
	}
}
