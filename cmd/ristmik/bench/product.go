package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"ristmik/adapters/postgres"
	"ristmik/configs"
)

// home is a folder and a migrated database for processes of the product.
type home struct {
	program, dir string
	environment  []string
	stderr       io.Writer // of what is started; nil means nowhere
	private      *postgres.Private
}

// newHome starts a private PostgreSQL.
func newHome(ctx context.Context, program string) (_ *home, err error) {
	h := &home{program: program}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close(context.WithoutCancel(ctx)))
		}
	}()
	if h.dir, err = os.MkdirTemp("", "ristmik-bench-"); err != nil {
		return nil, err
	}
	if h.private, err = postgres.StartPrivate(ctx, postgres.PrivateOptions{}); err != nil {
		return nil, err
	}
	h.environment = append(os.Environ(), "RISTMIK_DATABASE_URL="+h.private.URL(postgres.Database))
	config, err := h.configure("migrate", nil)
	if err != nil {
		return nil, err
	}
	if out, err := h.command(ctx, "migrate", "-c", config).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("migrating: %w: %s", err, lastLine(out))
	}
	return h, nil
}

func (h *home) close(ctx context.Context) error {
	var err error
	if h.private != nil {
		err = h.private.Stop(ctx)
	}
	return errors.Join(err, os.RemoveAll(h.dir))
}

func (h *home) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.program, args...)
	cmd.Env, cmd.Dir, cmd.Stderr = h.environment, h.dir, h.stderr
	return cmd
}

// configure writes the shipped configuration on free ports, with lines changed,
// and returns its path.
func (h *home) configure(name string, change map[string]string) (string, error) {
	text, err := configs.Shipped.ReadFile(configs.DefaultFile)
	if err != nil {
		return "", err
	}
	for _, port := range []string{"8080", "8081", "8082"} {
		text = bytes.Replace(text, []byte("address: 127.0.0.1:"+port), []byte("address: 127.0.0.1:0"), 1)
	}
	for from, to := range change {
		if !bytes.Contains(text, []byte(from)) {
			return "", fmt.Errorf("the shipped configuration has no %q", from)
		}
		text = bytes.Replace(text, []byte(from), []byte(to), 1)
	}
	path := filepath.Join(h.dir, name+".yaml")
	return path, os.WriteFile(path, text, 0o600)
}

// hub starts the product in front of a Security Server, with or without the
// record of exchanges.
func (h *home) hub(ctx context.Context, securityServer string, record bool) (*other, error) {
	config, err := h.configure(fmt.Sprintf("hub-%t", record), map[string]string{
		"http://127.0.0.1:8090": securityServer,
		"record: true":          fmt.Sprintf("record: %t", record),
		// The register's own shape is measured, with every check of it.
		"mappings: [employment.yaml]": "tolerant: false",
		"tolerant: true":              "timeout: 30s",
	})
	if err != nil {
		return nil, err
	}
	s, err := startServer(h.command(ctx, "serve", "-c", config))
	if err != nil {
		return nil, err
	}
	s.path = "/v1/registers/employment/" + Service.Code
	return s, nil
}

// other is a process that serves.
type other struct {
	cmd           *exec.Cmd
	stdin         io.Closer
	address, path string
}

// startServer starts a process and waits for the address that it prints.
func startServer(cmd *exec.Cmd) (*other, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &other{cmd: cmd, stdin: stdin, path: "/"}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if s.address = httpAddress.FindString(line); s.address == "" {
		s.end()
		return nil, fmt.Errorf("a server did not start: %w", errors.Join(err, errors.New("it printed no address")))
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return s, nil
}

// httpAddress is an address in what a server prints.
var httpAddress = regexp.MustCompile(`http://[^/\s]+`)

func (s *other) end() {
	s.stdin.Close()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait() // it is ours, and has nothing to say
}

// cpu is the time that the process has spent computing, in microseconds.
func (s *other) cpu() (float64, error) {
	tasks := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "task")
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, thread := range threads {
		text, err := os.ReadFile(filepath.Join(tasks, thread.Name(), "schedstat"))
		if err != nil {
			return 0, err
		}
		ns, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseFloat(ns, 64)
		if err != nil {
			return 0, err
		}
		sum += n / 1000
	}
	return sum, nil
}

// memory returns a field of the process's status, such as VmRSS, in megabytes.
func (s *other) memory(field string) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			kb, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("the status has no %s", field)
}
