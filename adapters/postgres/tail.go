package postgres

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// tail keeps the last two kilobytes of what a program says.
type tail struct{ text []byte }

const tailSize = 2048

// Write implements io.Writer and never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	return strings.ReplaceAll(strings.TrimSpace(string(t.text)), "\n", " | ")
}

// exists tells whether the directory has an entry of that name.
func (d *directory) exists(name string) bool {
	_, err := os.Lstat(d.file(name))
	return err == nil
}

// syncDir makes a rename in the directory survive a power cut.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	return nil
}
