package schedules_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/schedules"
)

// In the environment of the test binary: it is one of the processes that share
// the schedules, and of that name.
const (
	childEnv    = "RISTMIK_TEST_CHILD"
	childURLEnv = "RISTMIK_TEST_CHILD_URL"
)

// tableClock is a clock that stands in a row, so that several processes share
// it. While the database is away it stands still.
type tableClock struct {
	pool *pgxpool.Pool
	mu   sync.Mutex
	last time.Time
}

func (c *tableClock) Now() time.Time {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	var now time.Time
	if err := c.pool.QueryRow(ctx, `select now from public.clock`).Scan(&now); err == nil {
		c.last = now
	}
	return c.last
}

// serveSchedules is what such a process does until it is told to end: its job
// notes that it has begun, waits until the due time's gate is open, and then
// has its effect.
func serveSchedules(owner, url string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	pool, err := postgres.Open(ctx, url)
	if err != nil {
		fmt.Fprintln(os.Stderr, owner, err)
		return 1
	}
	defer pool.Close()
	work := func(ctx context.Context, run *schedules.Run) error {
		if _, err := pool.Exec(ctx, `insert into public.begun (due, owner) values ($1, $2)`, run.Due, owner); err != nil {
			return err
		}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for open := false; !open; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			err := pool.QueryRow(ctx, `select exists (select from public.gate where due = $1)`, run.Due).Scan(&open)
			if err != nil && ctx.Err() != nil {
				return err
			}
		}
		// The database may have gone after the effect and before the run's end was written down: the cursor tells.
		var done time.Time
		if cursor := run.Cursor(); cursor != nil {
			if err := json.Unmarshal(cursor, &done); err != nil {
				return err
			}
		}
		if done.Equal(run.Due) {
			return nil
		}
		return run.Commit(ctx, run.Due, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into public.effect (due, owner) values ($1, $2)`, run.Due, owner)
			return err
		})
	}
	clock := &tableClock{pool: pool}
	r, err := schedules.NewRunner(pool, []schedules.Job{{Name: "tick", Cron: "* * * * *", CatchUp: schedules.CatchUpAll, Run: work}},
		schedules.Options{Owner: owner, Poll: 20 * time.Millisecond, Lease: 1500 * time.Millisecond, Now: clock.Now})
	if err != nil {
		fmt.Fprintln(os.Stderr, owner, err)
		return 1
	}
	if err := r.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, owner, err)
		return 1
	}
	return 0
}

// fleet is a database of its own and three processes that share it.
type fleet struct {
	t       *testing.T
	dir     string
	private *postgres.Private
	pool    *pgxpool.Pool
	now     time.Time
	process map[string]*exec.Cmd
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	dir, err := os.MkdirTemp("", "ristmik-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL may be another user
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fleet{t: t, dir: filepath.Join(dir, "data"), now: newClock().Now(), process: map[string]*exec.Cmd{}}
	f.startDatabase()
	t.Cleanup(f.stopDatabase)
	if _, err := postgres.Migrate(t.Context(), f.pool, postgres.MigrationSet{Name: "schedules", FS: schedules.Migrations}); err != nil {
		t.Fatal(err)
	}
	f.exec(`create table public.clock (now timestamptz)`)
	f.exec(`insert into public.clock values ($1)`, f.now)
	f.exec(`create table public.begun (due timestamptz, owner text)`)
	f.exec(`create table public.gate (due timestamptz primary key)`)
	f.exec(`create table public.effect (due timestamptz, owner text)`) // no key: a second effect must show
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two", "three"} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childEnv+"="+name, childURLEnv+"="+f.private.URL(postgres.Database))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		f.process[name] = cmd
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGCONT)
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("process %s: %v", name, err)
			}
		})
	}
	registered(t, f.pool, "tick")
	return f
}

func (f *fleet) startDatabase() {
	f.t.Helper()
	var err error
	if f.private, err = postgres.StartPrivate(context.Background(), postgres.PrivateOptions{Dir: f.dir}); err != nil {
		f.t.Fatal(err)
	}
	if f.pool, err = postgres.Open(context.Background(), f.private.URL(postgres.Database)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) stopDatabase() {
	f.pool.Close()
	if err := f.private.Stop(context.Background()); err != nil {
		f.t.Error(err)
	}
}

func (f *fleet) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.pool.Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatal(err)
	}
}

// tick moves the clock to the next minute, which is due then.
func (f *fleet) tick() time.Time {
	f.t.Helper()
	f.now = f.now.Add(time.Minute)
	f.exec(`update public.clock set now = $1`, f.now)
	return f.now
}

// running waits until a process runs the due time, and tells which. Only one
// of those named counts, when some are.
func (f *fleet) running(due time.Time, but string) (owner string) {
	f.t.Helper()
	eventually(f.t, due.Format("15:04")+" runs", func() bool {
		err := f.pool.QueryRow(f.t.Context(), `
			select r.owner from schedules.run r join public.begun b on b.due = r.due and b.owner = r.owner
			where r.state = 'running' and r.due = $1 and r.owner <> $2`, due, but).Scan(&owner)
		return err == nil
	})
	return owner
}

// let lets the due time's run go on and waits for its end.
func (f *fleet) let(due time.Time) {
	f.t.Helper()
	f.exec(`insert into public.gate values ($1)`, due)
	f.done(due)
}

func (f *fleet) done(due time.Time) {
	f.t.Helper()
	eventually(f.t, due.Format("15:04")+" is done", func() bool {
		var state string
		err := f.pool.QueryRow(f.t.Context(), `select state from schedules.run where due = $1`, due).Scan(&state)
		return err == nil && state == string(schedules.StateSucceeded)
	})
}

func (f *fleet) signal(owner string, s syscall.Signal) {
	f.t.Helper()
	if err := f.process[owner].Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
	if s != syscall.SIGSTOP {
		return
	}
	eventually(f.t, owner+" has stopped", func() bool { // the kernel delivers it to each thread
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.process[owner].Process.Pid))
		if err != nil {
			f.t.Skip("this system does not tell whether a process has stopped")
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(rest, "T")
	})
}

// Three processes; one is stopped across a tick, one in the middle of a run,
// and the database is restarted at rest and in the middle of a run: every due
// time has one run and one effect.
func TestBug18ThreeProcessesRunEveryTickOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var ticks []time.Time
	tick := func() time.Time {
		due := f.tick()
		ticks = append(ticks, due)
		return due
	}

	due := tick() // nothing is wrong
	before := f.running(due, "")
	f.let(due)

	f.signal(before, syscall.SIGSTOP) // across the whole tick
	due = tick()
	f.running(due, before)
	f.let(due)
	f.signal(before, syscall.SIGCONT)

	due = tick() // in the middle of its run, longer than its lease
	stopped := f.running(due, "")
	f.signal(stopped, syscall.SIGSTOP)
	f.running(due, stopped)
	f.let(due)
	f.signal(stopped, syscall.SIGCONT) // it wakes with the gate open

	f.stopDatabase() // at rest; a tick passes before anybody is back
	f.startDatabase()
	due = tick()
	f.running(due, "")
	f.let(due)

	due = tick() // in the middle of a run
	f.running(due, "")
	f.exec(`insert into public.gate values ($1)`, due)
	f.stopDatabase()
	f.startDatabase()
	f.done(due)

	for range 3 { // and they go on
		due = tick()
		f.let(due)
	}
	rows, _ := f.pool.Query(t.Context(), `select r.due, (select count(*) from public.effect e where e.due = r.due) from schedules.run r order by r.due`)
	type tally struct {
		Due     time.Time
		Effects int
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tally])
	if err != nil || len(got) != len(ticks) {
		t.Fatalf("%d runs for %d ticks: %v, %v", len(got), len(ticks), got, err)
	}
	for i, g := range got {
		if !g.Due.Equal(ticks[i]) || g.Effects != 1 {
			t.Errorf("tick %s: run for %s with %d effects", ticks[i], g.Due, g.Effects)
		}
	}
}
