package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/soap/contract"
)

// A description that would take more than its budget costs its own register: a
// check tells it, and a hub has the others.
func TestADescriptionBeyondItsBudgetCostsOneRegister(t *testing.T) {
	t.Parallel()
	w := newWatchedWorld(t)
	w.run(exitDone, "check")
	// Thirty groups, each of two of the next: a thousand million elements.
	groups := ""
	for i := range 30 {
		groups += fmt.Sprintf(`<xs:group name="g%d"><xs:sequence><xs:group ref="t:g%d"/><xs:group ref="t:g%d"/></xs:sequence></xs:group>`, i, i+1, i+1)
	}
	hostile := strings.Replace(carsWSDL, `<xs:element name="cars">`, groups+`<xs:group name="g30"><xs:sequence><xs:element name="x" type="xs:int"/></xs:sequence></xs:group>
<xs:element name="cars">`, 1)
	hostile = strings.Replace(hostile, `<xs:element name="owner"`, `<xs:group ref="t:g0"/><xs:element name="owner"`, 1)
	dir := filepath.Dir(w.config)
	if err := os.WriteFile(filepath.Join(dir, "hostile.wsdl"), []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "contracts:\n", "contracts:\n  hostile: {title: {et: Kuri, en: Hostile}, file: hostile.wsdl, provider: EE/GOV/70001490/liiklusregister}\n", 1)
	if err := os.WriteFile(w.config, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := w.run(exitUsage, "check"); !strings.Contains(out, contract.ErrTooLarge.Error()) {
		t.Errorf("check:\n%s", out)
	}
	cfg, err := loadConfig(w.config)
	if err != nil {
		t.Fatal(err)
	}
	all, err := openRegisters(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if sound := r.Contract != nil && r.Unusable == nil; sound != (r.Name == "cars") {
			t.Errorf("%s: unusable because of %v", r.Name, r.Unusable)
		}
	}
	if len(all) != 2 {
		t.Errorf("registers: %d", len(all))
	}
}
