package sockets_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"ristmik/adapters/web/sockets"
)

// pair is the two ends of a connection over loopback, both quick.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	return pairOf(t, "tcp", "127.0.0.1:0")
}

func pairOf(t *testing.T, network, address string) (a, b net.Conn) {
	t.Helper()
	bound, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	l := sockets.Listen(bound)
	defer l.Close()
	dialled, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	a = sockets.Quick(dialled)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// What is far larger than the buffers of a socket arrives whole: both sides wait
// for one another many times.
func TestAllArrives(t *testing.T) {
	t.Parallel()
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			a, b := pairOf(t, network, address)
			allArrives(t, a, b)
		})
	}
}

func allArrives(t *testing.T, a, b net.Conn) {
	sent := make([]byte, 16<<20)
	_, _ = rand.Read(sent)
	wrote := make(chan error, 1)
	go func() {
		n, err := a.Write(sent)
		if err == nil && n != len(sent) {
			err = io.ErrShortWrite
		}
		wrote <- errors.Join(err, a.(interface{ CloseWrite() error }).CloseWrite())
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes, %v", len(got), len(sent), err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if n, err := b.Read(nil); n != 0 || err != nil {
		t.Errorf("reading nothing at the end: %d, %v", n, err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

// waiting is a read that waits for what does not come, and what became of it.
func waiting(c net.Conn) (began, ended chan error) {
	began, ended = make(chan error), make(chan error, 1)
	go func() {
		close(began)
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	return began, ended
}

// Deadlines and Close end what waits, with the errors that net/http knows.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	began, ended := waiting(a)
	<-began
	if err := a.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	err := <-ended
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "read" || !op.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline: %#v", err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind a deadline: %v", err)
	}
	if err := a.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	began, ended = waiting(a)
	<-began
	a.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed here: %v", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing to what is closed: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("closed there: %v", err)
	}
	// A full socket whose reader does not read ends at the deadline, and says how
	// much went.
	c, d := pair(t)
	wrote := make(chan error, 1)
	var n int
	go func() {
		var err error
		n, err = c.Write(make([]byte, 64<<20))
		wrote <- err
	}()
	if _, err := io.ReadFull(d, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	err = <-wrote
	if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "write" || !op.Timeout() || n < 1<<20 || n == 64<<20 {
		t.Errorf("writing to who does not read: %d, %v", n, err)
	}
}

// A reset is an error of reading and of writing.
func TestResetIsTold(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	raw, err := b.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if err := syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := a.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("reading: %v", err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("writing to what was reset is no error")
	}
}

// Quiet is a connection that is open and has nothing to read.
func TestQuiet(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	if !sockets.Quiet(a) || !sockets.Quiet(b) {
		t.Error("a new connection is not quiet")
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	// The byte is there when a read of it would not wait; it is still there after
	// the question.
	if !eventually(func() bool { return !sockets.Quiet(a) }) {
		t.Error("what holds a byte is quiet")
	}
	if n, err := a.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("the byte: %d, %v", n, err)
	}
	if !sockets.Quiet(a) {
		t.Error("what was read is not quiet")
	}
	b.Close()
	if !eventually(func() bool { return !sockets.Quiet(a) }) {
		t.Error("what the other side closed is quiet")
	}
	p, q := net.Pipe()
	defer p.Close()
	defer q.Close()
	if sockets.Quick(p) != p || sockets.Quiet(p) {
		t.Error("a pipe is taken for a socket")
	}
}

// eventually asks until the answer is yes, and gives up some time.
func eventually(f func() bool) bool {
	for range 1_000_000 {
		if f() {
			return true
		}
		runtime.Gosched()
	}
	return false
}
