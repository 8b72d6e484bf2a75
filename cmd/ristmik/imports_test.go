package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Imports run one way: cmd → adapters → {outbox, schedules, mapping} → soap,
// and adapters leave one another alone but for those that the others stand on.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	found := 0
	for _, dir := range []string{"cmd", "adapters", "soap", "mapping", "outbox", "schedules", "configs"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			for _, spec := range parsed.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				ours, ok := strings.CutPrefix(imported, "ristmik/")
				if !ok {
					continue
				}
				found++
				if !allowed(filepath.ToSlash(rel), ours) {
					t.Errorf("%s imports %s", filepath.ToSlash(rel), ours)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 20 {
		t.Fatalf("only %d arrows found: the test looks in the wrong place", found)
	}
}

// allowed says whether package from may import package to.
func allowed(from, to string) bool {
	if strings.HasSuffix(to, "test") && !strings.HasSuffix(from, "test") {
		return false // test helpers stay out of the binary
	}
	layer, room := split(from)
	toLayer, toRoom := split(to)
	switch layer {
	case "cmd":
		return true
	case "adapters":
		if toLayer != "adapters" {
			return slices.Contains([]string{"outbox", "schedules", "mapping", "soap", "configs"}, toLayer)
		}
		if toRoom == room || slices.Contains([]string{"xroad", "postgres", "web"}, toRoom) {
			return true
		}
		return toRoom == "consultation" && slices.Contains([]string{"core", "authority", "console"}, room)
	case "mapping":
		return toLayer == "soap" || toLayer == "mapping"
	case "soap":
		return toLayer == "soap" && (room != "" || toRoom != "") && from != "soap"
	default: // outbox, schedules, configs: libraries and plain data
		return toLayer == layer
	}
}

// split cuts "adapters/core/x" into "adapters" and "core".
func split(pkg string) (layer, room string) {
	parts := strings.SplitN(pkg, "/", 3)
	if len(parts) > 1 {
		room = parts[1]
	}
	return parts[0], room
}

// The arrows that the rule forbids are refused by the test above.
func TestForbiddenArrowsAreRefused(t *testing.T) {
	t.Parallel()
	for arrow, want := range map[[2]string]bool{
		{"soap", "mapping"}:                                 false,
		{"soap", "soap/contract"}:                           false,
		{"soap/contract", "soap"}:                           true,
		{"outbox", "soap"}:                                  false,
		{"schedules", "outbox"}:                             false,
		{"mapping", "soap/contract"}:                        true,
		{"mapping", "adapters/core"}:                        false,
		{"configs", "soap"}:                                 false,
		{"adapters/tax", "adapters/xroad"}:                  true,
		{"adapters/tax", "adapters/labour"}:                 false,
		{"adapters/tax", "adapters/consultation"}:           false,
		{"adapters/core", "adapters/consultation"}:          true,
		{"adapters/consultation", "adapters/core"}:          false,
		{"adapters/sandbox", "cmd/ristmik"}:                 false,
		{"adapters/core", "adapters/postgres/postgrestest"}: false,
	} {
		if got := allowed(arrow[0], arrow[1]); got != want {
			t.Errorf("%s → %s: allowed %v, want %v", arrow[0], arrow[1], got, want)
		}
	}
}

// The top level holds the fixed folders and nothing beside them but docs.
func TestTopLevelFoldersAreTheFixedOnes(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"cmd", "adapters", "soap", "mapping", "outbox", "schedules", "configs", "docs", "ristmik-data"}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(known, e.Name()) {
			t.Errorf("the folder %s does not belong on the top level", e.Name())
		}
	}
}
