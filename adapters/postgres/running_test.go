package postgres_test

import (
	"errors"
	"testing"

	"ristmik/adapters/postgres"
)

// A second process reaches a kept cluster while the first one runs it, and not
// before or after.
func TestRunningClusterIsReachedByOthers(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if _, err := postgres.RunningURL(dir, postgres.Database); !errors.Is(err, postgres.ErrNotRunning) {
		t.Errorf("before the start: %v", err)
	}
	p, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	url, err := postgres.RunningURL(dir, postgres.Database)
	if err != nil || url != p.URL(postgres.Database) {
		t.Errorf("while it runs: the same address %t, %v", url == p.URL(postgres.Database), err)
	}
	pool, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.RunningURL(dir, postgres.Database); !errors.Is(err, postgres.ErrNotRunning) {
		t.Errorf("after the stop: %v", err)
	}
}
