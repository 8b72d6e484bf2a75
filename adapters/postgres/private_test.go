package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/postgres"
)

// A throw-away cluster listens on no network address, waits for no disk, and
// leaves nothing behind.
func TestThrowAwayClusterLeavesNothing(t *testing.T) {
	t.Parallel()
	p := startPrivate(t, "")
	pool := open(t, p)
	var fsync, listen string
	err := pool.QueryRow(t.Context(), `select current_setting('fsync'), current_setting('listen_addresses')`).Scan(&fsync, &listen)
	if err != nil || fsync != "off" || listen != "" {
		t.Errorf("fsync %q, listen_addresses %q, %v", fsync, listen, err)
	}
	pool.Close()
	stopPrivate(t, p)
	if _, err := os.Stat(p.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", p.Dir(), err)
	}
	if !strings.HasPrefix(p.Dir(), filepath.Join(os.TempDir(), "ristmik-pg-")) {
		t.Errorf("directory %s", p.Dir())
	}
	stopPrivate(t, p) // again: nothing happens
	select {
	case <-p.Done():
	default:
		t.Error("stopped, but not done")
	}
}

// A kept cluster guards its data, asks for a password, and has its rows after
// a stop and a start.
func TestKeptClusterKeepsItsRows(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "kept")
	p := startPrivate(t, dir)
	pool := open(t, p)
	mustExec(t, pool, `create table kept (n int); insert into kept values (7)`)
	var fsync, checksums string
	err := pool.QueryRow(t.Context(), `select current_setting('fsync'), current_setting('data_checksums')`).Scan(&fsync, &checksums)
	if err != nil || fsync != "on" || checksums != "on" {
		t.Errorf("fsync %q, checksums %q, %v", fsync, checksums, err)
	}
	pool.Close()
	secret, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(filepath.Join(dir, "password")); info.Mode().Perm() != 0o600 {
		t.Errorf("password file has mode %v", info.Mode())
	}
	password := strings.TrimSpace(string(secret))
	if len(password) < 20 || !strings.Contains(p.URL("x"), password) {
		t.Error("the URL does not hold the password of the file")
	}
	if _, err := pgx.Connect(t.Context(), strings.ReplaceAll(p.URL(postgres.Database), password, "guess")); err == nil {
		t.Error("a wrong password comes in")
	}
	if found := leftovers(t, dir, "password.*"); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
	stopPrivate(t, p)

	again := open(t, startPrivate(t, dir))
	defer again.Close()
	var n int
	if err := again.QueryRow(t.Context(), `select n from kept`).Scan(&n); err != nil || n != 7 {
		t.Errorf("row %d, %v", n, err)
	}
}

// kill -9 of the owner loses nothing that was committed, and the next start
// waits for the old server instead of tripping over it.
func TestKillOfTheOwnerLosesNothing(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	cmd := childCommand(t, "own", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, out, "ready")
	kill9(t, cmd)
	pool := open(t, startPrivate(t, dir)) // at once: the old server is still going down
	defer pool.Close()
	var rows, most int
	if err := pool.QueryRow(t.Context(), `select count(*), max(n) from survives`).Scan(&rows, &most); err != nil || rows != 4 || most != 4 {
		t.Errorf("%d rows up to %d, %v", rows, most, err)
	}
}

// A start that is killed while it makes the cluster is made good by the next
// one, wherever the kill fell.
func TestKillDuringTheFirstStartIsRepaired(t *testing.T) {
	t.Parallel()
	for _, sign := range []string{"ristmik.lock", "password", "data.new-*", "data.new-*/PG_VERSION", "data.new-*/base/1/*", "data/postmaster.pid"} {
		t.Run(strings.ReplaceAll(sign, "/", "_"), func(t *testing.T) {
			t.Parallel()
			dir := openDir(t)
			cmd := childCommand(t, "own", dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for len(leftovers(t, dir, sign)) == 0 {
				select {
				case <-tick.C:
				case <-ctx.Done():
					t.Fatalf("%s never came", sign)
				}
			}
			kill9(t, cmd)
			p := startPrivate(t, dir)
			pool := open(t, p)
			mustExec(t, pool, `create table fine (n int)`)
			pool.Close()
			stopPrivate(t, p)
			stopPrivate(t, startPrivate(t, dir))
			if found := leftovers(t, dir, "data.new-*"); len(found) > 0 {
				t.Errorf("left behind: %v", found)
			}
		})
	}
}

// After a crash of the machine the number in the pid file may be another
// program's by now, of the same user: PostgreSQL alone would wait for it.
func TestStalePidFileOfAnotherProgramIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	stopPrivate(t, startPrivate(t, dir))
	info, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	other := exec.Command("sleep", "600")
	other.Dir = "/"
	if os.Geteuid() == 0 {
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer kill9(t, other)
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	content := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n  5432001         0\nready   \n", other.Process.Pid, filepath.Join(dir, "data"), dir)
	if err := os.WriteFile(pidFile, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(pidFile, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	startPrivate(t, dir)
}

// Socket addresses are short; data directories need not be.
func TestLongDirectoryHasItsSocketElsewhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), strings.Repeat("pikk-kataloog/", 9), "with space, comma and 'quote'")
	p := startPrivate(t, dir)
	pool := open(t, p)
	pool.Close()
	note, err := os.ReadFile(filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	stopPrivate(t, p)
	if _, err := os.Stat(string(note)); len(note) == 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket directory %q is still there: %v", note, err)
	}
}

// The server's log holds neither statements nor values.
func TestServerLogHoldsNoData(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	p := startPrivate(t, dir)
	pool := open(t, p)
	mustExec(t, pool, `create table person (code text primary key); insert into person values ('78001010009')`)
	for _, sql := range []string{`insert into person values ('78001010009')`, `select '78001010009'::date`, `selec '78001010009'`} {
		if _, err := pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s went well", sql)
		}
	}
	pool.Close()
	stopPrivate(t, p)
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil || len(log) == 0 || strings.Contains(string(log), "78001010009") {
		t.Errorf("log %q, %v", log, err)
	}
}

// The same works for an ordinary user: throw-away and kept.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	var credential *syscall.Credential
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		const nobody = 65534
		credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		// go test keeps the binary where only root can read it.
		copied := filepath.Join(dir, "test-binary")
		if out, err := exec.Command("cp", binary, copied).CombinedOutput(); err != nil {
			t.Fatalf("copy test binary: %v: %s", err, out)
		}
		binary = copied
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range []string{"", filepath.Join(dir, "kept"), filepath.Join(dir, "kept")} {
		cmd := childCommand(t, "whole", data)
		cmd.Path, cmd.Dir = binary, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "done as uid") || strings.Contains(string(out), "uid 0") {
			t.Fatalf("directory %q: %v: %s", data, err, out)
		}
	}
	if os.Geteuid() == 0 { // and root goes on with that user's cluster
		pool := open(t, startPrivate(t, filepath.Join(dir, "kept")))
		pool.Close()
	}
}

// Stop ends sessions that hold on, within its context's patience.
func TestStopEndsBusySessions(t *testing.T) {
	t.Parallel()
	p := startPrivate(t, "")
	conn, err := pgx.Connect(t.Context(), p.URL(postgres.Database))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() { _, err := conn.Exec(context.Background(), `select pg_sleep(600)`); asked <- err }()
	stopPrivate(t, p)
	select {
	case err := <-asked:
		if err == nil {
			t.Error("the query went well")
		}
	case <-time.After(30 * time.Second):
		t.Error("the session goes on")
	}
}

// The directory of a throw-away cluster whose owner was killed goes with the
// next start of one; a living one's stays.
func TestThrowAwayOfAKilledOwnerIsSwept(t *testing.T) {
	temp := openDir(t)
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temp)
	cmd := childCommand(t, "own", "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, out, "ready")
	go func() { _, _ = io.Copy(io.Discard, out) }()
	old := leftovers(t, temp, "ristmik-pg-*")
	if len(old) != 1 {
		t.Fatalf("directories %v", old)
	}
	age := func() {
		hour := time.Now().Add(-time.Hour)
		if err := os.Chtimes(old[0], hour, hour); err != nil {
			t.Fatal(err)
		}
	}
	age()
	stopPrivate(t, startPrivate(t, ""))
	if found := leftovers(t, temp, "ristmik-pg-*"); len(found) != 1 {
		t.Errorf("the living one was swept: %v", found)
	}
	kill9(t, cmd)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(leftovers(t, temp, "ristmik-pg-*")) > 0 && ctx.Err() == nil {
		if _, err := os.Stat(old[0]); err == nil {
			age()
		}
		stopPrivate(t, startPrivate(t, "")) // sweeps once the old server is down
	}
	if found := leftovers(t, temp, "ristmik-pg-*"); len(found) != 0 {
		t.Errorf("left behind: %v", found)
	}
}
