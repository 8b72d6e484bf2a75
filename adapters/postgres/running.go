package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNotRunning says that no ristmik runs a private cluster in a directory.
var ErrNotRunning = errors.New("no ristmik runs a private PostgreSQL there")

// RunningURL is the connection URL of a database of the private cluster in dir
// that another process runs now, so that a command can look at it while the
// hub serves. It holds the cluster's password: do not log it. [ErrNotRunning]
// when nobody holds the directory; then it may be started with [StartPrivate].
func RunningURL(dir, dbname string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find data directory: %w", err)
	}
	d := &directory{path: path}
	lock, err := os.OpenFile(d.file(lockName), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return "", ErrNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("look at the lock of the data directory: %w", err)
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return "", ErrNotRunning // closing gives the lock back
	}
	password, err := os.ReadFile(d.file(passwordName))
	if err != nil {
		return "", fmt.Errorf("read database password: %w", err)
	}
	socket := d.file("run")
	if elsewhere, err := os.ReadFile(d.file(socketName)); err == nil {
		socket = string(elsewhere)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, strings.TrimSpace(string(password))), Path: "/" + dbname}
	u.RawQuery = url.Values{"host": {socket}, "port": {"5432"}, "sslmode": {"disable"}}.Encode()
	return u.String(), nil
}
