package xroad

import (
	"crypto/tls"
	"net"
	"syscall"
)

// quiet tells whether an unused connection is still open and nothing has
// arrived on it: a server that closes it, or speaks unasked, has had enough of
// it. It does not wait. A request sent over a closed connection would have an
// unknown result.
func quiet(c net.Conn) bool {
	if counting, ok := c.(*countingConn); ok {
		c = counting.Conn
	}
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, peeked = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && (peeked == syscall.EAGAIN || peeked == syscall.EWOULDBLOCK)
}
