package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"ristmik/soap"
)

// latency measures what the hub's path and httputil.ReverseProxy add to an
// exchange over kept connections, with one connection to each.
func latency(ctx context.Context, o Options) ([]row, []string, error) {
	upstream, stop, err := serve(Small)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	message, err := envelope()
	if err != nil {
		return nil, nil, err
	}
	hub, err := startServer(o.child(ctx, RoleHub, upstream, Small))
	if err != nil {
		return nil, nil, err
	}
	defer hub.end()
	proxy, err := startServer(o.child(ctx, RoleProxy, upstream, Small))
	if err != nil {
		return nil, nil, err
	}
	defer proxy.end()
	body := fmt.Sprintf(`{"paringu_liik":"A","isikukoodid":%q}`, Person)
	ways := [3]struct {
		address, contentType, body string
		p50, cpu                   float64
	}{
		{address: upstream, contentType: soap.ContentType, body: message},
		{address: hub.address, contentType: "application/json", body: body},
		{address: proxy.address, contentType: soap.ContentType, body: message},
	}
	for range o.Rounds {
		for i := range ways {
			w := &ways[i]
			if _, _, err := drive(w.address, w.contentType, w.body, o.Calls/4+1, false); err != nil {
				return nil, nil, err
			}
			p50, used, err := drive(w.address, w.contentType, w.body, o.Calls, i > 0)
			if err != nil {
				return nil, nil, err
			}
			if w.p50 == 0 || p50 < w.p50 {
				w.p50 = p50
			}
			if w.cpu == 0 || used < w.cpu {
				w.cpu = used
			}
		}
	}
	direct, ours, rival := ways[0], ways[1], ways[2]
	added, addedRival := ours.p50-direct.p50, rival.p50-direct.p50
	return []row{
		{
			what: "added latency, one connection, p50, against ReverseProxy", ours: micros(added), rival: micros(addedRival),
			ratio: times(added / addedRival), goal: "≤ 1.0×", met: added <= addedRival,
		},
		{
			what: "CPU per request of the same two", ours: micros(ours.cpu), rival: micros(rival.cpu),
			ratio: times(ours.cpu / rival.cpu), goal: "≤ 0.9×", met: ours.cpu <= 0.9*rival.cpu,
		},
	}, nil, nil
}

// other is a process that serves.
type other struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	address string
}

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
	s := &other{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.end()
		return nil, fmt.Errorf("a server did not start: %w", err)
	}
	s.address = strings.TrimSpace(line)
	return s, nil
}

func (s *other) end() {
	s.stdin.Close()
	_ = s.cmd.Wait() // it is ours, and has nothing to say
}

// drive sends a request n times over one connection and returns the median
// time of an exchange and, where asked, the CPU that the server spent on one, in
// microseconds.
func drive(address, contentType, body string, n int, withCPU bool) (p50, spent float64, err error) {
	host := strings.TrimPrefix(address, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	request := []byte("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: " + contentType +
		"\r\nSOAPAction: \"\"\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	if withCPU {
		if spent, err = cpuOf(address); err != nil {
			return 0, 0, err
		}
	}
	reader := bufio.NewReaderSize(conn, 64<<10)
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return 0, 0, err
		}
		if err := skipAnswer(reader); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(began)
	}
	if withCPU {
		after, err := cpuOf(address)
		if err != nil {
			return 0, 0, err
		}
		spent = (after - spent) / float64(n)
	}
	slices.Sort(took)
	return float64(took[n/2].Nanoseconds()) / 1000, spent, nil
}

// skipAnswer reads one good answer with a Content-Length.
func skipAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		if first && !strings.HasPrefix(text, "HTTP/1.1 200") {
			return fmt.Errorf("the answer is %q", text)
		}
		if text == "" {
			break
		}
		if name, value, _ := strings.Cut(text, ": "); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("the answer has no length")
	}
	_, err := r.Discard(length)
	return err
}

func cpuOf(address string) (float64, error) {
	resp, err := http.Get(address + "/cpu")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(text), 64)
}
