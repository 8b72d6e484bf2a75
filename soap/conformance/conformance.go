// Package conformance ties tests to the X-Road conformance checklist: a test
// says with Covers which items it checks, and from the records of a test run
// docs/conformance.md is written.
//
// The checklist has 168 items, C-001 to C-168, each for one or more roles: the
// hub as client (C), the hub as provider (P), the sandbox Security Server (S).
package conformance

import (
	_ "embed"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// FolderVariable names the folder into which Covers writes its records. Unset:
// nothing is written.
const FolderVariable = "RISTMIK_CONFORMANCE"

// Item is one testable statement of the checklist.
type Item struct {
	ID        string // "C-064"
	Role      string // "C", "P", "S" or "C,P"
	Level     string // "MUST" or "SHOULD"
	Section   string
	Statement string
}

var (
	//go:embed checklist.tsv
	checklistFile string
	//go:embed reasons.tsv
	reasonsFile string

	checklist = sync.OnceValue(readChecklist)
)

// Checklist returns all items in the order of their numbers.
func Checklist() []Item { return checklist() }

// Reasons returns, by id, why an item needs no test.
func Reasons() map[string]string {
	reasons := map[string]string{}
	for _, cells := range table(reasonsFile, 2) {
		reasons[cells[0]] = cells[1]
	}
	return reasons
}

func readChecklist() []Item {
	var items []Item
	for _, c := range table(checklistFile, 5) {
		items = append(items, Item{ID: c[0], Role: c[1], Level: c[2], Section: c[3], Statement: c[4]})
	}
	return items
}

// table reads tab-separated rows, leaving out comments. The files are part of
// the program, so a bad row is a programming error.
func table(file string, columns int) [][]string {
	var rows [][]string
	for line := range strings.Lines(file) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != columns {
			panic(fmt.Sprintf("conformance: %d columns in %q, want %d", len(cells), line, columns))
		}
		rows = append(rows, cells)
	}
	return rows
}

// Covers says that the running test checks the items with these ids. An id
// that is not in the checklist ends the test. Where RISTMIK_CONFORMANCE names a
// folder, the outcome is written there when the test has ended, in a file of
// its own: a line "id, package, test, passed|failed|skipped" per item, separated
// by tabs. Safe for tests that run at the same time, in one process or several.
func Covers(t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if !known(id) {
			t.Fatalf("conformance: %q is not an item of the checklist", id)
		}
	}
	folder := os.Getenv(FolderVariable)
	if folder == "" {
		return
	}
	pkg := callersPackage()
	t.Cleanup(func() {
		if err := write(folder, records(t, pkg, ids)); err != nil {
			t.Errorf("conformance: %v", err)
		}
	})
}

func known(id string) bool {
	for _, item := range Checklist() {
		if item.ID == id {
			return true
		}
	}
	return false
}

func records(t testing.TB, pkg string, ids []string) string {
	outcome := Passed
	switch {
	case t.Failed():
		outcome = Failed
	case t.Skipped():
		outcome = Skipped
	}
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", id, pkg, t.Name(), outcome)
	}
	return b.String()
}

func write(folder, text string) error {
	f, err := os.CreateTemp(folder, "*"+recordSuffix)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Close()
}

// callersPackage is the import path of the package that called Covers, without
// the module's name: "adapters/xroad".
func callersPackage() string {
	pc, _, _, ok := runtime.Caller(2)
	if !ok {
		return "unknown"
	}
	name := runtime.FuncForPC(pc).Name() // ristmik/soap_test.TestX.func1
	folder, last := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		folder, last = name[:i+1], name[i+1:]
	}
	last, _, _ = strings.Cut(last, ".")
	pkg := strings.TrimSuffix(folder+last, "_test")
	return strings.TrimPrefix(pkg, "ristmik/")
}
