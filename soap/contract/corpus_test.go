package contract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

func TestEveryRealDescriptionLoadsOrIsRefused(t *testing.T) {
	t.Parallel()
	root := contracttest.Corpus(t)
	operations, supported, files := 0, 0, 0
	reasons := map[string]int{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wsdl" {
			return err
		}
		files++
		source, err := fs.ReadFile(os.DirFS(root), path)
		if err != nil {
			return err
		}
		c, err := contract.Load(os.DirFS(filepath.Join(root, filepath.Dir(path))), filepath.Base(path))
		// The one thing that makes a whole description unusable is a document
		// type declaration: an attack.
		if attack := strings.Contains(string(source), "<!DOCTYPE"); attack != (err != nil) {
			t.Errorf("%s: loading: %v", path, err)
			return nil
		}
		if err != nil {
			return nil
		}
		for _, op := range c.Operations() {
			operations++
			if op.Unsupported == nil {
				supported++
				if op.Input == nil || op.Output == nil {
					t.Errorf("%s: operation %s is supported but has no wrapper", path, op.Code)
				}
				continue
			}
			reason, _, _ := strings.Cut(strings.TrimPrefix(op.Unsupported.Error(), "unsupported: "), " {")
			if len(reason) > 50 {
				reason = reason[:50]
			}
			reasons[reason]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d operations in %d descriptions are supported", supported, operations, files)
	for reason, n := range reasons {
		t.Logf("%5d %s", n, reason)
	}
	// A third of the real operations are rpc/encoded of a protocol that is gone,
	// and the schemas of another part are not public.
	if supported*3 < operations {
		t.Errorf("only %d of %d operations are supported", supported, operations)
	}
}

func TestRegistersOfTheMigrationSystemAreSupported(t *testing.T) {
	t.Parallel()
	root := contracttest.Corpus(t)
	for _, want := range []struct {
		file, code, version string
	}{
		{"tor/tor.wsdl", "TORIK", "v2"},
		{"tor/tor.wsdl", "TORKODAK", "v2"},
		{"tor/tor.wsdl", "TORSYNK", "v2"},
		{"tsd/tsd.wsdl", "xteePalgaandmed", ""},
		{"raks/raks.wsdl", "", ""},
		{"rr/rr.wsdl", "RR455", "v1"},
	} {
		t.Run(want.file+" "+want.code, func(t *testing.T) {
			t.Parallel()
			dir, file := filepath.Split(filepath.Join(root, want.file))
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Skip("not in the corpus")
			}
			c, err := contract.Load(os.DirFS(dir), file)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, op := range c.Operations() {
				if (want.code == "" || op.Code == want.code) && (want.version == "" || op.Version == want.version) {
					found = true
					if op.Unsupported != nil {
						t.Errorf("%s %s: %v", op.Code, op.Version, op.Unsupported)
					}
				}
			}
			if !found {
				t.Error("no such operation")
			}
		})
	}
}
