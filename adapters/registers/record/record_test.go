package record

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return postgrestest.Pool(t, postgres.MigrationSet{Name: "register", FS: Migrations})
}

func list(t *testing.T, db *pgxpool.Pool, f Filter, limit int) []Exchange {
	t.Helper()
	all, err := List(t.Context(), db, f, limit)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ids(all []Exchange) string {
	var out []string
	for _, x := range all {
		out = append(out, x.MessageID)
	}
	return strings.Join(out, " ")
}

// A connection that has lost what was prepared on it costs one page its record.
func TestALostStatementIsPreparedAgain(t *testing.T) {
	t.Parallel()
	db := database(t)
	b := NewBook(db)
	record := func(id string) error { return b.Sent(Sent{MessageID: id, At: noon, Register: "cars"}) }
	if err := record("m1"); err != nil {
		t.Fatal(err)
	}
	for _, conn := range db.AcquireAllIdle(t.Context()) {
		if _, err := conn.Conn().PgConn().Exec(t.Context(), "deallocate all").ReadAll(); err != nil {
			t.Fatal(err)
		}
		conn.Release()
	}
	if err := record("m2"); err == nil {
		t.Error("recorded by a statement that is not there")
	}
	if err := record("m3"); err != nil {
		t.Errorf("behind it: %v", err)
	}
	if got := ids(list(t, db, Filter{}, 10)); got != "m1 m3" {
		t.Errorf("recorded %s", got)
	}
}

func TestWhatIsRecordedIsListed(t *testing.T) {
	t.Parallel()
	db := database(t)
	b := NewBook(db)
	sent := Sent{
		MessageID: "m1", At: noon, Register: "cars", Operation: "find", Service: "EE/GOV/1/a/find/v1", Caller: "core",
		UserID: "EE38001085718", Issue: "C-1", RequestHash: "aGFzaA==",
	}
	ended := Ended{MessageID: "m1", At: noon.Add(time.Second), Result: "answered", Code: "", StatedHash: "aGFzaA==", RequestID: "r"}
	for i, one := range []Sent{sent, {MessageID: "m2", At: noon.Add(time.Minute), Register: "boats"}, {MessageID: "m3", At: noon.Add(-time.Minute), Register: "cars"}} {
		if err := b.Sent(one); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := b.Ended(ended); err != nil {
		t.Fatal(err)
	}
	all := list(t, db, Filter{MessageID: "m1"}, 10)
	if len(all) != 1 || all[0].Ended == nil {
		t.Fatalf("%+v", all)
	}
	got, end := all[0].Sent, *all[0].Ended
	got.At, end.At = got.At.UTC(), end.At.UTC()
	if got != sent || end != ended {
		t.Errorf("%+v, %+v", got, end)
	}
	for want, f := range map[string]Filter{
		"m2 m1 m3": {}, "m1 m3": {Register: "cars"}, "m2 m3": {Open: true}, "m3": {Before: noon}, "m3 ": {Open: true, Register: "cars"}, "": {MessageID: "m4"},
	} {
		if got := ids(list(t, db, f, 10)); got != strings.TrimSpace(want) {
			t.Errorf("%+v lists %q", f, got)
		}
	}
	if got := ids(list(t, db, Filter{}, 2)); got != "m2 m1" {
		t.Errorf("two are %q", got)
	}
}

// A text that the database cannot hold costs nobody a record: it is shortened.
func TestNoTextSpoilsAPage(t *testing.T) {
	t.Parallel()
	db := database(t)
	b := NewBook(db)
	long := strings.Repeat("ä", longest)
	if err := b.Sent(Sent{MessageID: "m", At: noon, Issue: "a\x00b\xff", Register: "x" + long}); err != nil {
		t.Fatal(err)
	}
	if err := b.Ended(Ended{MessageID: "m", At: noon, Code: "\x00", Result: "\xc3"}); err != nil {
		t.Fatal(err)
	}
	all := list(t, db, Filter{}, 10)
	if len(all) != 1 || all[0].Issue != "ab" || len(all[0].Register) != longest-1 || all[0].Ended == nil || all[0].Ended.Code+all[0].Ended.Result != "" {
		t.Errorf("%+v", all)
	}
}

// What comes while a commit is under way shares the next one, and each waits for
// its own.
func TestThoseAtTheSameTimeShareACommit(t *testing.T) {
	t.Parallel()
	db := database(t)
	b := NewBook(db)
	held, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Rollback(t.Context())
	if _, err := held.Exec(t.Context(), `lock table register.exchange in access exclusive mode`); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	failed := make(chan error, 64)
	begin := func(id string) {
		wg.Go(func() {
			if err := b.Sent(Sent{MessageID: id, At: noon}); err != nil {
				failed <- err
			}
		})
	}
	begin("first")
	until(t, b, func() bool { return b.writing })
	const others = 20
	for i := range others {
		begin(fmt.Sprint("other ", i))
	}
	until(t, b, func() bool { return b.open != nil && len(b.open.sent) == others })
	if err := held.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	var rows, commits int
	if err := db.QueryRow(t.Context(), `select count(*), count(distinct xmin::text) from register.exchange`).Scan(&rows, &commits); err != nil {
		t.Fatal(err)
	}
	if rows != others+1 || commits != 2 {
		t.Errorf("%d rows in %d commits", rows, commits)
	}
	if b.writing || b.open != nil {
		t.Errorf("the book is left open: %t, %v", b.writing, b.open)
	}
}

// until waits for what another goroutine is about to do.
func until(t *testing.T, b *Book, f func() bool) {
	t.Helper()
	for t.Context().Err() == nil {
		b.mu.Lock()
		yes := f()
		b.mu.Unlock()
		if yes {
			return
		}
		runtime.Gosched()
	}
}

// Sent and ended of many exchanges at once all stand in the record, and all that
// share a page learn that it could not be written.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	db := database(t)
	b := NewBook(db)
	both := func(id string) error {
		if err := b.Sent(Sent{MessageID: id, At: noon}); err != nil {
			return err
		}
		return b.Ended(Ended{MessageID: id, At: noon})
	}
	run := func(prefix string) (failed int) {
		var wg sync.WaitGroup
		errs := make(chan error, 100)
		for i := range 100 {
			wg.Go(func() { errs <- both(fmt.Sprint(prefix, i)) })
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				failed++
			}
		}
		return failed
	}
	if n := run("a"); n != 0 {
		t.Errorf("%d failed", n)
	}
	if all := list(t, db, Filter{}, 1000); len(all) != 100 || len(list(t, db, Filter{Open: true}, 1000)) != 0 {
		t.Errorf("%d are recorded, %d without an end", len(all), len(list(t, db, Filter{Open: true}, 1000)))
	}
	if _, err := db.Exec(t.Context(), `alter table register.exchange rename to elsewhere`); err != nil {
		t.Fatal(err)
	}
	if n := run("b"); n != 100 {
		t.Errorf("%d of 100 failed without a table", n)
	}
	if _, err := db.Exec(t.Context(), `alter table register.elsewhere rename to exchange`); err != nil {
		t.Fatal(err)
	}
	if n := run("c"); n != 0 {
		t.Errorf("%d failed when the table was back", n)
	}
}

func TestPruneDeletesTheOldestWithTheirEnds(t *testing.T) {
	t.Parallel()
	db := database(t)
	b := NewBook(db)
	for i := range 5 {
		id := fmt.Sprint("m", i)
		if err := b.Sent(Sent{MessageID: id, At: noon.Add(time.Duration(i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if err := b.Ended(Ended{MessageID: id, At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := Prune(t.Context(), db, noon.Add(3*time.Hour), 2); err != nil || n != want {
			t.Errorf("pruned %d instead of %d, %v", n, want, err)
		}
	}
	if got := ids(list(t, db, Filter{}, 10)); got != "m4 m3" {
		t.Errorf("left are %q", got)
	}
	var ends int
	if err := db.QueryRow(t.Context(), `select count(*) from register.exchange_result`).Scan(&ends); err != nil || ends != 2 {
		t.Errorf("%d ends are left, %v", ends, err)
	}
}
