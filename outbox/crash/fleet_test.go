package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/outbox"
)

// patience bounds every wait; it is reached only by a test that fails.
const patience = 2 * time.Minute

// fleet is a database with every guard for its data on, a receiver, and processes that come and go.
type fleet struct {
	t        *testing.T
	dir      string
	private  *postgres.Private
	pool     *pgxpool.Pool
	receiver *receiver

	program string // that processes run; "" is this one

	mu     sync.Mutex
	serial int
	living map[int]*process
}

type process struct {
	cmd   *exec.Cmd
	owner string
	said  *bytes.Buffer
	ended chan struct{}
	err   error
}

// over says whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	dir, err := os.MkdirTemp("", "ristmik-crash-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL may be another user
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &fleet{t: t, dir: filepath.Join(dir, "pg"), receiver: newReceiver(t), living: map[int]*process{}}
	f.receiver.kill = f.kill
	f.startDatabase()
	t.Cleanup(f.stopDatabase)
	if _, err := postgres.Migrate(t.Context(), f.pool, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.mu.Lock()
		var all []*process
		for _, p := range f.living {
			all = append(all, p)
		}
		f.mu.Unlock()
		for _, p := range all {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
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
	if f.private == nil { // it did not start
		return
	}
	f.pool.Close()
	if err := f.private.Stop(context.Background()); err != nil {
		f.t.Error(err)
	}
}

// crashDatabase stops the database at once, as pg_ctl -m immediate does, and starts it again.
func (f *fleet) crashDatabase() {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, "data", "postmaster.pid"))
	if err != nil {
		f.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		f.t.Fatal(err)
	}
	<-f.private.Done()
	f.stopDatabase()
	f.startDatabase()
}

// spawn starts a process; what the task does not say is filled in.
func (f *fleet) spawn(t task) *process {
	f.t.Helper()
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.serial++
	if t.Owner == "" {
		t.Owner = fmt.Sprintf("p%d", f.serial)
	}
	f.mu.Unlock()
	t.URL, t.Receiver = f.private.URL(postgres.Database), f.receiver.url
	if t.Attempts == 0 {
		t.Attempts = 1000
	}
	if t.Lease == 0 {
		t.Lease = 20 * time.Second
	}
	if f.program != "" {
		self = f.program
	}
	text, err := json.Marshal(t)
	if err != nil {
		f.t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self), owner: t.Owner, said: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr, p.cmd.Stdout = p.said, p.said
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.living[p.cmd.Process.Pid] = p
	f.mu.Unlock()
	go func() {
		p.err = p.cmd.Wait()
		f.mu.Lock()
		delete(f.living, p.cmd.Process.Pid)
		f.mu.Unlock()
		close(p.ended)
	}()
	return p
}

// kill ends a process of the fleet at once.
func (f *fleet) kill(pid int) {
	f.mu.Lock()
	p := f.living[pid]
	f.mu.Unlock()
	if p != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// signal sends a signal and, for SIGSTOP, waits until the process stands still.
func (f *fleet) signal(p *process, s syscall.Signal) {
	f.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
	if s == syscall.SIGSTOP {
		f.eventually(p.owner+" has stopped", func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
			if err != nil {
				f.t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(stat), ") ")
			return strings.HasPrefix(rest, "T")
		})
	}
}

// terminate ends a process with SIGTERM and says how long it took.
func (f *fleet) terminate(p *process) time.Duration {
	f.t.Helper()
	began := time.Now()
	f.signal(p, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		f.t.Fatalf("%s does not end\n%s", p.owner, p.said)
	}
	if p.err != nil {
		f.t.Errorf("%s: %v\n%s", p.owner, p.err, p.said)
	}
	return time.Since(began)
}

func (f *fleet) eventually(what string, ok func() bool) {
	f.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			f.mu.Lock()
			for _, p := range f.living {
				f.t.Logf("%s said:\n%s", p.owner, p.said)
			}
			f.mu.Unlock()
			f.t.Fatalf("did not happen: %s", what)
		case <-tick.C:
		}
	}
}
