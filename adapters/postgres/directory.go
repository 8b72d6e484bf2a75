package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What lies in the directory of a private cluster.
const (
	lockName         = "ristmik.lock"           // held (flock) by the process that runs the cluster
	dataName         = "data"                   // PostgreSQL's own data directory
	newDataName      = "data.new-"              // a data directory that initdb has not finished
	passwordName     = "password"               // the superuser's, mode 0600
	initPasswordName = passwordName + ".initdb" // a copy while initdb runs
	socketName       = "socket"                 // text: the socket directory, where it lies elsewhere
	logName          = "postgres.log"
)

const (
	throwAwayPrefix = "ristmik-pg-"
	socketPrefix    = "ristmik-socket-"
	// maxSocketPath keeps below the system's limit of 107 bytes for the
	// address of a Unix socket, with room for ".lock".
	maxSocketPath = 100
	socketFile    = ".s.PGSQL.5432"

	orphanLimit = 5 * time.Second
)

// directory is a locked directory that holds one private cluster.
type directory struct {
	path      string
	throwAway bool
	lock      *os.File
	socket    string
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }
func (d *directory) data() string            { return d.file(dataName) }

// openDirectory makes the directory where it does not exist and locks it for
// this process. An empty path makes a throw-away one.
func openDirectory(path string) (*directory, error) {
	d := &directory{path: path, throwAway: path == ""}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // PostgreSQL, as another user, must get to data inside
	}
	var err error
	if d.throwAway {
		sweep(os.TempDir(), time.Now())
		if d.path, err = os.MkdirTemp("", throwAwayPrefix); err != nil {
			return nil, fmt.Errorf("make directory for throw-away database: %w", err)
		}
		err = os.Chmod(d.path, mode)
	} else {
		if d.path, err = filepath.Abs(path); err == nil {
			err = os.MkdirAll(d.path, mode)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	if _, err := os.Stat(d.file("PG_VERSION")); err == nil {
		return nil, fmt.Errorf("data directory %s holds a PostgreSQL cluster that ristmik did not make: choose an empty directory, or give a database URL", d.path)
	}
	d.lock, err = lockFile(d.file(lockName))
	// A child that a killed owner was just starting holds the lock until it has
	// become another program.
	for deadline := time.Now().Add(orphanLimit); errors.Is(err, syscall.EWOULDBLOCK) && !d.owned() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		d.lock, err = lockFile(d.file(lockName))
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := os.ReadFile(d.file(lockName))
		return nil, fmt.Errorf("data directory %s is in use by another ristmik (process %s): stop that one, choose another directory, or give both the URL of one database", d.path, bytes.TrimSpace(pid))
	}
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return d, nil
}

// owned tells whether the process noted in the lock file lives.
func (d *directory) owned() bool {
	text, err := os.ReadFile(d.file(lockName))
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	return err == nil && pid > 0 && alive(pid)
}

// lockFile takes the lock without waiting and notes this process in the file.
// The kernel gives the lock back when the process ends, however it ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// close gives the directory back; a throw-away one is removed.
func (d *directory) close() error {
	var errs []error
	if d.socket != "" && filepath.Dir(d.socket) != d.path {
		errs = append(errs, os.RemoveAll(d.socket), os.Remove(d.file(socketName)))
	}
	if d.throwAway {
		errs = append(errs, os.RemoveAll(d.path))
	}
	// A child that is just being started has the file too, until it has become another program: what is closed only here
	// would stay locked for as long.
	return errors.Join(append(errs, syscall.Flock(int(d.lock.Fd()), syscall.LOCK_UN), d.lock.Close())...)
}

// plainPath is what unix_socket_directories takes without quoting.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)

// makeSocketDir makes the directory of the socket, which only the account (and
// root) may enter: inside the cluster's directory, or under the temporary
// directory where that path would be too long for a socket.
func (d *directory) makeSocketDir(as account) error {
	// What a killed predecessor left behind.
	if old, err := os.ReadFile(d.file(socketName)); err == nil && strings.HasPrefix(filepath.Base(string(old)), socketPrefix) {
		_ = os.RemoveAll(string(old))
		_ = os.Remove(d.file(socketName))
	}
	inside := d.file("run")
	if len(filepath.Join(inside, socketFile)) < maxSocketPath && plainPath.MatchString(inside) {
		if err := os.MkdirAll(inside, 0o700); err != nil {
			return fmt.Errorf("make socket directory: %w", err)
		}
		d.socket = inside
		return as.give(inside)
	}
	temp := os.TempDir()
	if len(temp) > maxSocketPath/2 || !plainPath.MatchString(temp) {
		temp = "/tmp"
	}
	dir, err := os.MkdirTemp(temp, socketPrefix)
	if err != nil {
		return fmt.Errorf("make socket directory: %w", err)
	}
	d.socket = dir
	if err := os.WriteFile(d.file(socketName), []byte(dir), 0o600); err != nil {
		return fmt.Errorf("note socket directory: %w", err)
	}
	return as.give(dir)
}

// password returns the superuser's password, made on the first call. It is on
// disk before initdb learns it, so that no crash can lose it.
func (d *directory) password() (string, error) {
	data, err := os.ReadFile(d.file(passwordName))
	if err == nil && len(bytes.TrimSpace(data)) > 0 {
		return string(bytes.TrimSpace(data)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read database password: %w", err)
	}
	if _, err := os.Stat(d.data()); err == nil {
		return "", fmt.Errorf("the cluster in %s has lost its password file %s: put it back from a backup", d.path, d.file(passwordName))
	}
	secret := rand.Text()
	if err := writeSecret(d.file(passwordName), secret); err != nil {
		return "", fmt.Errorf("write database password: %w", err)
	}
	return secret, nil
}

// writeSecret replaces a file of mode 0600 by rename, synced to disk.
func writeSecret(path, secret string) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// awaitPredecessor waits until no server of a killed ristmik works in the data
// directory any more. The kernel tells such a server to shut down, which takes
// it a moment; a second one must not start meanwhile.
func (d *directory) awaitPredecessor(ctx context.Context, limit time.Duration, log *slog.Logger) error {
	pidFile := filepath.Join(d.data(), "postmaster.pid")
	text, _ := os.ReadFile(pidFile)
	line, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(limit)
	for waited := false; ; waited = true {
		pids := workingIn(d.data(), pid)
		if len(pids) == 0 {
			break
		}
		if !waited {
			log.Info("waiting for the database of a previous process to shut down", "directory", d.path, "pid", pids[0])
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL of a previous ristmik (process %d) still runs in data directory %s and does not end: stop it with kill -INT %d", pids[0], d.path, pids[0])
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the database of a previous process: %w", ctx.Err())
		case <-tick.C:
		}
	}
	// After a crash of the machine or container the number in the pid file may
	// belong to another program by now, which PostgreSQL would take for itself.
	if pid > 0 && alive(pid) && !isServer(pid) {
		if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove stale pid file: %w", err)
		}
	}
	return nil
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// sweep removes throw-away clusters of processes that were killed. A directory
// whose lock is held, or that is too young to have one, is left alone.
func sweep(temp string, now time.Time) {
	dirs, _ := filepath.Glob(filepath.Join(temp, throwAwayPrefix+"*"))
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || now.Sub(info.ModTime()) < time.Minute {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, os.ErrNotExist) && now.Sub(info.ModTime()) > time.Hour && len(workingIn(filepath.Join(dir, dataName), 0)) == 0 {
			_ = os.RemoveAll(dir) // its own removal was cut short after the lock had gone
		}
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && len(workingIn(filepath.Join(dir, dataName), 0)) == 0 {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
