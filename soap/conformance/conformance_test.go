package conformance_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"ristmik/soap/conformance"
)

func TestTheChecklistHasEachNumberOnce(t *testing.T) {
	t.Parallel()
	items := conformance.Checklist()
	if len(items) != 168 {
		t.Fatalf("%d items, want 168", len(items))
	}
	for i, item := range items {
		if want := fmt.Sprintf("C-%03d", i+1); item.ID != want {
			t.Errorf("item %d is %s, want %s", i, item.ID, want)
		}
		if !slices.Contains([]string{"C", "P", "S", "C,P"}, item.Role) {
			t.Errorf("%s: role %q", item.ID, item.Role)
		}
		if item.Level != "MUST" && item.Level != "SHOULD" {
			t.Errorf("%s: level %q", item.ID, item.Level)
		}
	}
	for id := range conformance.Reasons() {
		if !slices.ContainsFunc(items, func(item conformance.Item) bool { return item.ID == id }) {
			t.Errorf("a reason for %s, which is no item", id)
		}
	}
}

// Not parallel: it sets the variable of the process.
func TestCoversWritesARecordWhenTheTestHasEnded(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(conformance.FolderVariable, folder)
	t.Run("passes", func(t *testing.T) { conformance.Covers(t, "C-001", "C-168") })
	t.Run("is skipped", func(t *testing.T) {
		conformance.Covers(t, "C-002")
		t.SkipNow()
	})
	got, err := conformance.ReadRecords(folder)
	if err != nil {
		t.Fatal(err)
	}
	const pkg, name = "soap/conformance", "TestCoversWritesARecordWhenTheTestHasEnded/"
	want := []conformance.Record{
		{ID: "C-001", Package: pkg, Test: name + "passes", Outcome: conformance.Passed},
		{ID: "C-002", Package: pkg, Test: name + "is_skipped", Outcome: conformance.Skipped},
		{ID: "C-168", Package: pkg, Test: name + "passes", Outcome: conformance.Passed},
	}
	slices.SortFunc(got, func(a, b conformance.Record) int { return strings.Compare(a.ID, b.ID) })
	if !slices.Equal(got, want) {
		t.Errorf("records %v, want %v", got, want)
	}
}

func TestCoversRefusesAnUnknownItem(t *testing.T) {
	t.Parallel()
	watched := &fatal{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conformance.Covers(watched, "C-169")
	}()
	<-done
	if !watched.called {
		t.Error("C-169 was taken for an item")
	}
}

// fatal notes a Fatalf and ends the goroutine as a test would.
type fatal struct {
	testing.TB
	called bool
}

func (f *fatal) Helper() {}

func (f *fatal) Fatalf(string, ...any) {
	f.called = true
	runtime.Goexit()
}
