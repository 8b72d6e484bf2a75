package rounds

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"

	"ristmik/adapters/postgres"
)

// Command is a program that can be started.
type Command = *exec.Cmd

// hub is the running program.
type hub struct {
	cmd  Command
	core string
	once sync.Once
}

func (w *world) command(ctx context.Context, args ...string) Command {
	cmd := w.o.Command(ctx, args...)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "RISTMIK_DATABASE_URL="+w.db.URL(postgres.Database))
	cmd.Dir = w.dir
	return cmd
}

// addresses are those that serve prints, one a line.
var addresses = regexp.MustCompile(`http://[^/\s]+`)

// start starts the hub and waits until its doors are open.
func (w *world) start(ctx context.Context) error {
	cmd := w.command(ctx, "serve", "-c", w.config, "--log-level", "error")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h := &hub{cmd: cmd}
	lines := bufio.NewReader(stdout)
	var found []string
	for len(found) < 3 {
		line, err := lines.ReadString('\n')
		if err != nil {
			h.kill()
			return fmt.Errorf("the hub did not start: %w", err)
		}
		if a := addresses.FindString(line); a != "" {
			found = append(found, a)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	h.core = found[0]
	w.hub = h
	return w.register(found[1])
}

// kill ends the hub at once, as a crash would.
func (h *hub) kill() {
	h.once.Do(func() {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait() // it was killed
	})
}
