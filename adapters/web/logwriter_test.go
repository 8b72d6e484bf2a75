package web_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"ristmik/adapters/web"
)

// heard is a writer that tells of each write.
type heard struct{ writes chan string }

func (h heard) Write(p []byte) (int, error) {
	h.writes <- string(p)
	return len(p), nil
}

func TestLinesOfTheLogComeByThemselvesAndAtTheEnd(t *testing.T) {
	t.Parallel()
	h := heard{make(chan string, 10)}
	w := web.NewLogWriter(h)
	for _, line := range []string{"one\n", "two\n"} {
		if n, err := io.WriteString(w, line); n != 4 || err != nil {
			t.Fatal(n, err)
		}
	}
	// Together or not, they come without anybody asking, and again the next time.
	got := ""
	for len(got) < 8 {
		got += <-h.writes
	}
	_, _ = io.WriteString(w, "three\n")
	if got += <-h.writes; got != "one\ntwo\nthree\n" {
		t.Errorf("%q", got)
	}
	long := strings.Repeat("x", 64<<10)
	_, _ = io.WriteString(w, long)
	if got := <-h.writes; got != long {
		t.Errorf("a long line: %d bytes", len(got))
	}
	_, _ = io.WriteString(w, "last\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-h.writes; got != "last\n" {
		t.Errorf("at the end: %q", got)
	}
	_, _ = io.WriteString(w, "behind\n")
	if got := <-h.writes; got != "behind\n" {
		t.Errorf("behind the end: %q", got)
	}
}

func TestNoLineOfManyIsLostOrTorn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := web.NewLogWriter(&out)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				_, _ = io.WriteString(w, "a line of the log\n")
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if out.String() != strings.Repeat("a line of the log\n", 16_000) {
		t.Errorf("%d bytes", out.Len())
	}
}

type shut struct{}

func (shut) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestALogThatCannotBeWrittenSaysSo(t *testing.T) {
	t.Parallel()
	w := web.NewLogWriter(shut{})
	_, _ = io.WriteString(w, "x")
	if err := w.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
