package conformance_test

import (
	"strings"
	"testing"

	"ristmik/soap/conformance"
)

func TestTheDocumentNamesTheTestsOfEachItem(t *testing.T) {
	t.Parallel()
	text := conformance.Document([]conformance.Record{
		{ID: "C-001", Package: "soap", Test: "TestB/one", Outcome: conformance.Passed},
		{ID: "C-001", Package: "soap", Test: "TestA", Outcome: conformance.Skipped},
		{ID: "C-001", Package: "soap", Test: "TestA/sub", Outcome: conformance.Passed},
		{ID: "C-002", Package: "soap", Test: "TestC", Outcome: conformance.Failed},
		{ID: "C-003", Package: "soap", Test: "TestD/1", Outcome: conformance.Passed},
		{ID: "C-003", Package: "soap", Test: "TestD/2", Outcome: conformance.Passed},
		{ID: "C-003", Package: "soap", Test: "TestD/3", Outcome: conformance.Passed},
		{ID: "C-003", Package: "soap", Test: "TestD/4", Outcome: conformance.Passed},
	})
	for _, want := range []string{
		"| `soap.TestA`<br>`soap.TestB/one` |\n| C-002", // one name per test, sorted
		"respectively", "## Connection",
		"| `soap.TestD` |\n| C-004", // many subtests are one
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%.2000s", want, text)
		}
	}
	if strings.Contains(text, "TestC") {
		t.Error("a failed test covers an item")
	}
}

func TestUncoveredItemsAreThoseWithoutTestAndReason(t *testing.T) {
	t.Parallel()
	open := conformance.Uncovered([]conformance.Record{{ID: "C-001", Package: "soap", Test: "TestA", Outcome: conformance.Passed}})
	if want := 168 - 1 - len(conformance.Reasons()); len(open) != want || open[0].ID == "C-001" {
		t.Errorf("%d open items beginning with %s, want %d", len(open), open[0].ID, want)
	}
}
