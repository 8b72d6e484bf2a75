package queue

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/outbox"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 7 && os.Args[2] == "outbox-relay" { // this program is asked to be the measuring process
		if err := relayProcess(os.Args[4], os.Args[6]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	postgrestest.Main(m)
}

func relayProcess(url, messages string) error {
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		return err
	}
	defer pool.Close()
	n, err := strconv.Atoi(messages)
	if err != nil {
		return err
	}
	return Relay(context.Background(), pool, n, os.Stdout)
}

// Every part measures something on a database that keeps what it acknowledges, and the plot can be read.
func TestEveryPartMeasures(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ristmik-queue")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	private, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = private.Stop(context.Background()) })
	pool, err := pgxpool.New(ctx, private.URL("ristmik"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := postgres.Migrate(ctx, pool, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	drawn := filepath.Join(dir, "plot.svg")
	err = Run(ctx, Options{
		Out: &out, Pool: pool, URL: private.URL("ristmik"), Program: os.Args[0], Messages: 800, Rounds: 1,
		For: 200 * time.Millisecond, Snapshot: 200 * time.Millisecond, Waiting: 100, Backlogs: []int{500, 1000}, Restart: 5000, Plot: drawn,
		Only: []string{"drain", "both", "caller", "latency", "backlog", "snapshot", "recovering", "restart"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"claim UPDATE + DELETE", "insert + relay", "one without", "p50", "LISTEN broken", "backlog of 1000", "foreign snapshot", "the most in any second", "done in", "restart after a kill"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line about %q in\n%s", want, out.String())
		}
	}
	data, err := os.ReadFile(drawn)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the plot: %v", err)
		}
	}
}

// Figures of a database that may lose what it has acknowledged would compare with nothing.
func TestADatabaseWithoutFsyncIsNotMeasured(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: outbox.Migrations})
	if err := Run(t.Context(), Options{Out: io.Discard, Pool: pool}); err == nil || !strings.Contains(err.Error(), "fsync off") {
		t.Errorf("%v", err)
	}
}
