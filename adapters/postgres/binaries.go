package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// BinDirEnv is the environment variable that names the directory of the
// PostgreSQL server binaries.
const BinDirEnv = "RISTMIK_PG_BIN"

// debianRoot is where Debian and Ubuntu keep each major version's binaries,
// outside of PATH.
const debianRoot = "/usr/lib/postgresql"

// ErrNoBinaries says that this machine has no PostgreSQL server to start.
var ErrNoBinaries = errors.New("no PostgreSQL server binaries")

// binaries are the two programs that a private cluster needs.
type binaries struct {
	dir      string
	explicit bool // named by option or environment: nothing else is tried
}

func (b binaries) initdb() string   { return filepath.Join(b.dir, "initdb") }
func (b binaries) postgres() string { return filepath.Join(b.dir, "postgres") }

// findBinaries looks in the directory that the option names, else in the one
// that the environment names, else along PATH, else under root for the highest
// major version.
func findBinaries(option, env, root string) (binaries, error) {
	for _, named := range []struct{ dir, by string }{{option, "the configuration"}, {env, BinDirEnv}} {
		if named.dir == "" {
			continue
		}
		if !hasBinaries(named.dir) {
			return binaries{}, fmt.Errorf("%w (initdb, postgres) in %s, the directory named by %s", ErrNoBinaries, named.dir, named.by)
		}
		abs, err := filepath.Abs(named.dir)
		if err != nil {
			return binaries{}, fmt.Errorf("resolve %s: %w", named.dir, err)
		}
		return binaries{dir: abs, explicit: true}, nil
	}
	for _, name := range []string{"postgres", "initdb"} {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		// PATH often holds a link: PostgreSQL finds its share directory
		// relative to the real place of the binary.
		if real, err := filepath.EvalSymlinks(found); err == nil && hasBinaries(filepath.Dir(real)) {
			return binaries{dir: filepath.Dir(real)}, nil
		}
	}
	if dir := highest(root); dir != "" {
		return binaries{dir: dir}, nil
	}
	return binaries{}, fmt.Errorf("%w (initdb, postgres) found in PATH or %s/*/bin: install them (on Debian: apt-get install postgresql) or name their directory in %s",
		ErrNoBinaries, root, BinDirEnv)
}

func hasBinaries(dir string) bool {
	b := binaries{dir: dir}
	for _, file := range []string{b.initdb(), b.postgres()} {
		info, err := os.Stat(file)
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// highest returns root/<major>/bin of the highest major version, compared as
// a number, or "".
func highest(root string) string {
	dirs, _ := filepath.Glob(filepath.Join(root, "*", "bin"))
	best, bestDir := -1.0, ""
	for _, dir := range dirs {
		v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && v > best && hasBinaries(dir) {
			best, bestDir = v, dir
		}
	}
	return bestDir
}

var majorVersion = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// major asks the server binary for its major version, under the account that
// will run it, so that a directory which that account may not enter shows here.
func (b binaries) major(ctx context.Context, as account) (string, error) {
	cmd := as.command(ctx, "/", b.postgres(), "--version")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run %s%s: %w", b.postgres(), as.phrase(), err)
	}
	m := majorVersion.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s --version does not tell a PostgreSQL version", b.postgres())
	}
	return string(m[1]), nil
}

// ofMajor returns the binaries of the wanted major version beside these, for a
// data directory that an older installed version made.
func (b binaries) ofMajor(root, major string) (binaries, bool) {
	dir := filepath.Join(root, major, "bin")
	if b.explicit || !hasBinaries(dir) {
		return b, false
	}
	return binaries{dir: dir}, true
}
