package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// startsEach is how often each program is started.
const startsEach = 15

// starts measures how long it takes from starting the program until its first
// request is answered: the hub over a database that is up and migrated, and the
// sandbox.
func starts(ctx context.Context, o Options) (rows []row, notes []string, err error) {
	home, err := newHome(ctx, o.Program)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, home.close(context.WithoutCancel(ctx))) }()
	config, err := home.configure("serve", nil)
	if err != nil {
		return nil, nil, err
	}
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
			d, err := firstAnswer(home.command(ctx, p.args...), p.path)
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
