package files_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/outbox"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func newStore(t *testing.T) *files.Store {
	t.Helper()
	return &files.Store{Now: time.Now, Pool: postgrestest.Pool(t,
		postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations},
		postgres.MigrationSet{Name: "consultation", FS: consultation.Migrations})}
}

func rows(t *testing.T, s *files.Store, table string) (n int) {
	t.Helper()
	if err := s.Pool.QueryRow(context.Background(), `select count(*) from consultation.`+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// pdf is a file of n bytes that looks like a PDF; seed makes it another one.
func pdf(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, seed))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	copy(b, "%PDF-1.7\n")
	return b
}

func code(err error) string {
	if p, ok := errors.AsType[*files.Problem](err); ok {
		return p.Code
	}
	return ""
}

// One content is stored once however many send it, also at the same moment, and
// read from any place as it came.
func TestAContentIsStoredOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, contentIsStoredOnce)
}

func contentIsStoredOnce(t *testing.T, s *files.Store) {
	content := pdf(700_000, 1)
	sum := sha256.Sum256(content)
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		all.Go(func() {
			f, err := s.Put(context.Background(), bytes.NewReader(content), "application/pdf", sum[:])
			if err != nil {
				t.Error(err)
			}
			ids[i] = f.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("%v", ids)
		}
	}
	if rows(t, s, "file") != 1 || pieces(t, s) != of(s, 3, 1) {
		t.Errorf("%d files, %d pieces", rows(t, s, "file"), pieces(t, s))
	}
	f, err := s.Put(context.Background(), iotest.OneByteReader(bytes.NewReader(content[:1000])), "", nil)
	if err != nil || f.ID == ids[0] || f.MediaType != "application/pdf" || f.Size != 1000 {
		t.Errorf("%+v (%v)", f, err)
	}
	f.ID, f.SHA256, f.Size = ids[0], sum[:], int64(len(content))
	if err := iotest.TestReader(s.Open(context.Background(), f), content); err != nil {
		t.Error(err)
	}
}

// Whatever is wrong with a file, nothing of it stays.
func TestWhatIsNotTakenLeavesNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, notTakenLeavesNothing)
}

func notTakenLeavesNothing(t *testing.T, s *files.Store) {
	s.Size = 600_000
	other := sha256.Sum256([]byte("other"))
	good := pdf(600_000, 2)
	for name, c := range map[string]struct {
		body     io.Reader
		declared string
		want     []byte
		code     string
	}{
		"empty":            {strings.NewReader(""), "", nil, files.CodeEmpty},
		"too large":        {bytes.NewReader(pdf(600_001, 3)), "", nil, files.CodeTooLarge},
		"endless":          {io.MultiReader(bytes.NewReader(good), neverEnds{}), "", nil, files.CodeTooLarge},
		"another hash":     {bytes.NewReader(good), "", other[:], files.CodeHash},
		"breaks off":       {io.MultiReader(bytes.NewReader(good[:400_000]), iotest.ErrReader(io.ErrUnexpectedEOF)), "", nil, files.CodeTruncated},
		"breaks off early": {iotest.ErrReader(io.ErrUnexpectedEOF), "", nil, files.CodeTruncated},
		"program":          {strings.NewReader("MZ\x90\x00\x03\x00\x00\x00"), "application/pdf", nil, files.CodeType},
		"page":             {strings.NewReader("<!DOCTYPE html><script>alert(1)</script>"), "text/plain", nil, files.CodeType},
		"picture as PDF":   {strings.NewReader("\x89PNG\r\n\x1a\n....."), "application/pdf", nil, files.CodeType},
		"archive":          {bytes.NewReader(zipped(t, "a.exe", "x", false)), "application/zip", nil, files.CodeType},
	} {
		if _, err := s.Put(context.Background(), c.body, c.declared, c.want); code(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if n := rows(t, s, "file") + pieces(t, s); n != 0 {
			t.Errorf("%s: %d pieces are left", name, n)
		}
	}
	if _, err := s.Put(context.Background(), bytes.NewReader(good), "application/octet-stream", nil); err != nil {
		t.Error(err)
	}
}

type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) { return len(p), nil }

func zipped(t *testing.T, name, content string, compress bool) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Store}
	if compress {
		h.Method = zip.Deflate
	}
	var w io.Writer
	var err error
	if compress {
		w, err = z.CreateHeader(h)
	} else { // sizes before the content, as containers have them
		h.CRC32, h.CompressedSize64, h.UncompressedSize64 = 0, uint64(len(content)), uint64(len(content))
		w, err = z.CreateRaw(h)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestContainersAreKnownByTheirFirstEntry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file           []byte
		declared, want string
	}{
		{zipped(t, "mimetype", files.ASiCE, false), "", files.ASiCE},
		{zipped(t, "mimetype", files.ASiCS, false), "", files.ASiCS},
		{zipped(t, "mimetype", "application/x-other", false), files.ASiCE, "application/zip"},
		{zipped(t, "mimetype", files.ASiCE, true), files.ASiCE, "application/zip"},
		{zipped(t, "other", files.ASiCE, false), files.ASiCE, "application/zip"},
		{[]byte("PK\x03\x04"), "", "application/zip"},
		{[]byte("PK\x03\x04" + strings.Repeat("\xff", 40)), "", "application/zip"},
		{[]byte("%PDF-1.4"), "", "application/pdf"}, {[]byte("II*\x00"), "", "image/tiff"},
		{[]byte("tere"), "", "text/plain"}, {[]byte{0, 1, 2, 3}, "text/plain", "application/octet-stream"},
	} {
		if got := files.Detect(c.file, c.declared); got != c.want {
			t.Errorf("%q: %s, want %s", c.file[:min(40, len(c.file))], got, c.want)
		}
	}
}

// A name is one step of a path that shows as it is, whatever it was.
func TestNamesAreMadeSafe(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"leping.pdf": "leping.pdf", "Õppelaen – lisa.pdf": "Õppelaen – lisa.pdf", "../../etc/passwd": "passwd", `C:\temp\a.pdf`: "a.pdf",
		"a\r\nSet-Cookie: x.pdf": "a  Set-Cookie_ x.pdf", "evil\u202efdp.exe": "evilfdp.exe", "a\u200bb.pdf": "ab.pdf", "con.pdf": "_con.pdf", "NUL": "_NUL",
		"com1.tar.gz": "_com1.tar.gz", "..": "fail", "": "fail", " .pdf ": "pdf", `a"b;c.pdf`: "a_b_c.pdf", "\xff\xfe.pdf": "_.pdf", "a.pdf. .": "a.pdf",
		strings.Repeat("õ", 300) + ".asice": strings.Repeat("õ", 144) + ".asice",
	} {
		if got := files.SafeName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// Whatever a name was, what it becomes is safe, and safe once more the same.
func TestAnyNameIsMadeSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		got := files.SafeName(rapid.String().Draw(t, "name"))
		if got == "" || len([]rune(got)) > 150 || strings.ContainsAny(got, "/\\\"<>:|?*%;\r\n\x00") || got != files.SafeName(got) || strings.HasPrefix(got, ".") {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf) {
				t.Fatalf("%q", got)
			}
		}
		if d := files.Disposition(got); strings.ContainsAny(d, "\r\n") || !strings.HasPrefix(d, `attachment; filename="`) {
			t.Fatalf("%q", d)
		}
	})
}

func TestRangesAreServed(t *testing.T) {
	t.Parallel()
	eachStore(t, rangesAreServed)
}

func rangesAreServed(t *testing.T, s *files.Store) {
	content := pdf(600_000, 5)
	f, err := s.Put(t.Context(), bytes.NewReader(content), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	get := func(header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.Serve(w, r, "õ.pdf", f)
		return w
	}
	whole := get()
	if !bytes.Equal(whole.Body.Bytes(), content) || whole.Header().Get("X-Content-Type-Options") != "nosniff" ||
		whole.Header().Get("Content-Disposition") != `attachment; filename="_.pdf"; filename*=UTF-8''%C3%B5.pdf` || whole.Header().Get("Content-Type") != "application/pdf" {
		t.Errorf("%v", whole.Header())
	}
	if part := get("Range", "bytes=262140-262150"); part.Code != http.StatusPartialContent || !bytes.Equal(part.Body.Bytes(), content[262140:262151]) {
		t.Errorf("%d %v", part.Code, part.Header())
	}
	if same := get("If-None-Match", whole.Header().Get("ETag")); same.Code != http.StatusNotModified {
		t.Errorf("%d", same.Code)
	}
	if beyond := get("Range", "bytes=600000-"); beyond.Code != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("%d", beyond.Code)
	}
}

// A file of 200 MB passes, in and out, in the memory of a few pieces of it.
func TestALargeFileTakesLittleMemory(t *testing.T) { eachStore(t, largeFileTakesLittleMemory) }

func largeFileTakesLittleMemory(t *testing.T, s *files.Store) {
	const size = 200 << 20
	s.Size = size
	peak := watchHeap(t)
	head := pdf(1<<20, 6)
	f, err := s.Put(t.Context(), io.MultiReader(bytes.NewReader(head), io.LimitReader(neverEnds{}, size-1<<20)), "", nil)
	if err != nil || f.Size != size {
		t.Fatalf("%+v (%v)", f, err)
	}
	if n, err := io.Copy(io.Discard, s.Open(t.Context(), f)); err != nil || n != size {
		t.Fatalf("%d (%v)", n, err)
	}
	if got := peak(); got > 64<<20 {
		t.Errorf("the heap grew to %d MiB", got>>20)
	}
}

// watchHeap looks at the heap all the time until the returned function is called,
// and says how large it was at most.
func watchHeap(t *testing.T) func() uint64 {
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-tick.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-done
	}
}
