package pemfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/adapters/web/pemfile"
)

// Files that cannot be used are named, and what is in them is not told.
func TestFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for file, word := range map[string]string{
		write("open-key.pem", "hunter2", 0o644): "chmod",
		write("key.pem", "hunter2", 0o600):      "key.pem",
		filepath.Join(dir, "none.pem"):          "none.pem",
	} {
		if _, err := pemfile.KeyPair(file, file); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", file, err)
		}
	}
	for name, text := range map[string]string{
		"empty":    "",
		"no PEM":   "hunter2",
		"a key":    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"no X.509": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		file := write(strings.ReplaceAll(name, " ", "-")+".pem", text, 0o600)
		if _, err := pemfile.Certificates(file); err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
