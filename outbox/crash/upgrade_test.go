package crash_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// before builds this package as it was before the last change of the tables: a program of the version before.
func before(t *testing.T) string {
	t.Helper()
	root := filepath.Join("..", "..")
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			t.Skipf("the history is not here: git %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("log", "-1", "--format=%H", "--", "outbox/migrations") + "^"
	dir := t.TempDir()
	archive := filepath.Join(dir, "old.tar")
	git("archive", "-o", archive, commit)
	tree := filepath.Join(dir, "old")
	program := filepath.Join(dir, "old.test")
	for _, args := range [][]string{
		{"mkdir", tree}, {"tar", "-xf", archive, "-C", tree}, {"go", "test", "-C", tree, "-c", "-o", program, "./outbox/crash"},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	return program
}

// Programs of this version and of the one before it, whose tables had not been changed yet, publish, deliver and die on
// one database, into lanes of their own: nothing is lost or out of order. A kind of messages that a program does not know is refused by its
// sender and kept for a person, and goes when a program that knows it has taken over.
func TestBug28OldAndNewProgramsWorkTogether(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	old := before(t)
	f := newFleet(t)
	kills, messages := provetest.Count(6, 200), provetest.Count(2000, 200_000)
	programs := []string{old, ""}
	steady := []*process{f.spawnOf(old, task{Publish: true}), f.spawnOf("", task{Publish: true})}
	for i := range kills {
		n := messages * (i + 1) / kills
		f.receiver.want(n)
		p := f.spawnOf(programs[i%2], task{Publish: true})
		f.keepUp(n)
		f.kill(p.cmd.Process.Pid)
		if i%4 != 3 {
			continue
		}
		// Each in turn leaves the destination to the other before another of its kind comes.
		for j, one := range steady {
			f.kill(one.cmd.Process.Pid)
			sent, _, _ := f.receiver.count()
			f.receiver.want(sent + 4*inFlight)
			f.eventually("the other goes on", func() bool { now, _, _ := f.receiver.count(); return now > sent+inFlight })
			steady[j] = f.spawnOf(programs[j], task{Publish: true})
		}
	}
	f.settled()
	f.rest(steady...)
	effects, duplicates, acked := f.receiver.count()
	deaths := kills + kills/4*len(steady)
	t.Logf("%d messages acknowledged and %d settled over %d deaths; %d sent twice", acked, effects, deaths, duplicates)
	if duplicates > deaths*inFlight {
		t.Errorf("%d messages were sent twice", duplicates)
	}
	f.judge()
	by := map[bool]int{}
	rows, err := f.pool.Query(t.Context(), `select owner from outbox.attempt where result = 'delivered'`)
	if err != nil {
		t.Fatal(err)
	}
	var owner string
	if _, err := pgx.ForEachRow(rows, []any{&owner}, func() error { by[strings.HasPrefix(owner, "old")]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if by[true] == 0 || by[false] == 0 {
		t.Errorf("%d were delivered by old programs and %d by new ones", by[true], by[false])
	}

	m := message("future", "of a kind to come")
	m.Kind = unknownKind
	f.publish(m, message("future", "behind it"))
	p := f.spawn(task{})
	f.eventually("what is not known is kept for a person", func() bool {
		var n int
		err := f.pool.QueryRow(t.Context(), `select count(*) from outbox.message where key = $1 and state = 'dead'`, m.Key).Scan(&n)
		return err == nil && n == 1
	})
	f.terminate(p)
	var id int64
	if err := f.pool.QueryRow(t.Context(), `select id from outbox.message where key = $1`, m.Key).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if err := outbox.Retry(t.Context(), f.pool, id, "mari", "the new program is there"); err != nil {
		t.Fatal(err)
	}
	p = f.spawn(task{Knows: unknownKind})
	f.settled()
	f.eventually("it has come", func() bool { now, _, _ := f.receiver.count(); return now == effects+2 })
	f.terminate(p)
}

// spawnOf starts a process of another program than this one; "" is this one.
func (f *fleet) spawnOf(program string, t task) *process {
	if program == "" {
		t.Lanes = "new"
		return f.spawn(t)
	}
	f.mu.Lock()
	f.serial++
	t.Owner = fmt.Sprint("old", f.serial)
	f.mu.Unlock()
	f.program = program
	defer func() { f.program = "" }()
	return f.spawn(t)
}
