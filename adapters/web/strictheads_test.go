package web_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/web"
)

// strictServer answers each request with the length of its body.
func strictServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := web.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %d %v", r.URL.Path, n, err)
	}), slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(web.StrictHeads(l, nil, slog.New(slog.DiscardHandler))) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return l.Addr().String()
}

// Whatever the pieces in which they come, requests that are in order are all
// answered, and the first that is not ends the connection with 400.
func TestStrictHeadsFollowsAConnection(t *testing.T) {
	t.Parallel()
	addr := strictServer(t)
	good := []string{
		"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\r\n a\n",
		"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\r\n \r\nA;n=\"v\"\r\n0123456789\r\n0\r\nContent-Length: 4\r\n\r\n",
		"POST /d HTTP/1.1\nHost: x\ncontent-length: 0\n\n",
		"PUT /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
	}
	want := []string{"/a 0 <nil>", "/b 5 <nil>", "/c 13 <nil>", "/d 0 <nil>", "/e 0 <nil>"}
	for name, bad := range map[string]string{
		"two lengths":         "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths, turned": "POST /x HTTP/1.1\nHost: x\ntransfer-encoding: chunked\ncontent-length: 4\n\n0\r\n\r\n",
		"a folded line":       "GET /x HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			in := bufio.NewReader(conn)
			for i, text := range append(good, bad) {
				for len(text) > 0 {
					n := min(size, len(text))
					if _, err := io.WriteString(conn, text[:n]); err != nil && i < len(good) {
						t.Fatal(err)
					}
					text = text[n:]
				}
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatalf("%s in pieces of %d, request %d: %v", name, size, i, err)
				}
				body, _ := io.ReadAll(res.Body)
				if i < len(good) && (res.StatusCode != 200 || string(body) != want[i]) || i == len(good) && res.StatusCode != 400 {
					t.Errorf("%s in pieces of %d, request %d: %d %s", name, size, i, res.StatusCode, body)
				}
			}
			if rest, err := io.ReadAll(in); err == nil && len(rest) > 0 {
				t.Errorf("%s in pieces of %d: something follows the end: %q", name, size, rest)
			}
			_ = conn.Close()
		}
	}
}

// Requests sent at once, before any answer, are answered in order.
func TestStrictHeadsTakesRequestsAtOnce(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", strictServer(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	const n = 50
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", i, 10*i, strings.Repeat("\n", 10*i))
	}
	go func() { _, _ = io.WriteString(conn, all.String()) }()
	in := bufio.NewReader(conn)
	for i := range n {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != fmt.Sprintf("/%d %d <nil>", i, 10*i) {
			t.Fatalf("answer %d: %s", i, body)
		}
	}
}

// A body that does not come holds nobody, also where nobody reads it.
func TestBodiesThatDoNotComeAreGivenUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	server := web.Server(web.LimitBodies(50*time.Millisecond, refuse), slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // to the end of the connection
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") {
		t.Errorf("%q %v", answer, err)
	}
}
