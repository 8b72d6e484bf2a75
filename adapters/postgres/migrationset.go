package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
)

// MigrationSet is the history of one schema: the files migrations/NNNN_name.sql
// of FS, numbered from 0001 without a gap. The first file creates the schema.
// A file that has been applied anywhere is never changed again.
type MigrationSet struct {
	// Name tells the sets of one database apart, for example "outbox".
	Name string
	// FS holds the folder "migrations".
	FS fs.FS
}

// migration is one file of a set.
type migration struct {
	version  int
	name     string // file name without folder
	checksum string // SHA-256 of the file, hexadecimal
	sql      string
}

var migrationFile = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)

// read returns the files of the set in order.
func (s MigrationSet) read() ([]migration, error) {
	if s.Name == "" || s.FS == nil {
		return nil, errors.New("migration set without a name or files")
	}
	entries, err := fs.ReadDir(s.FS, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations of %s: %w", s.Name, err)
	}
	var files []migration
	for _, e := range entries { // ReadDir sorts by name
		m := migrationFile.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("migrations of %s: %q is not named NNNN_name.sql", s.Name, e.Name())
		}
		version, _ := strconv.Atoi(m[1]) // four digits
		if version != len(files)+1 {
			return nil, fmt.Errorf("migrations of %s: %s stands where %04d is expected", s.Name, e.Name(), len(files)+1)
		}
		data, err := fs.ReadFile(s.FS, path.Join("migrations", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read migrations of %s: %w", s.Name, err)
		}
		sum := sha256.Sum256(data)
		files = append(files, migration{version: version, name: e.Name(), checksum: hex.EncodeToString(sum[:]), sql: string(data)})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("migrations of %s: no files", s.Name)
	}
	return files, nil
}
