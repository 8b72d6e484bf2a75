package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"runtime"
	"syscall"
	"time"
)

// Roles of [Child].
const (
	RoleCaller = "caller" // calls, and prints what it took
	RoleProxy  = "proxy"  // serves httputil.ReverseProxy
)

// measured is what a calling process prints. Rivals print the first two.
type measured struct {
	CPU     float64 `json:"cpu_us"`  // of the process, per call
	Wall    float64 `json:"wall_us"` // per call
	Alloc   float64 `json:"alloc_bytes,omitempty"`
	Version string  `json:"version,omitempty"`
}

// Child plays one role in a process of its own. A serving role prints its address
// and ends with in.
func Child(ctx context.Context, role, upstream string, calls, records int, in io.Reader, out io.Writer) error {
	if role == RoleCaller {
		h, err := NewHubPath(upstream)
		if err != nil {
			return err
		}
		return h.measure(ctx, calls, records, out)
	}
	if role != RoleProxy {
		return fmt.Errorf("no role %q", role)
	}
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	// Go's own setting keeps two connections to a server, which would make the
	// proxy dial for most requests that come at once.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = crowd
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport,
	}}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// measure makes calls one after the other, half as many before it begins to
// count, and prints what one took.
func (h *HubPath) measure(ctx context.Context, calls, records int, out io.Writer) error {
	request := question()
	run := func(n int) error {
		for range n {
			answer, err := h.Ask(ctx, request)
			if err != nil {
				return err
			}
			if err := check(answer, records); err != nil {
				return err
			}
		}
		return nil
	}
	if err := run(calls/2 + 1); err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, spent := time.Now(), cpu()
	if err := run(calls); err != nil {
		return err
	}
	took, used := time.Since(began), cpu()-spent
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return json.NewEncoder(out).Encode(measured{
		CPU: used / n, Wall: float64(took.Microseconds()) / n, Alloc: float64(after.TotalAlloc-before.TotalAlloc) / n,
	})
}

// cpu is the time that this process has spent computing, in microseconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is nothing in it that could fail
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e6 + float64(u.Utime.Usec+u.Stime.Usec)
}
