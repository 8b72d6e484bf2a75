package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// manySubtests is the number of subtests of one test from which on the document
// names the test only.
const manySubtests = 4

// Document writes docs/conformance.md from the records of one test run: per
// section of the checklist each item with the tests that checked it, or why
// none needs to, and totals per role. A test that was skipped counts, since
// what is skipped depends on the machine; a failed one counts as nothing.
func Document(records []Record) string {
	tests := testsByItem(records)
	var b strings.Builder
	b.WriteString("# Conformance\n\n" +
		"Written by `make conformance` from a test run; do not edit. Each number is an item of the X-Road\n" +
		"checklist (`soap/conformance/checklist.tsv`). Roles: C, the hub as client; P, the hub as provider;\n" +
		"S, the sandbox Security Server. An item is covered by the tests named beside it.\n\n")
	writeTotals(&b, tests)
	section := ""
	for _, item := range Checklist() {
		if item.Section != section {
			section = item.Section
			fmt.Fprintf(&b, "\n## %s\n\n| Item | Role | Level | Statement | Covered by |\n|---|---|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", item.ID, item.Role, item.Level, cell(item.Statement), coverage(item.ID, tests))
	}
	return b.String()
}

// Uncovered are the items that no test checked and that have no reason.
func Uncovered(records []Record) []Item {
	tests := testsByItem(records)
	reasons := Reasons()
	return slices.DeleteFunc(slices.Clone(Checklist()), func(item Item) bool {
		return len(tests[item.ID]) > 0 || reasons[item.ID] != ""
	})
}

func writeTotals(b *strings.Builder, tests map[string][]string) {
	reasons := Reasons()
	b.WriteString("| Role | Items | Covered | Not needed | Open |\n|---|---:|---:|---:|---:|\n")
	for _, role := range []string{"C", "P", "S", "all"} {
		var items, covered, excused int
		for _, item := range Checklist() {
			if role != "all" && !strings.Contains(item.Role, role) {
				continue
			}
			items++
			switch {
			case len(tests[item.ID]) > 0:
				covered++
			case reasons[item.ID] != "":
				excused++
			}
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", role, items, covered, excused, items-covered-excused)
	}
}

func coverage(id string, tests map[string][]string) string {
	if list := tests[id]; len(list) > 0 {
		return cell("`" + strings.Join(list, "`<br>`") + "`")
	}
	if reason := Reasons()[id]; reason != "" {
		return cell("not needed: " + reason)
	}
	return "—"
}

// cell keeps a text inside its cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// testsByItem lists, sorted, the tests that checked each item.
func testsByItem(records []Record) map[string][]string {
	subtests := map[string]map[string][]string{} // item, test, full names
	for _, r := range records {
		if r.Outcome == Failed {
			continue
		}
		full := r.Package + "." + r.Test
		top, _, _ := strings.Cut(r.Test, "/")
		top = r.Package + "." + top
		if subtests[r.ID] == nil {
			subtests[r.ID] = map[string][]string{}
		}
		if !slices.Contains(subtests[r.ID][top], full) {
			subtests[r.ID][top] = append(subtests[r.ID][top], full)
		}
	}
	tests := map[string][]string{}
	for id, byTest := range subtests {
		for top, names := range byTest {
			if len(names) >= manySubtests || slices.Contains(names, top) {
				names = []string{top}
			}
			tests[id] = append(tests[id], names...)
		}
		slices.SortFunc(tests[id], cmp.Compare[string])
	}
	return tests
}
