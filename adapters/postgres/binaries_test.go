package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeBinaries makes a directory with two programs that are never run.
func fakeBinaries(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/false\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Option comes before environment, before PATH with links resolved, before
// the highest version by number.
func TestBinariesAreFoundInOrder(t *testing.T) {
	temp, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	option := fakeBinaries(t, filepath.Join(temp, "option"))
	env := fakeBinaries(t, filepath.Join(temp, "env"))
	real := fakeBinaries(t, filepath.Join(temp, "real"))
	root := filepath.Join(temp, "versions")
	for _, v := range []string{"9.6", "15", "17", "rc"} {
		fakeBinaries(t, filepath.Join(root, v, "bin"))
	}
	if err := os.MkdirAll(filepath.Join(root, "18", "bin"), 0o755); err != nil { // clients only
		t.Fatal(err)
	}
	links := filepath.Join(temp, "links")
	if err := os.Mkdir(links, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(real, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for _, c := range []struct{ option, env, path, want string }{
		{option, env, links, option},
		{"", env, links, env},
		{"", "", links, real},
		{"", "", empty, filepath.Join(root, "17", "bin")},
	} {
		t.Setenv("PATH", c.path)
		got, err := findBinaries(c.option, c.env, root)
		if err != nil || got.dir != c.want {
			t.Errorf("option %q, env %q, path %q: %q, %v; want %q", c.option, c.env, c.path, got.dir, err, c.want)
		}
	}
	t.Setenv("PATH", empty)
	for _, c := range []struct{ option, env, says string }{
		{"", "", "on Debian: apt-get install postgresql"},
		{empty, env, "in " + empty + ", the directory named by the configuration"},
		{"", empty, "in " + empty + ", the directory named by RISTMIK_PG_BIN"},
	} {
		_, err := findBinaries(c.option, c.env, empty)
		if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("option %q, env %q: %v", c.option, c.env, err)
		}
	}
}
