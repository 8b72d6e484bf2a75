package faulttest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/faulttest"
)

// speaker is a server that says the same to everybody and then ends.
func speaker(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.WriteString(c, text)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestAProxyDoesWhatNetworksDo(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("all that was said ", 10_000)
	for name, c := range map[string]struct {
		fault faulttest.Fault
		got   int
		err   bool
	}{
		"nothing":   {faulttest.Fault{}, len(text), false},
		"slices":    {faulttest.Fault{Piece: 999}, len(text), false},
		"a drip":    {faulttest.Fault{Piece: 20_000, Every: time.Millisecond}, len(text), false},
		"a reset":   {faulttest.Fault{After: 5000, Then: faulttest.Reset}, -1, true}, // what was not read yet may go too
		"an end":    {faulttest.Fault{After: 5000, Then: faulttest.Close}, 5000, false},
		"a silence": {faulttest.Fault{After: 5000, Then: faulttest.Blackhole}, 5000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := faulttest.NewProxy(t, "tcp", speaker(t, text))
			p.Set(c.fault)
			conn, err := net.Dial("tcp", p.Addr().String())
			if err != nil {
				if c.fault.Then == faulttest.Reset { // it was quicker
					return
				}
				t.Fatal(err)
			}
			defer conn.Close()
			if c.fault.Then == faulttest.Blackhole {
				_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			}
			got, err := io.ReadAll(conn)
			if (err != nil) != c.err || c.got >= 0 && len(got) != c.got || len(got) > len(text) || string(got) != text[:len(got)] {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if c.fault.Then == faulttest.Blackhole && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("not silent: %v", err)
			}
		})
	}
}

func TestACutResetsWhatIsOpen(t *testing.T) {
	t.Parallel()
	p := faulttest.NewProxy(t, "tcp", speaker(t, "hello"))
	p.Set(faulttest.Fault{Then: faulttest.Blackhole})
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	}()
	for {
		p.Cut() // the proxy may not have taken it yet
		select {
		case err := <-ended:
			if err == nil {
				t.Error("something came through")
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
