package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// The shipped configuration means something to every room.
func TestShippedConfigurationPassesCheck(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"check"}, &out, &errOut); code != exitDone {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errOut.String())
	}
}

// Each file in testdata is named after its only fault of meaning, which check
// names with file, line and path.
func TestFaultsOfMeaningAreNamed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata (%v)", err)
	}
	for _, file := range files {
		want := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, problems, err := checkConfig(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != 1 || problems[0].Code != want || problems[0].Line == 0 || problems[0].File != file {
				t.Errorf("problems:\n%v", problems)
			}
		})
	}
}
