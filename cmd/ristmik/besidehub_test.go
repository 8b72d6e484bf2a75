package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/configs"
)

// besideAHub starts a private PostgreSQL as a hub would, and returns the
// configuration file, the database's address and its pool: commands of another
// process find it by the file.
func besideAHub(t *testing.T) (config, url string, pool *pgxpool.Pool) {
	t.Helper()
	dir := openDir(t)
	p, err := postgres.StartPrivate(t.Context(), postgres.PrivateOptions{Dir: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	url = p.URL(postgres.Database)
	if pool, err = postgres.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := postgres.Migrate(t.Context(), pool, migrations()...); err != nil {
		t.Fatal(err)
	}
	shipped, err := fs.ReadFile(configs.Shipped, configs.DefaultFile)
	if err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "ristmik.yaml")
	text := strings.Replace(string(shipped), "directory: ristmik-data", "directory: "+filepath.Join(dir, "data"), 1)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, url, pool
}
