package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// Database is the database that every private cluster has.
	Database = "ristmik"
	// superuser owns everything in a private cluster; its only other users
	// would be those whom an administrator makes.
	superuser = "ristmik"

	predecessorLimit = 20 * time.Second
	stopLimit        = 20 * time.Second
	// startLimit is generous: after a crash the server first replays its log.
	startLimit = 5 * time.Minute
)

// PrivateOptions say where a private cluster lives.
type PrivateOptions struct {
	// Dir keeps the cluster, with every guard for its data on. Empty means a
	// throw-away cluster under the temporary directory, without them.
	Dir string
	// BinDir holds initdb and postgres. Empty means RISTMIK_PG_BIN, else PATH,
	// else the highest version under /usr/lib/postgresql.
	BinDir string
	// Log hears of starts and stops. Nil means nobody does.
	Log *slog.Logger
}

// Private is a running PostgreSQL that belongs to this process: reached
// through a Unix socket only, and shut down when this process ends, however it
// ends (on Linux). Its methods may be called from any goroutine.
type Private struct {
	dir      *directory
	process  *process
	password string
	log      *slog.Logger

	stop    sync.Once
	stopErr error
}

// StartPrivate starts a PostgreSQL of this process's own and returns when it
// answers and has the database "ristmik". Stop it when done.
//
// As root it runs PostgreSQL as user postgres, else nobody. A kept cluster is
// made on the first start; later starts wait (up to 20 seconds) for the server
// of a killed predecessor to shut down. What an operator can put right comes
// back as one sentence: no binaries ([ErrNoBinaries]), a directory in use by
// another ristmik, closed to PostgreSQL's user, or made by another major
// version.
func StartPrivate(ctx context.Context, o PrivateOptions) (*Private, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	bin, err := findBinaries(o.BinDir, os.Getenv(BinDirEnv), debianRoot)
	if err != nil {
		return nil, err
	}
	dir, err := openDirectory(o.Dir)
	if err != nil {
		return nil, err
	}
	p := &Private{dir: dir, log: log}
	if err := p.start(ctx, bin); err != nil {
		return nil, errors.Join(err, p.Stop(context.WithoutCancel(ctx)))
	}
	return p, nil
}

func (p *Private) start(ctx context.Context, bin binaries) error {
	began := time.Now()
	as, err := ownAccount()
	if err != nil {
		return err
	}
	if p.dir.exists(dataName) {
		if as, err = accountOf(p.dir.data(), as); err != nil {
			return err
		}
	}
	major, err := bin.major(ctx, as)
	if err != nil {
		return err
	}
	if err := as.mayEnter(ctx, bin, p.dir.path); err != nil {
		return err
	}
	if bin, err = p.rightVersion(bin, major); err != nil {
		return err
	}
	if !p.dir.throwAway {
		_ = os.Remove(p.dir.file(initPasswordName)) // of a start killed half way
		if p.password, err = p.dir.password(); err != nil {
			return err
		}
	}
	if !p.dir.exists(dataName) {
		if err := p.init(ctx, bin, as); err != nil {
			return err
		}
	}
	if err := p.dir.awaitPredecessor(ctx, predecessorLimit, p.log); err != nil {
		return err
	}
	if err := p.dir.makeSocketDir(as); err != nil {
		return err
	}
	if err := p.run(bin, as); err != nil {
		return err
	}
	if err := p.ready(ctx); err != nil {
		return err
	}
	if err := p.CreateDatabase(ctx, Database); err != nil {
		return err
	}
	p.log.Info("private PostgreSQL started", "directory", p.dir.path, "binaries", bin.dir, "user", as.name,
		"throw_away", p.dir.throwAway, "duration", time.Since(began))
	return nil
}

// rightVersion makes sure that binaries and data directory are of one major
// version, turning to another installed version where there is one.
func (p *Private) rightVersion(bin binaries, major string) (binaries, error) {
	data, err := os.ReadFile(filepath.Join(p.dir.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return bin, nil
	}
	if err != nil {
		return bin, fmt.Errorf("read version of cluster: %w", err)
	}
	made := strings.TrimSpace(string(data))
	if made == major {
		return bin, nil
	}
	if other, ok := bin.ofMajor(debianRoot, made); ok {
		return other, nil
	}
	return bin, fmt.Errorf("data directory %s was made by PostgreSQL %s and the binaries in %s are PostgreSQL %s: install PostgreSQL %s (on Debian: apt-get install postgresql-%s) or name its bin directory in %s",
		p.dir.path, made, bin.dir, major, made, made, BinDirEnv)
}

// init makes the data directory beside its place and moves it there when it is
// whole, so that a start killed half way leaves nothing that looks finished.
func (p *Private) init(ctx context.Context, bin binaries, as account) error {
	halves, _ := filepath.Glob(p.dir.file(newDataName + "*"))
	for _, half := range halves {
		_ = os.RemoveAll(half) // what remains is swept by the next start
	}
	fresh, err := os.MkdirTemp(p.dir.path, newDataName)
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := as.give(fresh); err != nil {
		return err
	}
	args := []string{"-D", fresh, "-U", superuser, "-E", "UTF8", "--locale=C"}
	if p.dir.throwAway {
		args = append(args, "--auth=trust", "--no-sync")
	} else {
		// initdb reads the password as the account, which may not read ours.
		pwfile := p.dir.file(initPasswordName)
		if err := writeSecret(pwfile, p.password); err != nil {
			return fmt.Errorf("write password for initdb: %w", err)
		}
		defer os.Remove(pwfile)
		if err := as.give(pwfile); err != nil {
			return err
		}
		args = append(args, "--auth=scram-sha-256", "--pwfile="+pwfile, "--data-checksums")
	}
	cmd := as.command(ctx, fresh, bin.initdb(), args...)
	isolate(cmd.SysProcAttr, syscall.SIGKILL)
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	child, err := start(cmd)
	if err != nil {
		return fmt.Errorf("start initdb: %w", err)
	}
	<-child.done
	if child.err != nil {
		return fmt.Errorf("make database cluster in %s: %w: %s", p.dir.path, child.err, out)
	}
	if err := os.Rename(fresh, p.dir.data()); err != nil {
		return fmt.Errorf("put database cluster in place: %w", err)
	}
	return syncDir(p.dir.path)
}

// run starts the server. Its log keeps no statements and no row values: both
// hold personal data.
func (p *Private) run(bin binaries, as account) error {
	settings := []string{
		"listen_addresses=",
		"unix_socket_directories=" + p.dir.socket,
		"port=5432",
		"timezone=UTC", "log_timezone=UTC",
		"log_min_messages=log", "log_min_error_statement=panic", "log_error_verbosity=terse",
		"log_statement=none", "log_min_duration_statement=-1", "log_checkpoints=off",
		"logging_collector=off",
	}
	if p.dir.throwAway {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")
	}
	args := []string{"-D", p.dir.data()}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	// The server outlives any request: it is stopped by Stop, not by a context.
	cmd := as.command(context.Background(), p.dir.data(), bin.postgres(), args...)
	isolate(cmd.SysProcAttr, syscall.SIGINT)
	// A file and not a pipe: the server still writes while it shuts down after
	// this process has been killed.
	logFile, err := os.OpenFile(p.dir.file(logName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open database log: %w", err)
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if p.process, err = start(cmd); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return nil
}

// ready waits until the server answers a real connection.
func (p *Private) ready(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "28P01" {
			return fmt.Errorf("the password in %s is not that of the cluster: put the right one back from a backup", p.dir.file(passwordName))
		}
		select {
		case <-p.process.done:
			return fmt.Errorf("PostgreSQL did not start in %s: %w: %s", p.dir.path, p.process.err, p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL in %s: %w: %s", p.dir.path, ctx.Err(), p.logTail())
		case <-tick.C:
		}
	}
}

// CreateDatabase makes a database of that name unless there is one.
func (p *Private) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42P04" { // duplicate_database
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// URL is the connection URL of a database of this cluster, for [Open]. It
// holds the cluster's password: do not log it.
func (p *Private) URL(dbname string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + dbname}
	if p.password != "" {
		u.User = url.UserPassword(superuser, p.password)
	}
	u.RawQuery = url.Values{"host": {p.dir.socket}, "port": {"5432"}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// Dir is the directory that holds the cluster.
func (p *Private) Dir() string { return p.dir.path }

// Done is closed when the server has ended, asked or not.
func (p *Private) Done() <-chan struct{} { return p.process.done }

// Stop shuts the server down: open sessions are ended, data is written. What
// has not ended after 20 seconds, or when ctx ends, is stopped the hard way,
// which costs a kept cluster nothing but a recovery at the next start. A
// throw-away cluster is removed. Later calls return the first one's result.
func (p *Private) Stop(ctx context.Context) error {
	p.stop.Do(func() {
		var errs []error
		if p.process != nil {
			errs = append(errs, p.shutDown(ctx))
		}
		p.stopErr = errors.Join(append(errs, p.dir.close())...)
	})
	return p.stopErr
}

func (p *Private) shutDown(ctx context.Context) error {
	for _, step := range []struct {
		signal syscall.Signal // fast shutdown, immediate shutdown, none at all
		limit  time.Duration
	}{{syscall.SIGINT, stopLimit}, {syscall.SIGQUIT, 10 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		_ = p.process.cmd.Process.Signal(step.signal) // it may have ended already
		limit := time.NewTimer(step.limit)
		cancelled := ctx.Done()
		if step.signal != syscall.SIGINT {
			cancelled = nil
		}
		select {
		case <-p.process.done:
			limit.Stop()
			p.log.Info("private PostgreSQL stopped", "directory", p.dir.path)
			return nil
		case <-limit.C:
		case <-cancelled:
		}
		limit.Stop()
		p.log.Warn("private PostgreSQL does not stop", "directory", p.dir.path, "signal", step.signal.String())
	}
	return fmt.Errorf("PostgreSQL (process %d) in %s does not end", p.process.cmd.Process.Pid, p.dir.path)
}

func (p *Private) logTail() string {
	f, err := os.Open(p.dir.file(logName))
	if err != nil {
		return ""
	}
	defer f.Close()
	t := &tail{}
	_, _ = io.Copy(t, f)
	return t.String()
}
