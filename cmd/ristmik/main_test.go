package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ristmik/adapters/postgres/postgrestest"
	"ristmik/cmd/ristmik/story"
	"ristmik/mapping"
)

// asProgram makes the test binary behave as the program itself, so that tests
// can kill it.
const asProgram = "RISTMIK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
	postgrestest.Main(m)
}

// The story goes as expected whoever plays in it.
func TestDemoPlaysTheStory(t *testing.T) {
	t.Parallel()
	for _, seed := range []string{"1", "7"} {
		t.Run("seed "+seed, func(t *testing.T) {
			t.Parallel()
			var out, errOut bytes.Buffer
			log := filepath.Join(t.TempDir(), "hub.log")
			code := run(t.Context(), []string{"demo", "--once", "--seed", seed, "--log", log, "--log-level", "debug"}, &out, &errOut)
			if code != exitDone || !strings.Contains(out.String(), "12 of 12 steps as expected") {
				t.Errorf("exit code %d\n%s\n%s", code, out.String(), errOut.String())
			}
			lines, err := os.ReadFile(log)
			if err != nil || len(lines) == 0 {
				t.Fatalf("the log has %d bytes (%v)", len(lines), err)
			}
			for _, number := range elevenDigits.FindAllString(string(lines)+out.String(), -1) {
				if mapping.CheckPersonalCode(number) == "" {
					t.Error("a personal code stands in the log or in the story")
				}
			}
		})
	}
}

var elevenDigits = regexp.MustCompile(`\b[1-8][0-9]{10}\b`)

// The program is killed again and again, at the start and in the middle of the
// story; the next start goes on, and at the end nothing is lost or doubled.
func TestStorySurvivesKills(t *testing.T) {
	t.Parallel()
	data := openDir(t)
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, seed))
	// The fourth line is the round that was opened: at that moment questions are
	// on their way. The other moments are drawn.
	for kill, lines := range []int{4, 0, 4, rng.IntN(16), rng.IntN(16), rng.IntN(16)} {
		cmd, out := program(t, "demo", "--once", "--data", data, "--seed", fmt.Sprint(seed))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(out)
		seen := 0
		if lines == 0 {
			// Before the first line: while the database or the hub is starting.
			<-time.After(time.Duration(rng.IntN(1500)) * time.Millisecond)
		}
		for seen < lines && scanner.Scan() {
			seen++
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		t.Logf("kill %d after %d lines", kill+1, seen)
	}
	cmd, out := program(t, "demo", "--once", "--data", data, "--seed", fmt.Sprint(seed))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(string(told), "12 of 12 steps as expected") {
		t.Errorf("after the kills the story ended with %v\n%s", err, told)
	}
}

// A story belongs to its seed: another one in the same directory is refused
// before anything starts, and without one the story's own is taken.
func TestStoryBelongsToItsSeed(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "story.json"), []byte(`{"seed":4}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code := run(t.Context(), []string{"demo", "--once", "--data", data, "--seed", "5"}, &out, &errOut)
	if code != exitUsage || !strings.Contains(errOut.String(), "--seed 4") || out.Len() != 0 {
		t.Errorf("exit code %d, said %q", code, errOut.String())
	}
	if seed, err := (demoCommand{Data: data}).seed(); err != nil || seed != 4 {
		t.Errorf("seed %d (%v)", seed, err)
	}
	if _, err := story.New(story.Options{Notebook: filepath.Join(data, "story.json"), Seed: 2, Now: time.Now}); err == nil || !strings.Contains(err.Error(), "--seed 4") {
		t.Errorf("error is %v", err)
	}
}

// A step that differs shows in the table and is counted, which makes exit code 1.
func TestTableMarksWhatDiffers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	long := strings.Repeat("word ", 20)
	n := printTable(&out, []story.Step{{Name: "a", Expected: long, Seen: long}, {Name: "b", Expected: "x", Seen: "y"}})
	if n != 1 || strings.Count(out.String(), "word") != 40 || !strings.Contains(out.String(), "DIFFERS  b") || !strings.Contains(out.String(), "1 of 2 steps as expected") {
		t.Errorf("%d differ:\n%s", n, out.String())
	}
}

// The hub runs from a configuration file alone, on a private database, and
// stops when it is told to.
func TestServeRunsAndStops(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	cmd, out := program(t, "serve", "-c", serveConfig(t, dir), "--log-level", "error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{}
	scanner := bufio.NewScanner(out)
	for len(addresses) < 3 && scanner.Scan() {
		if i := strings.Index(scanner.Text(), "http"); i > 0 {
			addresses[strings.TrimSpace(scanner.Text()[:i])] = scanner.Text()[i:]
		}
	}
	for name, address := range map[string]string{
		"core API": addresses["core API"], "X-Road": addresses["X-Road"], "console": addresses["console"],
		"ready": addresses["console"] + "readyz", "alive": addresses["console"] + "livez", "metrics": addresses["console"] + "metrics",
		"OpenAPI": addresses["core API"] + "openapi.json",
	} {
		resp, err := http.Get(address)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// Without its private PostgreSQL the hub can do nothing: it says so and ends, so
// that whoever started it starts it again.
func TestServeEndsWhenItsDatabaseDies(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	cmd, out := program(t, "serve", "-c", serveConfig(t, dir), "--log-level", "error")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() && !strings.HasPrefix(scanner.Text(), "console") {
	}
	pidFile, err := os.ReadFile(filepath.Join(dir, "pg", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(pidFile), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(said.String(), "PostgreSQL has ended by itself") {
		t.Errorf("serve ended with %v and said\n%s", err, said.String())
	}
}

// serveConfig is the shipped configuration on free ports, with its database in
// dir.
func serveConfig(t *testing.T, dir string) string {
	t.Helper()
	shipped, err := os.ReadFile("../../configs/ristmik.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:8081", "127.0.0.1:0", "127.0.0.1:8082", "127.0.0.1:0",
		"directory: ristmik-data", "directory: "+filepath.Join(dir, "pg")).Replace(string(shipped))
	config := filepath.Join(dir, "hub.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// Wrong usage is exit code 2 and one clear sentence.
func TestWrongUsageIsExitCode2(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"unknown command":    {"frobnicate"},
		"unknown flag":       {"serve", "--port", "1"},
		"missing file":       {"serve", "-c", filepath.Join(t.TempDir(), "none.yaml")},
		"bad configuration":  {"serve", "-c", "../../configs/testdata/unknown-key.yaml"},
		"open to the world":  {"serve", "-c", "../../configs/testdata/open-without-authentication.yaml"},
		"bad log level":      {"serve", "--log-level", "loud"},
		"check finds faults": {"check", "-c", "testdata/bad-cron.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errOut bytes.Buffer
			if code := run(t.Context(), args, &out, &errOut); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			if !strings.HasPrefix(errOut.String(), "ristmik: ") {
				t.Errorf("said %q", errOut.String())
			}
		})
	}
}

// openDir is a directory through which PostgreSQL's user can pass when the test
// runs as root; t.TempDir is closed to others.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ristmik-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// program prepares this test binary to run as the program.
func program(t *testing.T, args ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, out
}
