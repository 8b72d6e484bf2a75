// Package contracttest holds what tests of several packages need to judge
// messages against service descriptions: the folder of real descriptions, the
// descriptions that ship with the program, and libxml2 (the command xmllint) as
// an independent validator. The product itself never uses libxml2.
package contracttest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ristmik/soap/contract"
)

// CorpusVariable is the environment variable that names the folder of real
// service descriptions.
const CorpusVariable = "RISTMIK_WSDL_CORPUS"

// Corpus returns the folder of real service descriptions: the one in the
// environment, else ../shared/wsdl-corpus relative to the root of the repository.
// It skips the test when there is none.
func Corpus(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(CorpusVariable)
	if dir == "" {
		dir = filepath.Join(Root(t), "..", "shared", "wsdl-corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real service descriptions at %s (set %s)", dir, CorpusVariable)
	}
	return dir
}

// RealTOR returns the path of the employment register's own description, or
// skips the test when it is not here.
func RealTOR(t testing.TB) string {
	t.Helper()
	path := filepath.Join(Corpus(t), "tor", "tor.wsdl")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the employment register's description is not at %s", path)
	}
	return path
}

// Shipped returns the path of a description that ships with the program, for
// example "employment-register.wsdl".
func Shipped(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "configs", "contracts", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("description %s does not ship with the program", name)
	}
	return path
}

// Root returns the root of the repository: the folder of go.mod above the
// working folder of the test.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working folder")
		}
		dir = parent
	}
}

// Styles returns the folder of descriptions in the repository that are written as
// registers and tools of several countries write them.
func Styles(t testing.TB) string {
	t.Helper()
	return filepath.Join(Root(t), "soap", "contract", "testdata", "styles")
}

// EachReal calls visit with every real description that can be loaded and its
// path, and fails the test when there is none.
func EachReal(t testing.TB, visit func(path string, c *contract.Contract)) {
	t.Helper()
	Each(t, Corpus(t), visit)
}

// Each is EachReal for the descriptions of any folder.
func Each(t testing.TB, folder string, visit func(path string, c *contract.Contract)) {
	t.Helper()
	loaded := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wsdl" {
			return err
		}
		// Why some cannot be loaded is the subject of a test of package contract.
		if c, err := contract.Load(os.DirFS(filepath.Dir(path)), filepath.Base(path)); err == nil {
			loaded++
			visit(path, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if loaded == 0 {
		t.Error("no description can be loaded")
	}
}
