//go:build linux && !race

package sockets

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// Quick is c with cheap reads and writes where c is a TCP or Unix connection, and
// c itself where it is not. Deadlines, Close and use by many goroutines are as
// ever.
func Quick(c net.Conn) net.Conn {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return c
	}
	s := c.(socket)
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	q := &conn{socket: s, raw: raw, reads: deadline{apply: s.SetReadDeadline}, writes: deadline{apply: s.SetWriteDeadline}}
	q.read, q.write, q.peek = q.readOnce, q.writeAll, q.peekOnce
	return q
}

// socket is what TCP and Unix connections have in common.
type socket interface {
	net.Conn
	CloseWrite() error
	SyscallConn() (syscall.RawConn, error)
}

// conn is a connection of a socket. What a system call needs and says stands in fields,
// so that no call makes garbage.
type conn struct {
	socket
	raw               syscall.RawConn
	read, write, peek func(fd uintptr) bool

	reads, writes deadline

	reading sync.Mutex
	in      []byte
	got     int
	inErr   syscall.Errno

	writing sync.Mutex
	out     []byte
	sent    int
	outErr  syscall.Errno
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	c.in, c.got, c.inErr = p[:min(len(p), most)], 0, 0
	c.reads.begin()
	err := c.raw.Read(c.read)
	c.reads.end()
	c.in = nil
	switch {
	case err != nil:
		return 0, named(err, "read")
	case c.inErr != 0:
		return 0, c.failed("read", c.inErr)
	case c.got == 0:
		return 0, io.EOF
	}
	return c.got, nil
}

// readOnce says false when it has to wait for the other side.
func (c *conn) readOnce(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(c.in))), uintptr(len(c.in)))
		switch errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			c.reads.wait()
			return false
		case 0:
			c.got = int(n)
			return true
		default:
			c.inErr = errno
			return true
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out, c.sent, c.outErr = p, 0, 0
	c.writes.begin()
	err := c.raw.Write(c.write)
	c.writes.end()
	c.out = nil
	switch {
	case err != nil:
		return c.sent, named(err, "write")
	case c.outErr != 0:
		return c.sent, c.failed("write", c.outErr)
	}
	return c.sent, nil
}

// writeAll says false when it has to wait for room.
func (c *conn) writeAll(fd uintptr) bool {
	for len(c.out) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(c.out))), uintptr(min(len(c.out), most)))
		switch errno {
		case syscall.EINTR:
		case syscall.EAGAIN:
			c.writes.wait()
			return false
		case 0:
			c.sent += int(n)
			c.out = c.out[n:]
		default:
			c.outErr = errno
			return true
		}
	}
	return true
}

func (c *conn) failed(op string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, errno)}
}

// named calls an error of a raw operation by the name of the plain one, by which
// net/http knows it.
func named(err error, op string) error {
	if e, ok := err.(*net.OpError); ok {
		e.Op = op
	}
	return err
}

// Quiet tells whether an unused connection is still open and nothing has
// arrived on it. It does not wait. It says no of what is no connection of this
// package.
func Quiet(c net.Conn) bool {
	q, ok := c.(*conn)
	if !ok {
		return false
	}
	q.reading.Lock()
	defer q.reading.Unlock()
	q.inErr = 0
	q.reads.begin()
	defer q.reads.end()
	return q.raw.Read(q.peek) == nil && q.inErr == syscall.EAGAIN
}

func (c *conn) peekOnce(fd uintptr) bool {
	var b [1]byte
	_, _, c.inErr = syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	return true
}
