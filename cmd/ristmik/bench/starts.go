package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ristmik/adapters/postgres"
	"ristmik/configs"
)

// startsEach is how often each program is started.
const startsEach = 15

// starts measures how long it takes from starting the program until its first
// request is answered: the hub over a database that is up and migrated, and the
// sandbox.
func starts(ctx context.Context, o Options) ([]row, []string, error) {
	dir, err := os.MkdirTemp("", "ristmik-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	private, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{})
	if err != nil {
		return nil, nil, err
	}
	defer private.Stop(context.WithoutCancel(ctx))
	config := filepath.Join(dir, "ristmik.yaml")
	text, err := onFreePorts()
	if err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, nil, err
	}
	environment := append(os.Environ(), "RISTMIK_DATABASE_URL="+private.URL(postgres.Database))
	migrate := exec.CommandContext(ctx, o.Program, "migrate", "-c", config)
	migrate.Env = environment
	if out, err := migrate.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("migrating: %w: %s", err, lastLine(out))
	}
	var rows []row
	for _, p := range []struct {
		what, path, goal string
		limit            time.Duration
		args             []string
	}{
		{"serve: exec to first answered request, p50 (database up)", "/openapi.json", "≤ 60 ms", 60 * time.Millisecond, []string{"serve", "-c", config}},
		{"sandbox: exec to first answered request, p50", "/listClients", "≤ 1 s", time.Second, []string{"sandbox", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"}},
	} {
		var took []time.Duration
		for range startsEach {
			cmd := exec.CommandContext(ctx, o.Program, p.args...)
			cmd.Env, cmd.Dir = environment, dir
			d, err := firstAnswer(cmd, p.path)
			if err != nil {
				return nil, nil, fmt.Errorf("starting %s: %w", p.args[0], err)
			}
			took = append(took, d)
		}
		slices.Sort(took)
		p50 := took[len(took)/2]
		rows = append(rows, row{what: p.what, ours: fmt.Sprintf("%.1f ms", p50.Seconds()*1000), goal: p.goal, met: p50 <= p.limit})
	}
	return rows, nil, nil
}

// onFreePorts is the shipped configuration on free ports.
func onFreePorts() ([]byte, error) {
	shipped, err := configs.Shipped.ReadFile("ristmik.yaml")
	if err != nil {
		return nil, err
	}
	for _, port := range []string{"8080", "8081", "8082"} {
		shipped = bytes.Replace(shipped, []byte("address: 127.0.0.1:"+port), []byte("address: 127.0.0.1:0"), 1)
	}
	return shipped, nil
}

// firstAnswer starts a program and asks the first address that it prints.
func firstAnswer(cmd *exec.Cmd, path string) (time.Duration, error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return 0, err
	}
	i := strings.Index(line, "http://")
	if i < 0 {
		return 0, errors.New("it printed no address")
	}
	resp, err := http.Get(strings.TrimRight(line[i:], "/\n") + path)
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("it answered %s", resp.Status)
	}
	return took, nil
}
