package postgrestest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"

	"ristmik/adapters/postgres"
)

// fingerprint tells sets of one name but different files apart, as tests of
// migrations make them.
func fingerprint(s postgres.MigrationSet) string {
	if s.FS == nil {
		return ""
	}
	sum := sha256.New()
	_ = fs.WalkDir(s.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(s.FS, path)
		fmt.Fprintf(sum, "%s %d ", path, len(data))
		sum.Write(data)
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil))
}
