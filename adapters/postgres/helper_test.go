package postgres_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
)

// TestMain also plays the other process of tests that need one: the test
// binary started with childEnv set.
func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		os.Exit(child(role, os.Getenv(childDirEnv)))
	}
	postgrestest.Main(m)
}

const (
	childEnv    = "RISTMIK_TEST_CHILD"
	childDirEnv = "RISTMIK_TEST_CHILD_DIR"
)

// childCommand prepares the test binary in a child's role.
func childCommand(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+role, childDirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// openDir returns a directory that PostgreSQL's user may enter even when the
// tests run as root; t.TempDir is closed to others.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ristmik-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove directory: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func startPrivate(t *testing.T, dir string) *postgres.Private {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: dir})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { stopPrivate(t, p) })
	return p
}

func stopPrivate(t *testing.T, p *postgres.Private) {
	t.Helper()
	if err := p.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func open(t *testing.T, p *postgres.Private) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), p.URL(postgres.Database))
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func mustExec(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// awaitLine reads what the child says until the line comes.
func awaitLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	found := make(chan string, 1)
	go func() {
		var said strings.Builder
		buf := make([]byte, 256)
		for !strings.Contains(said.String(), want) {
			n, err := r.Read(buf)
			said.Write(buf[:n])
			if err != nil {
				break
			}
		}
		found <- said.String()
	}()
	select {
	case said := <-found:
		if !strings.Contains(said, want) {
			t.Fatalf("the child ended without saying %q: %q", want, said)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the child never said %q", want)
	}
}

func kill9(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
}

// leftovers lists what a glob finds in a directory.
func leftovers(t *testing.T, dir, glob string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, glob))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
