package files_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/consultation/files"
)

// eachStore drives both stores.
func eachStore(t *testing.T, test func(t *testing.T, s *files.Store)) {
	for _, place := range []string{"database", "directory"} {
		t.Run(place, func(t *testing.T) {
			s := newStore(t)
			if place == "directory" {
				s.Dir, s.ToDirectory = filepath.Join(t.TempDir(), "a", "b"), true
				if err := files.Prepare(s.Dir); err != nil {
					t.Fatal(err)
				}
			}
			test(t, s)
		})
	}
}

// pieces counts what lies in either place.
func pieces(t *testing.T, s *files.Store) int {
	t.Helper()
	n := rows(t, s, "chunk")
	if s.Dir == "" {
		return n
	}
	err := filepath.WalkDir(s.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// of is one number for the database, another for the directory.
func of(s *files.Store, database, directory int) int {
	if s.ToDirectory {
		return directory
	}
	return database
}

// What is still coming when the process dies belongs to nothing; it and what is
// attached to nothing go a day later, what somebody has stays.
func TestOrphansAreDeleted(t *testing.T) {
	t.Parallel()
	eachStore(t, orphansAreDeleted)
}

func orphansAreDeleted(t *testing.T, s *files.Store) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	var left string
	if s.ToDirectory {
		left = filepath.Join(s.Dir, "incoming", "half")
		for _, name := range []string{left, filepath.Join(s.Dir, "note.txt"), filepath.Join(s.Dir, "ab", strings.Repeat("ab", 32))} {
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("half"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	} else if _, err := s.Pool.Exec(t.Context(), `
		with f as (insert into consultation.file (id, media_type, touched_at) values (gen_random_uuid(), 'application/pdf', $1) returning id)
		insert into consultation.chunk select id, 0, 'half' from f`, now); err != nil {
		t.Fatal(err)
	}
	f, err := s.Put(t.Context(), bytes.NewReader(pdf(1000, 4)), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), bytes.NewReader(pdf(1000, 5)), "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pool.Exec(t.Context(), `
		insert into consultation.attachment (id, file_id, name, classification, created_at) values (gen_random_uuid(), $1, 'a.pdf', 'AK', $2)`, f.ID, now); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after        time.Duration
		gone, pieces int
	}{{23 * time.Hour, 0, of(s, 3, 5)}, {25 * time.Hour, of(s, 2, 1), of(s, 1, 4)}} {
		if n, err := s.Prune(t.Context(), now.Add(c.after), 10); err != nil || n != c.gone || pieces(t, s) != c.pieces {
			t.Errorf("after %v: %d, %d pieces are left (%v)", c.after, n, pieces(t, s), err)
		}
	}
	if s.ToDirectory { // files are dated by the machine's clock
		yesterday := time.Now().Add(-25 * time.Hour)
		err := filepath.WalkDir(s.Dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				err = os.Chtimes(name, yesterday, yesterday)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Prune(t.Context(), now, 10); err != nil || pieces(t, s) != 2 { // the one that somebody has, and what is not ours
			t.Errorf("%d pieces are left (%v)", pieces(t, s), err)
		}
	}
	if got, err := io.ReadAll(s.Open(t.Context(), f)); err != nil || len(got) != 1000 {
		t.Errorf("%d bytes (%v)", len(got), err)
	}
}

// What was kept in one place is read, and not kept again, when new files go to
// the other one; what is lost or out of reach is kept anew.
func TestTheStoreIsChanged(t *testing.T) {
	t.Parallel()
	content := func(seed uint64) []byte { return pdf(300_000, seed) }
	database := newStore(t)
	directory := *database
	directory.Dir, directory.ToDirectory = t.TempDir(), true
	back := directory
	back.ToDirectory = false
	if err := files.Prepare(directory.Dir); err != nil {
		t.Fatal(err)
	}
	put := func(s *files.Store, seed uint64) files.File {
		t.Helper()
		f, err := s.Put(t.Context(), bytes.NewReader(content(seed)), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	read := func(s *files.Store, f files.File, seed uint64) {
		t.Helper()
		if got, err := io.ReadAll(s.Open(t.Context(), f)); err != nil || !bytes.Equal(got, content(seed)) {
			t.Errorf("%d bytes (%v)", len(got), err)
		}
	}
	first, second := put(database, 1), put(&directory, 2)
	for _, s := range []*files.Store{&directory, &back} {
		if again := put(s, 1); again.ID != first.ID || again.InDirectory {
			t.Errorf("%+v", again)
		}
		if again := put(s, 2); again.ID != second.ID || !again.InDirectory {
			t.Errorf("%+v", again)
		}
		read(s, first, 1)
		read(s, second, 2)
	}
	if n := pieces(t, &directory); n != 3 { // two chunks and a file
		t.Errorf("%d pieces", n)
	}
	if _, err := io.ReadAll(database.Open(t.Context(), second)); err == nil {
		t.Error("a directory that nobody knows was read")
	}
	// Its file is lost: sent again, it is there again.
	lost := filepath.Join(directory.Dir, hex.EncodeToString(second.SHA256[:1]), hex.EncodeToString(second.SHA256))
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(directory.Open(t.Context(), second)); err == nil {
		t.Error("a file that is not there was read")
	}
	read(&directory, put(&directory, 2), 2)
	// Without the directory, it goes to the database.
	third := put(database, 2)
	if third.ID != second.ID || third.InDirectory {
		t.Errorf("%+v", third)
	}
	read(database, third, 2)
}

// Deleting a file and putting it again at the same moment, over and over, ends
// with a file that is there.
func TestAFileIsPutWhileItIsDeleted(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *files.Store) {
		content := pdf(1000, 7)
		old := func() time.Time { return time.Now().Add(-48 * time.Hour) }
		for range 20 {
			before := *s
			before.Now = old
			if _, err := before.Put(t.Context(), bytes.NewReader(content), "", nil); err != nil {
				t.Fatal(err)
			}
			var both sync.WaitGroup
			var f files.File
			var put, prune error
			both.Go(func() { f, put = s.Put(t.Context(), bytes.NewReader(content), "", nil) })
			both.Go(func() { _, prune = s.Prune(t.Context(), time.Now(), 10) })
			both.Wait()
			if put != nil || prune != nil {
				t.Fatal(put, prune)
			}
			if got, err := io.ReadAll(s.Open(t.Context(), f)); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes (%v)", len(got), err)
			}
			if _, err := s.Pool.Exec(t.Context(), `update consultation.file set touched_at = '2020-01-01'`); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A directory that cannot be written is found at the start.
func TestADirectoryIsPrepared(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := files.Prepare(file); err == nil {
		t.Error("a file is no directory")
	}
}
