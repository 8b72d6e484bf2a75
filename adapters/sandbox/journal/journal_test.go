package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox/journal"
)

// open opens the journal and returns what it held.
func open(t *testing.T, path string) (*journal.Journal, []string) {
	t.Helper()
	var lines []string
	j, err := journal.Open(path, func(line json.RawMessage) error { lines = append(lines, string(line)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return j, lines
}

func TestLinesReplayInOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "j.jsonl")
	j, _ := open(t, path)
	var want []string
	var last journal.Ticket
	for i := range 100 {
		last = j.Append(i)
		want = append(want, fmt.Sprint(i))
	}
	if err := last.Wait(); err != nil {
		t.Fatal(err)
	}
	j.Abort()
	if err := j.Append("late").Wait(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("appending after the end: %v", err)
	}
	j, got := open(t, path)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseBringsHomeWhatWasAppended(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	j, _ := open(t, path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := j.Append(i).Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ticket := j.Append("last")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ticket.Wait(); err != nil {
		t.Error(err)
	}
	j, got := open(t, path)
	if len(got) != 9 || got[8] != `"last"` {
		t.Errorf("lines %v", got)
	}
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestATornLastLineIsCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	for _, torn := range []string{`{"a":`, `{"a":1}`} {
		if err := os.WriteFile(path, []byte("1\n2\n"+torn), 0o600); err != nil {
			t.Fatal(err)
		}
		j, got := open(t, path)
		if diff := cmp.Diff([]string{"1", "2"}, got); diff != "" {
			t.Error(diff)
		}
		if err := j.Append(3).Wait(); err != nil {
			t.Fatal(err)
		}
		j.Abort()
		j, got = open(t, path)
		if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
			t.Error(diff)
		}
		j.Abort()
	}
}

func TestADamagedLineIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	if err := os.WriteFile(path, []byte("1\nrubbish\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Open(path, func(json.RawMessage) error { return nil })
	if err == nil || err.Error() != "reading the journal "+path+": line 2 is not JSON" {
		t.Error(err)
	}
}

func TestWithoutAJournalNothingIsWaitedFor(t *testing.T) {
	t.Parallel()
	var j *journal.Journal
	if err := errors.Join(j.Append("x").Wait(), j.Close()); err != nil {
		t.Error(err)
	}
	j.Abort()
}

// Two processes would write between one another's lines, so the second is
// refused, and the first leaves the journal free when it is closed.
func TestAJournalBelongsToOneProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	nothing := func(json.RawMessage) error { return nil }
	first, err := journal.Open(path, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(path, nothing); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the second opening: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := journal.Open(path, nothing)
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
