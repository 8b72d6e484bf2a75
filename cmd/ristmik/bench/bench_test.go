package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestMain lets the test binary stand for the program: measurements start it
// again to play a role.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "bench" && os.Args[2] == "child" {
		f := flag.NewFlagSet("child", flag.ExitOnError)
		upstream, calls, records := f.String("upstream", "", ""), f.Int("calls", 1, ""), f.Int("records", 1, "")
		_ = f.Parse(os.Args[4:])
		if err := Child(context.Background(), os.Args[3], *upstream, *calls, *records, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func options(t testing.TB) Options {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rivals, err := filepath.Abs(filepath.Join("..", "..", "..", "adapters", "authority", "interop", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Program: program, Rivals: rivals, Python: "/usr/bin/python3", Rounds: 1, Calls: 10}
}

// A rival that is here is measured; one that is not is named, and nothing else
// fails for it.
func TestRivalsAreMeasuredOrNamed(t *testing.T) {
	t.Parallel()
	rows, notes, err := calls(t.Context(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows)+len(notes) != 2 {
		t.Errorf("rows %v, notes %v", rows, notes)
	}
	for _, r := range rows {
		if !strings.HasSuffix(r.ours, " µs") || r.ours == "0 µs" || r.rival == "0 µs" {
			t.Errorf("measured %+v", r)
		}
	}
	o := options(t)
	o.Rivals, o.Python = t.TempDir(), filepath.Join(t.TempDir(), "python3")
	rows, notes, err = calls(t.Context(), o)
	if err != nil || len(rows) != 0 || len(notes) != 2 || !strings.HasPrefix(notes[0], "zeep is left out: ") || !strings.HasPrefix(notes[1], "node-soap is left out: ") {
		t.Errorf("without rivals: rows %v, notes %v, %v", rows, notes, err)
	}
}

func TestPathsAndSizesAreMeasured(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "ristmik")
	if out, err := exec.Command("go", "build", "-o", program, "ristmik/cmd/ristmik").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, part := range map[string]struct {
		measure func(context.Context, Options) ([]row, []string, error)
		rows    int
	}{"latency": {latency, 6}, "large": {large, 3}, "huge": {huge, 2}, "sandboxed": {sandboxed, 2}, "starts": {starts, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.Program = program
			rows, _, err := part.measure(t.Context(), o)
			if err != nil || len(rows) != part.rows {
				t.Errorf("rows %v, %v", rows, err)
			}
			for _, r := range rows {
				// Memory is no time: it is the same however busy the machine is.
				if name == "huge" && !r.met {
					t.Errorf("an answer of 50 MB takes too much: %+v", r)
				}
			}
		})
	}
}

// A front whose answers are not the stand-in's is an error, not a fast time.
func TestABrokenAnswerIsNoMeasurement(t *testing.T) {
	t.Parallel()
	upstream, stop, err := serve(Small)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := Child(t.Context(), RoleCaller, upstream, 1, Small+1, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "records") {
		t.Errorf("another number of records: %v", err)
	}
	if _, err := drive(request{address: upstream, path: "/", contentType: "text/xml", body: "no message"}, 1, 1); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a refused request: %v", err)
	}
}

// BenchmarkCall is the hub's path to a register, JSON values to JSON values, by
// the size of the answer in records (1 is 2 KB, 1000 are 1 MB). The stand-in
// runs in the same process, so that time and allocations hold its part.
func BenchmarkCall(b *testing.B) {
	for _, records := range []int{Small, 20, Large} {
		b.Run(strconv.Itoa(records), func(b *testing.B) {
			upstream, stop, err := serve(records)
			if err != nil {
				b.Fatal(err)
			}
			defer stop()
			benchmark(b, upstream)
		})
	}
}

// BenchmarkSandbox is the same call through the sandbox's Security Server to its
// simulated register.
func BenchmarkSandbox(b *testing.B) {
	box, err := StartSandbox()
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close(context.Background())
	benchmark(b, box.URL())
}

func benchmark(b *testing.B, securityServer string) {
	path, err := NewHubPath(securityServer)
	if err != nil {
		b.Fatal(err)
	}
	request := question()
	before := cpu()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := path.Ask(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu()-before)/float64(b.N), "cpu-µs/op")
}

func TestReadingIsToldFromConverting(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		seen                []int
		reading, converting int
	}{
		"parts joined":      {[]int{1, 2, 9, 35, 70, 118, 55, 56, 57, 9}, 118, 57},
		"not seen to join":  {[]int{1, 9, 49, 70, 56, 58, 56}, 70, 58},
		"all as values":     {[]int{1, 9, 70, 118, 57, 90, 150, 60}, 118, 150},
		"nothing collected": {[]int{1, 9, 60, 70}, 70, 70},
	} {
		if r, c := phases(tc.seen, 48); r != tc.reading || c != tc.converting {
			t.Errorf("%s: %d and %d", name, r, c)
		}
	}
}
