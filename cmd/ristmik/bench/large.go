package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
)

// together is how many large answers pass at once while their memory is measured:
// several, since the collector tells of whole megabytes.
const together = 8

// large measures what an answer costs that is not small: the memory that the
// product holds while it passes one on, and what the way as a library allocates
// and computes for one of 1 MB.
func large(ctx context.Context, o Options) ([]row, []string, error) {
	upstream, stop, err := serve(Large)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	held, err := o.held(ctx)
	if err != nil {
		return nil, nil, err
	}
	var best measured
	for round := range o.Rounds {
		m, err := read(o.child(ctx, RoleCaller, upstream, Large))
		if err != nil {
			return nil, nil, err
		}
		if round == 0 || m.CPU < best.CPU {
			best = m
		}
	}
	size, err := length(Large)
	if err != nil {
		return nil, nil, err
	}
	long := fmt.Sprintf("%.1f MB long", size/mb)
	return []row{{
		what: fmt.Sprintf("answer of 1 MB through serve, %d at once: most memory in use for each", together), ours: fmt.Sprintf("%.1f MB", held/mb),
		rival: long, ratio: times(held / size), goal: "< 3.0×", met: held < 3*size,
	}, {
		what: "answer of 1 MB by the library: bytes allocated, values included", ours: fmt.Sprintf("%.1f MB", best.Alloc/mb),
		rival: long, ratio: times(best.Alloc / size),
	}, {
		what: "the same: CPU", ours: micros(best.CPU), ratio: fmt.Sprintf("%.0f MB/s", size/mb/(best.CPU/1e6)),
	}}, nil, nil
}

const mb = 1 << 20

// length is that of an answer with so many records, in bytes.
func length(records int) (float64, error) {
	s, err := newStandIn(records)
	if err != nil {
		return 0, err
	}
	return float64(len(s.toID) + len(s.toHash) + len(s.toEnd)), nil
}

// held is how many bytes more than at rest the product holds at most for each of
// several large answers that it passes on at once. Its collector is made to run all
// the time and to tell what it found in use (GODEBUG=gctrace of package runtime).
func (o Options) held(ctx context.Context) (most float64, err error) {
	answerer, err := newStandIn(Large)
	if err != nil {
		return 0, err
	}
	upstream, stop, err := serveHandler(&gate{Handler: answerer})
	if err != nil {
		return 0, err
	}
	defer stop()
	home, err := newHome(ctx, o.Program)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, home.close(context.WithoutCancel(ctx))) }()
	home.environment = append(home.environment, "GOGC=5", "GODEBUG=gctrace=1")
	traces := new(traces)
	home.stderr = traces
	process, err := home.hub(ctx, upstream, false)
	if err != nil {
		return 0, err
	}
	defer process.end()
	asked := asked()
	asked.address, asked.path = process.address, process.path
	for _, n := range []int{1, max(5, o.Calls/200)} { // the first pays for what is made once
		traces.restart()
		var crowd errgroup.Group
		for range together {
			crowd.Go(func() error { return whole(asked, n) })
		}
		if err := crowd.Wait(); err != nil {
			return 0, err
		}
	}
	least, peak := traces.seen()
	if peak == 0 {
		return 0, errors.New("the collector of serve told nothing")
	}
	return float64(peak-least) * mb / together, nil
}

// gate answers when as many have asked as are to be answered together.
type gate struct {
	http.Handler
	mu      sync.Mutex
	waiting []chan struct{}
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	open := make(chan struct{})
	g.mu.Lock()
	g.waiting = append(g.waiting, open)
	if len(g.waiting) == together {
		for _, one := range g.waiting {
			close(one)
		}
		g.waiting = nil
	}
	g.mu.Unlock()
	select {
	case <-open:
		g.Handler.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// whole makes a request n times over one connection and reads each answer to its
// end, whatever its form.
func whole(r request, n int) error {
	conn, err := net.Dial("tcp", r.host())
	if err != nil {
		return err
	}
	defer conn.Close()
	text, reader := r.text(), bufio.NewReader(conn)
	for range n {
		if _, err := conn.Write(text); err != nil {
			return err
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the answer is %q", resp.Status)
		}
	}
	return nil
}

// traces reads what the collector of a process writes of its cycles. It may be
// used by many goroutines at once.
type traces struct {
	mu          sync.Mutex
	line        []byte // begun and not ended
	least, most int    // megabytes in use behind a cycle
	all         []int  // the same of every cycle
}

// cycle is what is in use behind a cycle, the third of three figures.
var cycle = regexp.MustCompile(`^gc \d+ .* \d+->\d+->(\d+) MB,`)

// Write implements io.Writer.
func (t *traces) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line = append(t.line, p...)
	for {
		line, rest, ended := bytes.Cut(t.line, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		if m := cycle.FindSubmatch(line); m != nil {
			used, err := strconv.Atoi(string(m[1]))
			if err != nil {
				return 0, err
			}
			if t.most == 0 {
				t.least = used
			}
			t.least, t.most, t.all = min(t.least, used), max(t.most, used), append(t.all, used)
		}
		t.line = rest
	}
}

// restart forgets what was seen.
func (t *traces) restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.least, t.most, t.all = 0, 0, nil
}

// seen returns the least and the most that was in use, in megabytes.
func (t *traces) seen() (least, most int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.least, t.most
}
