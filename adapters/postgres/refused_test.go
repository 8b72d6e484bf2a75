package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/adapters/postgres"
)

func TestOneDirectoryHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	startPrivate(t, dir)
	_, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: dir})
	want := fmt.Sprintf("data directory %s is in use by another ristmik (process %d)", dir, os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("second start: %v, want %q", err, want)
	}
}

func TestOtherMajorVersionIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	stopPrivate(t, startPrivate(t, dir))
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("11\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "was made by PostgreSQL 11") || !strings.Contains(err.Error(), "apt-get install postgresql-11") {
		t.Errorf("start: %v", err)
	}
}

func TestForeignClusterIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "that ristmik did not make") {
		t.Errorf("start: %v", err)
	}
	if found := leftovers(t, dir, "*"); len(found) != 1 {
		t.Errorf("the directory has %v", found)
	}
}

func TestWrongPasswordFileIsSaid(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	stopPrivate(t, startPrivate(t, dir))
	for content, want := range map[string]string{"wrong\n": "is not that of the cluster", "": "has lost its password file"} {
		if err := os.WriteFile(filepath.Join(dir, "password"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("password %q: %v", content, err)
		}
	}
}

// A server that does not come up says why in the error.
func TestFailedStartTellsTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	stopPrivate(t, startPrivate(t, dir))
	conf, err := os.OpenFile(filepath.Join(dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.WriteString("no_such_setting = 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := conf.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("start: %v", err)
	}
}

// As root, a directory that PostgreSQL's user may not enter is refused with
// the name of what is closed.
func TestClosedParentIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root lends PostgreSQL another user")
	}
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: filepath.Join(closed, "data")})
	if err == nil || !strings.Contains(err.Error(), "may not enter "+closed+":") || strings.Contains(err.Error(), "\n") {
		t.Errorf("start: %v", err)
	}
}
