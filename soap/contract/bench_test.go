package contract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// BenchmarkLoadEveryRealDescription loads and compiles the whole folder of real
// descriptions; the goal is less than a second. Run it with
// go test ./soap/contract -bench Load -run ^$
func BenchmarkLoadEveryRealDescription(b *testing.B) {
	root := contracttest.Corpus(b)
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".wsdl" {
			files = append(files, filepath.Join(root, path))
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, file := range files {
			// What cannot be loaded is refused for a reason that a test knows.
			_, _ = contract.Load(os.DirFS(filepath.Dir(file)), filepath.Base(file))
		}
	}
	b.ReportMetric(float64(len(files)), "descriptions/op")
}
